"""The sandbox's clock: real time and what it was moved forward. It never goes back, and survives a restart."""

from __future__ import annotations

import sqlite3
import time

from ledger.sandbox import database


class Clock:
    """Tells the sandbox's time in Unix seconds."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._ahead_s = float(database.fact(db, "clock_ahead_s", "0"))

    def now(self) -> float:
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        assert seconds >= 0
        self._ahead_s += seconds
        database.keep_fact(self._db, "clock_ahead_s", repr(self._ahead_s))

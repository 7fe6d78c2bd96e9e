"""What is due later, by the sandbox's clock: a row with a time, a job's name and what the job is told."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple


class Due(NamedTuple):
    """Something that is due."""

    seq: int
    at: float
    job: str
    args: dict[str, Any]


class Agenda:
    """The rows, the earliest first."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, at: float, job: str, args: dict[str, Any]) -> None:
        self._db.execute("INSERT INTO due (at, job, args) VALUES (?, ?, ?)", (at, job, json.dumps(args)))

    def first(self) -> Due | None:
        """What is due first."""
        row = self._db.execute("SELECT seq, at, job, args FROM due ORDER BY at, seq LIMIT 1").fetchone()
        return Due(row[0], row[1], row[2], json.loads(row[3])) if row else None

    def done(self, due: Due) -> None:
        self._db.execute("DELETE FROM due WHERE seq = ?", (due.seq,))

    def has(self, job: str) -> bool:
        """Whether a job of this name is due at any time."""
        return self._db.execute("SELECT 1 FROM due WHERE job = ?", (job,)).fetchone() is not None

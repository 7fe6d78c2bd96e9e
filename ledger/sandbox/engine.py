"""The simulation itself, without HTTP: its database, clock and settings, units of work, and what falls due.

Everything runs on one thread (that of the event loop), and nothing in a unit of work waits for anything.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ledger.sandbox import config as configs
from ledger.sandbox import database, jobs
from ledger.sandbox.agenda import Agenda
from ledger.sandbox.clock import Clock
from ledger.sandbox.errors import StripeError
from ledger.sandbox.idempotency import Keys
from ledger.sandbox.objects import Objects
from ledger.sandbox.webhooks.mishaps import Mishaps
from ledger.sandbox.webhooks.outbox import Outbox
from ledger.sandbox.world import Asked, Parts, World

NOBODY = Asked()
T = TypeVar("T")
_log = logging.getLogger("ledger.sandbox")


class Engine:
    """A simulated account.

    Attributes:
        base: the address that its pages are reached at.
        wake: called after each unit of work: something may be due earlier than before.
    """

    def __init__(self, file: Path | None, base: str) -> None:
        self.base = base
        self.wake: Callable[[], None] = lambda: None
        self.db = database.connect(file)
        self.mishaps = Mishaps()
        self._begin()

    def _begin(self) -> None:
        self.clock = Clock(self.db)
        self.objects = Objects(self.db)
        self.agenda = Agenda(self.db)
        self.keys = Keys(self.db)
        self.outbox = Outbox(self.db, self.objects, self.mishaps)
        self.config = configs.changed(configs.Config(), msgspec.json.decode(database.fact(self.db, "config", "{}")))
        with self.unit() as world:
            jobs.begin(world)

    @contextmanager
    def unit(self, asked: Asked = NOBODY, moment: float | None = None) -> Iterator[World]:
        """One transaction, at this moment."""
        at = self.clock.now() if moment is None else moment
        with database.transaction(self.db):
            yield World(Parts(self.objects, self.agenda, self.outbox, self.keys), self.config, asked, at, self.base)
        self.wake()

    def attempt(self, work: Callable[[World], T]) -> T | StripeError:
        """Do something in a unit of its own. Where it is refused, the refusal, with a decline's effects kept."""
        try:
            with self.unit() as world:
                try:
                    return work(world)
                except StripeError as error:
                    if not error.keeps:
                        raise
                    return error
        except StripeError as error:
            return error

    def configure(self, changes: dict[str, Any]) -> None:
        """Change settings for good. Raises msgspec.ValidationError."""
        self.config = configs.changed(self.config, changes)
        database.keep_fact(self.db, "config", msgspec.json.encode(self.config).decode())

    def advance(self, seconds: float) -> None:
        """Move the clock, and do what fell due on the way, each at its time."""
        self.clock.advance(seconds)
        self.run_due()
        self.wake()

    def run_due(self) -> None:
        """Do what is due, the earliest first; a job's time is the one it was due at.

        Raises sqlite3.Error where nothing can be written: what is due stays so.
        """
        while (due := self.agenda.first()) is not None and due.at <= self.clock.now():
            try:
                with self.unit(moment=due.at) as world:
                    self.agenda.done(due)
                    jobs.do(world, due.job, due.args)
            except sqlite3.Error:
                raise
            except Exception:
                _log.exception("%s of the sandbox failed and is given up: %s", due.job, due.args)
                self.agenda.done(due)

    def next_at(self) -> float | None:
        """When something is due next."""
        first = self.agenda.first()
        times = [self.outbox.next_at(), None if first is None else first.at]
        return min((at for at in times if at is not None), default=None)

    def reset(self) -> None:
        """Forget everything, as if new, but for the endpoints that were placed from outside: they are no history."""
        placed = self.objects.where("webhook_endpoint", **{"_.placed": True})
        database.empty(self.db)
        self.mishaps.set({})
        self.mishaps.struck.clear()
        self._begin()
        with self.unit() as world:
            for endpoint in placed:
                world.add(endpoint)

    def close(self) -> None:
        self.db.close()

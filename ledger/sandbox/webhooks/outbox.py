"""Deliveries of events to endpoints: a row for each, which is waiting, delivered, failed or dropped."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from ledger.sandbox.database import transaction
from ledger.sandbox.objects import Objects
from ledger.sandbox.webhooks.mishaps import Mishaps


class Delivery(NamedTuple):
    """An event on its way to an endpoint. ``attempts`` were made already."""

    seq: int
    event: str
    endpoint: str
    attempts: int


class Outbox:
    """What has to be delivered."""

    def __init__(self, db: sqlite3.Connection, objects: Objects, mishaps: Mishaps) -> None:
        self._db = db
        self._objects = objects
        self._mishaps = mishaps

    def copies(self) -> int:
        """How many events a happening makes: one, as a rule."""
        return 2 if self._mishaps.strikes("twin") else 1

    def put(self, event: dict[str, Any], moment: float) -> int:
        """Have an event delivered to all endpoints that want it; to how many."""
        wanting = [endpoint["id"] for endpoint in self._endpoints() if wants(endpoint, event["type"])]
        for endpoint in wanting:
            state = "dropped" if self._mishaps.strikes("drop") else "waiting"
            at = moment + self._mishaps.held_s()
            for _ in range(2 if self._mishaps.strikes("duplicate") else 1):
                sql = "INSERT INTO deliveries (event, endpoint, at, state) VALUES (?, ?, ?, ?)"
                self._db.execute(sql, (event["id"], endpoint, at, state))
        return len(wanting)

    def due(self, moment: float, limit: int) -> list[Delivery]:
        """What is to be sent now, the earliest first."""
        sql = (
            "SELECT seq, event, endpoint, attempts FROM deliveries WHERE state = 'waiting' AND at <= ? "
            "ORDER BY at, seq LIMIT ?"
        )
        return [Delivery(*row) for row in self._db.execute(sql, (moment, limit))]

    def next_at(self) -> float | None:
        """When the next one is to be sent."""
        row = self._db.execute("SELECT min(at) FROM deliveries WHERE state = 'waiting'").fetchone()
        return None if row[0] is None else float(row[0])

    def lease(self, delivery: Delivery, until: float) -> None:
        """An attempt begins; if nothing is heard of it, there is another one."""
        sql = "UPDATE deliveries SET at = ?, attempts = attempts + 1 WHERE seq = ?"
        self._db.execute(sql, (until, delivery.seq))

    def settle(self, delivery: Delivery, state: str, at: float) -> None:
        """An attempt has ended; the event says how many endpoints still wait for it."""
        with transaction(self._db):
            self._db.execute("UPDATE deliveries SET state = ?, at = ? WHERE seq = ?", (state, at, delivery.seq))
            sql = "UPDATE objects SET body = json_set(body, '$.pending_webhooks', ?) WHERE id = ?"
            self._db.execute(sql, (self.pending(delivery.event), delivery.event))

    def pending(self, event: str) -> int:
        """How many endpoints have not had an event yet."""
        sql = "SELECT count(DISTINCT endpoint) FROM deliveries WHERE event = ? AND state = 'waiting'"
        return int(self._db.execute(sql, (event,)).fetchone()[0])

    def counts(self) -> dict[str, int]:
        """Deliveries by state."""
        return dict(self._db.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())

    def _endpoints(self) -> list[dict[str, Any]]:
        return self._objects.where("webhook_endpoint", status="enabled")


def wants(endpoint: dict[str, Any], kind: str) -> bool:
    """Whether an endpoint is to be told of events of this type."""
    return kind in endpoint["enabled_events"] or "*" in endpoint["enabled_events"]

"""The objects of the API, each a row of JSON.

An object is a plain dictionary. What Stripe knows but does not show (which test card it is, what was asked at
creation) stands in it under ``_``, and never leaves this process: ``public`` takes it off.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from ledger.sandbox.errors import Object, no_such

HIDDEN: Final = "_"


def public(value: Any) -> Any:
    """What Stripe shows of it, as a copy."""
    if isinstance(value, dict):
        return {name: public(inner) for name, inner in value.items() if name != HIDDEN}
    return [public(inner) for inner in value] if isinstance(value, list) else value


class Objects:
    """All objects, by id and by kind (what they say in ``object``)."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def find(self, named: str) -> Object | None:
        """The object with this id."""
        row = self._db.execute("SELECT body FROM objects WHERE id = ?", (named,)).fetchone()
        return dict(json.loads(row[0])) if row else None

    def get(self, kind: str, named: str, param: str = "id") -> Object:
        """The object of this kind with this id. Raises StripeError, which names ``param``."""
        found = self.find(named)
        if found is None or found["object"] != kind:
            raise no_such(kind, named, param)
        return found

    def save(self, thing: Object) -> Object:
        """Write an object, be it new or not."""
        values = (thing["id"], thing["object"], thing.get("created", 0), json.dumps(thing))
        sql = (
            "INSERT INTO objects (id, kind, created, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET body = excluded.body"
        )
        self._db.execute(sql, values)
        return thing

    def forget(self, named: str) -> None:
        """Delete an object for good."""
        self._db.execute("DELETE FROM objects WHERE id = ?", (named,))

    def seq(self, kind: str, named: str) -> int | None:
        """The place of an object among those of its kind."""
        row = self._db.execute("SELECT seq FROM objects WHERE id = ? AND kind = ?", (named, kind)).fetchone()
        return int(row[0]) if row else None

    def select(
        self,
        kind: str,
        conditions: Sequence[str] = (),
        values: Sequence[Any] = (),
        *,
        limit: int = -1,
        oldest_first: bool = False,
    ) -> list[Object]:
        """Objects of a kind that meet all conditions (SQL of ours, on ``body``, ``created`` and ``seq``)."""
        where = " AND ".join(["kind = ?", *conditions])
        order = "ASC" if oldest_first else "DESC"
        sql = f"SELECT body FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?"
        return [json.loads(row[0]) for row in self._db.execute(sql, (kind, *values, limit))]

    def where(self, kind: str, **fields: Any) -> list[Object]:
        """Objects of a kind with these values, newest first."""
        conditions = [f"json_extract(body, '$.{name}') IS ?" for name in fields]
        return self.select(kind, conditions, list(fields.values()))

    def sums(self, kind: str, by: str, of: str, **fields: Any) -> list[tuple[Any, int, int]]:
        """Of objects of a kind with these values: each value of ``by``, the sum of ``of``, and how many they are."""
        conditions = [f"json_extract(body, '$.{name}') IS ?" for name in fields]
        where = " AND ".join(["kind = ?", *conditions])
        sql = (
            f"SELECT json_extract(body, '$.{by}'), sum(json_extract(body, '$.{of}')), count(*) FROM objects "
            f"WHERE {where} GROUP BY 1 ORDER BY 1"
        )
        return [tuple(row) for row in self._db.execute(sql, (kind, *fields.values()))]

    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        return dict(self._db.execute("SELECT kind, count(*) FROM objects GROUP BY kind ORDER BY kind").fetchall())

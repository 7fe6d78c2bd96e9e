"""Idempotency keys, as Stripe keeps them: the first answer is remembered, whatever it was, and given again.

Remembered is what came of doing it (also 402 and 500), not that a request was refused before anything was done. A key
is forgotten after a day of the sandbox's clock; then it means a new request.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final, NamedTuple

from ledger.sandbox.errors import StripeError, invalid

KEPT_S: Final = 24 * 3600.0
_LENGTH_MAX: Final = 255
_OTHER_PARAMS: Final = (
    "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key "
    "other than '{}' if you meant to execute a different request."
)
_OTHER_PATH: Final = (
    "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}'). Try using a "
    "key other than '{}' if you meant to execute a different request."
)
_IN_USE: Final = (
    "There is currently another in-progress request using this Stripe-Idempotency-Key (that probably means you "
    "submitted twice, and the other request is still going through): {}. Try again later."
)


class Kept(NamedTuple):
    """An answer that is given again. ``request_id`` is that of the first request."""

    status: int
    body: bytes
    request_id: str


class Keys:
    """The keys, and those of requests that are being done."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.in_flight: set[str] = set()

    def find(self, key: str, path: str, body: bytes, moment: float) -> Kept | None:
        """The answer kept for the key. Raises StripeError where it was used for something else, or is in use."""
        if not 0 < len(key) <= _LENGTH_MAX:
            message = f"Idempotency-Key is {len(key)} characters long; it must have 1 to {_LENGTH_MAX}."
            raise invalid(message)
        if key in self.in_flight:
            code = "idempotency_key_in_use"
            headers = {"Stripe-Should-Retry": "true"}
            raise StripeError(409, "idempotency_error", _IN_USE.format(key), code=code, headers=headers)
        sql = "SELECT request, path, status, body, request_id FROM answers WHERE key = ? AND created > ?"
        row = self._db.execute(sql, (key, moment - KEPT_S)).fetchone()
        if row is None:
            return None
        request, first_path, *kept = row
        if first_path != path:
            raise StripeError(400, "idempotency_error", _OTHER_PATH.format(first_path, key))
        if request != _digest(body):
            raise StripeError(400, "idempotency_error", _OTHER_PARAMS.format(key))
        return Kept(*kept)

    def keep(self, key: str, path: str, body: bytes, kept: Kept, moment: float) -> None:
        """Remember an answer."""
        values = (key, _digest(body), path, kept.status, kept.body, kept.request_id, moment)
        self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def prune(self, moment: float) -> None:
        """Forget what is old."""
        self._db.execute("DELETE FROM answers WHERE created <= ?", (moment - KEPT_S,))


def _digest(body: bytes) -> str:
    """Of the parameters, in whatever order they were sent."""
    return hashlib.sha256(b"&".join(sorted(body.split(b"&")))).hexdigest()

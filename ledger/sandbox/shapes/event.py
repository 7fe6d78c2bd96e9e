"""Events."""

from typing import Any, Final, Protocol

from ledger.sandbox.errors import Object
from ledger.sandbox.ids import new_id

VERSION: Final = "2026-10-28.endive"
"""Of the API: the one that the SDK pins, which is also the account's. A test compares them."""


class Asker(Protocol):
    """The request that caused an event."""

    @property
    def request_id(self) -> str | None: ...

    @property
    def idempotency_key(self) -> str | None: ...


def event(kind: str, thing: Object, before: Object | None, now: int, asked: Asker) -> Object:
    """An event with the object as it is at this moment."""
    data: dict[str, Any] = {"object": thing}
    if before is not None:
        data["previous_attributes"] = before
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": VERSION,
        "created": now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": asked.request_id, "idempotency_key": asked.idempotency_key},
        "type": kind,
    }


def endpoint(now: int, secret: str, **given: Any) -> Object:
    """A webhook endpoint. Its secrets are hidden: the answer to its creation shows one, once."""
    return {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": now,
        "description": None,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        **given,
        "_": {"secrets": [{"secret": secret, "until": None}]},
    }

"""What requests and answers about deliveries look like."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Instant, Time, shown, shown_or_none
from ledger.kit.ids import event_public, public
from ledger.webhooks.endpoints.shapes import KIND as ENDPOINT

KIND: Final = "whd"

State = Literal["due", "sending", "delivered", "exhausted"]
Which = Literal["exhausted", "missed", "all"]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint."""

    id: Annotated[str, Meta(examples=["whd_0000000001C"])]
    endpoint_id: str
    event_id: Annotated[str | None, Meta(description="The `webhook-id`; null once the event is not kept any more.")]
    type: str
    state: Annotated[State, Meta(description="`due` for another attempt, `sending`, `delivered`, or `exhausted`.")]
    exhausted_for: Annotated[
        str | None,
        Meta(description="`attempts` (all failed), or why its endpoint ended: `gone`, `failing` or `deleted`."),
    ]
    attempts: Annotated[int, Meta(description="Ever made.")]
    next_attempt_at: Annotated[Time | None, Meta(description="Not before; null where there is none to come.")]
    created_at: Time
    finished_at: Time | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the endpoint's address."""

    attempt: Annotated[int, Meta(description="1, 2, 3 … of its delivery.")]
    at: Time
    url: str
    outcome: Annotated[
        str,
        Meta(
            description="`delivered`; `status`, an answer that is not 2xx; why there was no answer (`timeout`, "
            "`connect`, `tls`, `dns`, `reset`, `refused`, …); `lost`, where we do not know; or `unsigned`, where its "
            "secret cannot be decrypted."
        ),
    ]
    status: int | None
    duration_ms: int
    reply: Annotated[str | None, Meta(description="The beginning of the answer, 1 kB at most, or why there was none.")]


class DeliveryWithLog(Delivery, frozen=True, kw_only=True):
    """A delivery, what is sent, and each attempt, the first one first. The signature is made anew for each."""

    request: Annotated[
        str | None, Meta(description="The body that is sent, to the byte; null once the event is not kept any more.")
    ]
    log: list[Attempt]


class Again(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events to deliver again: ``exhausted`` ones; those ``missed``, which it would have heard of, had it been
    there and enabled; or ``all``, delivered ones too. Of what was told from ``since`` on, before ``until``."""

    since: Instant
    until: Instant | None = None
    which: Which = "exhausted"


class Redelivered(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries are due again."""

    deliveries: int


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """How a test event was taken."""

    delivered: bool
    event_id: str
    request: Annotated[str, Meta(description="The body that was sent.")]
    attempt: Attempt


def delivery(row: Any) -> Delivery:
    return Delivery(**_fields(row))


def with_log(row: Any, log: Sequence[Any]) -> DeliveryWithLog:
    return DeliveryWithLog(**_fields(row), request=row.payload, log=[attempt(each) for each in log])


def attempt(row: Any) -> Attempt:
    """``row``: of ``webhook_attempts``, or a ``Tried``."""
    return Attempt(
        attempt=row.attempt,
        at=shown(row.at),
        url=row.url,
        outcome=row.outcome,
        status=row.status,
        duration_ms=row.duration_ms,
        reply=row.reply,
    )


def _fields(row: Any) -> dict[str, Any]:
    kept = row.recorded_at is not None
    return {
        "id": public(KIND, row.delivery),
        "endpoint_id": public(ENDPOINT, row.endpoint),
        "event_id": event_public(row.wallet_id, row.event, row.recorded_at) if kept else None,
        "type": row.type,
        "state": row.state,
        "exhausted_for": row.exhausted_for,
        "attempts": row.attempts,
        "next_attempt_at": shown(row.due_at) if row.state == "due" else None,
        "created_at": shown(row.created_at),
        "finished_at": shown_or_none(row.finished_at),
    }

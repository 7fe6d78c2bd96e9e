"""Every event there is, once: its type, what it tells, when, and who hears of it. docs/events.md is made of this.

Nothing else makes the bytes of an event: what is not in here cannot be told.
"""

from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from ledger.events import payloads as p
from ledger.events.payloads import Data, Envelope

Shape = type[Data]


class Kind(NamedTuple):
    """A type of event. ``to``: ``owner``: whose wallet it is, and the platform; ``platform``: it alone."""

    type: str
    data: Shape
    when: str
    to: Literal["owner", "platform"] = "owner"


CATALOGUE: Final = (
    Kind("balance.low", p.BalanceLevel, "Less than `low_balance_warning` is free."),
    Kind("balance.critical", p.BalanceLevel, "Less than `critical_balance` is free."),
    Kind("balance.depleted", p.BalanceLevel, "Nothing is free, or something is owed."),
    Kind("balance.recovered", p.BalanceLevel, "At least `low_balance_warning` is free again."),
    Kind("credits.granted", p.CreditsGranted, "Credits were given; those that were paid for are `payment.completed`."),
    Kind(
        "credits.expiring",
        p.CreditsExpiring,
        "Credits will expire within seven days: once for each instant at which some of a wallet do.",
    ),
    Kind("credits.expired", p.CreditsExpired, "Credits expired unused."),
    Kind("hold.expired", p.HoldExpired, "A hold ended by itself, before it was captured or released."),
    Kind("transfer.completed", p.TransferCompleted, "Credits moved to another wallet: told in both."),
    Kind("payment.completed", p.PaymentMoved, "Money is there, and the credits that it bought."),
    Kind("payment.failed", p.PaymentFailed, "A payment that takes days did not come; its link can be paid anew."),
    Kind(
        "payment.refunded",
        p.PaymentMoved,
        "Credits of a payment were taken back, and its money is on its way to who paid.",
    ),
    Kind(
        "payment.refund_failed",
        p.PaymentMoved,
        "Stripe could not give the money back: the credits are where they were.",
    ),
    Kind(
        "payment.disputed",
        p.PaymentMoved,
        "Stripe withdrew the money of a payment. Of the same transaction as `dispute.opened`.",
    ),
    Kind("payment_link.created", p.LinkCreated, "A link can be paid, for the first time: once for each link."),
    Kind("payment_link.expired", p.LinkExpired, "The time of a link is over, and nobody has paid."),
    Kind(
        "payment_method.expiring",
        p.MethodExpiring,
        "A saved card is in the last month in which it can be used: once for each card and expiry.",
    ),
    Kind(
        "dispute.opened",
        p.DisputeMoved,
        "Stripe withdrew the money of a payment: what is unspent of its credits is set aside, the rest is owed.",
    ),
    Kind("dispute.won", p.DisputeMoved, "The money came back, and the credits."),
    Kind("dispute.lost", p.DisputeMoved, "The credits that were set aside are gone."),
    Kind(
        "auto_refill.completed",
        p.RefillCompleted,
        "An automatic refill was paid. Of one transaction with `payment.completed`.",
    ),
    Kind("auto_refill.failed", p.RefillFailed, "A card was declined, a debit failed, or nobody paid the link in time."),
    Kind(
        "auto_refill.blocked",
        p.RefillBlocked,
        "The wallet needs a refill, and something is in the way: each reason once, until it is over.",
    ),
    Kind("auto_refill.requires_action", p.RefillNeedsAction, "A person has to pay: the card cannot be charged."),
    Kind("auto_refill.paused", p.RefillPaused, "Nothing is charged any more until a person resumes it."),
    Kind(
        "budget.threshold_reached",
        p.BudgetThreshold,
        "What is spent of a budget reached one of its alert levels: once per level and period, and again after a "
        "refund brought it below.",
    ),
    Kind("usage.spike", p.UsageSpike, "A wallet uses far more in this hour or day than it usually does then."),
    Kind(
        "webhook_endpoint.failing",
        p.EndpointFailing,
        "All deliveries to a webhook endpoint have failed for three days.",
        "platform",
    ),
    Kind(
        "webhook_endpoint.disabled",
        p.EndpointDisabled,
        "A webhook endpoint was disabled: it answered 410, or failed for five days.",
        "platform",
    ),
    Kind(
        "webhook_endpoint.test",
        p.EndpointTest,
        "Somebody tries a webhook endpoint. It goes there and nowhere else, and is not kept; its number is 0.",
        "platform",
    ),
    Kind("ledger.sealed", p.LedgerSealed, "The books that moved were sealed into an anchor, once an hour.", "platform"),
)

BY_TYPE: Final = {kind.type: kind for kind in CATALOGUE}
TYPES: Final = tuple(BY_TYPE)

_json = msgspec.json.Encoder()


def types_of(pattern: str) -> tuple[str, ...]:
    """The types that a pattern means: one (``payment.completed``), a family (``payment.*``), or all (``*``)."""
    if pattern == "*":
        return TYPES
    if pattern.endswith(".*"):
        return tuple(type_ for type_ in TYPES if type_.startswith(pattern[:-1]))
    return (pattern,) if pattern in BY_TYPE else ()


def is_known(pattern: str) -> bool:
    """Whether there are events that a pattern means."""
    return bool(types_of(pattern))


def payload_of(
    type_: str,
    data: Data,
    *,
    id: str,
    at: datetime,
    wallet_id: str | None,
    number: int,
    transaction_id: str | None,
) -> str:
    """An event as everybody gets it, made once."""
    assert type(data) is BY_TYPE[type_].data, f"{type_} does not tell {type(data).__name__}"
    event = Envelope(
        id=id,
        type=type_,
        timestamp=at,
        wallet_id=wallet_id,
        number=number,
        transaction_id=transaction_id,
        data=msgspec.Raw(_json.encode(data)),
    )
    return _json.encode(event).decode()


def checked(payload: str) -> tuple[Envelope, Data]:
    """An event read back. Raises msgspec.ValidationError where it is not what the catalogue says, KeyError where it
    is of no type that there is."""
    event = msgspec.json.decode(payload, type=Envelope)
    data: Any = msgspec.json.decode(event.data, type=BY_TYPE[event.type].data)
    extra = msgspec.json.decode(event.data).keys() - {*type(data).__struct_fields__}
    if extra:
        raise msgspec.ValidationError(f"{event.type} tells {', '.join(sorted(extra))}, which nobody knows of")
    return event, data

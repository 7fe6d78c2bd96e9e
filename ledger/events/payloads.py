"""What events tell: the ``data`` of each type, and what all have around it.

Amounts of credits are decimal strings, amounts of money too, in their currency; times are RFC 3339 in UTC. A field may
be added later, none is taken away or given another meaning: receivers pass by what they do not know.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Credits = Annotated[str, Meta(description="Credits.", examples=["45.6"])]
Money = Annotated[str, Meta(description="In `currency`.", examples=["50.00"])]
Currency = Annotated[str, Meta(description="ISO code.", examples=["USD"])]
Time = Annotated[datetime, Meta(tz=True)]
SpikeWindow = Literal["hour", "day"]
Level = Literal["ok", "low", "critical", "depleted"]
Hex = Annotated[str, Meta(pattern="^[0-9a-f]*$", description="Hex.")]

PaymentId = Annotated[str, Meta(description="The payment.", examples=["pay_0GJkz3mQx7BB1a"])]
Tax = Annotated[Money, Meta(description="Tax included, and a fee where it is of the transaction.")]


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What an event of some type tells."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every event has."""

    id: Annotated[str, Meta(description="The same in every delivery, and never given to another event.")]
    type: Annotated[str, Meta(examples=["balance.low"])]
    timestamp: Annotated[Time, Meta(description="When it was recorded.")]
    wallet_id: Annotated[str | None, Meta(description="Null in events of the ledger as a whole.")]
    number: Annotated[int, Meta(ge=1, description="1, 2, 3 … of its wallet, without a gap.")]
    transaction_id: Annotated[str | None, Meta(description="What caused it; null where no transaction did.")]
    data: msgspec.Raw


class BalanceLevel(Data, frozen=True, kw_only=True):
    level: Annotated[Level, Meta(description="The level now.")]
    previous_level: Annotated[Level, Meta(description="The level before.")]
    free: Annotated[Credits, Meta(description="Free to use, less what is owed; overdraft does not count.")]
    threshold: Annotated[Credits, Meta(description="The threshold that was crossed.")]


class CreditsGranted(Data, frozen=True, kw_only=True):
    credits: Credits
    source: Annotated[str, Meta(description="`promotional`, `earned`, `allowance` or `adjustment`.")]
    lot_id: Annotated[str, Meta(description="The lot they are in.")]
    expires_at: Annotated[Time | None, Meta(description="Null: never.")]
    reason: Annotated[str | None, Meta(description="Why they were given.")]


class CreditsExpiring(Data, frozen=True, kw_only=True):
    credits: Annotated[Credits, Meta(description="Free ones that expire then, as it was told.")]
    expires_at: Time
    lots: Annotated[int, Meta(ge=1, description="Of how many lots.")]


class CreditsExpired(Data, frozen=True, kw_only=True):
    credits: Credits
    lots: Annotated[int, Meta(ge=1, description="Of how many lots.")]
    expired_at: Annotated[Time, Meta(description="From when on they did not count.")]


class HoldExpired(Data, frozen=True, kw_only=True):
    hold_id: str
    credits: Annotated[Credits, Meta(description="What was left of it, and is free again or has expired.")]
    expired_at: Annotated[Time, Meta(description="When it ended.")]


class TransferCompleted(Data, frozen=True, kw_only=True):
    transfer_id: str
    from_wallet_id: str
    to_wallet_id: str
    credits: Credits
    reason: str | None


class PaymentMoved(Data, frozen=True, kw_only=True):
    payment_id: PaymentId | None
    credits: Credits
    amount: Tax | None
    currency: Currency | None


class PaymentFailed(Data, frozen=True, kw_only=True):
    payment_id: PaymentId
    credits: Annotated[Credits, Meta(description="What it would have bought.")]
    amount: Annotated[Money, Meta(description="What it is of, without tax.")]
    currency: Currency
    reason: Annotated[str | None, Meta(description="Stripe's code for why.", examples=["insufficient_funds"])]


class DisputeMoved(Data, frozen=True, kw_only=True):
    dispute_id: Annotated[str | None, Meta(description="Stripe's id.", examples=["dp_1Q0PsIJvEtkwdCNY"])]
    payment_id: PaymentId | None
    credits: Annotated[Credits, Meta(description="Set aside, given back, or gone.")]
    amount: Money | None
    currency: Currency | None


class LinkCreated(Data, frozen=True, kw_only=True):
    payment_id: PaymentId
    payment_url: Annotated[str, Meta(description="Where it is paid.")]
    credits: Annotated[Credits, Meta(description="What it buys.")]
    amount: Annotated[Money, Meta(description="What it is of, without tax.")]
    currency: Currency
    expires_at: Annotated[Time | None, Meta(description="Null where it can be paid any number of times.")]


class LinkExpired(Data, frozen=True, kw_only=True):
    payment_id: PaymentId
    credits: Annotated[Credits, Meta(description="What it would have bought.")]
    amount: Annotated[Money, Meta(description="What it was of, without tax.")]
    currency: Currency


class MethodExpiring(Data, frozen=True, kw_only=True):
    payment_method_id: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    is_default: Annotated[bool, Meta(description="Whether it is the one that is charged.")]


RefillId = Annotated[str, Meta(description="The attempt.", examples=["arf_0GJkz3mQx7BB1"])]
_Refill = Annotated[Credits, Meta(description="What the refill is of.")]
_Price = Annotated[Money, Meta(description="What is charged for it.")]


class RefillCompleted(Data, frozen=True, kw_only=True):
    attempt_id: RefillId
    payment_id: PaymentId
    credits: _Refill
    amount: _Price
    currency: Currency
    late: Annotated[bool, Meta(description="Whether it was paid after the attempt had ended.")]


class RefillFailed(Data, frozen=True, kw_only=True):
    attempt_id: RefillId
    payment_id: PaymentId | None
    credits: _Refill
    amount: _Price
    currency: Currency
    reason: Annotated[
        str,
        Meta(
            description="Stripe's code for why, `declined` where it gives none, or `link_expired`.",
            examples=["insufficient_funds"],
        ),
    ]
    tries: Annotated[int, Meta(description="How often the card was tried.")]
    next_try_at: Annotated[Time | None, Meta(description="Null: it is not tried again.")]


class RefillBlocked(Data, frozen=True, kw_only=True):
    reason: Annotated[
        str,
        Meta(
            description="`maximum_per_month`, `monthly_spend_cap`, `cooldown`, `outside_hours`, `wallet_frozen` "
            "or `stopped` (the kill switch).",
        ),
    ]
    until: Annotated[Time | None, Meta(description="When that is over; null where nobody knows.")]
    held_and_free: Annotated[Credits, Meta(description="What the wallet has, held credits included.")]
    threshold: Credits
    amount: Annotated[Money, Meta(description="What would have been charged.")]
    currency: Currency


PauseReason = Literal["failures", "disputed", "refunded", "reopened", "unknown_at_stripe", "currency_changed"]
"""Why auto-refill waits for a person."""


class RefillPaused(Data, frozen=True, kw_only=True):
    reason: Annotated[
        PauseReason,
        Meta(
            description="Three failures in a row; a payment of the wallet is disputed; one that auto-refill made is "
            "refunded, or another one, which left the wallet below the threshold; late money opened the wallet again, "
            "which was closed; Stripe does not know the payment of a refill any more, so that nobody knows whether "
            "money moved; the service takes another currency than was agreed to.",
        ),
    ]
    failures: Annotated[int, Meta(description="How many there were in a row.")]


class RefillNeedsAction(Data, frozen=True, kw_only=True):
    attempt_id: RefillId
    payment_id: PaymentId
    payment_url: Annotated[str, Meta(description="Where a person can pay.")]
    expires_at: Time
    credits: _Refill
    amount: _Price
    currency: Currency
    reason: Annotated[
        str,
        Meta(
            description="Why no card was charged: Stripe's code, `no_payment_method`, `card_failed_before`, or `tax` "
            "(only a person can be asked where they live).",
            examples=["authentication_required"],
        ),
    ]


class BudgetThreshold(Data, frozen=True, kw_only=True):
    budget_id: str
    service: Annotated[str | None, Meta(description="Whose budget it is, where it is a service's.")]
    user_id: Annotated[str | None, Meta(description="Whose budget it is, where it is a member's.")]
    period: Literal["day", "week", "month"]
    period_start: Time
    period_end: Time
    level: Annotated[int, Meta(description="Percent of the limit.")]
    limit: Credits
    spent: Credits
    left: Credits
    hard: Annotated[bool, Meta(description="Whether what goes beyond the limit is refused.")]


class UsageSpike(Data, frozen=True, kw_only=True):
    window: SpikeWindow
    window_start: Time
    used: Credits
    usual: Annotated[Credits, Meta(description="The median of the last 14 such windows.")]


class EndpointFailing(Data, frozen=True, kw_only=True):
    endpoint_id: str
    owner_id: str | None
    failing_since: Time
    disables_at: Annotated[Time, Meta(description="From when on one more failure disables it.")]


class EndpointDisabled(Data, frozen=True, kw_only=True):
    endpoint_id: str
    owner_id: str | None
    disabled_for: Annotated[Literal["gone", "failing"], Meta(description="It answered 410, or failed for days.")]
    failing_since: Time | None


class EndpointTest(Data, frozen=True, kw_only=True):
    endpoint_id: str


class LedgerSealed(Data, frozen=True, kw_only=True):
    anchor: Annotated[int, Meta(ge=1, description="The anchor's number, which is the event's.")]
    previous_hash: Hex
    root: Hex
    leaves: Annotated[int, Meta(description="How many books it covers.")]
    sealed_at: Annotated[str, Meta(description="With microseconds, as it was signed.")]
    hash: Hex
    public_key: Hex
    signature: Hex

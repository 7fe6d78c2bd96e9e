"""What is kept of refills. Amounts are in the smallest unit of ``currency``, credits in micro-credits.

Rows of ``refills``, and of attempts that have not ended, change only under their wallet's lock: by the participant of
the book, by a rider of a command, or at the last look (``due_at`` of an attempt apart, by which it is claimed).
"""

from typing import Any, Final, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)

from ledger.events.payloads import PauseReason
from ledger.kit.tables import metadata

Instant = DateTime(timezone=True)
_NOW: Final = text("ledger_now()")
_ZERO: Final = text("0")

ENDED: Final = ("succeeded", "expired", "canceled", "unknown")
STATES: Final = ("due", "charging", "processing", "waiting", "link_sent", *ENDED)


def _key(name: str, kind: Any = BigInteger) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _named(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


refills = Table(
    "refills",
    metadata,
    _key("wallet_id"),
    Column("enabled", Boolean, nullable=False),
    Column("threshold_micro", BigInteger, nullable=False),
    Column("credits_micro", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("least", BigInteger, nullable=False),
    Column("up_to", Boolean, nullable=False),
    Column("maximum_per_month", Integer, nullable=False),
    Column("monthly_spend_cap", BigInteger, nullable=False),
    Column("cooldown_s", Integer, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("opens_min", SmallInteger, nullable=False),
    Column("closes_min", SmallInteger, nullable=False),
    Column("business_hours_only", Boolean, nullable=False),
    Column("weekends", Boolean, nullable=False),
    Column("holidays", Text, nullable=False, server_default=text("'[]'")),
    Column("smart", Boolean, nullable=False),
    Column("consent", BigInteger, nullable=False),
    Column("changed_at", Instant, nullable=False, server_default=_NOW),
    Column("attempt", BigInteger, nullable=False, server_default=_ZERO),
    Column("under_way", BigInteger),
    Column("rests_until", Instant),
    Column("failures", Integer, nullable=False, server_default=_ZERO),
    Column("paused_for", Text),
    Column("paused_at", Instant),
    Column("told", Text, nullable=False, server_default=text("'{}'")),
    Column("next_at", Instant),
    Column("cap_given", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("threshold_micro > 0 AND credits_micro > 0 AND amount > 0 AND least > 0", name="amounts"),
    CheckConstraint("maximum_per_month > 0 AND monthly_spend_cap >= amount", name="caps"),
    CheckConstraint("NOT up_to OR credits_micro > threshold_micro", name="up_to"),
    CheckConstraint("cooldown_s >= 0 AND failures >= 0", name="counts"),
    CheckConstraint("opens_min >= 0 AND opens_min < closes_min AND closes_min <= 1440", name="hours"),
    CheckConstraint("under_way = attempt", name="under_way"),
    CheckConstraint(
        f"(paused_for IS NULL) = (paused_at IS NULL) AND paused_for IN ({_named(get_args(PauseReason))})", name="paused"
    ),
    Index("refills_next_idx", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("refills_paused_idx", "paused_for", postgresql_where=text("paused_for IS NOT NULL")),
    postgresql_with={"fillfactor": "70"},
)
"""A wallet's settings and how it stands with them. ``attempt``: the last one's number, ``under_way`` the same while it
has not ended. ``told``: up to when each reason that was in the way was told, as JSON. ``next_at``: when to look at the
wallet although nothing moves. ``cap_given``: whether a person named ``monthly_spend_cap``; else it follows amount and
maximum."""

refill_consents = Table(
    "refill_consents",
    metadata,
    _key("wallet_id"),
    _key("consent"),
    Column("given_by", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("given_at", Instant, nullable=False, server_default=_NOW),
    Column("shown", Text, nullable=False),
)
"""Who agreed to what, as JSON of what was shown. Rows are added and never changed."""

refill_attempts = Table(
    "refill_attempts",
    metadata,
    _key("wallet_id"),
    _key("attempt"),
    Column("state", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("number", BigInteger),
    Column("position_micro", BigInteger, nullable=False),
    Column("threshold_micro", BigInteger, nullable=False),
    Column("credits_micro", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("consent", BigInteger, nullable=False),
    Column("month", Date, nullable=False),
    Column("payment", BigInteger),
    Column("intent", Text),
    Column("method", Text),
    Column("fingerprint", Text),
    Column("tries", Integer, nullable=False, server_default=_ZERO),
    Column("asks", Integer, nullable=False, server_default=_ZERO),
    Column("reason", Text),
    Column("decline_code", Text),
    Column("began_at", Instant, nullable=False),
    Column("asked_at", Instant),
    Column("due_at", Instant),
    Column("ended_at", Instant),
    Column("late", Boolean, nullable=False, server_default=text("false")),
    Column("unknown_since", Instant),
    CheckConstraint(f"state IN ({_named(STATES)})", name="state"),
    CheckConstraint(f"(state IN ({_named(ENDED)})) = (ended_at IS NOT NULL)", name="ended"),
    CheckConstraint("ended_at IS NULL OR due_at IS NULL", name="over"),
    CheckConstraint("cause IN ('threshold', 'forecast')", name="cause"),
    CheckConstraint("credits_micro > 0 AND amount > 0 AND tries >= 0", name="amounts"),
    Index("refill_attempts_open_idx", "wallet_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("refill_attempts_due_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("refill_attempts_asked_idx", "asked_at", postgresql_where=text("tries > 0")),
    postgresql_with={"fillfactor": "70"},
)
"""``number``: the transaction that crossed the threshold. ``payment``: what is paid, ``intent`` by what at Stripe.
``tries``: how often a card was charged; ``asks`` is in the keys that Stripe is asked under, and counts on where it
keeps an error of its own under one. ``reason``: why the last try or the attempt failed. ``late``: the money came after
it had ended. ``unknown_since``: from when on Stripe has not known the intent; in the state ``unknown`` nobody knows
whether money moved, and the attempt counts against the caps."""

refill_months = Table(
    "refill_months",
    metadata,
    _key("wallet_id"),
    _key("month", Date),
    Column("count", Integer, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("count_max", Integer, nullable=False),
    Column("spent_max", BigInteger, nullable=False),
    Column("more_count", Integer, nullable=False, server_default=_ZERO),
    Column("more_spent", BigInteger, nullable=False, server_default=_ZERO),
    CheckConstraint("count BETWEEN 0 AND count_max AND spent BETWEEN 0 AND spent_max", name="caps"),
    CheckConstraint("more_count >= 0 AND more_spent >= 0", name="more"),
)
"""What counts against the caps, by the first day of the month. ``more``: what was begun in an earlier month, or paid
by a person after its time; it counts, and is never refused."""

refill_cards = Table(
    "refill_cards",
    metadata,
    _key("fingerprint", Text),
    Column("failures", Integer, nullable=False),
    Column("rests_until", Instant),
    Column("dead", Boolean, nullable=False, server_default=text("false")),
    Column("reason", Text),
    Column("changed_at", Instant, nullable=False, server_default=_NOW),
)
"""Cards that failed, by Stripe's fingerprint, whichever wallets they are saved for."""

refill_switch = Table(
    "refill_switch",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("stopped", Boolean, nullable=False, server_default=text("false")),
    Column("reason", Text),
    Column("actor", Text),
    Column("changed_at", Instant, nullable=False, server_default=_NOW),
    CheckConstraint("one", name="one"),
)
"""One row: whether all automatic charges are stopped."""

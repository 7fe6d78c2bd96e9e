"""Whether a refill begins now. Pure: what was agreed to, how things stand, and the time.

The guards come in a fixed order, and each has a name that is told: whoever asks why nothing happened reads it.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from ledger.refill.rules.hours import Hours, allowed, closing, opening

Reason = Literal["stopped", "wallet_frozen", "cooldown", "outside_hours", "maximum_per_month", "monthly_spend_cap"]
Cause = Literal["threshold", "forecast"]

LAST_CALL: Final = timedelta(hours=1)
"""How long before it closes a smart refill looks whether the credits will do until it opens again."""

_DAY: Final = timedelta(days=1)
_SIGHT_DAYS: Final = 400
"""Credits that last longer last for ever."""


class Terms(NamedTuple):
    """What was agreed to. ``threshold_micro``, ``credits_micro`` in micro-credits, money in the smallest unit.

    ``up_to`` False: each refill is of ``credits_micro`` for ``amount``. True: of as much as is missing up to
    ``credits_micro``, at the price of ``amount`` for all of them, which is the most that is charged.
    ``least``: what a payment is of at least; ``step``: what amounts are multiples of.
    """

    threshold_micro: int
    credits_micro: int
    amount: int
    up_to: bool
    maximum_per_month: int
    monthly_spend_cap: int
    cooldown: timedelta
    hours: Hours
    smart: bool = False
    least: int = 1
    step: int = 1


class Standing(NamedTuple):
    """How things stand. ``position_micro``: wallet + held. ``made`` and ``spent``: refills of this month, whose end is
    ``month_end``. ``rests_until``: the cooldown. ``burn_micro``: what is usually used a day, where that is known."""

    on: bool
    position_micro: int
    owed_micro: int = 0
    under_way: bool = False
    stopped: bool = False
    active: bool = True
    made: int = 0
    spent: int = 0
    month_end: datetime | None = None
    rests_until: datetime | None = None
    burn_micro: int | None = None


class Fire(NamedTuple):
    """A refill begins."""

    credits_micro: int
    amount: int
    cause: Cause


class Blocked(NamedTuple):
    """One would begin, but for this; ``until``: when that is over, where it is known. ``amount``: what it is of."""

    reason: Reason
    until: datetime | None
    amount: int


class Quiet(NamedTuple):
    """None is needed; ``look_at``: when to look again although nothing moves."""

    look_at: datetime | None = None


Decision = Fire | Blocked | Quiet


def decide(terms: Terms, standing: Standing, now: datetime) -> Decision:
    """What is to be done about a wallet now."""
    if not standing.on or standing.under_way:
        return Quiet()
    cause, look_at = _needed(terms, standing, now)
    if cause is None:
        return Quiet(look_at)
    credits_micro, amount = price(terms, _settled(standing))
    blocked = _in_the_way(terms, standing, amount, now)
    return Fire(credits_micro, amount, cause) if blocked is None else blocked


def price(terms: Terms, balance_micro: int) -> tuple[int, int]:
    """What a refill is of, at this settled balance: micro-credits, and money. Never more money than was agreed to, and
    never less credits than it buys."""
    if not terms.up_to:
        return terms.credits_micro, terms.amount
    missing = max(0, terms.credits_micro - balance_micro)
    exact = -(-missing * terms.amount // terms.credits_micro)
    amount = min(terms.amount, max(terms.least, -(-exact // terms.step) * terms.step))
    return -(-amount * terms.credits_micro // terms.amount), amount


def _settled(standing: Standing) -> int:
    """The balance less what is owed, which a refill pays first."""
    return standing.position_micro - standing.owed_micro


def _needed(terms: Terms, standing: Standing, now: datetime) -> tuple[Cause | None, datetime | None]:
    """Why a refill is needed; where none is, when one may be although nothing moves."""
    if standing.position_micro < terms.threshold_micro:
        return "threshold", None
    if not terms.smart or standing.burn_micro is None or standing.burn_micro <= 0 or terms.hours.always:
        return None, None
    if terms.up_to and _settled(standing) >= terms.credits_micro:
        return None, None  # nothing is missing, until something moves
    closes = closing(terms.hours, now)
    if closes is None:
        opens = opening(terms.hours, now)
        return None, opens if opens is not None and opens > now else None
    if now < closes - LAST_CALL:
        return None, closes - LAST_CALL
    opens = opening(terms.hours, closes)
    dry_at = now + _DAY * min(_SIGHT_DAYS, standing.position_micro / standing.burn_micro)
    return ("forecast", None) if opens is None or dry_at < opens else (None, opens)


def _in_the_way(terms: Terms, standing: Standing, amount: int, now: datetime) -> Blocked | None:
    if standing.stopped:
        return Blocked("stopped", None, amount)
    if not standing.active:
        return Blocked("wallet_frozen", None, amount)
    if standing.made + 1 > terms.maximum_per_month:
        return Blocked("maximum_per_month", standing.month_end, amount)
    if standing.spent + amount > terms.monthly_spend_cap:
        return Blocked("monthly_spend_cap", standing.month_end, amount)
    if standing.rests_until is not None and now < standing.rests_until:
        return Blocked("cooldown", standing.rests_until, amount)
    if not allowed(terms.hours, now):
        return Blocked("outside_hours", opening(terms.hours, now), amount)
    return None

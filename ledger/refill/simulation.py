"""What requests and answers about a what-if of auto-refill look like."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal as Exact
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Decimal, Time, shown
from ledger.kit.ids import wallet_public
from ledger.kit.money import format_amount
from ledger.refill.history import DAYS_MAX, History
from ledger.refill.rules.decide import Cause, Reason
from ledger.refill.rules.simulate import Course, Hindrance, Replay
from ledger.refill.shapes import Terms
from ledger.refill.store import Wanted

LISTED_MAX: Final = 1_000
"""Charges, and outages of each course, that are listed."""

_MONTH: Final = timedelta(days=30)
_DAY: Final = timedelta(days=1)


class Simulation(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings to try on the wallet's last ``days``. What is left out is as the wallet's auto-refill has it, or as it
    would be the first time; nothing is kept, and nothing is agreed to."""

    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = DAYS_MAX


class SimulatedCharge(msgspec.Struct, frozen=True, kw_only=True):
    """A refill that would have been charged."""

    at: Time
    amount: Decimal
    credits: Decimal
    cause: Cause


class SimulatedBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Refills that were needed and would not have begun, for one reason: how often, for how long in all, and when for
    the first time."""

    reason: Reason
    times: int
    duration_s: int
    first_at: Time


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which there was nothing to use."""

    starts_at: Time
    ends_at: Time


class SimulatedCourse(msgspec.Struct, frozen=True, kw_only=True):
    """How the balance ran: what is free to use less what is owed, without what is held. An outage is a time in which
    that was not above zero; the first 1,000 are listed."""

    lowest_balance: Decimal
    last_balance: Decimal
    outages: int
    outage_s: int
    outage_list: list[Outage]


class SimulationShape(msgspec.Struct, frozen=True, kw_only=True):
    """What auto-refill would have done. ``resolution``: whether it was decided after each transaction, or, where there
    were more than 10,000, after each hour. ``refills_left_out``: automatic refills that there were, which are not part
    of the history. ``outages_avoided``: those of which nothing would have been left."""

    wallet_id: str
    period_start: Time
    period_end: Time
    resolution: Literal["transaction", "hour"]
    transactions: int
    refills_left_out: int
    threshold: Decimal
    credits_per_refill: Annotated[Decimal | None, Meta(description="Null where a refill is of as much as is missing.")]
    up_to_credits: Decimal | None
    amount: Annotated[Decimal, Meta(description="What one refill costs, or costs at most.")]
    currency: str
    maximum_per_month: int
    monthly_spend_cap: Decimal
    usual_use_per_day: Annotated[
        Decimal | None, Meta(description="By the wallet's forecast; without one nothing is refilled early.")
    ]
    refills: int
    refills_per_30_days: Annotated[Decimal | None, Meta(description="Null where there is less than a day.")]
    total_cost: Decimal
    total_credits: Decimal
    charges: Annotated[list[SimulatedCharge], Meta(description="The first 1,000.")]
    blocked: list[SimulatedBlock]
    without_refills: SimulatedCourse
    with_refills: SimulatedCourse
    outages_avoided: int
    outage_avoided_s: int


def simulation_of(wallet_id: int, wanted: Wanted, seen: History, found: Replay) -> SimulationShape:
    """The answer."""
    currency = wanted.currency
    level = format_amount(wanted.credits_micro)
    return SimulationShape(
        wallet_id=wallet_public(wallet_id),
        period_start=shown(seen.window.start),
        period_end=shown(seen.window.end),
        resolution="transaction" if seen.exact else "hour",
        transactions=seen.transactions,
        refills_left_out=seen.refills,
        threshold=format_amount(wanted.threshold_micro),
        credits_per_refill=None if wanted.up_to else level,
        up_to_credits=level if wanted.up_to else None,
        amount=format_amount(wanted.amount, currency),
        currency=currency,
        maximum_per_month=wanted.maximum_per_month,
        monthly_spend_cap=format_amount(wanted.monthly_spend_cap, currency),
        usual_use_per_day=None if seen.burn_micro is None else format_amount(seen.burn_micro),
        refills=len(found.charges),
        refills_per_30_days=_per_month(len(found.charges), seen.window.end - seen.window.start),
        total_cost=format_amount(found.cost, currency),
        total_credits=format_amount(sum(charge.credits_micro for charge in found.charges)),
        charges=[
            SimulatedCharge(
                at=shown(charge.at),
                amount=format_amount(charge.amount, currency),
                credits=format_amount(charge.credits_micro),
                cause=charge.cause,
            )
            for charge in found.charges[:LISTED_MAX]
        ],
        blocked=_blocked(found.hindrances),
        without_refills=_course(found.without),
        with_refills=_course(found.refilled),
        outages_avoided=len(found.avoided),
        outage_avoided_s=_seconds(found.without.out - found.refilled.out),
    )


def _course(course: Course) -> SimulatedCourse:
    return SimulatedCourse(
        lowest_balance=format_amount(course.lowest_micro),
        last_balance=format_amount(course.last_micro),
        outages=len(course.outages),
        outage_s=_seconds(course.out),
        outage_list=[
            Outage(starts_at=shown(span.start), ends_at=shown(span.end)) for span in course.outages[:LISTED_MAX]
        ],
    )


def _blocked(hindrances: Iterable[Hindrance]) -> list[SimulatedBlock]:
    """By reason, in the order in which they first were."""
    by_reason: dict[Reason, list[Hindrance]] = {}
    for hindrance in hindrances:
        by_reason.setdefault(hindrance.reason, []).append(hindrance)
    return [
        SimulatedBlock(
            reason=reason,
            times=len(found),
            duration_s=_seconds(sum((each.span.length for each in found), timedelta())),
            first_at=shown(found[0].span.start),
        )
        for reason, found in by_reason.items()
    ]


def _per_month(refills: int, length: timedelta) -> str | None:
    if length < _DAY:
        return None
    return str((refills * Exact(_MONTH / length)).quantize(Exact("0.01")))


def _seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)

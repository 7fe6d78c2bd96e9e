"""What answers about usage look like. Amounts are credits as decimal strings, net of what came back."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.analytics.insights import Insight
from ledger.analytics.period import Period
from ledger.analytics.rules import Mover, Part, Row, average_per_day, breakdown, movers, total
from ledger.analytics.store import Head
from ledger.forecast.shapes import Day, Shape
from ledger.kit.http.fields import Decimal, Time, shown
from ledger.kit.ids import wallet_public
from ledger.kit.money import format_amount

Percentage = Annotated[str, Meta(description="With two decimals; the parts of a whole add up to 100.00.")]


class Timeframe(msgspec.Struct, frozen=True, rename={"first": "from", "end": "to"}):
    """Days of the wallet's time zone; ``to`` is the first one that is not in it."""

    first: Day
    end: Day
    days: int
    time_zone: str


class PeriodBefore(msgspec.Struct, frozen=True, rename={"first": "from", "end": "to"}):
    """The period before, which is as long."""

    first: Day
    end: Day
    total_credits_used: Decimal


class ServicePart(msgspec.Struct, frozen=True, kw_only=True):
    """What one service used."""

    credits: Decimal
    percentage: Percentage
    sessions: int
    operations: int
    cost_per_operation: Decimal | None


class BreakdownPart(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a breakdown. ``key`` is null for what has none. ``service`` and ``quantity`` are those of a meter."""

    key: str | None
    credits: Decimal
    percentage: Percentage
    sessions: int
    operations: int
    charged: Decimal
    refunded: Decimal
    service: str | None = None
    quantity: str | None = None


class DayUsed(msgspec.Struct, frozen=True):
    """What one day used; every day of the timeframe has its line."""

    date: Day
    credits: Decimal


class MoverShape(msgspec.Struct, frozen=True, kw_only=True):
    """A service that changed since the period before; ``percent`` of that, null for what is new."""

    service: str
    change: Literal["new", "gone", "up", "down"]
    before: Decimal
    now: Decimal
    difference: Decimal
    percent: str | None


class Analytics(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet used in a timeframe, complete up to the transaction ``number`` of its book; ``behind`` is how many
    transactions are not counted yet: zero, unless a long history is counted for the first time."""

    wallet_id: str
    timeframe: Timeframe
    total_credits_used: Decimal
    average_daily_usage: Decimal
    charged: Decimal
    refunded: Decimal
    operations: int
    sessions: int
    breakdown_by_service: dict[str, ServicePart]
    daily_usage: list[DayUsed]
    breakdowns: dict[str, list[BreakdownPart]]
    compared_with: PeriodBefore
    movers: list[MoverShape]
    insights: list[Insight]
    forecasting: Shape | None
    number: int
    behind: int
    as_of: Time


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet earned and used in its life, complete up to the transaction ``number`` (see Analytics)."""

    wallet_id: str
    credits_earned: Decimal
    credits_spent: Decimal
    credits_refunded: Decimal
    operations: int
    sessions: int
    average_cost_per_operation: Decimal | None
    first_used_on: Day | None
    last_used_on: Day | None
    estimated_remaining_days: int | None
    number: int
    behind: int
    as_of: Time


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was read for an answer: rows by service and meter of the period and of the one before it, by day, and by
    whatever else was asked for, in that order."""

    head: Head
    period: Period
    now: list[Row]
    before: list[Row]
    days: list[Row]
    others: dict[str, list[Row]]


def analytics(wallet_id: int, found: Found, insights: Sequence[Insight], forecasting: Shape | None) -> Analytics:
    head, period = found.head, found.period
    sums, earlier = total(found.now), total(found.before)
    return Analytics(
        wallet_id=wallet_public(wallet_id),
        timeframe=Timeframe(str(period.first), str(period.end), period.days, head.zone),
        total_credits_used=format_amount(sums.spent_micro),
        average_daily_usage=format_amount(average_per_day(sums.spent_micro, period.days)),
        charged=format_amount(sums.charged_micro),
        refunded=format_amount(sums.refunded_micro),
        operations=sums.operations,
        sessions=sums.sessions,
        breakdown_by_service={part.key or "": _service(part) for part in breakdown(found.now, "service")},
        daily_usage=_daily(found.days, period),
        breakdowns={by: _parts(rows, by) for by, rows in found.others.items()},
        compared_with=PeriodBefore(
            str(period.before.first), str(period.before.end), format_amount(earlier.spent_micro)
        ),
        movers=[_mover(mover) for mover in movers(found.now, found.before)],
        insights=list(insights),
        forecasting=forecasting,
        number=head.counted,
        behind=head.number - head.counted,
        as_of=shown(head.as_of),
    )


def stats(wallet_id: int, head: Head, remaining_days: int | None) -> Stats:
    spent = head.charged_micro - head.refunded_micro
    return Stats(
        wallet_id=wallet_public(wallet_id),
        credits_earned=format_amount(head.earned_micro),
        credits_spent=format_amount(spent),
        credits_refunded=format_amount(head.refunded_micro),
        operations=head.operations,
        sessions=head.sessions,
        average_cost_per_operation=format_amount(average_per_day(spent, head.operations)) if head.operations else None,
        first_used_on=None if head.first_day is None else str(head.first_day),
        last_used_on=None if head.last_day is None else str(head.last_day),
        estimated_remaining_days=remaining_days,
        number=head.counted,
        behind=head.number - head.counted,
        as_of=shown(head.as_of),
    )


def _service(part: Part) -> ServicePart:
    cost = part.sums.cost_per_operation_micro
    return ServicePart(
        credits=format_amount(part.sums.spent_micro),
        percentage=str(part.percent),
        sessions=part.sums.sessions,
        operations=part.sums.operations,
        cost_per_operation=None if cost is None else format_amount(cost),
    )


def _parts(rows: list[Row], by: str) -> list[BreakdownPart]:
    if by != "meter":
        return [_part(part) for part in breakdown(rows, by if by in ROOTS else "metadata")]
    # A meter is its service's: another service may have one of the same name.
    named = [msgspec.structs.replace(row, meter=f"{row.service}\n{row.meter or ''}") for row in rows]
    found = []
    for part in breakdown(named, "meter"):
        service, _, meter = (part.key or "").partition("\n")
        quantity = f"{part.sums.quantity:f}" if meter else None
        found.append(msgspec.structs.replace(_part(part), key=meter or None, service=service, quantity=quantity))
    return found


ROOTS = ("service", "user", "purpose", "session", "hour", "day", "week", "month")
"""What a breakdown can be by, besides meters and metadata keys."""


def _part(part: Part) -> BreakdownPart:
    return BreakdownPart(
        key=part.key,
        credits=format_amount(part.sums.spent_micro),
        percentage=str(part.percent),
        sessions=part.sums.sessions,
        operations=part.sums.operations,
        charged=format_amount(part.sums.charged_micro),
        refunded=format_amount(part.sums.refunded_micro),
    )


def _daily(rows: list[Row], period: Period) -> list[DayUsed]:
    used = {row.day: row.spent_micro for row in rows}
    return [DayUsed(str(day), format_amount(used.get(day, 0))) for day in period.each()]


def _mover(mover: Mover) -> MoverShape:
    return MoverShape(
        service=mover.key or "",
        change=mover.change,
        before=format_amount(mover.before_micro),
        now=format_amount(mover.now_micro),
        difference=format_amount(mover.difference_micro),
        percent=None if mover.percent is None else str(mover.percent),
    )

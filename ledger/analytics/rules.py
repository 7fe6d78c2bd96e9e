"""Where credits went: shares, averages, movers, cost per operation. Pure, out of rows that are summed up by hour.

All arithmetic is on integers: amounts are micro-credits, percentages have two decimals and are ``Decimal``. The parts
of a breakdown add up to 100.00 exactly.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

from ledger.kit.shares import hundredths, percentages, rounded


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one user's operations of one meter came to in one hour of the wallet's time zone.

    ``credits_micro``: what was charged for them; ``refunded_micro``: what of it came back since, counted where it was
    used and not when it came back. ``sessions``: those that began in this hour, so that they can be added up.
    ``metadata``: the value of the one metadata key that the rows were summed up by, if any.
    """

    day: date
    hour: int
    service: str
    meter: str | None = None
    user: str | None = None
    purpose: str | None = None
    session: str | None = None
    metadata: str | None = None
    quantity: Decimal = Decimal(0)
    credits_micro: int = 0
    refunded_micro: int = 0
    operations: int = 0
    sessions: int = 0

    @property
    def spent_micro(self) -> int:
        return self.credits_micro - self.refunded_micro


class Sums(msgspec.Struct, frozen=True):
    """Rows added up. The quantity means something only where all rows are of one meter."""

    spent_micro: int
    charged_micro: int
    refunded_micro: int
    quantity: Decimal
    operations: int
    sessions: int

    @property
    def cost_per_operation_micro(self) -> int | None:
        """None where nothing was done."""
        return rounded(self.spent_micro, self.operations) if self.operations else None


class Part(msgspec.Struct, frozen=True):
    """One line of a breakdown: what ``key`` spent, and its share of all. ``key`` is None for rows that have none."""

    key: str | None
    percent: Decimal
    sums: Sums


class Mover(msgspec.Struct, frozen=True):
    """What changed from one period to the next. ``percent`` of the period before; None for what is new."""

    key: str | None
    change: Literal["new", "gone", "up", "down"]
    before_micro: int
    now_micro: int
    difference_micro: int
    percent: Decimal | None


Key = Callable[[Row], str | None]


def _week(row: Row) -> str:
    year, week, _ = row.day.isocalendar()
    return f"{year:04}-W{week:02}"


KEYS: Final[dict[str, Key]] = {
    "service": lambda row: row.service,
    "meter": lambda row: row.meter,
    "user": lambda row: row.user,
    "purpose": lambda row: row.purpose,
    "session": lambda row: row.session,
    "metadata": lambda row: row.metadata,
    "hour": lambda row: f"{row.day}T{row.hour:02}",
    "day": lambda row: str(row.day),
    "week": _week,
    "month": lambda row: str(row.day)[:7],
}
"""What a breakdown can be by. Weeks are those of ISO 8601: they begin on Monday."""

TIMES: Final = frozenset(("hour", "day", "week", "month"))


def total(rows: Iterable[Row]) -> Sums:
    """All rows together."""
    spent = charged = refunded = operations = sessions = 0
    quantity = Decimal(0)
    for row in rows:
        spent += row.spent_micro
        charged += row.credits_micro
        refunded += row.refunded_micro
        quantity += row.quantity
        operations += row.operations
        sessions += row.sessions
    return Sums(spent, charged, refunded, quantity, operations, sessions)


def rest(rows: Sequence[Row], named: Iterable[Row]) -> list[Row]:
    """What ``named``, the same use by a label that not all of it has, leaves of ``rows``: one row without a label, or
    none where nothing is left."""
    whole, part = total(rows), total(named)
    left = (
        whole.charged_micro - part.charged_micro,
        whole.refunded_micro - part.refunded_micro,
        whole.operations - part.operations,
        whole.sessions - part.sessions,
    )
    if not any(left):
        return []
    charged, refunded, operations, sessions = left
    return [
        Row(
            day=rows[0].day,
            hour=0,
            service="",
            credits_micro=charged,
            refunded_micro=refunded,
            operations=operations,
            sessions=sessions,
        )
    ]


def grouped(rows: Iterable[Row], by: str) -> dict[str | None, Sums]:
    """The sums of each key. Raises KeyError where ``by`` is none of KEYS."""
    key = KEYS[by]
    found: dict[str | None, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return {name: total(group) for name, group in found.items()}


def breakdown(rows: Iterable[Row], by: str) -> list[Part]:
    """Each key with its share: times in their order, all else from the most to the least. What has no key is last."""
    parts = grouped(rows, by)
    if by in TIMES:
        order = sorted(parts, key=_name)
    else:
        order = sorted(parts, key=lambda key: (key is None, -parts[key].spent_micro, _name(key)))
    shares = percentages([parts[key].spent_micro for key in order])
    return [Part(key, share, parts[key]) for key, share in zip(order, shares, strict=True)]


def average_per_day(spent_micro: int, days: int) -> int:
    """Over all days of the period, those without use too; rounded to the nearest."""
    return rounded(spent_micro, days)


def movers(now: Sequence[Row], before: Sequence[Row], by: str = "service", limit: int = 5) -> list[Mover]:
    """What changed most in credits, from the period before to this one, which must be as long; the largest first."""
    spent = {key: sums.spent_micro for key, sums in grouped(now, by).items()}
    earlier = {key: sums.spent_micro for key, sums in grouped(before, by).items()}
    found = [_mover(key, earlier.get(key, 0), spent.get(key, 0)) for key in spent.keys() | earlier.keys()]
    moved = [mover for mover in found if mover.difference_micro]
    return sorted(moved, key=lambda mover: (-abs(mover.difference_micro), _name(mover.key)))[:limit]


def percent_of(part: int, whole: int) -> Decimal | None:
    """With two decimals, to the nearest; None of nothing."""
    return hundredths(rounded(10_000 * part, whole)) if whole > 0 else None


def _mover(key: str | None, before: int, now: int) -> Mover:
    difference = now - before
    change: Literal["new", "gone", "up", "down"] = "up" if difference > 0 else "down"
    if before <= 0 < now:
        change = "new"
    elif now <= 0 < before:
        change = "gone"
    return Mover(key, change, before, now, difference, percent_of(difference, before))


def _name(key: str | None) -> str:
    return key or ""

"""What the balance shows of the rollups: totals, the month, the last weeks; and what was set of auto-refill.

It comes with the statement of the balance (``book.beside``): the row of the wallet's mark, and what is not rolled up
yet, if that is TAIL_MAX transactions at most. So the figures are complete up to the number of the balance, and a read
costs the same however long the history is. Where more than that waits, or the wallet has another time zone than its
days, the figures are ``behind``: they are those of the number that they name, until the worker has rolled the wallet
up. A balance never waits for that. (Ordered and limited look-ups leave the planner one index to choose, also in a
database that was never analyzed.)

Of the tail no notes are read, which would cost more than all the rest: until it is rolled up, some seconds later, a use
that occurred in a closed month counts on the day on which the accounts count it.
"""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from functools import cache, lru_cache
from operator import add
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ledger.rollups.tables import EPOCH

TAIL_MAX: Final = 50
"""Transactions of a wallet that a read adds by itself."""

WEEK_DAYS: Final = 7
WEEKS_DAYS: Final = 28

_COLUMNS: Final = """m.number, m.zone, s.time_zone, m.first_day, m.earned_micro, m.charged_micro - m.refunded_micro,
    m.recent, b.earned, b.used, l.month_limit, c.pending,
    r.enabled, r.threshold_micro, r.credits_micro, r.amount, r.currency, r.up_to"""

_JOINS: Final = f"""
LEFT JOIN rollup_marks m ON m.wallet_id = w.wallet_id
LEFT JOIN refills r ON r.wallet_id = w.wallet_id
CROSS JOIN LATERAL (
    SELECT sum(CASE 'issued:earned' WHEN p.debit THEN p.amount WHEN p.credit THEN -p.amount END) AS earned,
        json_agg(json_build_array(extract(epoch FROM coalesce(o.effective_at, t.effective_at))::bigint,
            CASE WHEN starts_with(p.credit, 'used:') THEN p.amount ELSE -p.amount END))
            FILTER (WHERE starts_with(p.credit, 'used:') OR starts_with(p.debit, 'used:'))::text AS used
    FROM (
        SELECT number, effective_at, reverses FROM transactions
        WHERE wallet_id = w.wallet_id AND number > coalesce(m.number, 0)
            AND w.number > coalesce(m.number, 0) AND w.number <= coalesce(m.number, 0) + {TAIL_MAX}
        ORDER BY wallet_id, number LIMIT {TAIL_MAX}) AS t
    JOIN postings p ON p.wallet_id = w.wallet_id AND p.number = t.number
    LEFT JOIN LATERAL (
        SELECT number, effective_at FROM transactions WHERE wallet_id = w.wallet_id AND number >= t.reverses
        ORDER BY wallet_id, number LIMIT 1) AS o ON o.number = t.reverses
    WHERE p.asset = 'CREDIT' AND (starts_with(p.credit, 'used:') OR starts_with(p.debit, 'used:')
        OR 'issued:earned' IN (p.debit, p.credit))) AS b
CROSS JOIN LATERAL (
    SELECT min(limit_micro) AS month_limit FROM budgets
    WHERE wallet_id = w.wallet_id AND scope = 'wallet' AND period = 'month') AS l
CROSS JOIN LATERAL (
    SELECT coalesce(sum(credits_micro), 0)::bigint AS pending FROM payments p
    WHERE p.wallet_id = w.wallet_id AND p.state = 'processing' AND (p.refill IS NULL OR EXISTS (
        SELECT FROM refill_attempts a WHERE a.wallet_id = p.wallet_id AND a.attempt = p.refill
            AND a.state IN ('charging', 'processing')))) AS c"""

_decode = msgspec.json.Decoder(list[tuple[int, int]]).decode


class RefillTerms(NamedTuple):
    """What was set of auto-refill: ``credits_micro`` for ``amount`` of the currency, or up to so many credits for so
    much at most."""

    enabled: bool
    threshold_micro: int
    credits_micro: int
    amount: int
    currency: str
    up_to: bool


class Figures(NamedTuple):
    """Sums in micro-credits, net of what came back; days are those of the wallet's time zone.

    ``month_micro``: this month's so far, ``week_micro`` and ``weeks_micro`` those of the last 7 and 28 days before
    today. ``known_days``: how many days there were between the first use and today; None where nothing was used.
    ``month_limit_micro``: the lowest monthly budget of the whole wallet; None without one.
    ``pending_micro``: what payments buy whose money is on its way. ``refill``: None where nothing was ever set.
    ``counted``: up to which number of the book; ``behind``: whether that is not all, or not by today's time zone.
    """

    counted: int
    behind: bool
    known_days: int | None
    earned_micro: int
    spent_micro: int
    month_micro: int
    week_micro: int
    weeks_micro: int
    today_micro: int
    month_limit_micro: int | None
    pending_micro: int
    refill: RefillTerms | None

    @property
    def recent(self) -> list[tuple[int, int]]:
        """(days, what they used in all): the windows that a daily rate is taken from; on the first day, today."""
        known = self.known_days
        if known is None:
            return []
        if self.weeks_micro <= 0:
            return [(1, self.today_micro)]
        return [(min(known, WEEK_DAYS), self.week_micro), (min(known, WEEKS_DAYS), self.weeks_micro)]


class FiguresBeside:
    """What the balance is read with."""

    columns = _COLUMNS
    joins = _JOINS

    def found(self, number: int, at: datetime, columns: Sequence[Any]) -> Figures:
        marked, zone, time_zone, first, earned, spent, recent, tail_earned, tail_used, limit, pending, *refill = columns
        counted = number if number <= (marked or 0) + TAIL_MAX else marked or 0
        local = _zone(time_zone)
        today = at.astimezone(local).date()
        windows = _windows(recent or "[]", today)
        spent = int(spent or 0)
        if tail_used is not None:
            used = [(datetime.fromtimestamp(at_s, local).date(), micro) for at_s, micro in _decode(tail_used)]
            days = [((day - EPOCH).days, micro) for day, micro in used]
            windows = tuple(map(add, windows, _sums(days, today)))
            spent += sum(micro for _, micro in days)
            oldest = min(day for day, _ in used)
            first = oldest if first is None else min(first, oldest)
        month, week, weeks, of_today = windows
        return Figures(
            counted=counted,
            behind=counted < number or (zone is not None and zone != time_zone),
            known_days=None if first is None else (today - first).days,
            earned_micro=int(earned or 0) + int(tail_earned or 0),
            spent_micro=spent,
            month_micro=month,
            week_micro=week,
            weeks_micro=weeks,
            today_micro=of_today,
            month_limit_micro=limit,
            pending_micro=pending,
            refill=None if refill[0] is None else RefillTerms(*refill),
        )


Windows = tuple[int, ...]
"""What was used in the month, in the last week, in the last weeks, and today."""


@lru_cache(maxsize=10_000)
def _windows(recent: str, today: date) -> Windows:
    """Of a mark's days: a wallet is read again and again before it is rolled up again."""
    return _sums(_decode(recent), today)


def _sums(days: Sequence[tuple[int, int]], today: date) -> Windows:
    now = (today - EPOCH).days
    month = week = weeks = of_today = 0
    for day, micro in days:
        ago = now - day
        if ago < today.day:
            month += micro
        if ago <= 0:
            of_today += micro
        elif ago <= WEEKS_DAYS:
            weeks += micro
            if ago <= WEEK_DAYS:
                week += micro
    return month, week, weeks, of_today


@cache
def _zone(name: str) -> tzinfo:
    return ZoneInfo(name)

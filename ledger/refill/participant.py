"""Auto-refill in every unit of work: what is loaded for it under the wallets' locks.

A wallet that never had settings costs one look into an index. ``locked`` says of a wallet that the unit holds it: one
that moves nothing (its settings changed, or it was due to be looked at) is decided by its row then.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from ledger.book.commands import Attempt
from ledger.book.participants import Statement
from ledger.kit.arrays import numbers
from ledger.kit.wire import Row
from ledger.payments.limits import step_of
from ledger.refill.part import Counted, Kept, Refills, State
from ledger.refill.rules.decide import Terms
from ledger.refill.rules.hours import Hours

AGREED: Final = (
    "threshold_micro",
    "credits_micro",
    "amount",
    "up_to",
    "maximum_per_month",
    "monthly_spend_cap",
    "cooldown_s",
    "time_zone",
    "opens_min",
    "closes_min",
    "weekends",
    "holidays",
    "smart",
    "least",
)
"""The columns of ``refills`` that ``terms_of`` takes."""

_R_AGREED: Final = ", ".join(f"r.{name}" for name in AGREED)

LOAD: Final = f"""
SELECT r.wallet_id, {_R_AGREED}, r.currency,
    r.enabled, r.consent, r.attempt, r.under_way, r.rests_until, r.failures, r.paused_for, r.paused_at, r.told,
    r.next_at, a.month, s.stopped, w.wallet + w.held, w.owed, w.status,
    coalesce(w.xmax = pg_current_xact_id_if_assigned()::xid, false),
    (SELECT json_agg(json_build_array(m.month, m.count + m.more_count, m.spent + m.more_spent))::text
     FROM refill_months m WHERE m.wallet_id = r.wallet_id
        AND m.month > (ledger_now() AT TIME ZONE r.time_zone)::date - 40),
    CASE WHEN r.smart THEN (SELECT greatest(((f.body::json ->> 'expected_micro')::numeric / 30)::bigint, 0)
        FROM forecasts f WHERE f.wallet_id = r.wallet_id) END
FROM unnest(%(wallets)s::bigint[]) AS u(wallet_id)
JOIN refills r USING (wallet_id) JOIN wallets w USING (wallet_id) CROSS JOIN refill_switch s
LEFT JOIN refill_attempts a ON a.wallet_id = r.wallet_id AND a.attempt = r.under_way"""

_told: Final = msgspec.json.Decoder(dict[str, str]).decode
_months: Final = msgspec.json.Decoder(list[tuple[str, int, int]]).decode
_holidays: Final = msgspec.json.Decoder(frozenset[str]).decode


class AutoRefill:
    """The participant: begins refills, ends those that are paid, and tells ``auto_refill.*`` of both."""

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[Attempt]) -> Sequence[Statement] | None:
        return [Statement(LOAD, {"wallets": numbers(wallet_ids)})]

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Refills | None:
        return Refills([kept_of(row) for row in rows[0]], now) if rows[0] else None


def kept_of(row: Row) -> Kept:
    """A wallet's settings and how it stands, from a row of ``LOAD``."""
    (wallet_id, *terms, currency) = row[:16]
    enabled, consent, attempt, under_way, rests_until, failures, paused_for, paused_at, told, next_at = row[16:26]
    begun_in, stopped, position_micro, owed_micro, status, locked, months, burn_micro = row[26:]
    state = State(enabled, attempt, under_way, rests_until, failures, paused_for, paused_at, _told(told), next_at)
    return Kept(
        wallet_id=wallet_id,
        terms=terms_of(tuple(terms), currency),
        currency=currency,
        consent=consent,
        state=state,
        begun_in=begun_in,
        months={}
        if months is None
        else {date.fromisoformat(m): Counted(made, spent) for m, made, spent in _months(months)},
        stopped=stopped,
        position_micro=position_micro,
        owed_micro=owed_micro,
        status=status,
        locked=locked,
        burn_micro=burn_micro,
    )


@lru_cache(maxsize=4_096)
def terms_of(columns: tuple[Any, ...], currency: str) -> Terms:
    """What was agreed to, from the columns ``AGREED``."""
    threshold, credits_micro, amount, up_to, maximum, cap, cooldown_s, zone, opens, closes, weekends = columns[:11]
    holidays, smart, least = columns[11:]
    days = frozenset(date.fromisoformat(day) for day in _holidays(holidays))
    return Terms(
        threshold_micro=threshold,
        credits_micro=credits_micro,
        amount=amount,
        up_to=up_to,
        maximum_per_month=maximum,
        monthly_spend_cap=cap,
        cooldown=timedelta(seconds=cooldown_s),
        hours=Hours(ZoneInfo(zone), opens, closes, weekends, days),
        smart=smart,
        least=least,
        step=step_of(currency),
    )


_agreed: Final = attrgetter(*AGREED)


def terms_in(kept: Any) -> Terms:
    """What was agreed to, of whatever has the columns ``AGREED`` and ``currency`` as attributes."""
    return terms_of(_agreed(kept), kept.currency)

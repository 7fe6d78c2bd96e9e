"""What is kept of refills, held against each other: attempts, what counts against the caps, payments, and the book.

All of one snapshot, by statements over the attempts: wallets without refills are not looked at.
"""

from collections.abc import Iterable
from typing import Final

from ledger.book.verify.beside import reading
from ledger.book.verify.report import Report
from ledger.kit.ids import row_public

_COUNT: Final = "SELECT count(*) FROM refill_attempts WHERE %(all)s OR wallet_id = ANY(%(ids)s::bigint[])"

_MONTHS: Final = """
WITH counted AS (
    SELECT wallet_id, month, count(*) AS made, sum(amount) AS spent FROM refill_attempts
    WHERE ended_at IS NULL OR state = 'unknown' OR (state = 'succeeded' AND NOT late) GROUP BY wallet_id, month)
SELECT wallet_id, month, coalesce(c.made, 0), coalesce(c.spent, 0)::bigint, coalesce(m.count, 0), coalesce(m.spent, 0)
FROM counted c FULL JOIN refill_months m USING (wallet_id, month)
WHERE (%(all)s OR wallet_id = ANY(%(ids)s::bigint[]))
    AND (coalesce(c.made, 0), coalesce(c.spent, 0)) IS DISTINCT FROM (coalesce(m.count, 0), coalesce(m.spent, 0))
ORDER BY wallet_id, month"""

_UNDER_WAY: Final = """
SELECT wallet_id, a.attempt, r.under_way FROM refills r
FULL JOIN (SELECT wallet_id, attempt FROM refill_attempts WHERE ended_at IS NULL) a USING (wallet_id)
WHERE (%(all)s OR wallet_id = ANY(%(ids)s::bigint[])) AND a.attempt IS DISTINCT FROM r.under_way
ORDER BY wallet_id"""

_PAID: Final = """
SELECT wallet_id, a.attempt, a.state, count(p.payment) FILTER (WHERE p.state = 'paid')
FROM refill_attempts a LEFT JOIN payments p USING (wallet_id, payment)
WHERE %(all)s OR wallet_id = ANY(%(ids)s::bigint[])
GROUP BY wallet_id, a.attempt, a.state
HAVING (a.state = 'succeeded') <> (count(p.payment) FILTER (WHERE p.state = 'paid') = 1)
ORDER BY wallet_id, a.attempt"""

_BOUGHT: Final = """
SELECT wallet_id, a.attempt, a.amount, p.amount, a.credits_micro, p.credits_micro
FROM refill_attempts a JOIN payments p USING (wallet_id, payment)
WHERE (%(all)s OR wallet_id = ANY(%(ids)s::bigint[]))
    AND (a.amount, a.credits_micro, a.attempt) IS DISTINCT FROM (p.amount, p.credits_micro, p.refill)
ORDER BY wallet_id, a.attempt"""


def verify_refills(database_url: str, report: Report, wallet_ids: Iterable[int] | None = None) -> None:
    """Compare all refills, or those of some wallets, and tell the report. Changes nothing."""
    ids = None if wallet_ids is None else sorted(set(wallet_ids))
    params = {"all": ids is None, "ids": ids or []}
    with reading(database_url) as connection, connection.transaction():
        report.checked["refills"] = connection.execute(_COUNT, params).fetchall()[0][0]
        for wallet_id, month, made, spent, kept_made, kept_spent in connection.execute(_MONTHS, params):
            expected, found = f"{made} of {spent}", f"{kept_made} of {kept_spent}"
            report.say(wallet_id, "refill_month", None, f"{month:%Y-%m}", expected, found)
        for wallet_id, attempt, kept in connection.execute(_UNDER_WAY, params):
            report.say(wallet_id, "refill_under_way", None, "under_way", attempt, kept)
        for wallet_id, attempt, state, paid in connection.execute(_PAID, params):
            expected = "one paid payment" if state == "succeeded" else "none that is paid"
            report.say(wallet_id, "refill_paid", None, _name(wallet_id, attempt), expected, f"{paid}, {state}")
        for wallet_id, attempt, amount, paid, credits_micro, bought_micro in connection.execute(_BOUGHT, params):
            expected, found = f"{credits_micro} for {amount}", f"{bought_micro} for {paid}"
            report.say(wallet_id, "refill_payment", None, _name(wallet_id, attempt), expected, found)


def _name(wallet_id: int, attempt: int) -> str:
    return row_public("arf", wallet_id, attempt)

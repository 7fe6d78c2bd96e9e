"""What is kept as spent, recounted from the journal: each budget, period by period.

The recount shares with what counts in a posting nothing but the calendar (``periods``). A book is read once, in the
snapshot that shows its budgets; a wallet without budgets is not looked at. Notes that were erased name nobody: where
some are missing, the budgets of members are left out.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ledger.book.verify.beside import Connection, reading
from ledger.book.verify.report import Report
from ledger.budgets.participant import calendar_of
from ledger.budgets.periods import window_of
from ledger.budgets.store import USED
from ledger.kit.ids import row_public

_WALLETS: Final = """
SELECT DISTINCT wallet_id FROM budgets WHERE %(all)s OR wallet_id = ANY(%(ids)s::bigint[]) ORDER BY wallet_id"""

_BUDGETS: Final = """
SELECT budget, scope, of, period, time_zone, turns, since, number FROM budgets JOIN wallets USING (wallet_id)
WHERE wallet_id = %(wallet)s AND (
    scope <> 'member' OR number = (SELECT count(*) FROM notes n WHERE n.wallet_id = budgets.wallet_id))"""

_SPENT: Final = """
SELECT budget, start, spent_micro FROM budget_spent
WHERE wallet_id = %(wallet)s AND budget = ANY(%(budgets)s::bigint[])"""

Place = tuple[int, datetime]
"""(budget, start of the period)."""


def verify_budgets(database_url: str, report: Report, wallet_ids: Iterable[int] | None = None) -> None:
    """Compare all budgets, or those of some wallets, and tell the report. Changes nothing."""
    ids = None if wallet_ids is None else sorted(set(wallet_ids))
    report.checked["budgets"] = 0
    with reading(database_url) as connection:
        wallets = connection.execute(_WALLETS, {"all": ids is None, "ids": ids or []}).fetchall()
        for (wallet_id,) in wallets:
            with connection.transaction():
                _check(connection, report, wallet_id)


def _check(connection: Connection, report: Report, wallet_id: int) -> None:
    budgets = connection.execute(_BUDGETS, {"wallet": wallet_id}).fetchall()
    if not budgets:
        return
    report.checked["budgets"] += len(budgets)
    calendars = {number: calendar_of(zone, turns) for number, _, _, _, zone, turns, *_ in budgets}
    expected: Counter[Place] = Counter()
    with connection.cursor(name="verify_budgets") as cursor:
        for _, at, amount, service, member in cursor.execute(
            USED, {"wallet": wallet_id, "after": 0, "upto": budgets[0][7]}
        ):
            for number, scope, of, period, _, _, since, _ in budgets:
                named = {"wallet": None, "service": service, "member": member}[scope]
                if at >= since and of == named:
                    expected[number, window_of(at, period, calendars[number]).start] += amount
    numbers = [budget[0] for budget in budgets]
    kept = connection.execute(_SPENT, {"wallet": wallet_id, "budgets": numbers}).fetchall()
    found: Counter[Place] = Counter({(number, start): micro for number, start, micro in kept})
    for place in sorted(expected.keys() | found.keys()):
        if expected[place] != found[place]:
            name = f"{row_public('bud', wallet_id, place[0])} from {place[1].isoformat()}"
            report.say(wallet_id, "budget_spent", None, name, expected[place], found[place])

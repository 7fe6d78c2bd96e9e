"""What the clearing account comes to is read from an index of its lines: not from the journal, however long that is."""

import json
from typing import Any

import pytest

from ledger.payments.reconcile import ours
from tests.support.book import session

ROWS = 200_000
SHARE = 100
"""One line in so many is of money."""

_FILL = f"""
INSERT INTO postings (wallet_id, number, line, debit, credit, asset, amount, balance_after)
SELECT 1 + n % 1000, 1 + n / 1000, 1,
    CASE WHEN n % {SHARE} = 0 THEN 'stripe_clearing' ELSE 'wallet' END,
    CASE WHEN n % {SHARE} = 0 THEN 'deferred_revenue' ELSE 'used:jobs' END,
    CASE WHEN n % {SHARE} = 0 THEN 'USD' ELSE 'CREDIT' END, 100, 0
FROM generate_series(0, {ROWS - 1}) n"""


@pytest.mark.parametrize("statement", ["_CLEARING", "_EXPECTED", "_UNBOOKED"])
def test_the_sums_of_a_long_journal_are_read_by_index(database_url: str, statement: str) -> None:
    with session(database_url) as connection:
        if connection.execute("SELECT count(*) < %s FROM postings", [ROWS]).fetchone() == (True,):
            connection.execute("SET session_replication_role = replica")
            connection.execute(_FILL)
            connection.execute("VACUUM ANALYZE postings")
        found = _explained(connection, getattr(ours, statement))
    plan = json.dumps(found)
    assert '"Relation Name": "postings"' not in plan or "postings_clearing_idx" in plan
    assert _read(found[0]["Plan"]) <= 2 * ROWS // SHARE


def _explained(connection: Any, statement: str) -> Any:
    row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", {"currency": "USD"}).fetchone()
    return row[0]


def _read(plan: Any) -> int:
    """Rows that its scans looked at."""
    own = plan.get("Actual Rows", 0) + plan.get("Rows Removed by Filter", 0) if "Scan" in plan["Node Type"] else 0
    return int(own) + sum(_read(one) for one in plan.get("Plans", []))

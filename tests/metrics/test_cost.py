"""What a scrape costs does not grow with history: it reads as few pages of the database beside a lot of it."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ledger.metrics.read import statement
from ledger.metrics.table import METRICS
from ledger.settings import libpq_url
from tests.support.api import run_sql

ROWS = 20_000
PAGES_MAX = 40
"""Further pages that a scrape may read when each table has ROWS more: a level more of each index."""

HISTORY = {
    "refills": """INSERT INTO refills (wallet_id, enabled, threshold_micro, credits_micro, amount, currency, least, up_to,
        maximum_per_month, monthly_spend_cap, cooldown_s, time_zone, opens_min, closes_min, business_hours_only,
        weekends, smart, consent)
        SELECT n, true, 1, 1, 1, 'USD', 1, false, 1, 1, 0, 'UTC', 0, 1440, false, true, false, 1""",
    "refill_attempts": """INSERT INTO refill_attempts (wallet_id, attempt, state, cause, position_micro, threshold_micro,
        credits_micro, amount, currency, consent, month, tries, began_at, asked_at, ended_at)
        SELECT n, 1, 'succeeded', 'threshold', 1, 1, 1, 1, 'USD', 1, '2026-01-01', 1, 'epoch', 'epoch', 'epoch'""",
    "payments": """INSERT INTO payments (wallet_id, payment, origin, state, amount, currency, credits_micro, token, actor,
        number, paid) SELECT n, 1, 'link', 'paid', 1, 'USD', 1, gen_random_uuid(), 'test', 1, 1""",
    "payment_refunds": """INSERT INTO payment_refunds (wallet_id, number, payment, state, amount, currency, credits_micro,
        actor) SELECT n, 2, 1, 'succeeded', 1, 'USD', 1, 'test'""",
    "stripe_events": """INSERT INTO stripe_events (event, type, created_at, payload, via, state, due_at)
        SELECT 'evt_' || n, 'x', 'epoch', repeat('x', 200), 'poll', 'done', NULL""",
    "webhook_endpoints": """INSERT INTO webhook_endpoints (endpoint, url, events)
        SELECT n, 'https://example.com', '{*}'""",
    "webhook_deliveries": """INSERT INTO webhook_deliveries (endpoint, wallet_id, event, type, state, due_at, created_at,
        finished_at, exhausted_for) SELECT n, n, 1, 'x', CASE mod(n, 2) WHEN 0 THEN 'delivered' ELSE 'exhausted' END,
        'epoch', 'epoch', 'epoch', CASE mod(n, 2) WHEN 1 THEN 'attempts' END""",
    "notification_channels": """INSERT INTO notification_channels (channel, wallet_id, kind, shown, events, changed_by)
        SELECT n, n, 'email', 'x', '{*}', 'test'""",
    "notifications": """INSERT INTO notifications (channel, wallet_id, event, type, state, slot_at, due_at, finished_at)
        SELECT n, n, 1, 'x', 'sent', 'epoch', 'epoch', 'epoch'""",
    "outbox": """INSERT INTO outbox (wallet_id, event, type, payload, recorded_at, position)
        SELECT n, 1, 'x', repeat('x', 200), 'epoch', n""",
    "lots": """INSERT INTO lots (wallet_id, lot, source, amount, remaining, open, paid, priority, effective_at, expires_at)
        SELECT n, 1, 'earned', 1, 0, false, false, 1, 'epoch', '2026-01-01'""",
    "holds": """INSERT INTO holds (wallet_id, hold, amount, captured, state, service, placed_at, expires_at)
        SELECT n, 1, 1, 1, 'captured', 'x', 'epoch', '2026-01-01'""",
    "anchors": f"""INSERT INTO anchors (number, previous, root, leaves, sealed_at, public_key, hash, signature)
        SELECT n, h, h, 0, 'epoch', h, h, h || h FROM (SELECT decode('{"00" * 32}', 'hex') AS h) hash,""",
}
SMALL = {"feed", "consumers", "refill_switch", "clock", "stripe_cursors", "stripe_problems", "reconciliations"}
"""A row or a few; problems and reports go when they are over, or after a year."""


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The database, and what the statement reads before and after there is a history."""
    before = plan(database_url)
    for insert in HISTORY.values():
        joined = insert if insert.endswith(",") else f"{insert} FROM"
        run_sql(database_url, f"{joined} generate_series(1, {ROWS}) n")
    run_sql(database_url, f"UPDATE feed SET last = {ROWS}")
    run_sql(database_url, f"UPDATE consumers SET position = {ROWS}")
    # No statistics of it: a planner that knows nothing must not go through the history either.
    yield database_url, before, plan(database_url)


def plan(database_url: str) -> dict[str, Any]:
    """How the quick metrics are read, and at what cost."""
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        quick = [metric for metric in METRICS if not metric.slow]
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement(quick)}"
        connection.execute(explained)  # the first one reads the catalogue
        row = connection.execute(explained).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0][0]
    return found


def test_a_scrape_reads_no_more_for_all_that_is_over(filled: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    _, before, after = filled
    assert pages(after) <= pages(before) + PAGES_MAX, heaviest(after)


def test_every_table_of_the_metrics_is_tried(filled: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    """Each that a plan reads has a history here, or is known to be small."""
    read = {node["Relation Name"] for node in nodes(filled[2]["Plan"]) if "Relation Name" in node}
    assert read - SMALL <= set(HISTORY)


def pages(found: dict[str, Any]) -> int:
    return int(found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"])


def heaviest(found: dict[str, Any]) -> list[str]:
    """The scans that read most, for people."""
    scans = sorted(nodes(found["Plan"]), key=lambda node: -int(node["Shared Hit Blocks"]))
    return [
        f"{node['Shared Hit Blocks']} pages: {node['Node Type']} {node.get('Index Name') or node['Relation Name']}"
        for node in scans
        if "Relation Name" in node
    ][:5]


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from nodes(inner)

"""What the rollups of a wallet must be: counted from the whole journal, in one plain aggregate of its own."""

from typing import Any

from tests.support.api import run_sql

# Every line that used something or gave it back, and what it belongs to: itself, or what it undoes.
_LINES = """
WITH line AS (
    SELECT t.wallet_id, t.number, t.kind, coalesce(t.reverses, t.number) AS root,
        regexp_replace(CASE WHEN p.credit ~ '^used:' THEN p.credit ELSE p.debit END, '^used:', '') AS service,
        CASE WHEN p.credit ~ '^used:' THEN p.amount ELSE 0 END AS charged,
        CASE WHEN p.debit ~ '^used:' THEN p.amount ELSE 0 END AS refunded
    FROM transactions t JOIN postings p USING (wallet_id, number)
    WHERE t.wallet_id = %s AND (p.credit ~ '^used:' OR p.debit ~ '^used:')),
seen AS (
    SELECT l.wallet_id, l.number, l.kind, l.root, l.service, sum(l.charged) AS charged, sum(l.refunded) AS refunded
    FROM line l GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT t.wallet_id, t.number, t.kind, coalesce(t.reverses, t.number), u.service, 0, 0
    FROM transactions t JOIN usage u ON u.wallet_id = t.wallet_id AND u.number = coalesce(t.reverses, t.number)
    WHERE t.wallet_id = %s AND NOT EXISTS (SELECT FROM line l WHERE l.number = t.number)),
told AS (
    SELECT s.*, r.effective_at, n.body::json AS notes, u.meter, u.quantity, u.occurred_at,
        s.kind IN ('usage', 'capture') AS is_use, s.kind = 'void' AS is_void
    FROM seen s JOIN transactions r ON r.wallet_id = s.wallet_id AND r.number = s.root
    LEFT JOIN notes n ON n.wallet_id = s.wallet_id AND n.number = s.root
    LEFT JOIN usage u ON u.wallet_id = s.wallet_id AND u.number = s.root),
counted AS (
    SELECT *, coalesce(occurred_at, (notes->'facts'->>'occurred_at')::timestamptz, effective_at) AS at,
        CASE WHEN is_use AND notes->'facts'->>'session' IS NOT NULL
            AND number = min(number) FILTER (WHERE is_use) OVER (PARTITION BY notes->'facts'->>'session')
            THEN 1 ELSE 0 END AS began
    FROM told)
"""

_SLOTS = """
SELECT to_timestamp(floor(extract(epoch FROM at) / 900) * 900), service, coalesce(meter, ''),
    coalesce(substr(notes->'metadata'->>'user_id', 1, 255), ''), coalesce(notes->'metadata'->>'purpose', ''),
    sum(CASE WHEN is_use THEN coalesce(quantity, 0) WHEN is_void THEN -coalesce(quantity, 0) ELSE 0 END),
    sum(charged), sum(refunded), sum(CASE WHEN is_use THEN 1 WHEN is_void THEN -1 ELSE 0 END), sum(began)
FROM counted GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""

# Each line counts once in every way of summing up a day; only meters have quantities.
_DAYS = """
, local AS (
    SELECT *, at AT TIME ZONE (SELECT time_zone FROM wallet_settings WHERE wallet_id = %s) AS local,
        CASE WHEN is_use THEN 1 WHEN is_void THEN -1 ELSE 0 END AS operation FROM counted),
lines AS (
    SELECT 'all' AS by, local::date AS day, '' AS key, '' AS meter, 0 AS quantity, charged, refunded, operation, began
    FROM local
    UNION ALL
    SELECT 'hour', local::date, substr(local::time::text, 1, 2), '', 0, charged, refunded, operation, began FROM local
    UNION ALL
    SELECT 'meter', local::date, service, coalesce(meter, ''), coalesce(quantity, 0) * operation, charged, refunded,
        operation, began FROM local
    UNION ALL
    SELECT 'user', local::date, substr(notes->'metadata'->>'user_id', 1, 255), '', 0, charged, refunded, operation,
        began FROM local WHERE notes->'metadata'->>'user_id' <> ''
    UNION ALL
    SELECT 'purpose', local::date, notes->'metadata'->>'purpose', '', 0, charged, refunded, operation, began
    FROM local WHERE notes->'metadata'->>'purpose' <> '')
SELECT by, day, key, meter, sum(quantity), sum(charged), sum(refunded), sum(operation), sum(began)
FROM lines GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""

_TOTALS = """
SELECT (SELECT max(number) FROM transactions WHERE wallet_id = %s), coalesce(sum(charged), 0), coalesce(sum(refunded), 0),
    (SELECT coalesce(sum(CASE WHEN debit = 'issued:earned' THEN amount ELSE -amount END), 0) FROM postings
     WHERE wallet_id = %s AND 'issued:earned' IN (debit, credit)),
    coalesce(sum(CASE WHEN is_use THEN 1 WHEN is_void THEN -1 ELSE 0 END), 0), coalesce(sum(began), 0)
FROM counted"""


def recounted(url: str, wallet_id: int) -> dict[str, list[Any]]:
    """Slots, days and totals, from the journal."""
    return {
        "slots": run_sql(url, _LINES + _SLOTS, wallet_id, wallet_id),
        "days": run_sql(url, _LINES + _DAYS, *[wallet_id] * 3),
        "totals": run_sql(url, _LINES + _TOTALS, *[wallet_id] * 4),
    }


def rolled_up(url: str, wallet_id: int) -> dict[str, list[Any]]:
    """The same as it is stored."""
    return {
        "slots": run_sql(
            url,
            "SELECT slot, service, meter, user_id, purpose, quantity, charged_micro, refunded_micro, operations,"
            " sessions FROM rollups WHERE wallet_id = %s ORDER BY 1, 2, 3, 4, 5",
            wallet_id,
        ),
        "days": run_sql(
            url,
            "SELECT by, day, key, meter, quantity, charged_micro, refunded_micro, operations, sessions"
            " FROM rollup_days WHERE wallet_id = %s ORDER BY 1, 2, 3, 4",
            wallet_id,
        ),
        "totals": run_sql(
            url,
            "SELECT number, charged_micro, refunded_micro, earned_micro, operations, sessions FROM rollup_marks WHERE wallet_id = %s",
            wallet_id,
        ),
    }

"""How far the log of events has come, in figures: what has no place in it yet, and who has not read it to its end."""

from typing import Final

from ledger.kit.metrics import Metric, age_s, counted

_UNREAD_AGE: Final = """
SELECT name, greatest(coalesce(extract(epoch FROM ledger_now() - recorded_at), 0), 0) FROM (
    SELECT name, (SELECT recorded_at FROM outbox WHERE position = c.position + 1) FROM consumers c) AS next"""

METRICS: Final = (
    Metric(
        "credit_ledger_events_total",
        "Events that were ever told: the last position that was given.",
        "SELECT last FROM feed",
        kind="counter",
    ),
    Metric(
        "credit_ledger_events_unplaced",
        "Events that have no position yet, so that nobody hears of them; counted up to 10,000.",
        counted("outbox WHERE position IS NULL"),
    ),
    Metric(
        "credit_ledger_events_unplaced_age_seconds",
        "Age of the oldest event that has no position yet. 0 where all have one.",
        age_s("recorded_at", "outbox WHERE position IS NULL"),
    ),
    Metric(
        "credit_ledger_events_unread",
        "Events that a consumer has not read yet, by consumer.",
        "SELECT c.name, f.last - c.position FROM consumers c CROSS JOIN feed f",
        label="consumer",
    ),
    Metric(
        "credit_ledger_events_unread_age_seconds",
        "Age of the oldest event that a consumer has not read yet, by consumer. 0 where it has read all.",
        _UNREAD_AGE,
        label="consumer",
    ),
)

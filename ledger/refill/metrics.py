"""How auto-refill is doing, in figures; ``checkup`` says the same to people."""

from typing import Final, get_args

from ledger.events.payloads import PauseReason
from ledger.kit.metrics import NOW, Metric, age_s, counted, counted_by
from ledger.refill.tables import ENDED, STATES

LATE_S: Final = 600
"""From when on what is due, and nobody has seen to, is stuck."""

RATE_PERCENT_MIN: Final = 99
RATE_OF_AT_LEAST: Final = 20
"""Of fewer refills one that fails says nothing."""

# By when a card was last charged: a decline shows within the day, and not a week later, when nobody has paid the link.
# One that waits for its next try, or was canceled, has come to nothing yet.
CHARGED: Final = f"""
SELECT count(*) FILTER (WHERE state = 'succeeded') AS succeeded, count(*) AS charged,
    mode() WITHIN GROUP (ORDER BY coalesce(decline_code, reason)) FILTER (WHERE state <> 'succeeded') AS reason
FROM refill_attempts
WHERE tries > 0 AND asked_at > {NOW} - interval '24 hours'
    AND state IN ('succeeded', 'expired', 'link_sent')"""
"""One row: how many refills of the last 24 hours went well, of how many, and why the others most often did not."""

_OUTCOMES: Final = f"""
SELECT outcome, refills FROM ({CHARGED}) c
CROSS JOIN LATERAL (VALUES ('succeeded', succeeded), ('failed', charged - succeeded)) AS o (outcome, refills)"""

_DUE_AGE: Final = f"""
SELECT 'attempts', ({age_s("due_at", "refill_attempts WHERE due_at IS NOT NULL")})
UNION ALL SELECT 'wallets', ({age_s("next_at", "refills WHERE next_at IS NOT NULL")})"""

METRICS: Final = (
    Metric(
        "credit_ledger_auto_refill_attempts",
        "Refills under way, by state; counted up to 10,000.",
        counted_by("state", "refill_attempts WHERE ended_at IS NULL"),
        label="state",
        values=tuple(state for state in STATES if state not in ENDED),
    ),
    Metric(
        "credit_ledger_auto_refill_due_age_seconds",
        "For how long the step that is due first has waited: of refills under way (attempts), and of wallets that are"
        " to be looked at (wallets). 0 where nothing is late.",
        _DUE_AGE,
        label="of",
        values=("attempts", "wallets"),
    ),
    Metric(
        "credit_ledger_auto_refill_charged",
        "Refills whose card was last charged within the last 24 hours, by what came of it. One that failed was handed"
        " over to a person, or has expired; one that waits for another try counts for neither.",
        _OUTCOMES,
        label="outcome",
        values=("succeeded", "failed"),
    ),
    Metric(
        "credit_ledger_auto_refill_success_ratio",
        "Of credit_ledger_auto_refill_charged, the part that succeeded, 0 to 1; NaN where no card was charged within"
        " 24 hours.",
        f"SELECT succeeded::float8 / nullif(charged, 0) FROM ({CHARGED}) AS c",
    ),
    Metric(
        "credit_ledger_auto_refill_paused_wallets",
        "Wallets whose auto-refill has paused itself, by why; counted up to 10,000.",
        counted_by("paused_for", "refills WHERE paused_for IS NOT NULL"),
        label="reason",
        values=get_args(PauseReason),
    ),
    Metric(
        "credit_ledger_auto_refill_unknown_attempts",
        "Refills under way whose payment Stripe does not know at the moment, as it is asked with another key than"
        " before; counted up to 10,000. After a day their wallets are paused as unknown_at_stripe.",
        counted("refill_attempts WHERE ended_at IS NULL AND unknown_since IS NOT NULL"),
    ),
    Metric(
        "credit_ledger_auto_refill_stopped",
        "1 while the kill switch stops all automatic charges.",
        "SELECT stopped::int FROM refill_switch",
    ),
)

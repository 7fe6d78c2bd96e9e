"""How webhooks are doing, in figures.

What waits for an endpoint that is paused after failures, or disabled on request, waits for its owner and not for us:
it is counted, but is not late.
"""

from typing import Final

from ledger.kit.metrics import NOW, Metric, counted, counted_by
from ledger.webhooks.deliveries.store import first_of_each
from ledger.webhooks.tables import DISABLED_FOR, EXHAUSTED_FOR

_DUE_AGE: Final = f"""
SELECT greatest(coalesce(extract(epoch FROM {NOW} - min(d.due_at)), 0), 0)
FROM ({first_of_each("0")}) d WHERE (
    SELECT state = 'enabled' AND coalesce(paused_until <= {NOW}, true) FROM webhook_endpoints e
    WHERE e.endpoint = d.endpoint)"""
"""One look at the index for each endpoint that has something to send, as the courier does it."""

METRICS: Final = (
    Metric(
        "credit_ledger_webhook_deliveries",
        "Deliveries that wait for an attempt (due), and whose attempt is under way (sending); counted up to 10,000"
        " each.",
        f"""SELECT 'due', ({counted("webhook_deliveries WHERE state = 'due'")})
        UNION ALL SELECT 'sending', ({counted("webhook_deliveries WHERE state = 'sending'")})""",
        label="state",
        values=("due", "sending"),
    ),
    Metric(
        "credit_ledger_webhook_due_age_seconds",
        "How late the latest delivery is: for how long an attempt has been due to an endpoint that is neither disabled"
        " nor paused after failures. 0 where nothing is late.",
        _DUE_AGE,
    ),
    Metric(
        "credit_ledger_webhook_exhausted",
        "Deliveries that were given up within the last 24 hours, by why; counted up to 10,000.",
        counted_by(
            "exhausted_for",
            f"webhook_deliveries WHERE state = 'exhausted' AND finished_at > {NOW} - interval '24 hours'",
        ),
        label="reason",
        values=EXHAUSTED_FOR,
    ),
    Metric(
        "credit_ledger_webhook_disabled_endpoints",
        "Endpoints that are disabled, by why; counted up to 10,000.",
        counted_by("disabled_for", "webhook_endpoints WHERE state = 'disabled'"),
        label="reason",
        values=DISABLED_FOR,
    ),
)

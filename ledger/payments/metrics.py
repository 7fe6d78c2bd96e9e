"""How money comes in, in figures: what Stripe told, what it is still to be asked, and whether it says the same."""

from typing import Final

from ledger.kit.metrics import Metric, age_s, counted, since_s
from ledger.payments.inbox.poll import ASKED

_NEW: Final = "stripe_events WHERE state = 'new'"
_FAILED: Final = "stripe_events WHERE state = 'failed'"
_PENDING: Final = "payments WHERE state = 'pending'"

_LAST_REPORT: Final = """
SELECT jsonb_array_length(convert_from(report, 'UTF8')::jsonb -> 'differences')
FROM reconciliations ORDER BY at DESC LIMIT 1"""

METRICS: Final = (
    Metric(
        "credit_ledger_stripe_inbox_events",
        "Events of Stripe that are to be worked on (new) or were given up (failed); counted up to 10,000 each.",
        f"SELECT 'new', ({counted(_NEW)}) UNION ALL SELECT 'failed', ({counted(_FAILED)})",
        label="state",
        values=("new", "failed"),
    ),
    Metric(
        "credit_ledger_stripe_inbox_due_age_seconds",
        "For how long the event of Stripe that is due first has waited to be worked on, or tried again. 0 where"
        " nothing is late.",
        age_s("due_at", _NEW),
    ),
    Metric(
        "credit_ledger_stripe_inbox_failed_age_seconds",
        "For how long the event of Stripe that was given up first has been here. 0 where none was.",
        age_s("received_at", _FAILED),
    ),
    Metric(
        "credit_ledger_stripe_poll_age_seconds",
        "Since when Stripe last answered the poller, which asks for events that never came, in seconds; NaN where it"
        " never did.",
        since_s("at", f"stripe_cursors WHERE name = '{ASKED}'"),
    ),
    Metric(
        "credit_ledger_payment_links_pending",
        "Payment links that are not issued at Stripe yet; counted up to 10,000.",
        counted(_PENDING),
    ),
    Metric(
        "credit_ledger_payment_links_pending_age_seconds",
        "Age of the oldest payment link that is not issued at Stripe yet. 0 where all are.",
        age_s("created_at", _PENDING),
    ),
    Metric(
        "credit_ledger_payments_due_age_seconds",
        "For how long what is due first has waited: links to be issued or ended (links), refunds to be gone on with"
        " (refunds), objects of Stripe that could not be booked to be looked at again (problems). 0 where nothing is"
        " late.",
        f"""SELECT 'links', ({age_s("due_at", "payments WHERE due_at IS NOT NULL")})
        UNION ALL SELECT 'refunds', ({age_s("due_at", "payment_refunds WHERE due_at IS NOT NULL")})
        UNION ALL SELECT 'problems', ({age_s("due_at", "stripe_problems WHERE due_at IS NOT NULL")})""",
        label="of",
        values=("links", "refunds", "problems"),
    ),
    Metric(
        "credit_ledger_stripe_problems",
        "Objects of Stripe that could not be booked yet; counted up to 10,000.",
        counted("stripe_problems"),
    ),
    Metric(
        "credit_ledger_reconciliation_age_seconds",
        "Since when the newest reconciliation with Stripe was made, in seconds; NaN where there is none.",
        since_s("at", "reconciliations"),
    ),
    Metric(
        "credit_ledger_reconciliation_differences",
        "Differences that the newest reconciliation has found; NaN where there is none.",
        f"SELECT ({_LAST_REPORT})",
    ),
)

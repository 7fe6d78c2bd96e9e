"""How notifications are doing, in figures."""

from typing import Final

from ledger.kit.metrics import Metric, age_s, counted

_OPEN: Final = "notifications WHERE state IN ('queued', 'sending')"

METRICS: Final = (
    Metric(
        "credit_ledger_notifications",
        "Notifications that are to be sent, or are being sent; counted up to 10,000.",
        counted(_OPEN),
    ),
    Metric(
        "credit_ledger_notifications_due_age_seconds",
        "For how long the notification that is due first has waited to be sent. 0 where nothing is late.",
        age_s("due_at", _OPEN),
    ),
)

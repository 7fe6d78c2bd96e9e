"""Every metric that is read from the database, concept by concept."""

from typing import Final

import ledger.book.anchor.metrics
import ledger.book.metrics
import ledger.events.metrics
import ledger.notifications.metrics
import ledger.payments.metrics
import ledger.refill.metrics
import ledger.webhooks.metrics
from ledger.kit.metrics import Metric

METRICS: Final[tuple[Metric, ...]] = (
    *ledger.refill.metrics.METRICS,
    *ledger.payments.metrics.METRICS,
    *ledger.webhooks.metrics.METRICS,
    *ledger.notifications.metrics.METRICS,
    *ledger.events.metrics.METRICS,
    *ledger.book.metrics.METRICS,
    *ledger.book.anchor.metrics.METRICS,
)

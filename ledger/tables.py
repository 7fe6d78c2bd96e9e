"""Every concept's tables, imported so that the one MetaData is whole (for migrations and checks)."""

import ledger.access.tables
import ledger.alerts.tables
import ledger.backup.tables
import ledger.book.anchor.tables
import ledger.book.tables
import ledger.budgets.tables
import ledger.events.tables
import ledger.forecast.tables
import ledger.kit.duty
import ledger.kit.idempotency
import ledger.kit.outbox
import ledger.notifications.tables
import ledger.payments.tables
import ledger.rates.tables
import ledger.refill.tables
import ledger.rollups.tables
import ledger.wallets.tables
import ledger.webhooks.tables  # noqa: F401
from ledger.kit.tables import metadata

__all__ = ["metadata"]

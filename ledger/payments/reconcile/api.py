"""/v1/finance/reconciliation."""

from litestar import get

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer
from ledger.payments.reconcile import service
from ledger.payments.reconcile.report import Reconciliation


@get("/v1/finance/reconciliation", opt={"scope": "read"})
async def get_reconciliation(request: LedgerRequest) -> Answer[Reconciliation]:
    """The newest reconciliation with Stripe: what was looked at, and what differs and why. It is made every day, and by
    `credit-ledger reconcile`."""
    return Answer(await service.last(request.services.database))


HANDLERS = [get_reconciliation]

"""/v1/payments/{payment_id}/disputes."""

from litestar import get
from litestar.params import FromPath

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer
from ledger.kit.http.paging import Cursor, Limit, Page
from ledger.payments import lists
from ledger.payments.disputes import store
from ledger.payments.disputes.shapes import Dispute, dispute


@get("/v1/payments/{payment_id:str}/disputes", opt={"scope": "read"})
async def list_disputes(
    request: LedgerRequest, payment_id: FromPath[str], limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[Dispute]]:
    """A payment's disputes and inquiries. Evidence is given at Stripe."""
    database, load = request.services.database, store.of_payment
    found = await lists.of_payment(
        database, payment_id, "disputes", limit, cursor, "", load, dispute, lambda row: row.dispute
    )
    return answer(found)


HANDLERS = [list_disputes]

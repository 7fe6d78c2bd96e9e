"""/v1/payments/{payment_id}/disputes."""

from litestar import get
from litestar.params import FromPath

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer
from ledger.kit.http.paging import Cursor, Limit, Page, page, place_of
from ledger.payments import rows
from ledger.payments.disputes import store
from ledger.payments.disputes.shapes import Dispute, dispute


@get("/v1/payments/{payment_id:str}/disputes", opt={"scope": "read"})
async def list_disputes(
    request: LedgerRequest, payment_id: FromPath[str], limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[Dispute]]:
    """A payment's disputes and inquiries. Evidence is given at Stripe."""
    name = f"disputes of {payment_id}"
    after = str(place_of(name, cursor, str) or "")
    async with request.services.database.transaction() as connection:
        payment = await rows.find(connection, payment_id)
        found = await store.of_payment(connection, payment.wallet_id, payment.payment, after, limit + 1)
    return answer(page(name, found, limit, dispute, lambda row: row.dispute))


HANDLERS = [list_disputes]

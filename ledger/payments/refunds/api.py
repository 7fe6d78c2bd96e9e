"""/v1/payments/{payment_id}/refunds and /v1/refunds/{refund_id}."""

from litestar import get, post
from litestar.params import FromPath, JSONBody

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer, created_as, encode
from ledger.kit.http.paging import Cursor, Limit, Page
from ledger.kit.ids import row_public
from ledger.payments import lists
from ledger.payments.desk import Desk
from ledger.payments.money.posting import hash_of
from ledger.payments.refunds import service, store
from ledger.payments.refunds.send import send
from ledger.payments.refunds.shapes import NewRefund, Refund, refund


@post("/v1/payments/{payment_id:str}/refunds", opt={"scope": "write", "key": "required"})
async def refund_payment(
    request: LedgerRequest, payment_id: FromPath[str], data: JSONBody[NewRefund]
) -> Answer[Refund]:
    """Give the money of a payment back, or a part of it, and take the credits back that it bought.

    What is spent is not refunded, unless by `force`. While Stripe cannot be reached the refund stays `pending`, and is
    paid later.
    """
    desk = request.desk
    key, namespace = request.idempotency_key(), request.principal.namespace
    async with desk.database.transaction() as connection:
        asked = await service.look(connection, payment_id, namespace, key)
        command = await service.plan(connection, asked, data)
    begin = store.begin(asked.payment, hash_of(key, namespace), reason=data.reason, actor=request.principal.key_id)
    posted = await request.post(command, key, (begin,))
    found = await _found(desk, posted.transaction.wallet_id, posted.transaction.number)
    if not posted.replayed:
        await send(desk, found)
        found = await _found(desk, found.wallet_id, found.number)
    shape = refund(found)
    body = await store.answered(desk.database, found, encode(shape))
    return created_as(body, f"/v1/refunds/{shape.id}", replayed=posted.replayed)


@get("/v1/payments/{payment_id:str}/refunds", opt={"scope": "read"})
async def list_refunds(
    request: LedgerRequest, payment_id: FromPath[str], limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[Refund]]:
    """A payment's refunds, the oldest first, those made at Stripe included."""
    database, load = request.services.database, store.of_payment
    found = await lists.of_payment(
        database, payment_id, "refunds", limit, cursor, 0, load, refund, lambda row: row.number
    )
    return answer(found)


@get("/v1/refunds/{refund_id:str}", opt={"scope": "read"})
async def get_refund(request: LedgerRequest, refund_id: FromPath[str]) -> Answer[Refund]:
    """A refund as it stands."""
    async with request.services.database.transaction() as connection:
        return answer(refund(await service.get_refund(connection, refund_id)))


async def _found(desk: Desk, wallet_id: int, number: int) -> store.Refund:
    async with desk.database.transaction() as connection:
        return await service.get_refund(connection, row_public("rfd", wallet_id, number))


HANDLERS = [refund_payment, list_refunds, get_refund]

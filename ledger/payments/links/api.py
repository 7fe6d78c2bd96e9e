"""Payment links for clients: /v1/wallets/{wallet_id}/payment-links and /v1/payment-links."""

from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.context import LedgerRequest
from ledger.errors import StripeUnavailable
from ledger.kit import ids
from ledger.kit.http.answers import Answer, answer, created_as, encode
from ledger.kit.http.paging import Cursor, Limit, Page
from ledger.kit.idempotency import Done, once
from ledger.payments import lists, rows
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway, StripeRefused
from ledger.payments.links import service
from ledger.payments.links.shapes import Link, Links, NewLink, NewLinks, link_of
from ledger.payments.rows import Payment, Wanted, payment_public
from ledger.payments.tables import payments

LINKS: Final = Wanted(origins=("link", "reusable"), parents_only=True)

_made = msgspec.json.Decoder(list[int]).decode


@post("/v1/wallets/{wallet_id:str}/payment-links", opt={"scope": "write", "key": "required"})
async def create_payment_link(
    request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[NewLink]
) -> Answer[Link]:
    """Make a link that a customer pays by. ``status`` is `pending` where Stripe cannot be reached: then it is issued
    later, and ``payment_url`` stays as it is."""
    [payment], replayed = await _make(request, wallet_id, [data], ["amount"])
    body = await _answered(request.desk, payment)
    return created_as(body, f"/v1/payment-links/{payment_public(payment)}", replayed=replayed)


@post("/v1/wallets/{wallet_id:str}/payment-links/batch", opt={"scope": "write", "key": "required"})
async def create_payment_links(
    request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[NewLinks]
) -> Answer[Links]:
    """Make several links; all of them or none."""
    paths = [f"links[{place}].amount" for place in range(len(data.links))]
    made, replayed = await _make(request, wallet_id, data.links, paths)
    bodies = [await _answered(request.desk, payment) for payment in made]
    body = b'{"links":[' + b",".join(bodies) + b"]}"
    return created_as(body, f"/v1/wallets/{ids.wallet_public(made[0].wallet_id)}/payment-links", replayed=replayed)


@get("/v1/wallets/{wallet_id:str}/payment-links", opt={"scope": "read"})
async def list_payment_links(
    request: LedgerRequest, wallet_id: FromPath[str], limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[Link]]:
    """A wallet's payment links, the newest first. What was paid by a reusable one is in the list of payments."""
    found = await request.services.directory.find(wallet_id)
    desk = request.desk
    async with desk.database.transaction() as connection:
        return answer(
            await lists.of_wallet(
                connection, found, "payment links", limit, cursor, lambda payment: link_of(payment, desk), LINKS
            )
        )


@get("/v1/payment-links/{payment_id:str}", opt={"scope": "read"})
async def get_payment_link(request: LedgerRequest, payment_id: FromPath[str]) -> Answer[Link]:
    """A payment link as it stands."""
    desk = request.desk
    return answer(link_of(await _find(desk, payment_id), desk))


@post("/v1/payment-links/{payment_id:str}/cancel", status_code=200, opt={"scope": "write"})
async def cancel_payment_link(request: LedgerRequest, payment_id: FromPath[str]) -> Answer[Link]:
    """End a link before it is paid. One that is canceled stays so."""
    desk = request.desk
    try:
        return answer(link_of(await service.cancel(desk, await _find(desk, payment_id)), desk))
    except (StripeAway, StripeRefused) as error:
        raise StripeUnavailable("Stripe cannot be reached, so the link may still be paid; try again") from error


async def _make(
    request: LedgerRequest, wallet_id: str, wanted: list[NewLink], paths: list[str]
) -> tuple[list[Payment], bool]:
    """The links of a request, and whether they were made by an earlier one under its key."""
    desk = request.desk
    key = request.idempotency_key()
    found = await request.services.directory.find_or_open(wallet_id)

    async def work(connection: AsyncConnection) -> Done:
        actor = request.principal.key_id
        made = [
            await service.add(connection, desk, found, link, actor, path)
            for link, path in zip(wanted, paths, strict=True)
        ]
        return Done(201, encode([payment.payment for payment in made]))

    done = await once(
        desk.database,
        namespace=request.principal.namespace,
        operation=f"payment-links {found}",
        key=key,
        request=wanted,
        work=work,
    )
    async with desk.database.transaction() as connection:
        made = [await rows.load(connection, found, payment) for payment in _made(done.body)]
    return [payment for payment in made if payment is not None], done.replayed


async def _answered(desk: Desk, payment: Payment) -> bytes:
    """What a request for this link is answered with: the same bytes each time."""
    if payment.answer is None:
        payment = await service.try_issue(desk, payment)
        body = encode(link_of(payment, desk)).decode()
        async with desk.database.transaction() as connection:
            await connection.execute(_first_answer(payment, body))
            payment = await rows.load(connection, payment.wallet_id, payment.payment) or payment
    assert payment.answer is not None
    return payment.answer.encode()


def _first_answer(payment: Payment, body: str) -> Any:
    table = payments.c
    named = table.wallet_id == payment.wallet_id, table.payment == payment.payment, table.answer.is_(None)
    return update(payments).where(*named).values(answer=body)


async def _find(desk: Desk, payment_id: str) -> Payment:
    async with desk.database.transaction() as connection:
        return await rows.find(connection, payment_id)


HANDLERS = [create_payment_link, create_payment_links, list_payment_links, get_payment_link, cancel_payment_link]

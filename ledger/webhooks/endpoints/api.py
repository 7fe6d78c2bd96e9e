"""/v1/webhook-endpoints. All of it needs the scope admin: an address may itself be a secret."""

from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.context import LedgerRequest
from ledger.errors import IdempotencyConflict, SecretKeysMissing
from ledger.kit.http.answers import Answer, answer, created_as, encode
from ledger.kit.http.paging import Cursor, Limit, Page, number_of, page
from ledger.kit.idempotency import Done, Work, once
from ledger.kit.secret_keys import NotDecrypted
from ledger.wallets.directory import checked_owner
from ledger.webhooks.endpoints import service, store
from ledger.webhooks.endpoints.checks import check_url
from ledger.webhooks.endpoints.service import Made
from ledger.webhooks.endpoints.shapes import (
    Endpoint,
    EndpointChange,
    EndpointWithSecret,
    NewEndpoint,
    NewSecret,
    endpoint,
)

OwnerFilter = Annotated[str | None, QueryParameter(description="Only this owner's endpoints.")]

_kept = msgspec.json.Decoder(Made).decode


@post("/v1/webhook-endpoints", opt={"scope": "admin", "key": "optional"})
async def make_webhook_endpoint(request: LedgerRequest, data: JSONBody[NewEndpoint]) -> Answer[EndpointWithSecret]:
    """Make a webhook endpoint. ``secret`` is in this answer only: keep it, deliveries are verified by it."""
    keys = request.secret_keys
    secret = service.checked_secret(data.secret)
    await check_url(request.services.egress, data.url)

    async def work(connection: AsyncConnection) -> Done:
        return Done(201, encode(await service.make(connection, keys, data, secret)))

    return await _once(request, "POST /v1/webhook-endpoints", data, secret, work)


@get("/v1/webhook-endpoints", opt={"scope": "admin"})
async def list_webhook_endpoints(
    request: LedgerRequest, owner_id: OwnerFilter = None, limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[Endpoint]]:
    """Webhook endpoints, of one owner or all."""
    if owner_id is not None:
        checked_owner(owner_id, "owner_id")
    name = f"webhook endpoints of {owner_id!r}"
    after = number_of(name, cursor) or 0
    async with request.services.database.transaction() as connection:
        rows = await store.listed(connection, owner_id, after, limit + 1)
        spans = await store.spans(connection, [row.endpoint for row in rows])
    return answer(page(name, rows, limit, lambda row: endpoint(row, spans[row.endpoint]), lambda row: row.endpoint))


@get("/v1/webhook-endpoints/{endpoint_id:str}", opt={"scope": "admin"})
async def get_webhook_endpoint(request: LedgerRequest, endpoint_id: FromPath[str]) -> Answer[Endpoint]:
    """A webhook endpoint with how it does."""
    number = service.number_of(endpoint_id)
    async with request.services.database.transaction() as connection:
        return answer(await service.get(connection, number))


@patch("/v1/webhook-endpoints/{endpoint_id:str}", opt={"scope": "admin"})
async def change_webhook_endpoint(
    request: LedgerRequest, endpoint_id: FromPath[str], data: JSONBody[EndpointChange]
) -> Answer[Endpoint]:
    """Change a webhook endpoint, disable it, or enable it again. What waits for a disabled one waits on."""
    services = request.services
    changed = await service.change(services.database, services.egress, service.number_of(endpoint_id), data)
    return answer(changed)


@delete("/v1/webhook-endpoints/{endpoint_id:str}", status_code=200, opt={"scope": "admin"})
async def delete_webhook_endpoint(request: LedgerRequest, endpoint_id: FromPath[str]) -> Answer[Endpoint]:
    """Delete a webhook endpoint with its secrets, for good. What waits is not delivered any more."""
    return answer(await service.delete(request.services.database, service.number_of(endpoint_id)))


@post("/v1/webhook-endpoints/{endpoint_id:str}/rotate-secret", opt={"scope": "admin", "key": "optional"})
async def rotate_webhook_secret(
    request: LedgerRequest, endpoint_id: FromPath[str], data: JSONBody[NewSecret]
) -> Answer[EndpointWithSecret]:
    """Give a webhook endpoint another secret. Those before it sign too for ``overlap_s``: a day, unless told."""
    keys = request.secret_keys
    number = service.number_of(endpoint_id)
    secret = service.checked_secret(data.secret)

    async def work(connection: AsyncConnection) -> Done:
        return Done(201, encode(await service.rotate(connection, keys, number, data, secret)))

    return await _once(request, f"POST /v1/webhook-endpoints/{number}/rotate-secret", data, secret, work)


async def _once(
    request: LedgerRequest, operation: str, data: NewEndpoint | NewSecret, secret: str, work: Work
) -> Answer[Any]:
    """As ``LedgerRequest.once``, with a secret in the answer: of that nothing is kept under the key, no digest even. A
    repeated answer has it from where it is encrypted."""
    database = request.services.database
    done = await once(
        database,
        namespace=request.principal.namespace,
        operation=operation,
        key=request.optional_key(),
        request=msgspec.structs.replace(data, secret=None if data.secret is None else ""),
        work=work,
    )
    made = _kept(done.body)
    shown: str | None = secret
    if done.replayed:
        try:
            async with database.transaction() as connection:
                shown = await service.secret_again(connection, request.secret_keys, made)
        except NotDecrypted as error:
            raise SecretKeysMissing("the secret was encrypted by a key that this service does not have") from error
        if shown is not None and data.secret not in (None, shown):
            raise IdempotencyConflict("this Idempotency-Key was used for another secret; take a new one")
    body = encode(msgspec.structs.replace(made.answer, secret=shown))
    return created_as(body, f"/v1/webhook-endpoints/{made.answer.id}", replayed=done.replayed)


HANDLERS = [
    make_webhook_endpoint,
    list_webhook_endpoints,
    get_webhook_endpoint,
    change_webhook_endpoint,
    delete_webhook_endpoint,
    rotate_webhook_secret,
]

"""/v1/deliveries, and what is sent to one endpoint. All of it needs the scope admin, as endpoints do."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer
from ledger.kit.http.fields import in_utc
from ledger.kit.http.paging import Cursor, Limit, Page, number_of, page
from ledger.webhooks.deliveries import service
from ledger.webhooks.deliveries.shapes import Again, Delivery, DeliveryWithLog, Redelivered, State, Tested, delivery
from ledger.webhooks.endpoints.service import number_of as endpoint_of

TypeFilter = Annotated[str | None, QueryParameter(name="type", max_length=100, description="Only events of this type.")]
StateFilter = Annotated[State | None, QueryParameter(name="state", description="Only deliveries in this state.")]


@get("/v1/webhook-endpoints/{endpoint_id:str}/deliveries", opt={"scope": "admin"})
async def list_deliveries(
    request: LedgerRequest,
    endpoint_id: FromPath[str],
    in_state: StateFilter = None,
    of_type: TypeFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[Page[Delivery]]:
    """Deliveries to a webhook endpoint, the newest first. ``state=exhausted`` are those that were given up."""
    name = f"deliveries to {endpoint_id}, {in_state}, {of_type!r}"
    before = number_of(name, cursor)
    async with request.services.database.transaction() as connection:
        rows = await service.listed(connection, endpoint_of(endpoint_id), in_state, of_type, before, limit + 1)
    return answer(page(name, rows, limit, delivery, lambda row: row.delivery))


@get("/v1/deliveries/{delivery_id:str}", opt={"scope": "admin"})
async def get_delivery(request: LedgerRequest, delivery_id: FromPath[str]) -> Answer[DeliveryWithLog]:
    """A delivery with what is sent, and the log of its attempts."""
    number = service.number_of(delivery_id)
    async with request.services.database.transaction() as connection:
        return answer(await service.get(connection, number))


@post("/v1/deliveries/{delivery_id:str}/redeliver", status_code=200, opt={"scope": "admin"})
async def redeliver(request: LedgerRequest, delivery_id: FromPath[str]) -> Answer[Delivery]:
    """Deliver an event again, at once, whatever became of it. It has the same `webhook-id`."""
    return answer(await service.redeliver(request.services.database, service.number_of(delivery_id)))


@post("/v1/webhook-endpoints/{endpoint_id:str}/redeliver", status_code=200, opt={"scope": "admin"})
async def redeliver_some(
    request: LedgerRequest, endpoint_id: FromPath[str], data: JSONBody[Again]
) -> Answer[Redelivered]:
    """Deliver again what was told in a time: what was exhausted, what the endpoint missed, or all of it."""
    since = in_utc(data.since, "since")
    until = in_utc(data.until, "until") or datetime.max.replace(tzinfo=UTC)
    assert since is not None
    found = await service.redeliver_some(request.services.database, endpoint_of(endpoint_id), data, since, until)
    return answer(Redelivered(deliveries=found))


@post("/v1/webhook-endpoints/{endpoint_id:str}/test", status_code=200, opt={"scope": "admin"})
async def test_webhook_endpoint(request: LedgerRequest, endpoint_id: FromPath[str]) -> Answer[Tested]:
    """Send a test event to a webhook endpoint now, also to one that is disabled, and say how it was taken."""
    services = request.services
    number = endpoint_of(endpoint_id)
    return answer(await service.test(services.database, services.egress, request.secret_keys, number))


HANDLERS = [list_deliveries, get_delivery, redeliver, redeliver_some, test_webhook_endpoint]

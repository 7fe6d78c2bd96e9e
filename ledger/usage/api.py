"""Usage: /v1/wallets/{wallet_id}/usage and /v1/usage/batch."""

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer, created
from ledger.kit.http.strict import decode
from ledger.transactions.shapes import location
from ledger.usage.batch import charge_all
from ledger.usage.shapes import BatchResults, Charged, LenientBatch, UsageBatch, UsageEvent, charged, use_of

BATCH_BODY_MAX = 4 * 1024 * 1024

_batch = msgspec.json.Decoder(LenientBatch)


@post("/v1/wallets/{wallet_id:str}/usage", opt={"scope": "write", "key": "required"})
async def charge_usage(request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[UsageEvent]) -> Answer[Charged]:
    """Charge what a service used, out of the wallet's lots in burn-down order."""
    key = request.idempotency_key()
    directory = request.services.directory
    found = directory.known(wallet_id)
    command = use_of(data, found or 0)
    if found is None:
        command = msgspec.structs.replace(command, wallet_id=await directory.find_or_open(wallet_id))
    posted = await request.post(command, key)
    return created(charged(posted), location(posted.transaction), replayed=posted.replayed)


@post(
    "/v1/usage/batch",
    status_code=200,
    opt={"scope": "write", "body": UsageBatch},
    request_max_body_size=BATCH_BODY_MAX,
)
async def charge_batch(request: LedgerRequest) -> Answer[BatchResults]:
    """Charge up to 1,000 usage events. Each has its own outcome in ``results``, and the answer is 200 whatever they
    are. With ``atomic``, all are posted or none: one refusal is 422 `BATCH_REFUSED`, with every item's result in
    ``details.results``, and leaves the keys free."""
    batch = decode(await request.json_bytes(), _batch, whole=False)
    return answer(BatchResults(await charge_all(request, batch.items, batch.atomic)))


HANDLERS = [charge_usage, charge_batch]

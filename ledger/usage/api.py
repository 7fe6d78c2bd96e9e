"""Usage: /v1/wallets/{wallet_id}/usage, /v1/usage/batch, and corrections of what was reported."""

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody

from ledger.book.commands import Posted
from ledger.context import LedgerRequest
from ledger.kit import ids
from ledger.kit.http.answers import Answer, answer, created
from ledger.kit.http.strict import decode
from ledger.rates.counted import line_of
from ledger.transactions.shapes import TransactionShape, balance_after, location, transaction
from ledger.usage import corrections
from ledger.usage.batch import charge_all
from ledger.usage.events import BACKFILL, use_by
from ledger.usage.quotes import quoted
from ledger.usage.shapes import (
    Amended,
    Amendment,
    BatchResults,
    Charged,
    LenientBatch,
    Quote,
    UsageBatch,
    UsageEvent,
    Void,
    charge,
    charged,
)

BATCH_BODY_MAX = 4 * 1024 * 1024

_batch = msgspec.json.Decoder(LenientBatch)


@post("/v1/wallets/{wallet_id:str}/usage", opt={"scope": "write", "key": "required"})
async def charge_usage(request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[UsageEvent]) -> Answer[Charged]:
    """Charge what a service used, out of the wallet's lots in burn-down order."""
    key = request.idempotency_key()
    services = request.services
    found = services.directory.known(wallet_id)
    command = await use_by(services.cards, data, found or 0, backfill=BACKFILL in request.principal.scopes)
    if found is None:
        found = await services.directory.find_or_open(wallet_id)
        command = msgspec.structs.replace(command, wallet_id=found)
    posted = await request.post(command, key)
    line = None if command.measure is None else await line_of(services.database, posted)
    return created(charged(posted, line), location(posted.transaction), replayed=posted.replayed)


@post("/v1/wallets/{wallet_id:str}/usage/quote", status_code=200, opt={"scope": "read"})
async def quote_usage(request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[UsageEvent]) -> Answer[Quote]:
    """What an event would be charged now, with the free tier and the lots as they stand. Nothing is posted."""
    services = request.services
    found = await services.directory.find(wallet_id)
    command = await use_by(services.cards, data, found, backfill=BACKFILL in request.principal.scopes)
    return answer(quoted(await services.door.quote(request.attempt(command, "quote"))))


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


@post("/v1/usage/{transaction_id:str}/void", opt={"scope": "write", "key": "required"})
async def void_usage(
    request: LedgerRequest, transaction_id: FromPath[str], data: JSONBody[Void]
) -> Answer[TransactionShape]:
    """Take a usage event back: its credits return to their lots, and what it counted leaves the month's counters. Both
    transactions stay visible."""
    wallet_id, number = ids.parse_row("txn", transaction_id, "transaction")
    posted = await request.post(corrections.void(wallet_id, number, data.reason))
    return created(transaction(posted.transaction), location(posted.transaction), replayed=posted.replayed)


@post("/v1/usage/{transaction_id:str}/amend", opt={"scope": "write", "key": "required"})
async def amend_usage(
    request: LedgerRequest, transaction_id: FromPath[str], data: JSONBody[Amendment]
) -> Answer[Amended]:
    """Correct what a usage event said: it is voided, and charged anew at the price of when it occurred, in one go."""
    voided, posted = await corrections.amend(request, transaction_id, data)
    line = await line_of(request.services.database, posted)
    return created(_amended(voided, posted, line), location(posted.transaction), replayed=posted.replayed)


def _amended(voided: Posted, posted: Posted, line: str | None) -> Amended:
    return Amended(
        void=transaction(voided.transaction),
        transaction=transaction(posted.transaction),
        charge=charge(posted, line),
        balance=balance_after(posted),
    )


HANDLERS = [charge_usage, quote_usage, charge_batch, void_usage, amend_usage]

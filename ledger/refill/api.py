"""/v1/wallets/{wallet_id}/auto-refill, and the switch for the whole service."""

from contextlib import suppress
from typing import Annotated

import msgspec
from litestar import get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from ledger.book.commands import BookDue, Rider
from ledger.context import LedgerRequest
from ledger.errors import NotFound, Unavailable
from ledger.kit.http.answers import Answer, answer
from ledger.kit.http.paging import Cursor, Limit, Page, number_of, page
from ledger.kit.ids import parse_row
from ledger.refill import attempts, changes, store, webhook
from ledger.refill.answer import about, shape_of
from ledger.refill.attempts import Attempt
from ledger.refill.shapes import (
    AttemptShape,
    AttemptState,
    AutoRefillShape,
    AutoRefillWithSecret,
    Settings,
    Switch,
    SwitchShape,
    attempt_shape,
    switch_shape,
)
from ledger.wallets.service import get_wallet

Status = Annotated[AttemptState | None, QueryParameter(name="status", description="Only attempts in this state.")]


@get("/v1/wallets/{wallet_id:str}/auto-refill", opt={"scope": "read"})
async def get_auto_refill(request: LedgerRequest, wallet_id: FromPath[str]) -> Answer[AutoRefillShape]:
    """A wallet's auto-refill: its settings, how it stands, and what is to be expected."""
    found = await request.services.directory.find(wallet_id)
    await get_wallet(request.services.database, found)
    return answer(await _shown(request, found))


@put("/v1/wallets/{wallet_id:str}/auto-refill", opt={"scope": "write"})
async def set_auto_refill(
    request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[Settings]
) -> Answer[AutoRefillWithSecret]:
    """Switch auto-refill on or off, or change it. What is left out stays as it was. Switching it on is a consent to be
    charged, and is kept with what was shown; a wallet that is below the threshold already is charged at once. The
    secret of a `notification_webhook` that was not there is in this answer only."""
    await webhook.check(request, data.notification_webhook)
    found = await request.services.directory.find_or_open(wallet_id)
    services = request.services
    wallet = await get_wallet(services.database, found)
    actor = request.principal.key_id
    async with services.database.transaction() as connection:
        rider = await changes.setting(connection, found, data, actor=actor, wallet=wallet, service=services.settings)
    # Before the change: what that tells at once is heard.
    secret = await webhook.keep(request, wallet, data.notification_webhook)
    changed = await _changed(request, found, rider)
    return answer(AutoRefillWithSecret(**msgspec.structs.asdict(changed), notification_webhook_secret=secret))


@post("/v1/wallets/{wallet_id:str}/auto-refill/resume", status_code=200, opt={"scope": "write"})
async def resume_auto_refill(request: LedgerRequest, wallet_id: FromPath[str]) -> Answer[AutoRefillShape]:
    """End a pause: the wallet is charged again when it runs low, by the card that it has now."""
    found = await request.services.directory.find(wallet_id)
    await get_wallet(request.services.database, found)
    async with request.services.database.transaction() as connection:
        rider = await changes.resuming(connection, found)
    return answer(await _changed(request, found, rider))


@get("/v1/wallets/{wallet_id:str}/auto-refill/attempts", opt={"scope": "read"})
async def list_refill_attempts(
    request: LedgerRequest,
    wallet_id: FromPath[str],
    of_status: Status = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[Page[AttemptShape]]:
    """A wallet's refills, the newest first, those that came to nothing included."""
    found = await request.services.directory.find(wallet_id)
    await get_wallet(request.services.database, found)
    name = f"refills of {found} {of_status}"
    before = number_of(name, cursor)
    async with request.services.database.transaction() as connection:
        rows = await attempts.listed(connection, found, before=before, limit=limit + 1, state=of_status)
    return answer(page(name, rows, limit, attempt_shape, _number))


@get("/v1/wallets/{wallet_id:str}/auto-refill/attempts/{attempt_id:str}", opt={"scope": "read"})
async def get_refill_attempt(
    request: LedgerRequest, wallet_id: FromPath[str], attempt_id: FromPath[str]
) -> Answer[AttemptShape]:
    """A refill of the wallet."""
    found = await request.services.directory.find(wallet_id)
    owner, number = parse_row("arf", attempt_id, "refill")
    async with request.services.database.transaction() as connection:
        attempt = await attempts.find(connection, found, number)
    if owner != found or attempt is None:
        raise NotFound(f"the wallet has no refill {attempt_id}")
    return answer(attempt_shape(attempt))


@get("/v1/auto-refill/switch", opt={"scope": "read"})
async def get_refill_switch(request: LedgerRequest) -> Answer[SwitchShape]:
    """Whether all automatic charges are stopped."""
    async with request.services.database.transaction() as connection:
        return answer(switch_shape(await store.switched(connection)))


@put("/v1/auto-refill/switch", opt={"scope": "admin"})
async def set_refill_switch(request: LedgerRequest, data: JSONBody[Switch]) -> Answer[SwitchShape]:
    """Stop all automatic charges of the service at once, or let them go on. While they are stopped, no card is charged;
    what Stripe was asked before is still seen to its end."""
    actor = request.principal.key_id
    database = request.services.database
    switched = await changes.switch(database, stopped=data.stopped, reason=data.reason, actor=actor)
    return answer(switch_shape(switched))


async def _changed(request: LedgerRequest, wallet_id: int, rider: Rider | None) -> AutoRefillShape:
    """Carry out a change, and then have it decided whether a refill is needed."""
    if rider is not None:
        await request.change(BookDue(wallet_id=wallet_id), (rider,))
        with suppress(Unavailable):  # the change is made, and the wallet is due to be looked at
            await request.change(BookDue(wallet_id=wallet_id))
    return await _shown(request, wallet_id)


async def _shown(request: LedgerRequest, wallet_id: int) -> AutoRefillShape:
    async with request.services.database.transaction() as connection:
        found = await about(connection, wallet_id)
    return shape_of(wallet_id, found, request.services.settings.settlement_currency, request.principal.scopes)


def _number(attempt: Attempt) -> int:
    return attempt.attempt


HANDLERS = [
    get_auto_refill,
    set_auto_refill,
    resume_auto_refill,
    list_refill_attempts,
    get_refill_attempt,
    get_refill_switch,
    set_refill_switch,
]

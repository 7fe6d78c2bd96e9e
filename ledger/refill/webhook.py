"""The webhook in the settings of auto-refill: an endpoint that hears of this wallet's `auto_refill.*`, and is signed,
tried again, looked at and disabled as any other.

Its secret is in the answer that made it. Where that was lost, the same request under the same Idempotency-Key has it
again, as long as it signs.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.context import LedgerRequest
from ledger.errors import SecretKeysMissing
from ledger.kit.http.answers import encode
from ledger.kit.idempotency import Done, once
from ledger.kit.secret_keys import NotDecrypted
from ledger.webhooks.endpoints import service
from ledger.webhooks.endpoints.checks import check_url
from ledger.webhooks.endpoints.service import Made, OfWallet

EVENTS: Final = ("auto_refill.*",)
DESCRIPTION: Final = "Auto-refill"

Wanted = str | UnsetType | None
"""An address; None: there is to be none; UNSET: it stays as it is."""

_kept = msgspec.json.Decoder(Made | None).decode


async def check(request: LedgerRequest, wanted: Wanted) -> None:
    """Whether it may be set, before anything is changed. Raises UrlRefused, SecretKeysMissing."""
    if isinstance(wanted, str):
        assert request.secret_keys, "it raises where there are none"
        await check_url(request.services.egress, wanted)


async def keep(request: LedgerRequest, wallet: Row[Any], wanted: Wanted) -> str | None:
    """Have it as is wanted; gives the secret where one was made. Raises IdempotencyConflict, SecretKeysMissing."""
    database = request.services.database
    if wanted is UNSET:
        return None
    if wanted is None:
        await service.remove_of_wallet(database, wallet.wallet_id)
        return None
    keys, url = request.secret_keys, str(wanted)
    secret = service.checked_secret(None)

    async def work(connection: AsyncConnection) -> Done:
        of = OfWallet(wallet.wallet_id, wallet.owner_id, EVENTS, DESCRIPTION)
        return Done(200, encode(await service.keep_of_wallet(connection, keys, of, url, secret)))

    done = await once(
        database,
        namespace=request.principal.namespace,
        operation=f"PUT webhook of auto-refill {wallet.wallet_id}",
        key=request.optional_key(),
        request=url,
        work=work,
    )
    made = _kept(done.body)
    if made is None or not done.replayed:
        return None if made is None else secret
    try:
        async with database.transaction() as connection:
            return await service.secret_again(connection, keys, made)
    except NotDecrypted as error:
        raise SecretKeysMissing("the secret was encrypted by a key that this service does not have") from error

"""Set-up links, the default, and taking a payment method away: asked of Stripe, then seen in what it says."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from stripe import StripeClient

from ledger.book.tables import wallets
from ledger.errors import IdempotencyConflict, NotFound, StripeUnavailable
from ledger.kit.ids import wallet_public
from ledger.payments.customers import WALLET, customer_of
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway, StripeRefused, plain
from ledger.payments.methods import store
from ledger.payments.methods.converge import MISSING, converge_customer
from ledger.payments.methods.shapes import NewSetup
from ledger.payments.methods.store import Method

T = TypeVar("T")

SAVED: Final = "/payment-methods/saved"
"""Our own page for who comes back, where the client names none."""


async def require_wallet(connection: AsyncConnection, wallet_id: int) -> None:
    """Raises NotFound."""
    found = select(wallets.c.wallet_id).where(wallets.c.wallet_id == wallet_id)
    if (await connection.execute(found)).first() is None:
        raise NotFound(f"there is no wallet {wallet_public(wallet_id)}")


async def set_up(desk: Desk, wallet_id: int, wanted: NewSetup, key: str | None) -> dict[str, Any]:
    """A Checkout Session in which a payment method is saved; under a key the same one for a day.

    Raises NotFound, IdempotencyConflict, StripeUnavailable.
    """
    async with desk.database.transaction() as connection:
        await require_wallet(connection, wallet_id)

    def ask(client: StripeClient, customer: str) -> dict[str, Any]:
        options: Any = {} if key is None else {"idempotency_key": f"setup:{customer}:{_digest(key)}"}
        return plain(client.v1.checkout.sessions.create(_session_of(desk, customer, wallet_id, wanted), options))

    return await _of_customer(desk, wallet_id, ask)


async def find(desk: Desk, wallet_id: int, method_id: str) -> Method:
    """The wallet's payment method of this id. Raises NotFound."""
    async with desk.database.transaction() as connection:
        methods = await store.methods_of(connection, wallet_id)
    for method in methods:
        if method.method == method_id:
            return method
    raise NotFound(f"the wallet has no payment method {method_id[:60]!a}")


async def choose(desk: Desk, wallet_id: int, method_id: str) -> Method:
    """Make this the one that is charged. Raises NotFound, StripeUnavailable."""
    await find(desk, wallet_id, method_id)
    wanted: Any = {"invoice_settings": {"default_payment_method": method_id}}
    try:
        await _of_customer(desk, wallet_id, lambda client, customer: client.v1.customers.update(customer, wanted))
    except StripeUnavailable:
        await find(desk, wallet_id, method_id)  # where Stripe refuses because it is gone, so it is here by now
        raise
    await _see(desk, wallet_id)
    return await find(desk, wallet_id, method_id)


async def detach(desk: Desk, wallet_id: int, method_id: str) -> Method:
    """Take it away for good; gives it as it was. Raises NotFound, StripeUnavailable."""
    was = await find(desk, wallet_id, method_id)
    try:
        await _of_customer(desk, wallet_id, lambda client, _: client.v1.payment_methods.detach(method_id))
    except StripeUnavailable:
        with suppress(NotFound):
            await find(desk, wallet_id, method_id)
            raise
    else:
        await _see(desk, wallet_id)
    return was


async def _of_customer(desk: Desk, wallet_id: int, ask: Callable[[StripeClient, str], T]) -> T:
    """Ask Stripe something of the wallet's Customer. Where that is refused, our rows are what Stripe says afterwards.

    A Customer that turns out to be gone is forgotten by that, and another one is asked for.
    """
    try:
        customer = await customer_of(desk, wallet_id)
        try:
            return await desk.stripe.call(lambda client: ask(client, customer))
        except StripeRefused as error:
            await converge_customer(desk, customer)
            if error.code != MISSING:
                raise
        other = await customer_of(desk, wallet_id)
        return await desk.stripe.call(lambda client: ask(client, other))
    except StripeAway as error:
        raise StripeUnavailable("Stripe cannot be reached; try again") from error
    except StripeRefused as error:
        if error.error is not None and error.error.type == "idempotency_error":
            raise IdempotencyConflict("this Idempotency-Key was used for another request; take a new one") from None
        raise StripeUnavailable(f"Stripe does not do it: {error}") from error


async def _see(desk: Desk, wallet_id: int) -> None:
    """Make our rows what has just been done at Stripe; where that cannot be asked now, an event makes them so."""
    with suppress(StripeAway):
        await converge_customer(desk, await customer_of(desk, wallet_id))


def _session_of(desk: Desk, customer: str, wallet_id: int, wanted: NewSetup) -> Any:
    metadata = {WALLET: wallet_public(wallet_id)}
    session = {
        "mode": "setup",
        "customer": customer,
        "currency": desk.currency.lower(),
        "success_url": wanted.success_url or desk.public_url + SAVED,
        "metadata": metadata,
        "setup_intent_data": {"metadata": metadata},
        "allowed_payment_method_types": desk.settings.payment_methods.split(","),
    }
    return session if wanted.cancel_url is None else session | {"cancel_url": wanted.cancel_url}


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]

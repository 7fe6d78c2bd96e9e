"""Makes the rows of a wallet's payment methods what Stripe says they are.

Stripe is asked for all methods of the Customer, whichever of them an event told of: then it does not matter which
events came, in which order, or whether any is missing.
"""

from typing import Any, Final, NamedTuple

import structlog
from stripe import StripeClient

from ledger.payments import customers
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeRefused, id_of, plain
from ledger.payments.methods import store

log = structlog.get_logger(__name__)

TRIES: Final = 5
MISSING: Final = "resource_missing"


class _Saved(NamedTuple):
    """What Stripe says of a Customer: its methods, and which is the default."""

    methods: list[dict[str, Any]]
    default: str | None


async def converge_customer(desk: Desk, customer_id: str) -> None:
    """Make the rows of this Customer's wallet what Stripe says. Raises StripeAway."""
    async with desk.database.transaction() as connection:
        wallet_id = await customers.wallet_of(connection, customer_id)
    if wallet_id is None:
        log.info("stripe.customer_unknown", customer=customer_id)
        return
    for _ in range(TRIES):
        async with desk.database.transaction() as connection:
            version = await store.version(connection, wallet_id, customer_id)
        if version is None:
            return  # the wallet has another one by now
        saved = await _ask(desk, customer_id)
        if await _keep(desk, wallet_id, customer_id, version, saved):
            return
    raise RuntimeError(f"{customer_id} changed {TRIES} times while it was asked for")


async def converge_method(desk: Desk, method_id: str) -> None:
    """Make the rows of the wallet that has or had this method what Stripe says. Raises StripeAway."""
    customer = await _holder(desk, method_id)
    if customer is None:
        async with desk.database.transaction() as connection:
            customer = await customers.holder_of(connection, method_id)
    if customer is not None:
        await converge_customer(desk, customer)


async def _holder(desk: Desk, method_id: str) -> str | None:
    """The Customer whose it is now."""
    try:
        found = await desk.stripe.call(lambda client: client.v1.payment_methods.retrieve(method_id))
    except StripeRefused as error:
        if error.code != MISSING:
            raise
        return None
    return id_of(plain(found).get("customer"))


async def _ask(desk: Desk, customer_id: str) -> _Saved | None:
    """None where the Customer is gone."""
    try:
        customer = plain(await desk.stripe.call(lambda client: client.v1.customers.retrieve(customer_id)))
        if customer.get("deleted"):
            return None
        methods = await desk.stripe.call(lambda client: _all_methods(client, customer_id))
    except StripeRefused as error:
        if error.code != MISSING:
            raise
        return None
    return _Saved(methods, id_of(customer["invoice_settings"]["default_payment_method"]))


def _all_methods(client: StripeClient, customer_id: str) -> list[dict[str, Any]]:
    """Page after page."""
    first = client.v1.customers.payment_methods.list(customer_id, {"limit": 100})
    return [plain(method) for method in first.auto_paging_iter()]


async def _keep(desk: Desk, wallet_id: int, customer_id: str, version: str, saved: _Saved | None) -> bool:
    """Whether it could be written: nobody else has written since Stripe was asked."""
    async with desk.database.transaction() as connection:
        if not await store.take(connection, wallet_id, customer_id, version):
            return False
        await store.keep(connection, wallet_id, [] if saved is None else values_of(saved.methods, saved.default))
        if saved is None:
            await customers.forget(connection, wallet_id, customer_id)
    return True


def values_of(methods: list[dict[str, Any]], default: str | None) -> list[dict[str, Any]]:
    """What is kept of payment methods as Stripe describes them. The only one is the default without being chosen."""
    if default is None and len(methods) == 1:
        default = methods[0]["id"]
    return [_values(method, is_default=method["id"] == default) for method in methods]


def _values(method: dict[str, Any], *, is_default: bool) -> dict[str, Any]:
    kind = method["type"]
    details = method.get(kind) or {}
    return {
        "method": method["id"],
        "type": kind,
        "brand": details.get("brand") or details.get("bank_name"),
        "last4": details.get("last4"),
        "exp_month": details.get("exp_month"),
        "exp_year": details.get("exp_year"),
        "fingerprint": details.get("fingerprint"),
        "is_default": is_default,
        "verified": kind != "card" or _is_verified(details),
    }


def _is_verified(card: dict[str, Any]) -> bool:
    """Its bank confirmed the security code, or the wallet that it comes from (Apple Pay, …) vouches for it."""
    checks = card.get("checks") or {}
    return checks.get("cvc_check") == "pass" or card.get("wallet") is not None

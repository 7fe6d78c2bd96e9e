"""A wallet has one Customer at Stripe, whoever asks, as often and whenever they ask."""

import asyncio

import pytest

from ledger.kit.ids import wallet_public
from ledger.payments import customers
from ledger.payments.customers import customer_of, wallet_of
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway, StripeRefused
from tests.support.book import new_wallets
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio


def made_for(sandbox: SandboxAt, wallet_id: int) -> list[str]:
    """The Customers that Stripe has of a wallet."""
    public = wallet_public(wallet_id)
    found = sandbox.client().v1.customers.list({"limit": 100}).auto_paging_iter()
    return [each.id for each in found if each.metadata is not None and each.metadata["wallet_id"] == public]


async def test_a_wallet_has_one_customer(desk: Desk, sandbox: SandboxAt, database_url: str) -> None:
    ada, bob = new_wallets(database_url, 2)
    first = await customer_of(desk, ada)
    assert first == await customer_of(desk, ada)
    assert first != await customer_of(desk, bob)
    assert [first] == made_for(sandbox, ada)
    async with desk.database.transaction() as connection:
        assert ada == await wallet_of(connection, first)
        assert await wallet_of(connection, "cus_of_somebody_else") is None


async def test_those_who_ask_at_once_get_the_same(desk: Desk, sandbox: SandboxAt, database_url: str) -> None:
    (wallet_id,) = new_wallets(database_url)
    found = await asyncio.gather(*(customer_of(desk, wallet_id) for _ in range(8)))
    assert 1 == len(set(found))
    assert found[:1] == made_for(sandbox, wallet_id)


@pytest.mark.parametrize("kind", ["cut_after", "cut_before", "unavailable"])
async def test_an_answer_that_is_lost_makes_no_second_one(
    desk: Desk, sandbox: SandboxAt, database_url: str, kind: str
) -> None:
    """The row stays; who asks next is answered under the same key."""
    (wallet_id,) = new_wallets(database_url)
    for trouble, times in ((kind, 1), ("unavailable", 2)):
        sandbox.tell("/faults", kind=trouble, times=times, method="POST", path="/v1/customers")
    with pytest.raises(StripeAway):
        await customer_of(desk, wallet_id)
    found = await customer_of(desk, wallet_id)
    assert [found] == made_for(sandbox, wallet_id)


async def test_one_that_was_deleted_is_replaced(desk: Desk, sandbox: SandboxAt, database_url: str) -> None:
    """Under another key, or Stripe would answer with the deleted one for a day."""
    (wallet_id,) = new_wallets(database_url)
    first = await customer_of(desk, wallet_id)
    sandbox.client().v1.customers.delete(first)
    async with desk.database.transaction() as connection:
        await customers.forget(connection, wallet_id, first)
    second = await customer_of(desk, wallet_id)
    assert first != second
    assert [second] == made_for(sandbox, wallet_id)


async def test_no_call_is_made_while_a_transaction_is_open(desk: Desk, database_url: str) -> None:
    (wallet_id,) = new_wallets(database_url)
    async with desk.database.transaction():
        with pytest.raises(AssertionError):
            await customer_of(desk, wallet_id)


async def test_a_key_that_stripe_does_not_take_is_refused(desk: Desk, sandbox: SandboxAt, database_url: str) -> None:
    (wallet_id,) = new_wallets(database_url)
    desk.stripe._client = sandbox.client("sk_test")
    with pytest.raises(StripeRefused):
        await customer_of(desk, wallet_id)

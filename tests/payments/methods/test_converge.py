"""Rows of payment methods become what Stripe says, whatever was heard of it, in which order, and by how many at once."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest

from ledger.kit.ids import parse_wallet
from ledger.payments.methods import converge, store
from ledger.payments.methods.converge import converge_customer, converge_method
from tests.payments.methods.scene import Scene
from tests.support.api import run_sql

pytestmark = pytest.mark.anyio


async def test_changes_at_stripe_are_seen(scene: Scene) -> None:
    """A card that the network renewed, a default that was chosen on a page of Stripe's, a Customer that was deleted."""
    wallet = await scene.wallet()
    client = scene.sandbox.client()
    first, second = await scene.save(wallet), await scene.save(wallet, "pm_card_amex")
    await scene.hear()
    client.v1.payment_methods.update(first, {"card": {"exp_month": 1, "exp_year": 2040}})
    customer = await scene.customer(wallet)
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": second}})
    await scene.hear()
    seen = {method["id"]: method for method in await scene.methods(wallet)}
    assert (1, 2040, False) == tuple(seen[first][name] for name in ("exp_month", "exp_year", "is_default"))
    assert seen[second]["is_default"]
    client.v1.customers.delete(customer)
    await scene.hear()
    assert [] == await scene.methods(wallet)


async def test_a_method_leads_to_its_wallet(scene: Scene) -> None:
    """The one that has it, and the one that had it, which Stripe does not name any more."""
    wallet = await scene.wallet()
    method = await scene.save(wallet)
    await converge_method(scene.desk, method)
    assert [method] == await scene.ids(wallet)
    scene.sandbox.client().v1.payment_methods.detach(method)
    await converge_method(scene.desk, method)
    assert [] == await scene.ids(wallet)


@pytest.mark.parametrize("name", ["cus_of_nobody", "pm_of_nobody"])
async def test_what_is_not_ours_is_left_alone(scene: Scene, name: str) -> None:
    await (converge_customer if name.startswith("cus") else converge_method)(scene.desk, name)
    stranger = scene.sandbox.client().v1.customers.create({"payment_method": "pm_card_visa"})
    await converge_customer(scene.desk, stranger.id)
    assert [] == run_sql(scene.api.database_url, "SELECT 1 FROM stripe_objects WHERE object = %s", stranger.id)


async def test_more_than_a_page(scene: Scene) -> None:
    wallet = await scene.wallet()
    saved = [await scene.save(wallet) for _ in range(101)]
    await converge_customer(scene.desk, await scene.customer(wallet))
    assert 100 == len(await scene.methods(wallet))
    count = "SELECT count(*) FROM payment_methods WHERE wallet_id = %s"
    assert [(len(saved),)] == run_sql(scene.api.database_url, count, parse_wallet(wallet.rpartition("/")[2]))


async def test_who_asked_first_does_not_write_last(scene: Scene) -> None:
    """What was asked before another one wrote is asked again."""
    wallet = await scene.wallet()
    method = await scene.save(wallet)
    customer = await scene.customer(wallet)
    scene.sandbox.tell("/faults", kind="hang", path="/v1/customers/*/payment_methods", delay_s=1)
    slow = asyncio.create_task(converge_customer(scene.desk, customer))
    while scene.sandbox.ask("/faults"):  # noqa: ASYNC110 - it is in another thread
        await asyncio.sleep(0.01)
    scene.sandbox.client().v1.payment_methods.detach(method)
    await converge_customer(scene.desk, customer)
    assert not slow.done()
    await slow
    assert [] == await scene.ids(wallet)


async def test_any_number_at_once(scene: Scene) -> None:
    """Cards come and go while five of them look: at the end it is what it is at Stripe."""
    wallet = await scene.wallet()
    customer = await scene.customer(wallet)
    client, chance = scene.sandbox.client(), random.Random(4)
    done = False

    async def look() -> None:
        while not done:
            with suppress(RuntimeError):  # it changed all the time: the inbox would come again
                await converge_customer(scene.desk, customer)

    async def change() -> None:
        saved: list[str] = []
        for _ in range(20):
            if saved and chance.random() < 0.5:
                await asyncio.to_thread(client.v1.payment_methods.detach, saved.pop())
            else:
                saved.append(await scene.save(wallet))

    looking = [asyncio.create_task(look()) for _ in range(3)]
    await change()
    done = True
    await asyncio.gather(*looking)
    await converge_customer(scene.desk, customer)
    at_stripe = client.v1.customers.payment_methods.list(customer, {"limit": 100}).data
    assert sorted(method.id for method in at_stripe) == sorted(await scene.ids(wallet))


def test_a_card_that_no_bank_confirmed() -> None:
    card: dict[str, Any] = {"brand": "visa", "last4": "4242", "exp_month": 1, "exp_year": 2030, "fingerprint": "f"}
    checks = [
        ({"checks": {"cvc_check": "pass"}}, True),
        ({"checks": {"cvc_check": "unchecked"}}, False),
        ({"checks": None}, False),
        ({"checks": {"cvc_check": None}, "wallet": {"type": "apple_pay"}}, True),
    ]
    methods = [{"id": f"pm_{n}", "type": "card", "card": card | more} for n, (more, _) in enumerate(checks)]
    values = converge.values_of(methods, "pm_1")
    assert [verified for _, verified in checks] == [each["verified"] for each in values]
    assert [False, True, False, False] == [each["is_default"] for each in values]
    assert {name for each in values for name in each} <= set(store.Method._fields)

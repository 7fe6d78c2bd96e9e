"""Saved payment methods over HTTP: a link to save one, the list, the default, taking one away."""

import re
from typing import Any

import httpx
import pytest

from ledger.kit.ids import new_wallet_id, wallet_public
from tests.payments.methods.scene import Scene
from tests.support.api import Api, run_sql, running

pytestmark = pytest.mark.anyio

URLS = {"success_url": "https://shop.example/saved", "cancel_url": "https://shop.example/account"}


def session_of(link: dict[str, Any]) -> str:
    return re.findall(r"cs_test_\w+", link["setup_url"])[0]


async def test_a_card_is_saved_by_a_link(scene: Scene) -> None:
    wallet = await scene.wallet()
    link = await scene.link(wallet, **URLS)
    assert {"setup_url", "expires_at"} == link.keys()
    assert [] == await scene.methods(wallet)
    scene.sandbox.pay(session_of(link), card="5555555555554444")
    await scene.hear()
    [method] = await scene.methods(wallet)
    assert ("card", "mastercard", "4444", 12) == tuple(method[n] for n in ("type", "brand", "last4", "exp_month"))
    assert (True, True) == (method["is_default"], method["verified"])
    assert wallet.endswith(method["wallet_id"])
    session = scene.sandbox.client().v1.checkout.sessions.retrieve(session_of(link))
    assert URLS == {name: getattr(session, name) for name in URLS}


async def test_a_bank_account_is_saved(scene: Scene) -> None:
    wallet = await scene.wallet()
    await scene.save(wallet, "pm_usBankAccount_success")
    await scene.hear()
    [method] = await scene.methods(wallet)
    assert ("us_bank_account", "STRIPE TEST BANK", "6789", None, True) == tuple(
        method[name] for name in ("type", "brand", "last4", "exp_month", "verified")
    )


async def test_who_comes_back_without_an_address_sees_our_page(scene: Scene) -> None:
    link = await scene.link(await scene.wallet())
    session = scene.sandbox.client().v1.checkout.sessions.retrieve(session_of(link))
    page = await scene.api.get(str(session.success_url).removeprefix("https://credits.example.com"))
    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["Content-Type"])
    assert "nothing was charged" in page.text


async def test_a_link_is_the_same_under_its_key(scene: Scene) -> None:
    """Another body is another request; another wallet has its own."""
    wallet, other = await scene.wallet(), await scene.wallet()
    first = await scene.link(wallet, key="once", **URLS)
    assert first == await scene.link(wallet, key="once", **URLS)
    assert first != await scene.link(wallet, key="again", **URLS)
    assert first != await scene.link(other, key="once", **URLS)
    refused = await scene.api.post(f"{wallet}/payment-methods/setup-link", {}, key="once")
    assert (422, "IDEMPOTENCY_CONFLICT") == (refused.status_code, refused.json()["code"])


async def test_one_is_the_default_by_itself_and_another_when_it_is_chosen(scene: Scene) -> None:
    wallet = await scene.wallet()
    first = await scene.save(wallet)
    await scene.hear()
    assert [first] == await scene.default(wallet)
    second = await scene.save(wallet, "pm_card_amex")
    await scene.hear()
    assert ([first, second], []) == (await scene.ids(wallet), await scene.default(wallet))
    chosen = await scene.choose(wallet, second)
    assert (200, second, True) == (chosen.status_code, chosen.json()["id"], chosen.json()["is_default"])
    assert [second] == await scene.default(wallet)
    customer = scene.sandbox.client().v1.customers.retrieve(await scene.customer(wallet))
    assert customer.invoice_settings is not None
    assert second == customer.invoice_settings.default_payment_method


async def test_one_is_taken_away(scene: Scene) -> None:
    """Its default goes with it; taken away twice is not found."""
    wallet = await scene.wallet()
    first, second = await scene.save(wallet), await scene.save(wallet, "pm_card_amex")
    await scene.hear()
    await scene.choose(wallet, first)
    gone = await scene.detach(wallet, first)
    assert (200, first) == (gone.status_code, gone.json()["id"])
    assert ([second], [second]) == (await scene.ids(wallet), await scene.default(wallet))
    assert 404 == (await scene.detach(wallet, first)).status_code
    assert 404 == (await scene.choose(wallet, first)).status_code
    await scene.hear()
    assert [second] == await scene.ids(wallet)


async def test_what_was_taken_away_at_stripe_is_found_out(scene: Scene) -> None:
    """Before its event comes."""
    for ask, status in ((scene.choose, 404), (scene.detach, 200)):
        wallet = await scene.wallet()
        method = await scene.save(wallet)
        await scene.hear()
        scene.sandbox.client().v1.payment_methods.detach(method)
        assert status == (await ask(wallet, method)).status_code
        assert [] == await scene.ids(wallet)


async def test_methods_of_others_are_not_there(scene: Scene) -> None:
    wallet, other = await scene.wallet(), await scene.wallet()
    method = await scene.save(other)
    await scene.hear()
    assert [] == await scene.ids(wallet)
    for answer in (await scene.choose(wallet, method), await scene.detach(wallet, method)):
        assert (404, "NOT_FOUND") == (answer.status_code, answer.json()["code"])
    assert [method] == await scene.ids(other)


async def test_the_list_has_pages(scene: Scene) -> None:
    wallet = await scene.wallet()
    saved = [await scene.save(wallet) for _ in range(5)]
    await scene.hear()
    seen: list[str] = []
    cursor = None
    while not seen or cursor is not None:
        more = {} if cursor is None else {"cursor": cursor}
        found = (await scene.api.get(f"{wallet}/payment-methods", limit=2, **more)).json()
        seen += [method["id"] for method in found["items"]]
        cursor = found["next_cursor"]
    assert sorted(saved) == sorted(seen)
    assert await scene.ids(wallet) == seen


async def test_a_wallet_that_is_not_there(scene: Scene) -> None:
    """Nobody becomes a Customer for it."""
    wallet_id = new_wallet_id()
    wallet = f"/v1/wallets/{wallet_public(wallet_id)}"
    asked = [
        await scene.api.post(f"{wallet}/payment-methods/setup-link", {}),
        await scene.api.get(f"{wallet}/payment-methods"),
        await scene.choose(wallet, "pm_1"),
        await scene.detach(wallet, "pm_1"),
    ]
    assert [404] * 4 == [answer.status_code for answer in asked]
    assert [] == run_sql(scene.api.database_url, "SELECT 1 FROM stripe_customers WHERE wallet_id = %s", wallet_id)


async def test_an_owner_gets_a_wallet_by_the_first_link(scene: Scene) -> None:
    await scene.link("/v1/wallets/user:a-new-one")
    assert [] == await scene.methods("/v1/wallets/user:a-new-one")


@pytest.mark.parametrize(
    "body", [{"success_url": "javascript:alert(1)"}, {"success_url": "shop"}, {"cancel_url": ""}, {"other": 1}]
)
async def test_what_is_no_address_is_refused(scene: Scene, body: dict[str, Any]) -> None:
    refused = await scene.api.post(f"{await scene.wallet()}/payment-methods/setup-link", body)
    assert (400, "INVALID_REQUEST") == (refused.status_code, refused.json()["code"])


async def test_stripe_is_away(scene: Scene) -> None:
    """503, and the same key goes on where it was."""
    wallet = await scene.wallet()
    method = await scene.save(wallet)
    await scene.hear()
    asked: list[httpx.Response] = []
    for number in range(3):
        scene.sandbox.tell("/faults", kind="unavailable", method="POST", times=3)
        if number == 0:
            asked.append(await scene.api.post(f"{wallet}/payment-methods/setup-link", {}, key="k"))
        else:
            asked.append(await (scene.choose, scene.detach)[number - 1](wallet, method))
        scene.sandbox.forget_faults()
    assert [(503, "STRIPE_UNAVAILABLE")] * 3 == [(answer.status_code, answer.json()["code"]) for answer in asked]
    assert [method] == await scene.ids(wallet)
    await scene.link(wallet, key="k")
    assert 200 == (await scene.detach(wallet, method)).status_code


async def test_a_customer_that_is_gone_is_replaced(scene: Scene) -> None:
    """Before its event comes: the link is of another one."""
    wallet = await scene.wallet()
    await scene.save(wallet)
    await scene.hear()
    first = await scene.customer(wallet)
    scene.sandbox.client().v1.customers.delete(first)
    link = await scene.link(wallet)
    assert [] == await scene.methods(wallet)
    scene.sandbox.pay(session_of(link))
    await scene.hear()
    assert 1 == len(await scene.methods(wallet))
    assert first != await scene.customer(wallet)


async def test_without_a_key_of_stripe_there_are_no_links(scene: Scene) -> None:
    url = scene.api.database_url
    async with running(url) as app:
        api = Api(app, scene.api.client.headers["Authorization"].partition(" ")[2], url)
        wallet = f"/v1/wallets/{await api.wallet()}"
        refused = await api.post(f"{wallet}/payment-methods/setup-link", {})
        assert (503, "STRIPE_UNAVAILABLE") == (refused.status_code, refused.json()["code"])
        assert [] == (await api.get(f"{wallet}/payment-methods")).json()["items"]
        await api.client.aclose()

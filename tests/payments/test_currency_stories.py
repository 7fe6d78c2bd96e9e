"""A settlement currency from the link to the bank, over HTTP and the sandbox: no decimals, two, three; with tax."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.payments.fulfil import settle_session
from ledger.payments.money.charges import book_charge
from ledger.payments.reconcile.report import text_of
from ledger.payments.reconcile.service import reconcile
from tests.payments.api import selling
from tests.payments.buying import Shop
from tests.support.api import Api
from tests.support.desk import desk_at
from tests.support.sandbox import sandbox_served

pytestmark = pytest.mark.anyio


class Story(NamedTuple):
    """A currency: what is bought, its tax at 10 %, what is given back of it, and what cannot be."""

    currency: str
    amount: str
    tax: str
    total: str
    refund: str
    net_of_refund: int
    tax_of_refund: int
    odd: str
    too_low: str
    too_high: str


JPY = Story("JPY", "7500", "750", "8250", "3300", 3_000, 300, "7500.5", "999", "1000001")
USD = Story("USD", "50.00", "5.00", "55.00", "22.00", 2_000, 200, "50.001", "9.99", "10000.01")
KWD = Story("KWD", "15.350", "1.530", "16.880", "6.750", 6_138, 612, "15.351", "9.990", "10000.010")


@pytest.fixture
def settings_of_link() -> dict[str, Any]:
    return {"automatic_tax": True}


@asynccontextmanager
async def opened(database_url: str, story: Story) -> AsyncIterator[tuple[Shop, Api]]:
    more: Any = {
        "settlement_currency": story.currency,
        "automatic_tax": True,
        "credits_per_unit": f'{{"{story.currency}":"10"}}',
    }
    with sandbox_served() as sandbox:
        sandbox.tell(
            "/config",
            fee_known_after_s=0,
            refund_after_s=0,
            dispute_after_s=0,
            payout_daily=False,
            tax_percent=10,
            settlement_currency=story.currency.lower(),
        )
        async with (
            desk_at(database_url, sandbox) as usual,
            selling(database_url, sandbox, **more) as api,
        ):
            desk = usual._replace(settings=replace(usual.settings, **more))
            yield Shop(database_url, desk, sandbox), api


@pytest.mark.parametrize("story", [JPY, USD, KWD], ids=lambda story: story.currency)
async def test_from_the_link_to_the_bank(postgres_url: str, template_database: str, story: Story) -> None:
    for database_url in _database(postgres_url, template_database):
        async with opened(database_url, story) as (shop, api):
            await _refused(api, story)
            payment = await _paid(shop, api, story)
            await _refunded(shop, api, payment, story)
            await _disputed_and_paid_out(shop, api, payment, story)


def _database(postgres_url: str, template: str) -> Iterator[str]:
    from uuid import uuid4

    from tests.support.servers import create_database, drop_database

    name = f"c_{uuid4().hex[:12]}"
    yield create_database(postgres_url, name, template=template)
    drop_database(postgres_url, name)


async def _refused(api: Api, story: Story) -> None:
    for wrong, code in (
        ({"amount": story.too_low}, "AMOUNT_TOO_LOW"),
        ({"amount": story.too_high}, "AMOUNT_TOO_HIGH"),
        ({"amount": story.odd}, "INVALID_AMOUNT"),
        ({"amount": "50", "currency": "EUR"}, "CURRENCY_NOT_TAKEN"),
    ):
        answer = await api.post("/v1/wallets/user:a/payment-links", wrong)
        assert code == answer.json()["code"], answer.text
    assert story.currency in answer.json()["detail"]


async def _paid(shop: Shop, api: Api, story: Story) -> str:
    """Paid on Stripe's page, tax on top; the answer's path."""
    link = (await api.post("/v1/wallets/user:a/payment-links", {"amount": story.amount})).json()
    assert (story.amount, story.currency) == (link["amount"], link["currency"])
    row = shop.row("payments", amount=_units(story.amount))
    shop.sandbox.pay(row["object"], card="pm_card_bypassPending")
    await settle_session(shop.desk, row["object"])
    row = shop.row("payments", amount=_units(story.amount))
    await shop.settled(row["charge"])
    await book_charge(shop.desk, row["charge"])
    path = f"/v1/payments/{link['payment_id']}"
    shown = (await api.get(path)).json()
    assert {"amount": story.amount, "tax": story.tax, "total": story.total, "status": "paid"} == {
        name: shown[name] for name in ("amount", "tax", "total", "status")
    }
    assert ("visa", "0077") == (shown["method"]["brand"], shown["method"]["last4"])
    assert shown["receipt_url"] and shown["invoice_url"]
    money = shop.money()
    assert (_units(story.amount), _units(story.tax)) == (-money["deferred_revenue"], -money["tax_payable"])
    assert money["stripe_fees"] == _units(shown["fee"])
    listed = (await api.get("/v1/wallets/user:a/payments")).json()
    assert (story.total, story.tax) == (listed["summary"]["total_purchased"], listed["summary"]["tax"])
    return path


async def _refunded(shop: Shop, api: Api, path: str, story: Story) -> None:
    """A part, whose tax goes back with it, from tax payable."""
    before = shop.money()
    if story is KWD:
        odd = await api.post(f"{path}/refunds", {"amount": "6.755", "reason": "x"})
        assert "INVALID_AMOUNT" == odd.json()["code"]
    answer = await api.post(f"{path}/refunds", {"amount": story.refund, "reason": "x"})
    assert (201, "succeeded", story.refund) == (
        answer.status_code,
        answer.json()["state"],
        answer.json()["amount"],
    ), answer.text
    after = shop.money()
    back = {name: after[name] - before[name] for name in ("deferred_revenue", "tax_payable")}
    assert {"deferred_revenue": story.net_of_refund, "tax_payable": story.tax_of_refund} == back
    by_credits = await api.post(f"{path}/refunds", {"credits": "77.777", "reason": "x"})
    assert (201, "succeeded") == (by_credits.status_code, by_credits.json()["state"]), by_credits.text


async def _disputed_and_paid_out(shop: Shop, api: Api, path: str, story: Story) -> None:
    row = shop.row("payments", amount=_units(story.amount))
    reading = Database(shop.url, pool_size=1, role=SERVICE_ROLE)
    shop.sandbox.tell(f"/dispute/{row['charge']}", outcome="lost")
    another = await shop.buy(cents=_units(story.amount) * 10, card="pm_card_bypassPending")
    payout = shop.sandbox.tell("/payout")["payout"]["id"]
    shop.sandbox.tell(f"/payout/{payout}", outcome="paid")
    report = await reconcile(shop.desk, reading)
    assert report.ok, text_of(report)
    [dispute] = (await api.get(f"{path}/disputes")).json()["items"]
    assert ("lost", story.currency) == (dispute["status"], dispute["currency"])
    assert re.fullmatch(r"\d+" + {"JPY": "", "USD": r"\.\d\d", "KWD": r"\.\d\d0"}[story.currency], dispute["amount"])
    assert shop.row("stripe_payouts", payout=payout)["tied"]
    assert 0 == shop.money().get("refund_payable", 0) == shop.money().get("dispute_receivable", 0)
    assert another.fee
    shop.check()
    await reading.dispose()


def _units(amount: str) -> int:
    return int(amount.replace(".", ""))

"""Money that comes is booked once and as what it is: two sessions of one link, another amount than was asked for."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ledger.kit import failpoints
from ledger.payments.fulfil import settle_session
from tests.payments.test_links import Shop, verified
from tests.support.api import Api, make_key, run_sql, running
from tests.support.desk import desk_at, settings_of
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def selling(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Shop]:
    async with (
        running(database_url, settings_of(database_url, sandbox)) as app,
        desk_at(database_url, sandbox) as desk,
    ):
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        stranger = Api(app, None, database_url)
        yield Shop(api, stranger, desk, sandbox)
        await api.client.aclose()
        await stranger.client.aclose()


@pytest.fixture
def slowly() -> Iterator[None]:
    """Who books a purchase has looked at the payment some time before."""
    failpoints.arm("payments.before_purchase:delay=500")
    yield
    failpoints.arm(None)


async def two_sessions(shop: Shop, wallet: str) -> tuple[dict[str, object], str, str]:
    """A link with two sessions that can be paid: the row of the first was lost."""
    link = await shop.link(wallet)
    first = await shop.session(link)
    run_sql(
        shop.api.database_url,
        "UPDATE payments SET state = 'pending', object = NULL, url = NULL, object_expires_at = NULL WHERE object = %s",
        first,
    )
    return link, first, await shop.session(link)


async def paid(shop: Shop, wallet: str) -> list[tuple[str, str]]:
    history = (await shop.api.get(f"/v1/wallets/{wallet}/payments")).json()["items"]
    return [(each["status"], each["credits"]) for each in history]


async def test_a_link_that_is_paid_twice_is_two_payments(selling: Shop) -> None:
    """Each with the credits that it paid for, however often it is heard of."""
    wallet = await selling.api.wallet()
    _, *sessions = await two_sessions(selling, wallet)
    for session in sessions:
        selling.sandbox.pay(session)
    for session in [*sessions, *sessions]:
        await settle_session(selling.desk, session)
    assert "1000" == await selling.api.available(wallet)
    assert [("paid", "500")] * 2 == await paid(selling, wallet)
    verified(selling, wallet)


@pytest.mark.usefixtures("slowly")
async def test_two_sessions_that_are_heard_of_at_once_are_two_payments(selling: Shop) -> None:
    """Both have found the link unpaid: one is booked as its payment, and the other one is told to come again."""
    wallet = await selling.api.wallet()
    _, *sessions = await two_sessions(selling, wallet)
    for session in sessions:
        selling.sandbox.pay(session)
    heard = (settle_session(selling.desk, session) for session in sessions)
    ended = await asyncio.gather(*heard, return_exceptions=True)
    [refused] = [each for each in ended if each is not None]
    assert isinstance(refused, RuntimeError) and "is not booked" in str(refused)
    assert "500" == await selling.api.available(wallet)
    for session in sessions:
        await settle_session(selling.desk, session)
    assert "1000" == await selling.api.available(wallet)
    assert [("paid", "500")] * 2 == await paid(selling, wallet)


async def test_what_is_paid_for_something_else_is_no_payment_of_ours(selling: Shop) -> None:
    """Whoever opens a Payment Link of the account may name a payment of ours in its address: the money is for what that
    link sells."""
    wallet = await selling.api.wallet()
    link = await selling.link(wallet)
    stripe = selling.sandbox.client()
    shirt: Any = {"currency": "usd", "unit_amount": 5_000, "product_data": {"name": "A shirt"}}
    sold: Any = {
        "mode": "payment",
        "success_url": "https://shop.example.com",
        "line_items": [{"quantity": 1, "price_data": shirt}],
        "client_reference_id": link["payment_id"],
    }
    session = stripe.v1.checkout.sessions.create(sold).id
    selling.sandbox.pay(session)
    await settle_session(selling.desk, session)
    assert ("open", "0") == (await selling.status(link), await selling.api.available(wallet))


@pytest.mark.parametrize("change", ["amount = amount + 1", "currency = 'EUR'"])
async def test_money_that_is_not_what_was_asked_for_gives_no_credits(selling: Shop, change: str) -> None:
    """It is told to people, who know why."""
    wallet = await selling.api.wallet()
    link = await selling.link(wallet)
    session = await selling.session(link)
    run_sql(selling.api.database_url, f"UPDATE payments SET {change} WHERE object = %s", session)
    selling.sandbox.pay(session)
    await settle_session(selling.desk, session)
    assert ("open", "0") == (await selling.status(link), await selling.api.available(wallet))
    [(problem,)] = run_sql(selling.api.database_url, "SELECT problem FROM payments WHERE object = %s", session)
    assert problem.startswith("paid 5000 usd")

"""T15: webhook, poller, return page and reconciliation learn of the same payments at the same moment: one purchase each."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import pytest

from ledger.kit.ids import parse_wallet
from ledger.payments.fulfil import settle_intent
from ledger.payments.inbox.poll import OVERLAP, poll
from ledger.payments.inbox.work import work
from tests.faults.sizes import scaled
from tests.payments.api import selling
from tests.payments.events import send
from tests.support.api import Api, run_sql
from tests.support.book import CREDIT, check
from tests.support.desk import desk_at
from tests.support.sandbox import SandboxAt, sandbox_served

pytestmark = [pytest.mark.faults, pytest.mark.anyio]

ROUNDS = scaled(50)
AT_ONCE = 10
"""Rounds that are run at the same time: one look of the poller is for all of them."""

CHILDREN = 2
"""How many work on the inbox at a time."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxAt]:
    with sandbox_served() as at:
        yield at


class Bought(NamedTuple):
    """Paid at Stripe, and nobody here knows of it."""

    wallet: int
    page: str
    session: str
    intent: str
    event: dict[str, Any]


async def _bought(api: Api, sandbox: SandboxAt) -> Bought:
    wallet = await api.wallet()
    link = (await api.post(f"/v1/wallets/{wallet}/payment-links", {"amount": "20.00"})).json()
    page = "/pay/" + link["payment_url"].rpartition("/")[2]
    name = re.findall(r"cs_test_\w+", (await api.get(page)).headers["location"])[0]
    intent = sandbox.pay(name)["intent"]["id"]
    [told] = sandbox.events("checkout.session.completed", 1)
    assert name == told["data"]["object"]["id"]
    return Bought(parse_wallet(wallet), page, name, intent, told)


async def test_one_purchase_whoever_hears_of_it_first(database_url: str, sandbox: SandboxAt) -> None:
    """Each of the four has a door, a pool and a client of Stripe's of its own."""
    bought: list[Bought] = []
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(selling(database_url, sandbox))
        inbox, poller, reconciler = [await stack.enter_async_context(desk_at(database_url, sandbox)) for _ in range(3)]
        stack.push_async_callback(api.client.aclose)
        children = asyncio.Semaphore(CHILDREN)

        async def webhook(one: Bought) -> None:
            assert 200 == (await send(api.client, json.dumps(one.event).encode())).status_code
            async with children:
                await work(inbox, lease_s=60, work_s=20)

        async def look() -> None:
            await poll(poller, work_s=20)
            await work(poller, lease_s=60, work_s=20)

        async def come_back(one: Bought) -> None:
            page = await api.get(f"{one.page}/done", session_id=one.session)
            assert (200, True) == (page.status_code, "Thank you" in page.text), page.text

        for _ in range(0, ROUNDS, AT_ONCE):
            some = [await _bought(api, sandbox) for _ in range(AT_ONCE)]
            ways: list[Callable[[], Awaitable[Any]]] = [look]
            for one in some:
                ways += [
                    lambda one=one: webhook(one),
                    lambda one=one: come_back(one),
                    lambda one=one: settle_intent(reconciler, one.intent),
                ]
            barrier = asyncio.Barrier(len(ways))

            async def at_once(way: Callable[[], Awaitable[Any]], barrier: asyncio.Barrier = barrier) -> None:
                await barrier.wait()
                await way()

            await asyncio.gather(*map(at_once, ways))
            bought += some
            sandbox.pass_time(OVERLAP.total_seconds())  # the next look of the poller begins here
        await work(inbox, lease_s=60, work_s=60)
    wallets = [one.wallet for one in bought]
    assert len(wallets) == ROUNDS
    assert {(200 * CREDIT, 1): ROUNDS} == Counter(run_sql(database_url, _BOUGHT, wallets))
    assert {("paid",): ROUNDS} == Counter(
        run_sql(database_url, "SELECT state FROM payments WHERE wallet_id = ANY(%s)", wallets)
    )
    assert ROUNDS == len(sandbox.ask("/money")["charges"])
    assert [] == run_sql(database_url, "SELECT event FROM stripe_events WHERE state IN ('new', 'failed')")
    check(database_url, wallets)


_BOUGHT = """
SELECT w.wallet, count(*) FROM wallets w JOIN transactions t USING (wallet_id)
WHERE w.wallet_id = ANY(%s) AND t.kind = 'purchase' GROUP BY w.wallet_id"""

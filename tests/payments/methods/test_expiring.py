"""Cards that are about to expire: told of in their last month, once for each expiry."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.kit.ids import parse_wallet
from ledger.payments.methods.expiring import tell_expiring
from tests.book.conftest import Clock
from tests.payments.methods.scene import Scene
from tests.support.api import run_sql
from tests.support.desk import desk_at

pytestmark = pytest.mark.anyio


def told(scene: Scene, wallet: str) -> list[dict[str, Any]]:
    """Payloads of the wallet's events."""
    wallet_id = parse_wallet(wallet.rpartition("/")[2])
    query = "SELECT payload FROM outbox WHERE wallet_id = %s AND type = 'payment_method.expiring' ORDER BY event"
    return [json.loads(payload) for (payload,) in run_sql(scene.api.database_url, query, wallet_id)]


async def expiring(scene: Scene, method: str, month: int, year: int) -> None:
    card: Any = {"exp_month": month, "exp_year": year}
    scene.sandbox.client().v1.payment_methods.update(method, {"card": card})
    await scene.hear()


async def test_a_card_is_told_of_once_for_each_expiry(scene: Scene, clock: Clock) -> None:
    wallet = await scene.wallet()
    method = await scene.save(wallet)
    year = clock.now().year + 1
    await expiring(scene, method, 5, year)
    clock.advance(datetime(year, 4, 30, 23, 59, tzinfo=UTC) - clock.now())
    assert 0 == await tell_expiring(scene.desk)
    clock.advance(timedelta(minutes=2))
    assert (1, 0) == (await tell_expiring(scene.desk), await tell_expiring(scene.desk))
    [event] = told(scene, wallet)
    data = {"brand": "visa", "last4": "4242", "exp_month": 5, "exp_year": year, "is_default": True}
    assert {"payment_method_id": method} | data == event["data"]
    assert (1, None) == (event["number"], event["transaction_id"])
    await expiring(scene, method, 5, year)
    assert 0 == await tell_expiring(scene.desk)
    await expiring(scene, method, 7, year)
    assert 0 == await tell_expiring(scene.desk)
    clock.advance(timedelta(days=62))
    assert 1 == await tell_expiring(scene.desk)
    assert [5, 7] == [event["data"]["exp_month"] for event in told(scene, wallet)]


async def test_several_at_once_tell_once(scene: Scene, clock: Clock) -> None:
    """And a wallet with a book goes on counting its events."""
    wallet = await scene.wallet()
    await scene.api.grant(wallet.rpartition("/")[2], "200")
    saved = [await scene.save(wallet) for _ in range(3)]
    await scene.save(wallet, "pm_usBankAccount_success")
    await scene.hear()
    clock.advance(timedelta(days=5 * 365))
    async with desk_at(scene.api.database_url, scene.sandbox) as other:
        counts = await asyncio.gather(*(tell_expiring(desk) for desk in (scene.desk, other, scene.desk)))
    assert 3 == sum(counts)
    events = told(scene, wallet)
    assert set(saved) == {event["data"]["payment_method_id"] for event in events}
    assert 3 == len({event["number"] for event in events})

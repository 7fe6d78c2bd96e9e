"""Spikes as the background task finds them: every transaction added once, every spike told once."""

import asyncio
from datetime import datetime, timedelta

import pytest

from ledger.budgets.watch import watch
from tests.book.conftest import Clock
from tests.budgets.conftest import OpenDoor
from tests.budgets.scene import Scene, use
from tests.support.book import attempt, new_wallets, session

pytestmark = pytest.mark.anyio

NOON = timedelta(hours=12, minutes=30)


async def history(scene: Scene, wallet_id: int, days: int, credits: int) -> datetime:
    """So many days of the same use at noon, the clock moved along; gives the noon after them."""
    start = scene.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) + NOON
    with session(scene.url) as connection:
        connection.execute("UPDATE wallet_settings SET created_at = %s WHERE wallet_id = %s", [start, wallet_id])
        connection.execute("UPDATE wallet_settings SET created_at = created_at - interval '1 day'")
    for day in range(days):
        scene.move_clock(start + timedelta(days=day))
        await scene.use(wallet_id, credits)
    at = start + timedelta(days=days)
    scene.move_clock(at)
    return at


async def test_a_spike_is_told_once_for_its_hour_and_once_for_its_day(scene: Scene, clock: Clock) -> None:
    wallet_id = await scene.wallet()
    at = await history(scene, wallet_id, 8, 10)
    await watch(scene.database, scene.door)
    await scene.use(wallet_id, 29)
    assert 0 == await watch(scene.database, scene.door)

    await scene.use(wallet_id, 71)
    assert 2 == await watch(scene.database, scene.door)
    await scene.use(wallet_id, 100)
    assert 0 == await watch(scene.database, scene.door)
    hour, day = scene.events(wallet_id, "usage.spike")
    start = at.replace(minute=0).isoformat().replace("+00:00", "Z")
    assert {"window": "hour", "window_start": start, "used": "100", "usual": "10"} == hour
    assert ("day", "100", "10") == (day["window"], day["used"], day["usual"])

    scene.move_clock(at + timedelta(days=1))
    await scene.use(wallet_id, 10)
    assert 0 == await watch(scene.database, scene.door)


async def test_tasks_side_by_side_add_and_tell_once(open_door: OpenDoor, scene: Scene, clock: Clock) -> None:
    wallet_id = await scene.wallet()
    await history(scene, wallet_id, 8, 10)
    doors = [await open_door() for _ in range(3)]
    for credits in (30, 31, 32):
        await scene.use(wallet_id, credits)
        await asyncio.gather(*(watch(scene.database, door) for door in doors))
    assert ["hour", "day"] == [data["window"] for data in scene.events(wallet_id, "usage.spike")]
    with session(scene.url) as connection:
        rows = connection.execute("SELECT used_micro FROM usage_hours WHERE wallet_id = %s ORDER BY hour", [wallet_id])
        assert [10_000_000] * 8 + [93_000_000] == [micro for (micro,) in rows.fetchall()]


async def test_the_end_of_an_hour_is_judged_after_it(scene: Scene, clock: Clock) -> None:
    """What was used right before the hour ended, after the last look in it."""
    wallet_id = await scene.wallet()
    at = await history(scene, wallet_id, 8, 10)
    scene.move_clock(at + timedelta(minutes=29))
    await scene.use(wallet_id, 100)
    scene.move_clock(at + timedelta(minutes=35))
    await watch(scene.database, scene.door)
    hour, _ = scene.events(wallet_id, "usage.spike")
    assert hour["window_start"].startswith(at.replace(minute=0).strftime("%Y-%m-%dT%H:"))


async def test_a_young_wallet_has_no_spikes_and_a_quiet_one_is_not_read(scene: Scene, clock: Clock) -> None:
    young = await scene.wallet()
    await history(scene, young, 3, 10)
    await scene.use(young, 500)
    assert 0 == await watch(scene.database, scene.door)
    (quiet,) = new_wallets(scene.url)
    assert 0 == await watch(scene.database, scene.door)
    with session(scene.url) as connection:
        assert [] == connection.execute("SELECT 1 FROM usage_watch WHERE wallet_id = %s", [quiet]).fetchall()


async def test_hours_of_long_ago_are_forgotten(scene: Scene, clock: Clock) -> None:
    wallet_id = await scene.wallet()
    at = await history(scene, wallet_id, 2, 10)
    await watch(scene.database, scene.door)
    scene.move_clock(at + timedelta(days=20))
    await scene.door.submit([attempt(use(wallet_id, 1))])
    await watch(scene.database, scene.door)
    with session(scene.url) as connection:
        rows = connection.execute("SELECT used_micro FROM usage_hours WHERE wallet_id = %s", [wallet_id]).fetchall()
    assert [(1_000_000,)] == rows

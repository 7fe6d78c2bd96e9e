"""Two at the same wallet at once, and workers that come back late: one refill, one charge."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ledger.kit.ids import parse_wallet
from ledger.payments.desk import Desk
from ledger.refill import attempts, telling
from ledger.refill.attempts import Attempt
from ledger.refill.charge import card
from ledger.refill.charge.look import last_look
from ledger.refill.charge.steps import step
from tests.refill.scene import Scene
from tests.support.api import run_sql
from tests.support.desk import desk_at
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio

LAPSED = timedelta(seconds=61)
"""Longer than an attempt is somebody's who has claimed it."""

RACERS = 100


@pytest.fixture
async def second(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Desk]:
    """Another worker, with a door and a client of Stripe's of its own."""
    async with desk_at(database_url, sandbox) as found:
        yield found


async def claimed(desk: Desk) -> Attempt:
    """The one that is due."""
    async with desk.database.transaction() as connection:
        [attempt] = await attempts.claim(connection, 10)
    return attempt


async def test_a_hundred_that_cross_at_once_begin_one_refill(scene: Scene) -> None:
    """Each posting leaves less than the threshold."""
    wallet = await scene.wallet("150")
    await asyncio.gather(*(scene.use(wallet, "1") for _ in range(RACERS)))
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]
    assert len(scene.charges(wallet)) == 1
    assert await scene.balance(wallet) == "550"


async def test_two_doors_that_cross_at_once_begin_one_refill(scene: Scene, second: Desk) -> None:
    """Looks by two doors, and uses by a third one."""
    wallet = await scene.wallet("150")
    number = parse_wallet(wallet)
    uses = [scene.use(wallet, "1") for _ in range(60)]
    looks = [telling.look(door, [number]) for door in (scene.desk.door, second.door) for _ in range(20)]
    await asyncio.gather(*uses, *looks)
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]
    assert len(scene.charges(wallet)) == 1


async def test_two_workers_at_one_attempt_charge_once(scene: Scene, second: Desk) -> None:
    wallet = await scene.wallet("10")
    found = await claimed(scene.desk)
    await asyncio.gather(step(scene.desk, found), step(second, found))
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]
    assert len(scene.charges(wallet)) == 1


async def test_who_was_away_makes_no_charge_for_what_was_canceled_meanwhile(scene: Scene, second: Desk) -> None:
    """A worker stands still between its last look and Stripe, while another one finds that it was switched off."""
    wallet = await scene.wallet("10")
    look = await last_look(scene.desk, await claimed(scene.desk))
    assert look.says == "charge"
    await scene.set(wallet, enabled=False)
    scene.ahead(LAPSED)
    await step(second, await claimed(second))
    assert await scene.states(wallet) == ["canceled"]
    await back(scene.desk, look.attempt)
    assert scene.charges(wallet) == [], "nothing is charged while it is off"
    assert await scene.states(wallet) == ["canceled"]


async def test_who_was_away_makes_no_charge_beside_a_link(scene: Scene, second: Desk) -> None:
    """The same, and another one has asked a person to pay: what the person pays is all that is paid."""
    wallet = await scene.wallet("10")
    look = await last_look(scene.desk, await claimed(scene.desk))
    run_sql(scene.url, _FAILED, look.attempt.fingerprint)
    scene.ahead(LAPSED)
    await step(second, await claimed(second))
    assert await scene.states(wallet) == ["link_sent"]
    await back(scene.desk, look.attempt)
    assert scene.charges(wallet) == []
    assert await scene.states(wallet) == ["link_sent"]


async def test_what_is_kept_while_another_one_cancels_is_canceled_too(scene: Scene, second: Desk) -> None:
    """The intent is kept between the other one's last look and its end: the end is not written."""
    wallet = await scene.wallet("10")
    mine = (await last_look(scene.desk, await claimed(scene.desk))).attempt
    await scene.set(wallet, enabled=False)
    scene.ahead(LAPSED)
    theirs = await last_look(second, await claimed(second))
    assert theirs.says == "cancel"
    await card.intended(scene.desk, mine)
    ended = attempts.ending(theirs.attempt, "canceled", theirs.reason)
    assert not await telling.move(second.door, mine.wallet_id, ended)
    assert await scene.states(wallet) == ["charging"], "somebody has an intent that is not canceled"
    scene.ahead(LAPSED)
    await scene.work()
    assert await scene.states(wallet) == ["canceled"]
    intents = scene.sandbox.client().v1.payment_intents.list({"limit": 1})
    assert [intent.status for intent in intents.data] == ["canceled"]


async def back(desk: Desk, attempt: Attempt) -> None:
    """A worker goes on that has looked long ago."""
    intended = await card.intended(desk, attempt)
    if intended is not None:
        await card.confirm(desk, intended)


_FAILED = "INSERT INTO refill_cards (fingerprint, failures, dead) VALUES (%s, 1, true)"
"""The card failed in another wallet."""

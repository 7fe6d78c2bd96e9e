"""Two at the same wallet at once, and workers that come back late: one refill, one charge."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from ledger.book.chart import DEFERRED_REVENUE, STRIPE_CLEARING
from ledger.book.commands import Attempt as Try
from ledger.book.commands import Inflow, MoneyLine, Posted, Rider, Tell
from ledger.events.payloads import RefillPaused
from ledger.kit import failpoints
from ledger.kit.ids import parse_wallet
from ledger.payments.desk import Desk
from ledger.payments.fulfil import AUTO_REFILL
from ledger.payments.gateway import StripeAway
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


async def claimed(desk: Desk, wallet: str) -> Attempt:
    """The one of this wallet that is due."""
    async with desk.database.transaction() as connection:
        found = await attempts.claim(connection, 10)
    [attempt] = [attempt for attempt in found if attempt.wallet_id == parse_wallet(wallet)]
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
    found = await claimed(scene.desk, wallet)
    await asyncio.gather(step(scene.desk, found), step(second, found))
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]
    assert len(scene.charges(wallet)) == 1


async def test_who_was_away_makes_no_charge_for_what_was_canceled_meanwhile(scene: Scene, second: Desk) -> None:
    """A worker stands still between its last look and Stripe, while another one finds that it was switched off."""
    wallet = await scene.wallet("10")
    look = await last_look(scene.desk, await claimed(scene.desk, wallet))
    assert look.says == "charge"
    await scene.set(wallet, enabled=False)
    scene.ahead(LAPSED)
    await step(second, await claimed(second, wallet))
    assert await scene.states(wallet) == ["canceled"]
    await back(scene.desk, look.attempt)
    assert scene.charges(wallet) == [], "nothing is charged while it is off"
    assert await scene.states(wallet) == ["canceled"]


async def test_who_was_away_makes_no_charge_beside_a_link(scene: Scene, second: Desk) -> None:
    """The same, and another one has asked a person to pay: what the person pays is all that is paid."""
    wallet = await scene.wallet("10")
    look = await last_look(scene.desk, await claimed(scene.desk, wallet))
    run_sql(scene.url, _FAILED, look.attempt.fingerprint)
    scene.ahead(LAPSED)
    await step(second, await claimed(second, wallet))
    run_sql(scene.url, "DELETE FROM refill_cards")
    assert await scene.states(wallet) == ["link_sent"]
    await back(scene.desk, look.attempt)
    assert scene.charges(wallet) == []
    assert await scene.states(wallet) == ["link_sent"]


async def test_a_last_look_of_long_ago_is_not_good_any_more(scene: Scene) -> None:
    wallet = await scene.wallet("10")
    look = await last_look(scene.desk, await claimed(scene.desk, wallet))
    intended = await card.intended(scene.desk, look.attempt)
    assert intended is not None
    with pytest.raises(StripeAway):
        await card.confirm(scene.desk, intended, time.monotonic() - 1)
    assert scene.charges(wallet) == []


async def test_what_is_kept_while_another_one_cancels_is_canceled_too(scene: Scene, second: Desk) -> None:
    """The intent is kept between the other one's last look and its end: the end is not written."""
    wallet = await scene.wallet("10")
    mine = (await last_look(scene.desk, await claimed(scene.desk, wallet))).attempt
    await scene.set(wallet, enabled=False)
    scene.ahead(LAPSED)
    theirs = await last_look(second, await claimed(second, wallet))
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


async def test_a_decline_that_two_hear_of_counts_once(scene: Scene, second: Desk) -> None:
    """In the wallet, and against the card. Who heard of it first died before it was written."""
    wallet = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    with dying_at("refill.after_charge"):
        await step(scene.desk, await claimed(scene.desk, wallet))
    scene.ahead(LAPSED)
    found = await claimed(scene.desk, wallet)
    await asyncio.gather(step(scene.desk, found), step(second, found))
    assert await scene.states(wallet) == ["waiting"]
    assert [told["type"] for told in scene.told(wallet)] == ["failed"]
    assert run_sql(scene.url, "SELECT failures FROM refill_cards") == [(1,)]
    run_sql(scene.url, "DELETE FROM refill_cards")


async def test_what_was_declined_is_still_known_after_a_death_in_between(scene: Scene) -> None:
    """The intent is canceled at Stripe, and nobody has written that a person has to pay."""
    wallet = await scene.wallet("10", card="pm_card_authenticationRequired")
    with dying_at("refill.after_withdraw"):
        await step(scene.desk, await claimed(scene.desk, wallet))
    scene.ahead(LAPSED)
    await scene.work()
    assert await scene.states(wallet) == ["link_sent"], "no card is charged anew"


async def test_what_began_last_month_counts_in_the_month_in_which_it_is_charged(scene: Scene) -> None:
    """And there it is given back, where nothing comes of it."""
    wallet = await scene.wallet("10")
    scene.ahead(timedelta(days=32))
    with dying_at("refill.before_charge"):
        await step(scene.desk, await claimed(scene.desk, wallet))
    assert (await scene.shown(wallet))["this_month"]["refills"] == 1
    await scene.set(wallet, enabled=False)
    scene.ahead(LAPSED)
    await scene.work()
    assert await scene.states(wallet) == ["canceled"]
    months = run_sql(scene.url, "SELECT count, spent FROM refill_months WHERE wallet_id = %s", parse_wallet(wallet))
    assert months == [(0, 0), (0, 0)]


async def test_two_that_end_an_attempt_give_it_back_once(scene: Scene, second: Desk) -> None:
    """The second one is refused, and nothing of it is written."""
    wallet = await scene.wallet("10")
    await scene.set(wallet, enabled=False)
    found = await claimed(scene.desk, wallet)
    ended = attempts.ending(found, "canceled", "switched_off")
    moved = [telling.move(desk.door, found.wallet_id, ended) for desk in (scene.desk, second)]
    assert sorted(await asyncio.gather(*moved)) == [False, True]
    months = run_sql(scene.url, "SELECT count, spent FROM refill_months WHERE wallet_id = %s", found.wallet_id)
    assert months == [(0, 0)]


async def test_another_card_may_be_charged_when_a_try_is_resumed(scene: Scene) -> None:
    """Declined, which nobody has written; then the owner changes the card."""
    wallet = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    with dying_at("refill.after_charge"):
        await step(scene.desk, await claimed(scene.desk, wallet))
    await scene.save(wallet, "pm_card_visa")
    scene.ahead(LAPSED)
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]
    assert len(scene.charges(wallet)) == 1


async def test_who_did_not_see_the_switch_go_back_is_looked_at_again(scene: Scene) -> None:
    """A posting that reads the switch before it goes back, and is written after, is missed by whoever moves it."""
    await scene.api.send("PUT", "/v1/auto-refill/switch", json={"stopped": True})
    wallet = await scene.wallet("10")
    run_sql(scene.url, "UPDATE refill_switch SET stopped = false")
    scene.ahead(timedelta(minutes=11))
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]


async def test_two_that_are_paid_late_at_once_are_both_booked(scene: Scene) -> None:
    """Both count in the month, and both give their credits, in one unit of work."""
    wallet = await scene.wallet("1000")
    number = parse_wallet(wallet)
    paid = [late_purchase(number, attempt) for attempt in (7, 8)]
    outcomes = await scene.desk.door.submit(paid)
    assert [type(outcome) for outcome in outcomes] == [Posted, Posted]
    shown = (await scene.shown(wallet))["this_month"]
    assert (shown["refills"], shown["spent"]) == (2, "20.00")


def late_purchase(wallet: int, attempt: int) -> Try:
    money = (MoneyLine(STRIPE_CLEARING, DEFERRED_REVENUE, "USD", 1_000),)
    command = Inflow(
        wallet_id=wallet,
        amount=100_000_000,
        source="purchase",
        of_kind="purchase",
        cost=1_000,
        currency="USD",
        money=money,
        join=False,
        facts={"payment_id": "pay_late", AUTO_REFILL: attempt},
    )
    return Try(command=command, key=f"late:{attempt}", namespace="stripe", actor="stripe")


@contextmanager
def dying_at(point: str) -> Iterator[None]:
    """A worker that dies at this point, of which nothing is left but what it has written, and what Stripe did."""
    failpoints.arm(f"{point}:error")
    try:
        with pytest.raises(failpoints.FailpointError):
            yield
    finally:
        failpoints.arm(None)


@pytest.mark.parametrize("what", ["grant", "off", "settings", "dispute"])
async def test_the_last_look_and_what_changes_meanwhile_are_one_after_the_other(scene: Scene, what: str) -> None:
    """Whoever is first: a card that is charged was looked at before, and nothing is charged after the change."""
    wallet = await scene.wallet("10")
    number = parse_wallet(wallet)
    found = await claimed(scene.desk, wallet)

    async def change() -> None:
        match what:
            case "grant":
                await scene.api.grant(wallet, "500")
            case "off":
                await scene.set(wallet, enabled=False)
            case "settings":
                await scene.set(wallet, threshold="90")
            case _:
                dispute = Tell(
                    wallet_id=number, of_type="auto_refill.paused", data=RefillPaused(reason="disputed", failures=0)
                )
                pause = Rider(
                    "UPDATE refills SET paused_for = 'disputed', paused_at = now() WHERE wallet_id = %(w)s",
                    {"w": number},
                )
                await scene.desk.door.submit(
                    [Try(command=dispute, key="dispute", namespace="test", actor="test", riders=(pause,))]
                )

    looks = await asyncio.gather(last_look(scene.desk, found), change(), return_exceptions=False)
    after = await last_look(scene.desk, (looks[0].attempt))
    assert after.says == "cancel", "after the change nothing is charged"
    assert looks[0].says in ("charge", "cancel")
    scene.ahead(LAPSED)
    await scene.work()
    charged = len(scene.charges(wallet))
    assert charged == (1 if what == "settings" else 0)


async def back(desk: Desk, attempt: Attempt) -> None:
    """A worker goes on that has looked long ago."""
    intended = await card.intended(desk, attempt)
    if intended is not None:
        await card.confirm(desk, intended, time.monotonic() + 30)


_FAILED = "INSERT INTO refill_cards (fingerprint, failures, dead) VALUES (%s, 1, true)"
"""The card failed in another wallet."""

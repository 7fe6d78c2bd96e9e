"""A payment that Stripe does not know: nobody knows whether money moved, so nothing is charged before somebody looks.

Another account of Stripe's stands for a key that is of another account or mode than before.
"""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ledger.book.verify import verify_now
from ledger.kit.ids import parse_wallet
from ledger.payments.desk import Desk
from ledger.refill import attempts
from ledger.refill.charge.steps import step
from ledger.refill.verify import verify_refills
from tests.refill.scene import Scene
from tests.refill.test_checkup import looked
from tests.refill.test_races import LAPSED, claimed, dying_at
from tests.support.api import run_sql
from tests.support.desk import desk_at
from tests.support.sandbox import sandbox_served

pytestmark = pytest.mark.anyio

NOW = re.compile(r"(\d+) whose payment Stripe does not know at the moment")
EVER = re.compile(r"(\d+) whose payment Stripe does not know,")


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Desk]:
    """A worker whose key is of another account."""
    with sandbox_served() as other:
        async with desk_at(database_url, other) as found:
            yield found


async def charged(scene: Scene) -> str:
    """A wallet whose card was charged by a worker that died before it wrote that."""
    wallet = await scene.wallet("10")
    with dying_at("refill.after_charge"):
        await step(scene.desk, await claimed(scene.desk, wallet))
    assert len(scene.charges(wallet)) == 1
    scene.ahead(LAPSED)
    return wallet


async def look(desk: Desk, wallet: str, after: timedelta = timedelta(minutes=16)) -> None:
    """It is due, and this worker has it."""
    await step(desk, await claimed(desk, wallet))
    by = after // timedelta(microseconds=1)
    run_sql(desk.settings.database_url, "UPDATE clock SET ahead_us = ahead_us + %s", by)


async def given_up(elsewhere: Desk, wallet: str) -> None:
    await look(elsewhere, wallet, timedelta(hours=24))
    await look(elsewhere, wallet)


def paused(scene: Scene, wallet: str) -> list[str]:
    return [each["reason"] for each in scene.told(wallet) if each["type"] == "paused"]


def stuck(scene: Scene, which: re.Pattern[str]) -> int:
    """How many the doctor tells of."""
    return sum(map(int, which.findall(looked(scene)["refills stuck"].seen)))


def counted(scene: Scene, wallet: str) -> tuple[int, int]:
    """What counts against the caps, in all months: refills, and money."""
    sums = "sum(count + more_count)::int, sum(spent + more_spent)::int"
    [found] = run_sql(scene.url, f"SELECT {sums} FROM refill_months WHERE wallet_id = %s", parse_wallet(wallet))
    return tuple(found)  # type: ignore[return-value] # two of them


async def test_a_payment_that_nobody_knows_is_handed_to_a_person(scene: Scene, elsewhere: Desk) -> None:
    """Within a day. It counts as if it were paid, and nothing is charged for the same crossing."""
    wallet = await charged(scene)
    before = stuck(scene, EVER)
    await look(elsewhere, wallet)
    assert await scene.states(wallet) == ["charging"], "a key that is wrong for an hour ends nothing"
    assert stuck(scene, NOW) == 1
    await look(elsewhere, wallet, timedelta(hours=24))
    await look(elsewhere, wallet)
    [attempt] = await scene.attempts(wallet)
    assert (attempt["status"], attempt["reason"]) == ("unknown", "unknown_at_stripe")
    shown = await scene.shown(wallet)
    assert (shown["status"], shown["paused"]["reason"], shown["under_way"]) == ("paused", "unknown_at_stripe", None)
    assert counted(scene, wallet) == (1, 5_000)
    assert paused(scene, wallet) == ["unknown_at_stripe"]
    assert (stuck(scene, EVER), looked(scene)["refills stuck"].state) == (before + 1, "warn")
    payment = (await scene.api.get(f"/v1/payments/{attempt['payment_id']}")).json()
    assert payment["status"] == "canceled", "nobody can pay it a second time"
    scene.ahead(timedelta(hours=1))
    await scene.use(wallet, "1")
    await scene.work()
    assert await scene.states(wallet) == ["unknown"]
    assert len(scene.charges(wallet)) == 1
    report = verify_now(scene.url, [parse_wallet(wallet)])
    verify_refills(scene.url, report, [parse_wallet(wallet)])
    assert report.ok, report.faults


async def test_money_that_is_heard_of_afterwards_is_credited_and_counts_once(scene: Scene, elsewhere: Desk) -> None:
    wallet = await charged(scene)
    await given_up(elsewhere, wallet)
    assert await scene.states(wallet) == ["unknown"]
    assert stuck(scene, EVER) > 0
    await scene.hear()
    assert await scene.balance(wallet) == "510"
    [attempt] = await scene.attempts(wallet)
    assert (attempt["status"], attempt["late"]) == ("succeeded", True)
    assert counted(scene, wallet) == (1, 5_000)
    assert (await scene.shown(wallet))["status"] == "paused", "a person resumes"
    assert stuck(scene, EVER) == 0


async def test_a_key_that_is_put_right_in_time_is_as_if_nothing_had_been(scene: Scene, elsewhere: Desk) -> None:
    wallet = await charged(scene)
    await look(elsewhere, wallet, timedelta(hours=25))
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]
    assert await scene.balance(wallet) == "510"
    assert (await scene.shown(wallet))["status"] == "on"


async def test_a_debit_is_waited_for_a_day_from_when_it_was_not_known(scene: Scene, elsewhere: Desk) -> None:
    """And not from when it was asked for, which was days ago."""
    scene.sandbox.tell("/config", debit_after_s=30 * 86_400)
    wallet = await scene.wallet("10", card="pm_usBankAccount_success")
    await scene.work()
    assert await scene.states(wallet) == ["processing"]
    scene.ahead(timedelta(days=3))
    await look(elsewhere, wallet, timedelta(hours=25))
    await look(scene.desk, wallet, timedelta(hours=2))
    await look(elsewhere, wallet)
    assert await scene.states(wallet) == ["processing"]
    [(since,)] = run_sql(
        scene.url,
        "SELECT ledger_now() - unknown_since < interval '1 hour' FROM refill_attempts WHERE wallet_id = %s",
        parse_wallet(wallet),
    )
    assert since, "when Stripe knew it in between, that began anew"
    await given_up(elsewhere, wallet)
    assert await scene.states(wallet) == ["unknown"]


@pytest.mark.parametrize("what", ["charge", "cancel"])
async def test_a_try_that_waits_ends_too(scene: Scene, elsewhere: Desk, what: str) -> None:
    """Whether it would be charged again or canceled; and what another account says of the cards is not believed."""
    wallet = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    await scene.work()
    assert await scene.states(wallet) == ["waiting"]
    run_sql(scene.url, "DELETE FROM refill_cards")
    if what == "cancel":
        await scene.api.grant(wallet, "500")
    scene.ahead(timedelta(hours=2))
    await given_up(elsewhere, wallet)
    assert await scene.states(wallet) == ["unknown"]
    methods = (await scene.api.get(f"/v1/wallets/{wallet}/payment-methods")).json()["items"]
    assert len(methods) == 1


async def test_what_was_switched_off_meanwhile_is_not_paused(scene: Scene, elsewhere: Desk) -> None:
    wallet = await charged(scene)
    await scene.set(wallet, enabled=False)
    await given_up(elsewhere, wallet)
    assert await scene.states(wallet) == ["unknown"]
    assert (await scene.shown(wallet))["status"] == "off"
    assert paused(scene, wallet) == []


async def test_two_that_give_it_up_do_so_once(scene: Scene, elsewhere: Desk) -> None:
    wallet = await charged(scene)
    await look(elsewhere, wallet, timedelta(hours=24))
    found = await claimed(elsewhere, wallet)
    await step(elsewhere, found)
    await step(elsewhere, found)
    assert paused(scene, wallet) == ["unknown_at_stripe"]
    async with scene.desk.database.transaction() as connection:
        assert (await attempts.load(connection, found.wallet_id, found.attempt)).state == "unknown"

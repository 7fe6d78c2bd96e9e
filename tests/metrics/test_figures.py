"""What happens with automatic refills, money and the journal is seen on the page."""

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.book.anchor.keys import SigningKey
from ledger.book.anchor.service import seal_now
from ledger.events.feed import advance
from ledger.kit.ids import parse_wallet
from ledger.payments.inbox.poll import poll
from ledger.payments.reconcile.service import reconcile
from tests.metrics.reading import figures
from tests.refill.scene import Scene
from tests.support.api import run_sql

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("always_new")]

HOUR_S = 3600.0


@pytest.fixture(autouse=True)
def going(scene: Scene) -> Iterator[None]:
    """In the end the kill switch is off."""
    yield
    run_sql(scene.url, "UPDATE refill_switch SET stopped = false, reason = NULL")


async def test_refills_are_counted_by_state_and_by_what_came_of_them(scene: Scene) -> None:
    before = await figures(scene.api)
    declined = await scene.wallet("10", card="pm_card_authenticationRequired")
    waits = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    good = [await scene.wallet("10") for _ in range(3)]
    assert {"due": 5} == _more(before, await figures(scene.api), "auto_refill_attempts")
    await scene.work()
    states = [await scene.states(wallet) for wallet in (declined, waits, *good)]
    assert [["link_sent"], ["waiting"], *[["succeeded"]] * 3] == states
    found = await figures(scene.api)
    assert {"waiting": 1, "link_sent": 1} == _more(before, found, "auto_refill_attempts")
    assert {"succeeded": 3, "failed": 1} == _more(before, found, "auto_refill_charged")
    succeeded, failed = found["auto_refill_charged"]["succeeded"], found["auto_refill_charged"]["failed"]
    assert succeeded / (succeeded + failed) == found["auto_refill_success_ratio"]
    scene.ahead(timedelta(hours=25))
    found = await figures(scene.api)
    assert {"succeeded": 0, "failed": 0} == found["auto_refill_charged"]
    assert math.isnan(found["auto_refill_success_ratio"])


def _more(before: dict[str, Any], after: dict[str, Any], name: str) -> dict[str, float]:
    """By how much each has grown that has."""
    more = {label: value - before[name][label] for label, value in after[name].items()}
    return {label: value for label, value in more.items() if value}


async def test_what_nobody_sees_to_grows_old(scene: Scene) -> None:
    await scene.wallet("10")
    await scene.work()
    assert {"attempts": 0, "wallets": 0} == (await figures(scene.api))["auto_refill_due_age_seconds"]
    await scene.wallet("10")
    scene.ahead(timedelta(minutes=11))
    found = await figures(scene.api)
    assert found["auto_refill_due_age_seconds"]["attempts"] == pytest.approx(660, abs=30)
    await scene.work()
    assert 0 == (await figures(scene.api))["auto_refill_due_age_seconds"]["attempts"]


async def test_a_payment_that_stripe_does_not_know_is_seen(scene: Scene) -> None:
    await scene.wallet("10")
    assert 0 == (await figures(scene.api))["auto_refill_unknown_attempts"]
    run_sql(scene.url, "UPDATE refill_attempts SET unknown_since = ledger_now() WHERE state = 'due'")
    assert 1 == (await figures(scene.api))["auto_refill_unknown_attempts"]
    await scene.work()
    assert 0 == (await figures(scene.api))["auto_refill_unknown_attempts"]


async def test_a_pause_and_the_kill_switch_are_seen(scene: Scene) -> None:
    assert 0 == (await figures(scene.api))["auto_refill_stopped"]
    await scene.api.send("PUT", "/v1/auto-refill/switch", json={"stopped": True, "reason": "odd charges"})
    wallet = await scene.wallet()
    paused = "UPDATE refills SET paused_for = 'disputed', paused_at = ledger_now() WHERE wallet_id = %s"
    run_sql(scene.url, paused, parse_wallet(wallet))
    found = await figures(scene.api)
    assert 1 == found["auto_refill_stopped"]
    paused = found["auto_refill_paused_wallets"]
    assert 1 == paused.pop("disputed")
    assert {0} == set(paused.values())


async def test_what_stripe_told_waits_until_it_is_done(scene: Scene) -> None:
    await scene.wallet("10")
    await scene.work()
    await scene.hear()
    found = await figures(scene.api)
    assert {"new": 0, "failed": 0} == found["stripe_inbox_events"]
    assert 0 <= found["stripe_poll_age_seconds"] < 30
    await scene.wallet("10")
    await scene.work()
    await poll(scene.desk, work_s=30)
    scene.ahead(timedelta(hours=1))
    found = await figures(scene.api)
    assert found["stripe_inbox_events"]["new"] > 0
    assert found["stripe_inbox_due_age_seconds"] == pytest.approx(HOUR_S, abs=30)
    assert found["stripe_poll_age_seconds"] == pytest.approx(HOUR_S, abs=30)
    run_sql(scene.url, "UPDATE stripe_events SET state = 'failed', due_at = NULL WHERE state = 'new'")
    failed = (await figures(scene.api))["stripe_inbox_events"]["failed"]
    assert failed == found["stripe_inbox_events"]["new"]
    run_sql(scene.url, "UPDATE stripe_events SET state = 'new', due_at = ledger_now() WHERE state = 'failed'")
    await scene.hear()
    assert {"new": 0, "failed": 0} == (await figures(scene.api))["stripe_inbox_events"]


async def test_a_link_that_stripe_was_not_there_for_is_pending(scene: Scene) -> None:
    wallet, before = await scene.api.wallet(), await figures(scene.api)
    scene.sandbox.tell("/faults", kind="unavailable", path="/v1/checkout/sessions", times=100)
    made = await scene.api.post(f"/v1/wallets/{wallet}/payment-links", {"amount": "20.00"})
    assert made.status_code in (201, 202), made.text
    scene.ahead(timedelta(hours=1))
    found = await figures(scene.api)
    assert before["payment_links_pending"] + 1 == found["payment_links_pending"]
    assert found["payment_links_pending_age_seconds"] == pytest.approx(HOUR_S, abs=60)
    assert found["payments_due_age_seconds"]["links"] == pytest.approx(HOUR_S, abs=60)


async def test_a_reconciliation_says_how_many_differences_there_are(scene: Scene) -> None:
    run_sql(scene.url, "TRUNCATE reconciliations")
    found = await figures(scene.api)
    assert math.isnan(found["reconciliation_age_seconds"]) and math.isnan(found["reconciliation_differences"])
    await scene.wallet("10")
    await scene.work()
    await scene.hear()
    await reconcile(scene.desk, scene.desk.database)
    assert 0 == (await figures(scene.api))["reconciliation_differences"]
    foreign: Any = {"amount": 3_000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    foreign["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
    scene.sandbox.client().v1.payment_intents.create(foreign)
    await reconcile(scene.desk, scene.desk.database)
    report = (await scene.api.get("/v1/finance/reconciliation")).json()
    found = await figures(scene.api)
    assert len(report["differences"]) == found["reconciliation_differences"] > 0
    assert 0 <= found["reconciliation_age_seconds"] < 30


async def test_the_journal_is_unsealed_until_an_anchor_is_made(scene: Scene) -> None:
    await scene.api.wallet("10")
    scene.ahead(timedelta(hours=1))
    found = await figures(scene.api)
    assert found["journal_unsealed_age_seconds"] >= HOUR_S
    assert math.isnan(found["journal_anchor_age_seconds"])
    await seal_now(scene.desk.database, SigningKey.new())
    found = await figures(scene.api)
    assert 0 == found["journal_unsealed_age_seconds"]
    assert 0 <= found["journal_anchor_age_seconds"] < 30


async def test_an_event_is_unplaced_then_unread(scene: Scene) -> None:
    await scene.api.wallet("10")
    scene.ahead(timedelta(hours=1))
    before = await figures(scene.api)
    assert before["events_unplaced"] > 0
    assert before["events_unplaced_age_seconds"] >= HOUR_S
    async with scene.desk.database.transaction() as connection:
        placed = await advance(connection)
    found = await figures(scene.api)
    assert (0, 0) == (found["events_unplaced"], found["events_unplaced_age_seconds"])
    assert found["events_total"] == before["events_total"] + placed
    assert found["events_unread"]["webhooks"] == before["events_unread"]["webhooks"] + placed
    assert found["events_unread_age_seconds"]["webhooks"] >= HOUR_S
    run_sql(scene.url, "UPDATE consumers SET position = (SELECT last FROM feed)")
    found = await figures(scene.api)
    assert {0} == {*found["events_unread"].values(), *found["events_unread_age_seconds"].values()}


async def test_lots_and_holds_that_have_ended_wait_to_be_booked(scene: Scene) -> None:
    wallet = await scene.api.wallet("10")
    hold = {"amount": "1", "service": "jobs", "expires_in_s": 60}
    assert 201 == (await scene.api.post(f"/v1/wallets/{wallet}/holds", hold)).status_code
    assert {"lots": 0, "holds": 0} == (await figures(scene.api))["book_due_age_seconds"]
    scene.ahead(timedelta(seconds=60 + HOUR_S))
    found = (await figures(scene.api))["book_due_age_seconds"]
    assert (0, pytest.approx(HOUR_S, abs=30)) == (found["lots"], found["holds"])
    await scene.use(wallet, "1")
    assert 0 == (await figures(scene.api))["book_due_age_seconds"]["holds"]

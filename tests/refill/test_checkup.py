"""What ``credit-ledger doctor`` says of auto-refill."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ledger.cli.doctor import Finding, examine
from ledger.kit.ids import parse_wallet
from tests.refill.scene import Scene
from tests.support.api import run_sql

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def going(scene: Scene) -> Iterator[None]:
    """In the end the kill switch is not on."""
    yield
    run_sql(scene.url, "UPDATE refill_switch SET stopped = false, reason = NULL")


def looked(scene: Scene) -> dict[str, Finding]:
    names = ("auto-refill", "refills charged", "refills stuck")
    found = {one.what: one for one in examine({"LEDGER_DATABASE_URL": scene.url}) if one.what in names}
    assert tuple(found) == names
    for one in found.values():
        assert one.advice or one.state == "ok", one
    return found


async def test_a_switch_that_is_on_is_told_with_its_reason(scene: Scene) -> None:
    assert {"ok"} == {one.state for one in looked(scene).values()}
    await scene.api.send("PUT", "/v1/auto-refill/switch", json={"stopped": True, "reason": "odd charges"})
    found = looked(scene)["auto-refill"]
    assert ("warn", True) == (found.state, found.seen.endswith(": odd charges"))


async def test_of_twenty_refills_one_that_fails_is_a_warning(scene: Scene) -> None:
    """With the code that is there most often; of nineteen it is none, nor is one that waits for another try."""
    declined = await scene.wallet("10", card="pm_card_authenticationRequired")
    waits = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    good = await scene.wallet("10")
    await scene.work()
    assert [["link_sent"], ["waiting"], ["succeeded"]] == [await scene.states(w) for w in (declined, waits, good)]
    found = looked(scene)["refills charged"]
    assert ("ok", "1 of 2 went well in the last 24 hours") == (found.state, found.seen)
    columns = "state, cause, position_micro, threshold_micro, credits_micro, amount, currency, consent, month, tries"
    more = f"""INSERT INTO refill_attempts (wallet_id, attempt, {columns}, began_at, asked_at, ended_at)
        SELECT wallet_id, 1000 + n, {columns}, began_at, asked_at, ended_at
        FROM refill_attempts, generate_series(%s::int, %s::int) n WHERE wallet_id = %s AND attempt = 1"""
    run_sql(scene.url, more, 1, 17, parse_wallet(good))
    assert "ok" == looked(scene)["refills charged"].state
    run_sql(scene.url, more, 18, 18, parse_wallet(good))
    found = looked(scene)["refills charged"]
    assert ("warn", "19 of 20 went well in the last 24 hours, under 99 %") == (found.state, found.seen)
    assert "Most often: authentication_required." in found.advice
    run_sql(scene.url, more, 19, 98, parse_wallet(good))
    found = looked(scene)["refills charged"]
    assert ("ok", "99 of 100 went well in the last 24 hours") == (found.state, found.seen)
    run_sql(scene.url, "DELETE FROM refill_attempts WHERE attempt > 1000")


async def test_what_nobody_sees_to_is_told(scene: Scene) -> None:
    wallet = await scene.wallet("10")
    [attempt] = await scene.attempts(wallet)
    assert "ok" == looked(scene)["refills stuck"].state
    scene.ahead(timedelta(minutes=11))
    found = looked(scene)["refills stuck"]
    assert ("warn", f"1 nobody sees to, such as {attempt['id']}") == (found.state, found.seen)
    await scene.work()
    assert "ok" == looked(scene)["refills stuck"].state

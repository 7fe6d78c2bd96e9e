"""T14: Stripe is down, overloaded, fails after it has done it, says nothing, or is slow, at each call that makes something:
nothing is made twice, everything is made in the end, and no transaction waits for it meanwhile.

The service's patience with Stripe is shortened, so that slow is a second and not a minute.
"""

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.kit.ids import parse_wallet
from ledger.payments import gateway
from ledger.payments.desk import Desk
from ledger.payments.fulfil import settle_session
from ledger.payments.gateway import plain
from ledger.payments.links.due import work_off
from ledger.payments.refunds.send import work
from tests.book.conftest import Clock
from tests.faults.sizes import scaled
from tests.payments.api import selling
from tests.support.api import Api, run_sql
from tests.support.book import CREDIT, check, session
from tests.support.desk import desk_at
from tests.support.sandbox import SandboxAt, sandbox_served

pytestmark = [pytest.mark.faults, pytest.mark.anyio]

ROUNDS = scaled(50)
AT_ONCE = 25
ANSWER_S = 0.6
"""Instead of twenty seconds."""

SILENT_S = 4.0
HELD_S = SILENT_S / 2
"""A transaction that is idle for longer is one that waits for Stripe."""

GOES_ON = timedelta(hours=1, minutes=1)

MODES: dict[str, list[dict[str, Any]]] = {
    "down": [{"kind": "unavailable", "times": 3}],
    "overloaded": [{"kind": "rate_limit", "times": 3}],
    "an error after it was done": [{"kind": "error_after"}],
    "an error, and nothing was done": [{"kind": "error_before"}],
    "silent after it was done": [{"kind": "hang", "delay_s": 2 * ANSWER_S}, {"kind": "unavailable", "times": 2}],
    "slow": [{"kind": "slow", "delay_s": 3 * ANSWER_S}],
}
"""What each call meets: more than the SDK's own two repeats get over."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many calls at once as there are customers, and less time for each."""
    monkeypatch.setattr(gateway, "READ_S", ANSWER_S)
    monkeypatch.setattr(gateway, "THREADS", AT_ONCE)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxAt]:
    with sandbox_served() as at:
        at.tell("/config", fee_known_after_s=0, refund_after_s=0)
        yield at


@pytest.fixture
def clock(database_url: str) -> Clock:
    return Clock(database_url)


@pytest.fixture
async def api(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Api]:
    async with selling(database_url, sandbox) as found:
        yield found


@pytest.fixture
async def desk(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Desk]:
    """What a worker has."""
    async with desk_at(database_url, sandbox) as found:
        yield found


class Held:
    """Looks all the time for transactions that are open and do nothing."""

    def __init__(self, url: str) -> None:
        self.longest_s = 0.0
        self.looks = 0
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="held")

    def __enter__(self) -> "Held":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        with session(self._url) as connection:
            while not self._over.is_set():
                [[idle_s]] = connection.execute(_IDLE).fetchall()
                self.longest_s = max(self.longest_s, float(idle_s))
                self.looks += 1
                time.sleep(0.02)


_IDLE = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0) FROM pg_stat_activity
WHERE datname = current_database() AND state LIKE 'idle in transaction%'"""


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_is_made_twice_and_everything_in_the_end(
    api: Api, desk: Desk, sandbox: SandboxAt, clock: Clock, database_url: str, mode: str
) -> None:
    """A customer, a session and a refund each; all three calls meet it."""

    def trouble(*paths: str) -> None:
        for path in paths:
            for fault in MODES[mode]:
                times = AT_ONCE * fault.get("times", 1)
                sandbox.tell("/faults", **{**fault, "method": "POST", "path": path, "times": times})

    payments: list[tuple[str, int]] = []
    for _ in range(0, ROUNDS, AT_ONCE):
        trouble("/v1/customers", "/v1/checkout/sessions")
        links = await asyncio.gather(*(_link(api) for _ in range(AT_ONCE)))
        assert "pending" in {link["status"] for link in links}, "Stripe was there: that was no test"
        await time_passes(desk, sandbox, clock)
        for link in links:
            name = await _session(api, link)
            sandbox.pay(name)
            await settle_session(desk, name)
        trouble("/v1/refunds")
        await asyncio.gather(*(_refund(api, link) for link in links))
        await time_passes(desk, sandbox, clock)
        await time_passes(desk, sandbox, clock)
        payments += [(link["payment_id"], parse_wallet(link["wallet_id"])) for link in links]
    assert len(payments) == ROUNDS
    await _made_once(desk, database_url, payments)
    print(f"\n{mode}: {ROUNDS} links and {ROUNDS} refunds, each once")


async def test_no_transaction_waits_for_stripe(
    api: Api, desk: Desk, sandbox: SandboxAt, clock: Clock, database_url: str
) -> None:
    """A worker is answered late at each of the three calls."""

    def silent(*paths: str) -> None:
        for path in paths:
            sandbox.tell("/faults", kind="slow", method="POST", path=path, delay_s=SILENT_S)

    sandbox.tell("/faults", **MODES["down"][0], method="POST", path="/v1/customers")
    link = await _link(api)
    assert "pending" == link["status"]
    began = time.monotonic()
    with Held(database_url) as held:
        silent("/v1/customers", "/v1/checkout/sessions")
        await time_passes(desk, sandbox, clock, forget=False)
        name = await _session(api, link)
        sandbox.pay(name)
        await settle_session(desk, name)
        sandbox.tell("/faults", **MODES["down"][0], method="POST", path="/v1/refunds")
        await _refund(api, link)
        silent("/v1/refunds")
        await time_passes(desk, sandbox, clock, forget=False)
    assert time.monotonic() - began >= 3 * SILENT_S, "Stripe was quick: that was no test"
    assert held.looks > 3 * SILENT_S
    assert held.longest_s < HELD_S, f"a transaction was open for {held.longest_s:.2f} s while Stripe was asked"
    await _made_once(desk, database_url, [(link["payment_id"], parse_wallet(link["wallet_id"]))])


async def time_passes(desk: Desk, sandbox: SandboxAt, clock: Clock, *, forget: bool = True) -> None:
    """Stripe is well again, and workers come round."""
    if forget:
        sandbox.forget_faults()
    clock.advance(GOES_ON)
    sandbox.pass_time(GOES_ON.total_seconds())
    await work_off(desk)
    await work(desk)


async def _link(api: Api) -> dict[str, Any]:
    wallet = await api.wallet()
    made = await api.post(f"/v1/wallets/{wallet}/payment-links", {"amount": "20.00"})
    assert 201 == made.status_code, made.text
    return dict(made.json())


async def _session(api: Api, link: dict[str, Any]) -> str:
    page = await api.get("/pay/" + link["payment_url"].rpartition("/")[2])
    assert 303 == page.status_code, page.text
    return re.findall(r"cs_test_\w+", page.headers["location"])[0]


async def _refund(api: Api, link: dict[str, Any]) -> None:
    made = await api.post(f"/v1/payments/{link['payment_id']}/refunds", {"amount": "5.00", "reason": "x"})
    assert 201 == made.status_code, made.text


async def _made_once(desk: Desk, url: str, payments: list[tuple[str, int]]) -> None:
    """Counted at Stripe, and in the books."""
    names = {payment for payment, _ in payments}

    async def listed(ask: Any) -> list[Any]:
        return await desk.stripe.call(lambda client: list(ask(client).list({"limit": 100}).auto_paging_iter()))

    sessions = await listed(lambda client: client.v1.checkout.sessions)
    of_ours = Counter(one.client_reference_id for one in sessions if one.client_reference_id in names)
    charges = await listed(lambda client: client.v1.charges)
    paid = Counter(one for one in map(_payment_of, charges) if one in names)
    refunds = await listed(lambda client: client.v1.refunds)
    back = Counter(one for one in map(_payment_of, refunds) if one in names)
    assert dict.fromkeys(names, 1) == of_ours == paid == back
    wallets = [wallet for _, wallet in payments]
    rows = run_sql(url, "SELECT state, amount FROM payment_refunds WHERE wallet_id = ANY(%s)", wallets)
    assert {("succeeded", 500): len(names)} == Counter(rows)
    left = run_sql(url, "SELECT wallet FROM wallets WHERE wallet_id = ANY(%s)", wallets)
    assert {(150 * CREDIT,): len(names)} == Counter(left)
    check(url, wallets)


def _payment_of(found: Any) -> str | None:
    """As we have told Stripe."""
    return (plain(found)["metadata"] or {}).get("payment_id")

"""T13: events of Stripe doubled, shuffled, late and lost, and workers killed with them in hand: each payment once.

The API, a worker and beat are processes of their own; the sandbox sends the events, and knows what was paid.
"""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from ledger.kit.ids import parse_wallet
from tests.faults.crew import Broker, Crew
from tests.faults.sizes import scaled
from tests.support.api import fresh, run_sql
from tests.support.book import CREDIT, check
from tests.support.sandbox import KEY, SandboxAt, sandbox_served
from tests.support.serving import Served, served
from tests.support.waiting import until

pytestmark = pytest.mark.faults

SECRET = "whsec_of_the_fault_tests"
AMOUNT, CREDITS = "20.00", 200
PATIENCE_S = 120.0


class Shop:
    """Customers who pay, and what came of it."""

    def __init__(self, database_url: str, api: Served, sandbox: SandboxAt) -> None:
        self.database_url = database_url
        self.sandbox = sandbox
        self._client = httpx.Client(base_url=api.api, headers=api.headers, timeout=30)
        self.wallets: list[int] = []
        """Of those who have paid."""

    def close(self) -> None:
        self._client.close()

    def pay(self, count: int) -> None:
        """So many customers pay a link, each of a wallet of its own."""
        for _ in range(count):
            path = f"/v1/wallets/user:{fresh('shopper')}/payment-links"
            link = self._client.post(path, json={"amount": AMOUNT}, headers={"Idempotency-Key": fresh("link")})
            assert link.status_code == 201, link.text
            page = self._client.get("/pay/" + link.json()["payment_url"].rpartition("/")[2])
            self.sandbox.pay(page.headers["location"].rpartition("/")[2].partition("?")[0].partition("#")[0])
            self.wallets.append(parse_wallet(link.json()["wallet_id"]))

    def undone(self) -> tuple[int, int]:
        """How many payments are not paid, and how many events are not done."""
        [(paid,)] = self.ask("SELECT count(*) FROM payments WHERE state = 'paid' AND wallet_id = ANY(%s)", self.wallets)
        [(events,)] = self.ask("SELECT count(*) FROM stripe_events WHERE state = 'new' AND type = ANY(%s)", MONEY_IN)
        return len(self.wallets) - int(paid), int(events)

    def check(self) -> None:
        """Each wallet has what was paid for, once; and Stripe has been paid as often."""
        found = self.ask(_BOUGHT, self.wallets)
        assert {(CREDITS * CREDIT, 1): len(self.wallets)} == Counter(found)
        assert len(self.wallets) == len(self.sandbox.ask("/money")["charges"])
        check(self.database_url, self.wallets)

    def ask(self, query: str, *params: Any) -> list[Any]:
        return run_sql(self.database_url, query, *params)


_BOUGHT = """
SELECT w.wallet, count(*) FROM wallets w JOIN transactions t USING (wallet_id)
WHERE w.wallet_id = ANY(%s) AND t.kind = 'purchase' GROUP BY w.wallet_id"""
"""What each wallet has, and by how many purchases."""

MONEY_IN = ["checkout.session.completed", "payment_intent.succeeded"]
"""What has to be done for a payment to be paid."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxAt]:
    with sandbox_served() as at:
        at.tell("/config", fee_known_after_s=0)
        yield at


@pytest.fixture
def stripe_environ(sandbox: SandboxAt) -> dict[str, str]:
    return {
        "LEDGER_STRIPE_API_KEY": KEY,
        "LEDGER_STRIPE_API_BASE": sandbox.base,
        "LEDGER_STRIPE_WEBHOOK_SECRET": f"whsec_another,{SECRET}",
    }


@pytest.fixture
def shop(database_url: str, sandbox: SandboxAt, stripe_environ: dict[str, str], tmp_path: Path) -> Iterator[Shop]:
    """With the sandbox telling the API of everything."""
    run_sql(database_url, "TRUNCATE stripe_events, stripe_cursors")
    with served(database_url, tmp_path, **stripe_environ) as api:
        sandbox.tell("/reset")
        sandbox.tell("/config", fee_known_after_s=0)
        sandbox.tell("/webhook-endpoint", url=f"{api.api}/stripe/webhooks", secret=SECRET)
        found = Shop(database_url, api, sandbox)
        yield found
        sandbox.tell("/webhooks")
        found.close()


@pytest.fixture
def stripe_crew(database_url: str, broker: Broker, tmp_path: Path, stripe_environ: dict[str, str]) -> Iterator[Crew]:
    found = Crew(database_url, broker.url, tmp_path / "crew", **stripe_environ)
    yield found
    found.stop()


def test_events_doubled_shuffled_late_and_lost(shop: Shop, stripe_crew: Crew, broker: Broker) -> None:
    """Thirty of a hundred twice, as many out of order, one of twenty never: the poller finds those."""
    shop.sandbox.tell(
        "/webhooks",
        duplicate={"probability": 0.3},
        reorder={"probability": 0.3, "delay_s": 0.5},
        drop={"probability": 0.05},
        twin={"probability": 0.1},
        seed=14,
    )
    stripe_crew.start_worker()
    stripe_crew.start_beat()
    shop.pay(scaled(40))
    beat = Celery(broker=broker.url, set_as_current=False)

    def all_done() -> bool:
        beat.send_task("payments.poll", ignore_result=True)
        return shop.undone() == (0, 0)

    until(all_done, "every payment paid and every event done", patience_s=PATIENCE_S)
    until(lambda: _found(beat, shop), "what was lost was found", patience_s=PATIENCE_S)
    shop.check()


def _found(beat: Celery, shop: Shop) -> bool:
    """Whether all events that Stripe lists are in the inbox; some of them by the poller."""
    beat.send_task("payments.poll", ignore_result=True)
    listed = shop.sandbox.client().v1.events.list({"types": MONEY_IN, "limit": 100}).auto_paging_iter()
    known = dict(shop.ask("SELECT event, via FROM stripe_events"))
    return {event.id for event in listed} <= known.keys() and "poll" in known.values()


@pytest.mark.parametrize(
    "point",
    [
        "inbox.after_claim:kill@2",
        "inbox.before_done:kill@2",
        "payments.before_purchase:kill@3",
        "unit.after_commit:kill@4",
    ],
)
def test_workers_killed_with_events_in_hand(shop: Shop, stripe_crew: Crew, point: str) -> None:
    """Each child dies by its own hand again and again, in the middle; what it had is done when its lease ends."""

    def one_died() -> bool:
        """Whether one did; until then there is always something more to do."""
        if _died(stripe_crew) == 0:
            shop.pay(1)
            return False
        return True

    parent = stripe_crew.start_worker(LEDGER_FAILPOINTS=point)
    stripe_crew.start_beat()
    for _ in range(3):
        shop.pay(scaled(5))
    until(one_died, "a child died", patience_s=PATIENCE_S)
    stripe_crew.signal(parent, signal.SIGKILL)
    stripe_crew.start_worker("second")
    until(lambda: shop.undone() == (0, 0), "every payment paid and every event done", patience_s=PATIENCE_S)
    shop.check()


def _died(crew: Crew) -> int:
    """How many children of the worker were killed."""
    return crew.log.read_text().count("signal 9")

"""T19: webhooks while workers are killed: every event is delivered, and what comes twice has the same id."""

import signal
from contextlib import suppress

import pytest

from tests.faults.crew import Crew
from tests.faults.street import (
    EVENTS,
    PATIENCE_S,
    Street,
    ahead,
    hooks,
    rows,
    tell,
    told,
)
from tests.support.book import check, new_wallets
from tests.support.waiting import until

pytestmark = pytest.mark.faults

KILLS = 4


def test_workers_killed_while_they_deliver(database_url: str, crew: Crew, keys: str, street: Street) -> None:
    """kill -9 of all children, and of one between sending and writing down: nothing is lost, and what comes twice has
    the same id."""
    for receiver, secret in zip(
        street.healthy, hooks(database_url, keys, [r.port for r in street.healthy]), strict=True
    ):
        receiver.secret = secret
    wallets = new_wallets(database_url, 10)
    crew.start_beat()
    first = crew.start_worker(LEDGER_FAILPOINTS="webhooks.after_send:kill@7")
    for _ in range(KILLS):
        had = min(len(receiver.came) for receiver in street.healthy)
        tell(database_url, wallets, EVENTS // KILLS)
        until(lambda had=had: any(len(r.came) > had for r in street.healthy), "it goes on", patience_s=PATIENCE_S)
        for child in crew.children(first):
            with suppress(ProcessLookupError):  # it was faster
                crew.signal(child, signal.SIGKILL)
    crew.signal(first, signal.SIGKILL)
    crew.start_worker()
    ahead(database_url, 60)  # the leases of the dead are over
    wanted = told(database_url)
    assert len(wanted) == EVENTS // KILLS * KILLS
    until(lambda: all(wanted <= set(r.ids()) for r in street.healthy), "all came everywhere", patience_s=PATIENCE_S)
    unfinished = "SELECT count(*) FROM webhook_deliveries WHERE state <> 'delivered'"
    until(lambda: rows(database_url, unfinished) == [(0,)], "all is written down", patience_s=PATIENCE_S)
    assert all(set(receiver.ids()) == wanted for receiver in street.healthy)
    assert rows(database_url, "SELECT 1 FROM webhook_attempts WHERE outcome = 'lost'"), "nobody died with a delivery"
    assert check(database_url, wallets).ok

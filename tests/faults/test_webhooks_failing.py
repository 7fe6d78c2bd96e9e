"""T19: webhooks while half of the receivers misbehave: every event is delivered, or visibly exhausted."""

import pytest

from tests.faults.crew import Crew
from tests.faults.street import (
    EVENTS,
    FAILING,
    HEALTHY,
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

STEP_S = 40 * 3600


def test_half_of_the_receivers_fail(database_url: str, crew: Crew, keys: str, street: Street) -> None:
    """Ten that take it and ten that do not, each in another way: the ten have all, the others are disabled in five days
    with a warning before, what waits for them is exhausted, and nobody was led inward."""
    for receiver, secret in zip(
        street.healthy, hooks(database_url, keys, [r.port for r in street.healthy]), strict=True
    ):
        receiver.secret = secret
    hooks(database_url, keys, list(street.failing.values()))
    wallets = new_wallets(database_url, 10)
    crew.start_beat()
    crew.start_worker()
    tell(database_url, wallets, EVENTS)
    wanted = told(database_url)
    until(lambda: all(wanted <= set(r.ids()) for r in street.healthy), "the healthy have all", patience_s=PATIENCE_S)
    open_ = "SELECT count(*) FROM webhook_deliveries WHERE state IN ('due', 'sending')"
    untried = (
        "SELECT count(*) FROM webhook_endpoints e WHERE state = 'enabled' AND failures > 0 AND NOT EXISTS ("
        "SELECT 1 FROM webhook_deliveries JOIN webhook_attempts USING (delivery) WHERE endpoint = e.endpoint AND at > %s)"
    )
    untold = "SELECT count(*) FROM webhook_endpoints WHERE warned_at IS NOT NULL AND told_at IS NULL"
    for _ in range(8):
        [(now,)] = rows(database_url, "SELECT ledger_now()")
        until(lambda now=now: rows(database_url, untried, now) == [(0,)], "each was tried again", patience_s=PATIENCE_S)
        until(lambda: rows(database_url, untold) == [(0,)], "warnings were told", patience_s=PATIENCE_S)
        if rows(database_url, open_) == [(0,)]:
            break
        ahead(database_url, STEP_S)
    until(lambda: rows(database_url, open_) == [(0,)], "all is delivered or exhausted", patience_s=PATIENCE_S)
    states = dict(rows(database_url, "SELECT state, count(*) FROM webhook_deliveries GROUP BY state"))
    assert states == {"delivered": HEALTHY * EVENTS, "exhausted": len(FAILING) * EVENTS}
    ended = dict(rows(database_url, "SELECT disabled_for, count(*) FROM webhook_endpoints GROUP BY disabled_for"))
    assert ended == {None: HEALTHY, "gone": 1, "failing": len(FAILING) - 1}
    notices = "SELECT type, count(*) FROM outbox WHERE type LIKE 'webhook_endpoint.%%' GROUP BY type"
    expected = {"webhook_endpoint.failing": len(FAILING) - 1, "webhook_endpoint.disabled": len(FAILING)}
    until(lambda: dict(rows(database_url, notices)) == expected, "each was told of", patience_s=PATIENCE_S)
    assert all(sorted(receiver.ids()) == sorted(wanted) for receiver in street.healthy), "none came twice"
    assert check(database_url, wallets).ok

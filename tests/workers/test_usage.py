"""Real Celery workers roll up what moved, and make the forecast that a client asked for."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from celery import Celery

from ledger.book.commands import Inflow, Use
from ledger.kit.ids import wallet_public
from tests.book.conftest import Clock
from tests.rollups.recount import recounted, rolled_up
from tests.support.api import Api, make_key, running
from tests.support.book import CREDIT, attempt, codes, new_wallets, submit
from tests.support.waiting import until
from tests.workers.test_workers import Workers, count

MADE = "SELECT count(*) FROM forecasts WHERE wallet_id = %s AND made_at IS NOT NULL"
BEHIND = """SELECT count(*) FROM wallets w LEFT JOIN rollup_marks m USING (wallet_id)
    WHERE w.number > coalesce(m.number, 0)"""


def asked(url: str, wallet: int) -> tuple[int, dict[str, Any]]:
    """What a client is told of the wallet's forecast."""

    async def ask() -> tuple[int, dict[str, Any]]:
        async with running(url) as app:
            answer = await Api(app, make_key(url, "read")[1], url).get(f"/v1/wallets/{wallet_public(wallet)}/forecast")
            return answer.status_code, answer.json()

    return asyncio.run(ask())


def test_workers_roll_up_and_forecast(database_url: str, redis_url: str, tmp_path: Path) -> None:
    """Ticks twice over, by two workers, one of them killed: each use is counted once, the forecast made by the model."""
    (wallet,) = new_wallets(database_url)
    now = Clock(database_url).now()
    used = [
        Use(wallet_id=wallet, amount=CREDIT, service="chat", effective_at=now - timedelta(days=d)) for d in range(34)
    ]
    posted = submit(
        database_url,
        attempt(Inflow(wallet_id=wallet, amount=50 * CREDIT, source="earned")),
        *(attempt(use) for use in used),
    )
    assert codes(posted) == ["posted"] * 35
    # A broker of its own, as workers of another test would take these tasks to another database.
    own_redis_url = urlunsplit(urlsplit(redis_url)._replace(path="/2"))
    workers = Workers(database_url, own_redis_url, tmp_path)
    beat = Celery(broker=own_redis_url, set_as_current=False)

    def ticks(task: str, sql: str, expected: int, *params: object) -> bool:
        for _ in range(2):
            beat.send_task(task, ignore_result=True)
        return count(database_url, sql, *params) == expected

    try:
        workers.start()
        until(lambda: ticks("rollups.roll", BEHIND, 0), "the wallet is rolled up")
        workers.kill()
        assert recounted(database_url, wallet) == rolled_up(database_url, wallet)
        assert asked(database_url, wallet)[0] == 202
        workers.start()
        until(lambda: ticks("forecast.make", MADE, 1, wallet), "the forecast is made")
        status, made = asked(database_url, wallet)
    finally:
        workers.kill()
    assert (status, made["status"], made["next_30_days_estimate"]) == (200, "ready", "30")
    assert made["back_test"]["beats_naive"] is False
    assert '"forecast.made"' in workers.log()

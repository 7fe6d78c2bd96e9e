"""Real Celery workers, killed after the mail server had the mail and before they knew: sent again, under the same id."""

from pathlib import Path

import pytest

from ledger.kit.secret_keys import new_key
from ledger.settings import Settings
from tests.notifications.conftest import FROM
from tests.notifications.postoffice import post_office
from tests.notifications.test_channels import MAIL, set_to
from tests.notifications.test_telling import use
from tests.support.api import Api, make_key, run_sql, running
from tests.support.waiting import until
from tests.webhooks.delivering import ahead
from tests.workers.test_workers import Workers

pytestmark = pytest.mark.anyio


@pytest.mark.faults
async def test_a_worker_that_is_killed_mid_send_loses_nothing(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """At most the same mail twice, under one Message-ID; and what came meanwhile is told by the next worker."""
    with post_office() as office:
        given = {
            "LEDGER_SMTP_URL": f"smtp://127.0.0.1:{office.port}",
            "LEDGER_MAIL_FROM": FROM,
            "LEDGER_SECRET_KEYS": new_key(),
            "LEDGER_ENVIRONMENT": "test",
        }
        settings = Settings(database_url=database_url, smtp_url=given["LEDGER_SMTP_URL"], mail_from=FROM)
        async with running(database_url, settings) as app:
            api = Api(app, make_key(database_url, "admin")[1], database_url)
            wallets = [await api.wallet("150") for _ in range(3)]
            for wallet_id in wallets:
                await set_to(api, wallet_id, MAIL)
                await use(api, wallet_id, "75.5")
            workers = Workers(
                database_url, redis_url, tmp_path, **given, LEDGER_FAILPOINTS="notifications.after_mail:kill"
            )
            try:
                workers.start()
                until(lambda: len(office.mails) > 0, "a mail, and a worker that dies of it")
            finally:
                workers.kill()
            before = set(office.ids())
            for wallet_id in wallets:
                await use(api, wallet_id, "60")
            ahead(database_url, 100)
            workers = Workers(database_url, redis_url, tmp_path, **given)
            try:
                workers.start()
                done = "SELECT count(*) FROM notifications WHERE state = 'sent'"
                until(lambda: run_sql(database_url, done) == [(6,)], "six notifications sent")
            finally:
                workers.kill()
            await api.client.aclose()
        assert 6 == len(set(office.ids()))
        assert before <= set(office.ids())
        assert {"queued", "sending", "failed"}.isdisjoint(
            state for (state,) in run_sql(database_url, "SELECT state FROM notifications")
        )

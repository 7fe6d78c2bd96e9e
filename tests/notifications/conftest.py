"""The application of a module's tests with a mail server and a key for secrets, an admin's client, and a sender."""

from collections.abc import AsyncIterator, Iterator

import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.answer import Limits
from ledger.kit.egress.client import Egress
from ledger.kit.mail import MailServer, Sender
from ledger.kit.secret_keys import keys_of, new_key
from ledger.notifications import sender
from ledger.notifications.mail import Mailer
from ledger.settings import Settings
from tests.notifications.postoffice import PostOffice, post_office
from tests.support.api import Api, make_key, run_sql, running

FROM = "Credits <billing@example.com>"


@pytest.fixture(scope="module")
def secret_keys() -> str:
    return new_key()


@pytest.fixture(scope="module")
def _office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture
def office(_office: PostOffice) -> PostOffice:
    """The mail server, with nothing in it and in good order."""
    for kept in (_office.mails, _office.recipients, _office.says, _office.to_rcpt):
        kept.clear()  # type: ignore[attr-defined]
    return _office


@pytest.fixture(scope="module")
async def api(database_url: str, secret_keys: str, _office: PostOffice) -> AsyncIterator[Api]:
    settings = Settings(
        database_url=database_url,
        secret_keys=secret_keys,
        egress_allow="127.0.0.1",
        smtp_url=f"smtp://127.0.0.1:{_office.port}",
        mail_from=FROM,
    )
    async with running(database_url, settings) as app:
        client = Api(app, make_key(database_url, "admin")[1], database_url)
        yield client
        await client.client.aclose()


@pytest.fixture
async def send(database_url: str, secret_keys: str, office: PostOffice) -> AsyncIterator[sender.Sender]:
    """What a worker sends with; nothing waits when a test begins, and the clock is right."""
    run_sql(database_url, "TRUNCATE notification_channels CASCADE")
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")
    database = Database(database_url, pool_size=4, role=SERVICE_ROLE)
    egress = Egress(allow=AllowList.read("127.0.0.1"), limits=Limits(total_s=2))
    mailer = Mailer(MailServer.read(f"smtp://127.0.0.1:{office.port}"), Sender.read(FROM), total_s=2)
    made = sender.Sender(database, egress, mailer, keys_of(secret_keys))
    await made.run(10)
    yield made
    egress.close()
    await database.dispose()
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")

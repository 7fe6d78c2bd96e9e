"""What a statement was given is in no error, and so in no log: addresses, names, secrets."""

import logging

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger.kit.db import Database
from ledger.settings import Settings, libpq_url
from tests.support.api import Api, make_key, running

pytestmark = pytest.mark.anyio

VALUE = "ada.lovelace@example.com"


async def test_an_error_says_the_statement_and_not_what_it_was_given(database_url: str) -> None:
    database = Database(database_url, pool_size=1, statement_timeout_ms=100)
    with pytest.raises(DBAPIError) as caught:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT pg_sleep(9), CAST(:value AS text)"), {"value": VALUE})
    assert "pg_sleep" in str(caught.value)
    assert VALUE not in str(caught.value)
    await database.dispose()


async def test_nor_is_it_in_the_log(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Of a request that came while the database was held up."""
    settings = Settings(database_url=database_url, lock_timeout_ms=100)
    async with running(database_url, settings) as app:
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        with psycopg.connect(libpq_url(database_url)) as other, caplog.at_level(logging.INFO):
            other.execute("LOCK TABLE webhook_endpoints")
            refused = await api.get("/v1/webhook-endpoints", owner_id=VALUE)
        await api.client.aclose()
    assert (refused.status_code, refused.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert "the database cannot be used" in caplog.text
    assert VALUE not in caplog.text

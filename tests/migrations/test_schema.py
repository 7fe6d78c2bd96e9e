"""The migrations make what the tables in code say, and can be taken back and made again, on data too."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import create_engine, pool

from ledger.alerts.participant import BalanceLevels
from ledger.backup import tools
from ledger.book.commands import Inflow, PlaceHold, Transfer, Use
from ledger.book.door import Door
from ledger.book.verify import verify_now
from ledger.cli import migrate
from ledger.kit.db import SERVICE_ROLE, Database, sync_url
from ledger.tables import metadata
from tests.migrations.sql import steps
from tests.support.api import run_sql
from tests.support.book import CREDIT, attempt, codes, new_wallets, session

pytestmark = pytest.mark.anyio

_TABLES = "c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'"
CATALOGUE = (
    f"""SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
        coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE {_TABLES}""",
    f"""SELECT 'constraint', c.relname, k.conname, pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE {_TABLES}""",
    "SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
    f"SELECT 'table', c.relname, coalesce(c.reloptions::text, '') FROM pg_class c WHERE {_TABLES}",
)


def schema(url: str) -> list[str]:
    """The schema as pg_dump writes it; lines that are different in each dump are left out."""
    pg_dump = tools.program("pg_dump", major_min=tools.server_major(url))
    text = tools.run(pg_dump, "--schema-only", "--no-owner", database_url=url)
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def catalogue(url: str) -> set[tuple[str, ...]]:
    """Columns, constraints and indexes with all that they say, and how the tables are stored."""
    return {tuple(row) for query in CATALOGUE for row in run_sql(url, query)}


def test_tables_in_code_are_those_of_the_migrations(url: str, empty_url: str) -> None:
    """Tables made from the metadata and by the migrations: the same to each check, default and index."""
    functions = (migrate.MIGRATIONS / "sql" / "book_v1.sql").read_text()
    with session(empty_url) as connection:
        connection.execute("SET check_function_bodies = off; " + functions)  # type: ignore[arg-type]
    engine = create_engine(sync_url(empty_url), poolclass=pool.NullPool)
    metadata.create_all(engine)
    engine.dispose()

    of_code, of_migrations = catalogue(empty_url), catalogue(url)

    assert len(of_code) > 150
    assert set() == of_code - of_migrations
    assert set() == of_migrations - of_code


async def post(url: str) -> list[int]:
    """Books with a lot, a use, a hold and a transfer in them."""
    payer, payee = new_wallets(url, 2)
    database = Database(url, role=SERVICE_ROLE)
    door = Door(database, participants=[BalanceLevels()])
    await door.start()
    try:
        for command_ in (
            Inflow(wallet_id=payer, amount=100 * CREDIT, source="promotional"),
            Use(wallet_id=payer, amount=5 * CREDIT, service="chat"),
            PlaceHold(wallet_id=payer, amount=7 * CREDIT, service="chat", expires_in_s=60),
            Transfer(wallet_id=payer, payee_id=payee, amount=CREDIT),
        ):
            assert ["posted"] == codes(await door.submit([attempt(command_)]))
    finally:
        await door.stop()
        await database.dispose()
    return [payer, payee]


async def test_every_revision_goes_up_down_and_up_again_with_data_in_it(empty_url: str) -> None:
    """After each step down and up the schema is the same to the letter; what it says survives a full circle."""
    config = migrate._config(empty_url)
    made: dict[str, list[str]] = {}
    for _, revision in steps():
        migrate.upgrade(empty_url, to=revision)
        made[revision] = schema(empty_url)
    await post(empty_url)
    for before, revision in reversed(steps()):
        command.downgrade(config, before)
        migrate.upgrade(empty_url, to=revision)
        assert made[revision] == schema(empty_url), revision
        command.downgrade(config, before)
    migrate.upgrade(empty_url)
    assert made[steps()[-1][1]] == schema(empty_url)
    wallet_ids = await post(empty_url)
    report = verify_now(empty_url)
    assert report.ok, report.faults
    assert report.checked["wallets"] == len(wallet_ids)


async def test_data_survives_the_newest_revision_taken_back_and_made_again(url: str) -> None:
    """What an operator does after a release that fails: one step down, and up with the next."""
    await post(url)
    (before, newest) = steps()[-1]
    command.downgrade(migrate._config(url), before)
    migrate.upgrade(url, to=newest)
    report = verify_now(url)
    assert report.ok, report.faults
    assert report.checked["transactions"] == 5

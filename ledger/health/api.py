"""/health, /ready, /v1/info: asked by load balancers and people, without a key."""

import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
from alembic.config import Config
from alembic.script import ScriptDirectory
from litestar import get
from msgspec import Meta
from sqlalchemy import text

import migrations
from ledger import __version__
from ledger.context import LedgerRequest
from ledger.errors import DatabaseUnavailable
from ledger.kit.db import Database, is_unavailable, sqlstate
from ledger.kit.http.answers import Answer, answer
from ledger.kit.http.fields import Time, shown
from ledger.kit.money import AMOUNT_MAX, format_amount

_STARTED = time.monotonic()
_NO_TABLE = "42P01"


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str
    timestamp: Time
    uptime_s: Annotated[float, Meta(ge=0)]
    version: str


class Ready(msgspec.Struct, frozen=True):
    """It can work: the database answers and has the schema that this release needs."""

    status: str
    schema: str


class Info(msgspec.Struct, frozen=True):
    """What this is, and its limits."""

    name: str
    version: str
    api: str
    currency: str
    credit_scale: int
    amount_max: str
    batch_max: int
    page_max: int


@get("/health", opt={"open": True})
async def health() -> Answer[Health]:
    """The process is alive. Does not ask the database."""
    now = shown(datetime.now(UTC))
    return answer(Health("ok", now, round(time.monotonic() - _STARTED, 3), __version__))


@get("/ready", opt={"open": True})
async def ready(request: LedgerRequest) -> Answer[Ready]:
    """The database can be reached and is migrated. 503 otherwise."""
    return answer(Ready("ready", await _schema(request.services.database)))


@get("/v1/info", opt={"open": True})
async def info() -> Answer[Info]:
    """What this is, and its limits."""
    return answer(Info("credit-ledger", __version__, "v1", "credits", 6, format_amount(AMOUNT_MAX), 1000, 100))


async def _schema(database: Database) -> str:
    """The schema's revision. Raises DatabaseUnavailable where it is not the newest."""
    try:
        async with database.transaction() as connection:
            found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    except Exception as error:
        if is_unavailable(error):
            raise
        if sqlstate(error) != _NO_TABLE:
            raise
        found = None
    if found != newest_schema():
        raise DatabaseUnavailable(
            f"the database has the schema {found}, but this release needs {newest_schema()}: run migrate"
        )
    return str(found)


@cache
def newest_schema() -> str:
    """The revision that this release was made for."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return ScriptDirectory.from_config(config).get_current_head() or ""


HANDLERS = [health, ready, info]

"""Reading what an answer is made of: rolled up first, then all of it from one snapshot."""

from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.analytics import store
from ledger.analytics.period import period_of
from ledger.analytics.rules import Row, rest
from ledger.analytics.shapes import ROOTS, Found
from ledger.analytics.store import METADATA, Asked, Head, Used
from ledger.errors import NotFound
from ledger.kit.db import Database
from ledger.kit.http.strict import invalid
from ledger.kit.ids import wallet_public
from ledger.rollups.roller import caught_up

METADATA_KEY_MAX: Final = 40


class Question(NamedTuple):
    """As it was asked, not looked at yet."""

    timeframe: str | None
    from_: str | None
    to: str | None
    breakdown_by: str | None


async def read(database: Database, wallet_id: int, question: Question) -> Found:
    """Raises NotFound, InvalidRequest or AnalyticsTooLarge."""
    wanted = _wanted(question.breakdown_by)
    await caught_up(database, wallet_id)
    async with database.transaction() as connection:
        await connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        head = await _head(connection, wallet_id)
        period = period_of(question.timeframe, question.from_, question.to, head.today)
        asked = Asked(wallet_id, head.zone, period)
        used = await store.used(connection, asked)
        return Found(
            head=head,
            period=period,
            now=used.now,
            before=used.before,
            days=used.days,
            others={by: await _rows(connection, asked, used, by, head.counted) for by in wanted},
        )


async def read_head(database: Database, wallet_id: int) -> Head:
    """The totals alone. Raises NotFound."""
    await caught_up(database, wallet_id)
    async with database.transaction() as connection:
        return await _head(connection, wallet_id)


async def _head(connection: AsyncConnection, wallet_id: int) -> Head:
    head = await store.head(connection, wallet_id)
    if head is None:
        raise NotFound(f"there is no wallet {wallet_public(wallet_id)}")
    return head


async def _rows(connection: AsyncConnection, asked: Asked, used: Used, by: str, up_to: int) -> list[Row]:
    match by:
        case "service":
            return used.now
        case "day" | "week" | "month":
            return used.days
        case "meter":
            return await store.in_units(connection, used.now)
        case "hour":
            return await store.by_hour(connection, asked)
        case "user" | "purpose":
            named = await store.by_label(connection, asked, by)
            return [*named, *rest(used.now, named)]
        case _:
            return await store.by_journal(connection, asked, by, up_to)


def _wanted(text: str | None) -> list[str]:
    """What a breakdown is asked for by, each once. Raises InvalidRequest."""
    if text is None:
        return []
    wanted = list(dict.fromkeys(text.split(",")))
    for by in wanted:
        key = by.removeprefix(METADATA)
        if by not in (*ROOTS, "meter") and not (by != key and 1 <= len(key) <= METADATA_KEY_MAX):
            raise invalid("breakdown_by", f"must be of {', '.join((*ROOTS, 'meter'))} and {METADATA}<key>")
    return wanted

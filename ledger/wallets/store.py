"""The SQL of wallets: rows made together, an owner's names taken at most once."""

from collections.abc import Iterable
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Row, Select, and_, func, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.book.hashing import genesis
from ledger.book.tables import owners, wallet_settings, wallets
from ledger.wallets.tables import purposes

_s, _w = wallet_settings.c, wallets.c


async def take_primary(connection: AsyncConnection, named: dict[str, int]) -> dict[str, int]:
    """Name these wallets their owners' primary ones. Gives those that were free; waits for whoever is
    taking the same. (Sorted, so that two who take several never wait for each other.)"""
    rows = [{"owner_id": owner, "wallet_id": named[owner]} for owner in sorted(named)]
    statement = (
        postgresql.insert(owners)
        .values(rows)
        .on_conflict_do_nothing(index_elements=[owners.c.owner_id])
        .returning(owners.c.owner_id, owners.c.wallet_id)
    )
    taken = (await connection.execute(statement)).all()
    return {row.owner_id: row.wallet_id for row in taken}


async def take_purpose(connection: AsyncConnection, owner_id: str, purpose: str, wallet_id: int) -> bool:
    """Name the wallet the owner's for this purpose. False where the owner has one."""
    statement = (
        postgresql.insert(purposes)
        .values(owner_id=owner_id, purpose=purpose, wallet_id=wallet_id)
        .on_conflict_do_nothing(index_elements=[purposes.c.owner_id, purposes.c.purpose])
        .returning(purposes.c.wallet_id)
    )
    return (await connection.execute(statement)).first() is not None


async def insert_wallets(connection: AsyncConnection, rows: Iterable[dict[str, Any]], overdraft_limit: int = 0) -> None:
    """Wallets with their settings; ``rows`` are rows of ``wallet_settings``."""
    settings = list(rows)
    await connection.execute(
        insert(wallets),
        [
            {
                "wallet_id": row["wallet_id"],
                "overdraft_limit": overdraft_limit,
                "head_hash": genesis(row["wallet_id"]),
            }
            for row in settings
        ],
    )
    await connection.execute(insert(wallet_settings), settings)


async def primary_ids(connection: AsyncConnection, owner_ids: Iterable[str]) -> dict[str, int]:
    """The primary wallets of these owners, where they have one."""
    wanted = owners.c.owner_id == func.any(postgresql.array(list(owner_ids), type_=owners.c.owner_id.type))
    rows = await connection.execute(select(owners.c.owner_id, owners.c.wallet_id).where(wanted))
    return {row.owner_id: row.wallet_id for row in rows}


async def purpose_id(connection: AsyncConnection, owner_id: str, purpose: str) -> int | None:
    """The owner's wallet for this purpose."""
    wanted = and_(purposes.c.owner_id == owner_id, purposes.c.purpose == purpose)
    found = await connection.scalar(select(purposes.c.wallet_id).where(wanted))
    return None if found is None else int(found)


def _views() -> Select[Any]:
    primary = select(owners.c.wallet_id).where(owners.c.wallet_id == _s.wallet_id).exists()
    return select(
        _s.wallet_id,
        _s.owner_id,
        primary.label("primary"),
        _s.purpose,
        _w.status,
        _s.time_zone,
        _w.overdraft_limit,
        _s.warning_at,
        _s.critical_at,
        _s.metadata,
        _s.created_at,
    ).join_from(wallet_settings, wallets, _w.wallet_id == _s.wallet_id)


async def wallet_row(connection: AsyncConnection, wallet_id: int) -> Row[Any] | None:
    """The wallet with its settings."""
    row: Row[Any] | None = (await connection.execute(_views().where(_s.wallet_id == wallet_id))).one_or_none()
    return row


async def wallet_rows(connection: AsyncConnection, *, owner_id: str | None, after: int, limit: int) -> list[Row[Any]]:
    """Wallets by id: those of an owner, or all."""
    statement = _views().where(_s.wallet_id > after).order_by(_s.wallet_id).limit(limit)
    if owner_id is not None:
        statement = statement.where(_s.owner_id == owner_id)
    return list(await connection.execute(statement))


def change_rider(row: Row[Any], changes: dict[str, Any]) -> Rider:
    """The update of a wallet's settings, as long as its levels are still what they were."""
    columns = ", ".join(f"{column} = %({column})s" for column in changes)
    params = {name: Jsonb(value) if name == "metadata" else value for name, value in changes.items()}
    return Rider(
        sql=f"UPDATE wallet_settings SET {columns} WHERE wallet_id = %(wallet_id)s"
        " AND warning_at = %(old_warning)s AND critical_at = %(old_critical)s",
        params=params | {"wallet_id": row.wallet_id, "old_warning": row.warning_at, "old_critical": row.critical_at},
    )


def rename_riders(row: Row[Any], purpose: str) -> list[Rider]:
    """Give up the wallet's purpose and take this one, if it is free."""
    params = {"wallet_id": row.wallet_id, "owner_id": row.owner_id, "purpose": purpose}
    return [
        Rider(sql="DELETE FROM purposes WHERE wallet_id = %(wallet_id)s", params=params),
        Rider(
            sql="INSERT INTO purposes (owner_id, purpose, wallet_id)"
            " VALUES (%(owner_id)s, %(purpose)s, %(wallet_id)s) ON CONFLICT DO NOTHING",
            params=params,
        ),
    ]

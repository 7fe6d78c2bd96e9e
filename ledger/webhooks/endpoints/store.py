"""The SQL of endpoints and of their secrets, which are encrypted on their way into the database."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.ids import public
from ledger.kit.secret_keys import NotDecrypted, SecretKeys
from ledger.webhooks.endpoints.shapes import KIND
from ledger.webhooks.signing import secret_bytes
from ledger.webhooks.tables import webhook_deliveries, webhook_endpoints, webhook_secrets

log = structlog.get_logger(__name__)

CHANGING: Final = 12_010
"""The advisory lock of who adds an endpoint: they are counted before."""

HEALTHY: Final[dict[str, Any]] = {
    "failures": 0,
    "failing_since": None,
    "warned_at": None,
    "paused_until": None,
    "told_at": None,
    "slots": text("DEFAULT"),
}
"""The columns of an endpoint of which nothing bad is known."""

_e, _s, _d = webhook_endpoints.c, webhook_secrets.c, webhook_deliveries.c
_SIGNS: Final = or_(_s.ends_at.is_(None), _s.ends_at > func.ledger_now())


async def add(connection: AsyncConnection, values: dict[str, Any]) -> None:
    await connection.execute(insert(webhook_endpoints).values(values))


async def count(connection: AsyncConnection, owner_id: str | None) -> int:
    """How many endpoints the owner has, or the platform, besides those of single wallets. Until the end of the
    transaction nobody else adds one."""
    await alone(connection)
    owned = _e.owner_id.is_(None) if owner_id is None else _e.owner_id == owner_id
    found = await connection.execute(select(func.count()).where(owned, _e.wallet_id.is_(None), _e.state != "deleted"))
    return int(found.scalar_one())


async def alone(connection: AsyncConnection) -> None:
    """Until the end of the transaction nobody else adds an endpoint."""
    await connection.execute(select(func.pg_advisory_xact_lock(CHANGING)))


async def of_wallet(connection: AsyncConnection, wallet_id: int, *, lock: bool = False) -> Row[Any] | None:
    """The endpoint that the wallet has for itself, where it has one."""
    statement = select(webhook_endpoints).where(_e.wallet_id == wallet_id, _e.state != "deleted")
    return (await connection.execute(statement.with_for_update(key_share=True) if lock else statement)).one_or_none()


async def find(connection: AsyncConnection, endpoint: int, *, lock: bool = False) -> Row[Any] | None:
    """An endpoint that was not deleted."""
    statement = select(webhook_endpoints).where(_e.endpoint == endpoint, _e.state != "deleted")
    return (await connection.execute(statement.with_for_update(key_share=True) if lock else statement)).one_or_none()


async def listed(connection: AsyncConnection, owner_id: str | None, after: int, limit: int) -> Sequence[Row[Any]]:
    """Endpoints by number after this one; of one owner, or all."""
    statement = select(webhook_endpoints).where(_e.endpoint > after, _e.state != "deleted")
    if owner_id is not None:
        statement = statement.where(_e.owner_id == owner_id)
    return (await connection.execute(statement.order_by(_e.endpoint).limit(limit))).all()


async def change(connection: AsyncConnection, endpoint: int, values: dict[str, Any]) -> Row[Any]:
    """The endpoint with these columns changed."""
    statement = update(webhook_endpoints).where(_e.endpoint == endpoint)
    changed = statement.values(updated_at=func.ledger_now(), **values).returning(*webhook_endpoints.c)
    return (await connection.execute(changed)).one()


async def exhaust(connection: AsyncConnection, endpoint: int, why: str, limit: int) -> int:
    """End deliveries to the endpoint that wait, ``limit`` at most; gives how many. What is on its way is left to who
    sends it."""
    waiting = select(_d.delivery).where(_d.endpoint == endpoint, _d.state == "due").limit(limit).with_for_update()
    ended = {"state": "exhausted", "exhausted_for": why, "finished_at": func.ledger_now()}
    return (await connection.execute(update(webhook_deliveries).where(_d.delivery.in_(waiting)).values(ended))).rowcount


async def spans(
    connection: AsyncConnection, endpoints: Collection[int]
) -> dict[int, list[tuple[datetime, datetime | None]]]:
    """From when until when the secrets sign that do so now, by endpoint, the newest first."""
    columns = select(_s.endpoint, _s.created_at, _s.ends_at)
    found: dict[int, list[tuple[datetime, datetime | None]]] = {endpoint: [] for endpoint in endpoints}
    for row in await connection.execute(columns.where(_s.endpoint.in_(endpoints), _SIGNS).order_by(_s.secret.desc())):
        found[row.endpoint].append((row.created_at, row.ends_at))
    return found


async def replace_secret(
    connection: AsyncConnection, keys: SecretKeys, endpoint: int, secret: str, overlap_s: int
) -> int:
    """A secret that signs from now on; those before it sign for ``overlap_s`` at most. Gives its number. Those that
    sign no more are forgotten. The endpoint's row is locked by the caller."""
    of_endpoint = _s.endpoint == endpoint
    last, now = (await connection.execute(select(func.max(_s.secret), func.ledger_now()).where(of_endpoint))).one()
    sooner = func.least(_s.ends_at, now + timedelta(seconds=overlap_s))
    await connection.execute(update(webhook_secrets).where(of_endpoint).values(ends_at=sooner))
    await connection.execute(delete(webhook_secrets).where(of_endpoint, _s.ends_at <= now))
    number = (last or 0) + 1
    values = {"endpoint": endpoint, "secret": number}
    encrypted = keys.encrypt(secret.encode(), _about(endpoint, number))
    await connection.execute(insert(webhook_secrets).values(sealed=encrypted, **values))
    return number


async def forget_secrets(connection: AsyncConnection, endpoint: int) -> None:
    await connection.execute(delete(webhook_secrets).where(_s.endpoint == endpoint))


async def secret(connection: AsyncConnection, keys: SecretKeys, endpoint: int, number: int) -> str | None:
    """The text of a secret, as long as it signs. Raises NotDecrypted."""
    which = and_(_s.endpoint == endpoint, _s.secret == number, _SIGNS)
    found = (await connection.execute(select(_s.sealed).where(which))).scalar_one_or_none()
    return None if found is None else keys.decrypt(found, _about(endpoint, number)).decode()


async def live_secrets(
    connection: AsyncConnection, keys: SecretKeys, endpoints: Collection[int]
) -> dict[int, list[bytes]]:
    """What signs for each endpoint now, the newest first.

    An endpoint with a secret that cannot be decrypted is left out, and it is logged: to leave out the secret alone
    would sign in a way that its receiver does not know. Without any secret there is nothing to send.
    """
    statement = select(_s.endpoint, _s.secret, _s.sealed).where(_s.endpoint.in_(endpoints), _SIGNS)
    found: dict[int, list[bytes]] = {}
    unknown: set[int] = set()
    for row in await connection.execute(statement.order_by(_s.endpoint, _s.secret.desc())):
        try:
            plain = keys.decrypt(row.sealed, _about(row.endpoint, row.secret)).decode()
        except NotDecrypted as error:
            unknown.add(row.endpoint)
            log.error("webhook.secret_not_decrypted", endpoint=public(KIND, row.endpoint), why=str(error))
        else:
            found.setdefault(row.endpoint, []).append(secret_bytes(plain))
    return {endpoint: secrets for endpoint, secrets in found.items() if endpoint not in unknown}


async def reencrypt(
    connection: AsyncConnection, keys: SecretKeys, after: tuple[int, int], limit: int
) -> tuple[tuple[int, int] | None, int, list[str]]:
    """Encrypt by the newest key what an older one encrypted, of the next ``limit`` secrets behind ``after``.

    Gives where to go on (None: no more), how many were changed, and what could not be decrypted and why.
    """
    behind = text("(endpoint, secret) > (:endpoint, :secret)").bindparams(endpoint=after[0], secret=after[1])
    page = select(webhook_secrets).where(behind).order_by(_s.endpoint, _s.secret).limit(limit).with_for_update()
    rows = (await connection.execute(page)).all()
    changed, failed = 0, []
    for row in rows:
        about = _about(row.endpoint, row.secret)
        try:
            plain = keys.decrypt(row.sealed, about)
        except NotDecrypted as error:
            failed.append(f"{public(KIND, row.endpoint)}, secret {row.secret}: {error}")
            continue
        if not keys.is_newest(row.sealed):
            which = and_(_s.endpoint == row.endpoint, _s.secret == row.secret)
            await connection.execute(update(webhook_secrets).where(which).values(sealed=keys.encrypt(plain, about)))
            changed += 1
    return (rows[-1].endpoint, rows[-1].secret) if len(rows) == limit else None, changed, failed


def _about(endpoint: int, number: int) -> str:
    return f"webhook_secrets/{endpoint}/{number}"

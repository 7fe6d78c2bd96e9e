"""Which wallet is meant: ``wal_…``, or ``user:<owner>`` for the owner's primary wallet.

A primary wallet is opened by the first write that names its owner. Who an owner's primary wallet is
never changes, so it is remembered in the process.
"""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import InvalidRequest, NotFound
from ledger.kit import ids
from ledger.kit.db import Database
from ledger.kit.http.strict import invalid
from ledger.wallets import store

USER = "user:"
OWNER_MAX = 255
REMEMBERED_MAX = 100_000


class Directory:
    """Finds wallets by what clients call them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._primary: dict[str, int] = {}

    async def find(self, name: str) -> int:
        """The wallet of a path, for a read. Raises NotFound."""
        if not name.startswith(USER):
            return ids.parse_wallet(name)
        owner = _owner_of_path(name)
        found = self._primary.get(owner)
        if found is None:
            async with self._database.transaction() as connection:
                known = await store.primary_ids(connection, [owner])
            self._remember(known)
            found = known.get(owner)
        if found is None:
            raise NotFound(f"the owner {owner!r} has no wallet yet")
        return found

    def known(self, name: str) -> int | None:
        """The wallet of a path, where that needs no look-up. Raises NotFound for an id that cannot be."""
        return self._primary.get(name[len(USER) :]) if name.startswith(USER) else ids.parse_wallet(name)

    async def find_or_open(self, name: str) -> int:
        """The wallet of a path, for a write: an owner's primary one is opened. Raises NotFound."""
        if not name.startswith(USER):
            return ids.parse_wallet(name)
        owner = _owner_of_path(name)
        return (await self.primaries([owner]))[owner]

    async def primaries(self, owners: Iterable[str]) -> dict[str, int]:
        """The primary wallets of these owners, opened where there is none."""
        wanted = set(owners)
        found = {owner: self._primary[owner] for owner in wanted & self._primary.keys()}
        unknown = wanted - found.keys()
        if unknown:
            opened = await self._open(unknown)
            self._remember(opened)
            found |= opened
        return found

    async def _open(self, owners: set[str]) -> dict[str, int]:
        async with self._database.transaction() as connection:
            found = await store.primary_ids(connection, owners)
        missing = owners - found.keys()
        return found | (await self._database.retrying(lambda c: open_primaries(c, missing)) if missing else {})

    def _remember(self, found: dict[str, int]) -> None:
        if len(self._primary) + len(found) > REMEMBERED_MAX:
            self._primary.clear()
        self._primary.update(found)


async def open_primaries(connection: AsyncConnection, owners: set[str]) -> dict[str, int]:
    """Open the primary wallets of these owners; those that somebody else opened meanwhile are found."""
    taken = await store.take_primary(connection, {owner: ids.new_wallet_id() for owner in owners})
    if taken:
        rows = [{"wallet_id": wallet_id, "owner_id": owner} for owner, wallet_id in taken.items()]
        await store.insert_wallets(connection, rows)
    others = owners - taken.keys()
    return taken | (await store.primary_ids(connection, others) if others else {})


def checked_owner(owner: str, path: str) -> str:
    """The owner's id, if it may be one. Raises InvalidRequest."""
    if not 1 <= len(owner) <= OWNER_MAX or "\x00" in owner or not _encodable(owner):
        raise invalid(path, f"must be 1 to {OWNER_MAX} characters of text")
    return owner


def _owner_of_path(name: str) -> str:
    try:
        return checked_owner(name[len(USER) :], "wallet_id")
    except InvalidRequest:
        raise NotFound("there is no such owner") from None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

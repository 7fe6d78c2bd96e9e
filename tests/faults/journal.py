"""What a client asked for and what it was told, in a file that is on the disk before the request is on the wire.

Without it nobody could say after a crash whether something was lost: what is in the database is only half of the
story. A line is JSON with a ``type``: ``Asked`` before a request is sent, ``Told`` after each answer (or none).
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """One posting that is about to be asked for: the facts that it must have if it is ever found in the book.

    ``command`` is the kind of transaction it makes. ``amount`` is in micro-credits; None is all that is left.
    ``payee``: the wallet that a transfer goes to. ``of``: the transaction that is reversed. ``client``: whose key it is.
    Of usage that a price is asked for: ``meter`` ("service/meter"), ``quantity`` in its units, ``dimensions`` and
    ``occurred_at``; or what it ``amends``, which says all of that but the quantity.
    """

    key: str
    wallet: str
    command: str
    amount: int | None = None
    event_id: str | None = None
    payee: str | None = None
    of: str | None = None
    client: str = "default"
    meter: str | None = None
    quantity: str | None = None
    dimensions: dict[str, str] = {}
    occurred_at: datetime | None = None
    amends: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """One posting's answer: ``posted``, ``refused``, or ``ambiguous`` where there was none that settles it.

    ``hash`` is the receipt, ``balance`` the one after it (both None where the answer has none: in batches).
    """

    key: str
    wallet: str
    outcome: str
    status: int = 0
    code: str | None = None
    transaction: str | None = None
    amount: str | None = None
    hash: str | None = None
    balance: str | None = None
    replayed: bool = False
    client: str = "default"


Record = Asked | Told
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


class Journal:
    """The file, for any number of clients in one event loop: those that wait for the disk share an fsync."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)
        self._lines: list[bytes] = []
        self._written = 0
        self._synced = 0
        self._syncing: asyncio.Task[None] | None = None

    async def keep(self, records: Sequence[Record]) -> None:
        """Write these; they are on the disk when this returns."""
        self._lines += [_encode(record) + b"\n" for record in records]
        self._written += len(records)
        mine = self._written
        while self._synced < mine:
            if self._syncing is None:
                self._syncing = asyncio.create_task(self._sync())
            await asyncio.shield(self._syncing)

    def close(self) -> None:
        self._file.close()

    async def _sync(self) -> None:
        lines, upto = b"".join(self._lines), self._written
        self._lines.clear()
        try:
            await asyncio.to_thread(self._to_disk, lines)
            self._synced = upto
        finally:
            self._syncing = None

    def _to_disk(self, lines: bytes) -> None:
        self._file.write(lines)
        os.fsync(self._file.fileno())


def read(path: Path) -> list[Record]:
    """All records; a last line that was cut off, as its writer was killed, does not count."""
    return [_decode(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]

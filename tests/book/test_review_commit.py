"""Review (sound): a COMMIT whose answer was lost is told as not known, and settled by the same key."""

import asyncio
from urllib.parse import urlsplit

import pytest

from ledger.book.commands import Inflow, Posted, Use
from ledger.book.door import Door
from ledger.errors import DatabaseUnavailable
from ledger.kit.db import SERVICE_ROLE, Database
from tests.support.book import CREDIT, attempt, check, code, new_wallets

pytestmark = pytest.mark.anyio


async def test_a_commit_whose_answer_was_lost_is_settled_by_its_key(database_url: str) -> None:
    where = urlsplit(database_url)
    cut = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(where.hostname, where.port or 5432)

        async def forth() -> None:
            while data := await reader.read(65536):
                back.write(data)
            back.close()

        async def answer() -> None:
            while data := await there.read(65536):
                if cut and b"COMMIT\x00" in data:
                    break
                writer.write(data)
            writer.close()

        await asyncio.gather(forth(), answer(), return_exceptions=True)
        back.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = Database(f"postgresql://{where.username}@127.0.0.1:{port}{where.path}", role=SERVICE_ROLE)
    door = Door(database)
    await door.start()
    [wallet] = new_wallets(database_url)
    [given] = await door.submit([attempt(Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))])
    assert isinstance(given, Posted)
    used = attempt(Use(wallet_id=wallet, amount=1, service="chat"), "ambiguous")
    cut = True
    with pytest.raises(DatabaseUnavailable):
        await door.submit([used])
    cut = False
    [again] = await door.submit([used])
    await door.stop()
    await database.dispose()
    server.close()
    await asyncio.sleep(0.1)
    assert code(again) == "replayed"
    assert check(database_url, [wallet]).checked["transactions"] == 2

"""A COMMIT whose answer was lost is told as not known, and settled by the same key."""

import pytest

from ledger.book.commands import Inflow, Posted, Use
from ledger.book.door import Door
from ledger.errors import DatabaseUnavailable
from ledger.kit.db import SERVICE_ROLE, Database
from tests.support.book import CREDIT, attempt, check, code, new_wallets
from tests.support.proxy import counting_proxy

pytestmark = pytest.mark.anyio


async def test_a_commit_whose_answer_was_lost_is_settled_by_its_key(database_url: str) -> None:
    [wallet] = new_wallets(database_url)
    async with counting_proxy(database_url) as proxy:
        database = Database(proxy.url, role=SERVICE_ROLE)
        door = Door(database)
        await door.start()
        [given] = await door.submit([attempt(Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))])
        assert isinstance(given, Posted)
        used = attempt(Use(wallet_id=wallet, amount=1, service="chat"), "ambiguous")
        proxy.cut_at = b"COMMIT\x00"
        with pytest.raises(DatabaseUnavailable, match="may have been written"):
            await door.submit([used])
        proxy.cut_at = None
        [again] = await door.submit([used])
        await door.stop()
        await database.dispose()
    assert code(again) == "replayed"
    assert check(database_url, [wallet]).checked["transactions"] == 2

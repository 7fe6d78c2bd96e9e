"""A process that gives positions until it is killed: ``python -m tests.events.feed.advancing <database url>``.

It says a line when it begins.
"""

import asyncio
import sys

from ledger.events import feed
from ledger.kit.db import SERVICE_ROLE, Database


async def main(url: str) -> None:
    """Every transaction stays open for a moment, so that it is mostly killed in one."""
    database = Database(url, pool_size=1, role=SERVICE_ROLE)
    print("ready", flush=True)
    while True:
        async with database.transaction() as connection:
            await feed.advance(connection, limit=7)
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

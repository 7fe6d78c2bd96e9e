"""Asks for one refund of $20, in a process that may be killed: ``python -m tests.payments.refunds.once``."""

import asyncio
import os

from ledger.app import create_app
from tests.support.api import Api


async def main() -> None:
    app = create_app()
    async with app.lifespan():
        api = Api(app, os.environ["REFUND_KEY"], os.environ["LEDGER_DATABASE_URL"])
        await api.post(os.environ["REFUND_PATH"], {"amount": "20", "reason": "x"})


if __name__ == "__main__":
    asyncio.run(main())

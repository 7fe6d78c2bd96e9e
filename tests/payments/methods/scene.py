"""A service with saved cards, and the sandbox that has them."""

from typing import Any, NamedTuple

import httpx

from ledger.kit.ids import parse_wallet
from ledger.payments.customers import customer_of
from ledger.payments.desk import Desk
from ledger.payments.inbox.poll import poll
from ledger.payments.inbox.work import work
from tests.support.api import Api
from tests.support.sandbox import SandboxAt


class Scene(NamedTuple):
    api: Api
    desk: Desk
    sandbox: SandboxAt

    async def wallet(self) -> str:
        """A wallet's path."""
        return f"/v1/wallets/{await self.api.wallet()}"

    async def link(self, wallet: str, key: str | None = None, **body: Any) -> dict[str, Any]:
        made = await self.api.post(f"{wallet}/payment-methods/setup-link", body, key=key)
        assert made.status_code == 201, made.text
        return dict(made.json())

    async def save(self, wallet: str, method: str = "pm_card_visa") -> str:
        """Have a card saved without our doing, as on a page of Stripe's; its id."""
        customer = await self.customer(wallet)
        return self.sandbox.client().v1.payment_methods.attach(method, {"customer": customer}).id

    async def customer(self, wallet: str) -> str:
        return await customer_of(self.desk, parse_wallet(wallet.rpartition("/")[2]))

    async def hear(self) -> None:
        """Everything that Stripe told is done."""
        await poll(self.desk, work_s=30)
        await work(self.desk, lease_s=60, work_s=30)

    async def methods(self, wallet: str) -> list[dict[str, Any]]:
        return list((await self.api.get(f"{wallet}/payment-methods", limit=100)).json()["items"])

    async def ids(self, wallet: str) -> list[str]:
        return [method["id"] for method in await self.methods(wallet)]

    async def default(self, wallet: str) -> list[str]:
        return [method["id"] for method in await self.methods(wallet) if method["is_default"]]

    async def choose(self, wallet: str, method: str) -> httpx.Response:
        return await self.api.post(f"{wallet}/payment-methods/{method}/default")

    async def detach(self, wallet: str, method: str) -> httpx.Response:
        return await self.api.send("DELETE", f"{wallet}/payment-methods/{method}")

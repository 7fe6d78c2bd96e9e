"""A service with auto-refill over the sandbox: an admin's client, a worker's desk, and saved cards."""

import json
from datetime import timedelta
from typing import Any, NamedTuple

from ledger.kit.ids import parse_wallet
from ledger.payments.customers import customer_of
from ledger.payments.desk import Desk
from ledger.payments.inbox.poll import poll
from ledger.payments.inbox.work import work
from ledger.payments.methods.converge import converge_customer
from ledger.refill import attempts
from ledger.refill.charge.charger import look_at_due
from ledger.refill.charge.steps import step
from ledger.refill.hear import EFFECTS
from tests.support.api import Api, run_sql
from tests.support.sandbox import SandboxAt

TERMS: dict[str, Any] = {"enabled": True, "threshold": "100", "amount_credits": "500"}


class Scene(NamedTuple):
    api: Api
    desk: Desk
    sandbox: SandboxAt

    @property
    def url(self) -> str:
        return self.api.database_url

    async def wallet(self, credits: str = "150", card: str | None = "pm_card_visa", **terms: Any) -> str:
        """A wallet with so many credits, a card, and auto-refill on with ``TERMS``, changed by these."""
        wallet = await self.api.wallet(credits)
        if card is not None:
            await self.save(wallet, card)
        await self.set(wallet, **terms)
        return wallet

    async def save(self, wallet: str, card: str) -> str:
        """Have a card saved as on a page of Stripe's, and make it the default; its id."""
        customer = await customer_of(self.desk, parse_wallet(wallet))
        stripe = self.sandbox.client()
        method = stripe.v1.payment_methods.attach(card, {"customer": customer}).id
        wanted: Any = {"invoice_settings": {"default_payment_method": method}}
        stripe.v1.customers.update(customer, wanted)
        await converge_customer(self.desk, customer)
        return method

    async def set(self, wallet: str, **terms: Any) -> dict[str, Any]:
        """Switch it on."""
        body = terms if terms.get("enabled") is False else without(TERMS, terms) | terms
        answer = await self.api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def use(self, wallet: str, credits: str) -> dict[str, Any]:
        answer = await self.api.post(f"/v1/wallets/{wallet}/usage", {"service": "jobs", "credits": credits})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def work(self) -> int:
        """Everything that is due is done, as a worker does it; gives how many steps that took."""
        steps = 0
        while True:
            await look_at_due(self.desk)
            async with self.desk.database.transaction() as connection:
                due = await attempts.claim(connection, 10)
            if not due:
                return steps
            for attempt in due:
                await step(self.desk, attempt)
                steps += 1

    async def hear(self) -> None:
        """Everything that Stripe told is done."""
        await poll(self.desk, work_s=30)
        await work(self.desk, lease_s=60, work_s=30, effects=EFFECTS)

    async def balance(self, wallet: str) -> str:
        return str((await self.api.get(f"/v1/wallets/{wallet}/balance")).json()["balance"])

    async def shown(self, wallet: str) -> dict[str, Any]:
        return dict((await self.api.get(f"/v1/wallets/{wallet}/auto-refill")).json())

    async def attempts(self, wallet: str) -> list[dict[str, Any]]:
        """The newest first."""
        return list((await self.api.get(f"/v1/wallets/{wallet}/auto-refill/attempts")).json()["items"])

    async def states(self, wallet: str) -> list[str]:
        return [attempt["status"] for attempt in await self.attempts(wallet)]

    def told(self, wallet: str) -> list[dict[str, Any]]:
        """What was told of the wallet's refills, in order: the data of each event, and its type, without the family."""
        found = run_sql(
            self.url,
            "SELECT type, payload FROM outbox WHERE wallet_id = %s AND type LIKE 'auto_refill.%%' ORDER BY event",
            parse_wallet(wallet),
        )
        return [{"type": type_.partition(".")[2]} | json.loads(payload)["data"] for type_, payload in found]

    def charges(self, wallet: str) -> list[Any]:
        """What Stripe charged the wallet's customer, by Stripe's own list; declined charges are not in it."""
        found = run_sql(self.url, "SELECT customer FROM stripe_customers WHERE wallet_id = %s", parse_wallet(wallet))
        if not found:
            return []
        listed = self.sandbox.client().v1.charges.list({"customer": found[0][0], "limit": 100})
        return [charge for charge in listed.auto_paging_iter() if charge.paid]

    def intents(self, wallet: str) -> list[str]:
        """How the wallet's intents stand at Stripe that were made for refills."""
        sql = "SELECT intent FROM refill_attempts WHERE wallet_id = %s AND intent IS NOT NULL ORDER BY attempt"
        stripe = self.sandbox.client()
        found = run_sql(self.url, sql, parse_wallet(wallet))
        return [stripe.v1.payment_intents.retrieve(intent).status for (intent,) in found]

    def ahead(self, by: timedelta) -> None:
        """Move the ledger's clock."""
        run_sql(self.url, "UPDATE clock SET ahead_us = ahead_us + %s", by // timedelta(microseconds=1))


def without(terms: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The terms, without an amount where another one is given."""
    amounts = {"amount_credits", "amount_usd", "up_to_credits"}
    return {name: value for name, value in terms.items() if not (name in amounts and amounts & given.keys())}

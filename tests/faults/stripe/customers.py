"""Customers who buy: a link, its page, Stripe's page; then some use, are refunded, or dispute it at their bank.

Whatever goes wrong a customer tries again, as people and programs do. What they may never be told is a finding.
"""

import asyncio
import itertools
import random
import re
import time
from collections import Counter
from typing import Any

import httpx

from tests.faults.stripe.at_stripe import AtStripe

AGAIN = (409, 429, 503)
"""Trouble that passes."""

PATIENCE_S = 240.0
AMOUNTS = ("10.00", "20.00", "33.33", "50.00", "199.99")

CARDS = (
    ("pm_card_visa", 74),
    ("pm_card_pendingRefund", 8),
    ("pm_card_refundFail", 5),
    ("pm_usBankAccount_success", 8),
    ("pm_usBankAccount_accountClosed", 3),
    ("pm_card_visa_chargeDeclined", 2),
)
"""What they pay by, with weights. Who was declined, or whose debit failed, pays by another card."""


class Customers:
    """``findings``: what should not have been; ``did``: what they have done, by name."""

    def __init__(self, api_url: str, key: str, stripe: AtStripe, seed: int) -> None:
        self.findings: list[str] = []
        self.did: Counter[str] = Counter()
        self.told: Counter[int] = Counter()
        self._stripe = stripe
        self._chance = random.Random(f"{seed} customers")
        self._names = itertools.count(1)
        self._http = httpx.AsyncClient(
            base_url=api_url, headers={"Authorization": f"Bearer {key}"}, timeout=120, limits=httpx.Limits()
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def one(self) -> None:
        """A whole life. What breaks it is a finding."""
        name = next(self._names)
        try:
            await self._live(name, random.Random(self._chance.random()))
        except (TimeoutError, AssertionError, httpx.HTTPError, KeyError) as error:
            self.findings.append(f"customer {name}: {type(error).__name__}: {error}")

    async def _live(self, name: int, chance: random.Random) -> None:
        link = await self._ask(
            f"/v1/wallets/user:shopper-{name}/payment-links", f"link-{name}", amount=chance.choice(AMOUNTS)
        )
        self.did["links"] += 1
        page = "/pay/" + link["payment_url"].rpartition("/")[2]
        intent, session = await self._pay(page, chance.choices(*zip(*CARDS, strict=True))[0])
        wallet, payment = link["wallet_id"], link["payment_id"]
        draw = chance.random()
        if draw < 0.20:
            await self._go(f"{page}/done?session_id={session}")
            self.did["return pages"] += 1
        elif draw < 0.30:
            status = await self._stripe.create(
                "/v1/refunds", f"dashboard-{name}", payment_intent=intent, amount=str(chance.randint(1, 1_200))
            )
            self.did["refunds of the dashboard"] += status == 200
        elif draw < 0.42:
            await self._dispute(intent, wallet, name, chance)
        elif draw < 0.62:
            await self._refund(payment, wallet, name, chance)

    async def _pay(self, page: str, method: str) -> tuple[str, str]:
        """Pay what the link leads to until somebody takes it: the intent and its session."""
        failing = {"pm_usBankAccount_accountClosed", "pm_card_visa_chargeDeclined"}
        tried: set[str] = set()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < deadline, "it could not be paid"
            answer = await self._go(page)
            session = re.search(r"cs_test_\w+", answer.headers.get("location", ""))
            if session is None or session[0] in tried:
                await asyncio.sleep(0.5)  # the debit fails, or Stripe is away
                continue
            intent = await self._stripe.pay(session[0], method)
            if intent is not None and method not in failing:
                self.did["paid"] += 1
                return intent, session[0]
            if intent is not None:
                tried.add(session[0])
                self.did["debits that fail"] += 1
            method = "pm_card_visa"

    async def _dispute(self, intent: str, wallet: str, name: int, chance: random.Random) -> None:
        """At once, before anything is booked perhaps; or after some was used."""
        if chance.random() < 0.5:
            await self._use(wallet, f"use-{name}", "30")
        try:
            case = await self._stripe.tell(f"/dispute/{intent}", outcome=chance.choice(["open", "open", "inquiry"]))
        except httpx.HTTPStatusError:
            return  # a debit that is not paid yet: there is nothing to dispute
        self.did["disputes"] += 1
        await asyncio.sleep(chance.choice([0.0, 2.0]))
        ends = ["won", "lost", None] if case["status"] == "needs_response" else ["warning_closed", "escalated", None]
        if end := chance.choice(ends):
            await self._stripe.tell(f"/dispute/{case['id']}", outcome=end)

    async def _refund(self, payment: str, wallet: str, name: int, chance: random.Random) -> None:
        """Asked of us, all or a part; some of what was bought may be used."""
        await self._until_paid(payment)
        if chance.random() < 0.4:
            await self._use(wallet, f"use-{name}", "50")
        for turn in range(chance.choice([1, 1, 2])):
            wanted = {"force": True} if chance.random() < 0.7 else {"amount": "5.00"}
            path, key = f"/v1/payments/{payment}/refunds", f"refund-{name}-{turn}"
            made = await self._ask(path, key, also=(422,), reason="requested_by_customer", **wanted)
            self.did["refunds asked of us"] += "refund_id" in made or "id" in made

    async def _until_paid(self, payment: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (await self._go(f"/v1/payments/{payment}")).json().get("status") != "paid":
            assert time.monotonic() < deadline, f"{payment} was paid, and is not booked"
            await asyncio.sleep(0.5)

    async def _use(self, wallet: str, key: str, credits: str) -> None:
        """Where the credits have come already."""
        path = f"/v1/wallets/{wallet}/usage"
        await self._ask(path, key, also=(402, 404, 409, 422), service="chat", credits=credits)

    async def _ask(self, path: str, key: str, *, also: tuple[int, ...] = (), **body: Any) -> dict[str, Any]:
        """POST under a key, again and again until there is an answer."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < deadline, f"{path} has no answer"
            try:
                answer = await self._http.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                await asyncio.sleep(0.5)
                continue
            self.told[answer.status_code] += 1
            if answer.status_code in (200, 201) or answer.status_code in also:
                return dict(answer.json())
            assert answer.status_code in AGAIN, f"{path} was told {answer.status_code}: {answer.text[:300]}"
            await asyncio.sleep(0.5)

    async def _go(self, path: str) -> httpx.Response:
        """GET, until there is an answer that is not 503."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < deadline, f"{path} has no answer"
            try:
                answer = await self._http.get(path)
            except httpx.TransportError:
                await asyncio.sleep(0.5)
                continue
            self.told[answer.status_code] += 1
            if answer.status_code not in AGAIN:
                assert answer.status_code < 500, f"{path} was told {answer.status_code}: {answer.text[:300]}"
                return answer
            await asyncio.sleep(0.5)

"""Wallets of several kinds that refill themselves, spends that cross their thresholds all at once, and the judge.

The judge takes charges from Stripe's list alone.
"""

import asyncio
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx

from ledger.kit.ids import parse_wallet
from tests.faults.stack import Stack
from tests.faults.stripe.at_stripe import AtStripe
from tests.support.sandbox import KEY

AT_ONCE = 24
BATCH = 50
USE = {"service": "chat", "credits": "1"}
PATIENCE_S = 120.0
AGAIN = (409, 429, 503)
OPEN_MAX = timedelta(days=9)
"""A day of tries, a link of seven days, and what it takes to see that."""


class Kind(NamedTuple):
    """``charges``: how many there are in the end, at least and at most; for ``small``, that of a month."""

    name: str
    share: int
    card: str | None
    terms: dict[str, Any]
    charges: tuple[int, int]


KINDS = (
    Kind("plain", 50, "pm_card_visa", {"amount_credits": "500"}, (1, 1)),
    Kind("up to", 10, "pm_card_mastercard", {"up_to_credits": "900"}, (1, 1)),
    Kind("small", 10, "pm_card_visa", {"amount_usd": "10", "threshold": "400", "maximum_per_month": 2}, (2, 4)),
    Kind("debit", 8, "pm_usBankAccount_success", {"amount_credits": "500"}, (1, 1)),
    Kind("absent", 10, "pm_card_authenticationRequired", {"amount_credits": "500"}, (1, 1)),
    Kind("declined", 8, "pm_card_chargeCustomerFail", {"amount_credits": "500"}, (0, 0)),
    Kind("without", 4, None, {"amount_credits": "500"}, (0, 0)),
)
SHARES = [kind for kind in KINDS for _ in range(kind.share)]


class Town:
    """``wallets`` with their kinds."""

    def __init__(self, stack: Stack, stripe: AtStripe) -> None:
        self._stack = stack
        self._stripe = stripe
        self._http = httpx.AsyncClient(
            base_url=stack.api_url, headers={"Authorization": f"Bearer {stack.key}"}, timeout=60
        )
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.wallets: dict[str, Kind] = {}

    async def close(self) -> None:
        await self._http.aclose()

    async def settle(self, count: int) -> None:
        """So many wallets of 150 credits, with their cards and settings."""
        kinds = [SHARES[place * len(SHARES) // count] for place in range(count)]
        await asyncio.gather(*(self._open(place, kind) for place, kind in enumerate(kinds)))
        wanted = sum(kind.card is not None for kind in kinds)
        query = "SELECT count(*) FROM payment_methods WHERE is_default"
        deadline = time.monotonic() + PATIENCE_S
        while await self._rows(query) != [(wanted,)]:
            assert time.monotonic() < deadline, "Stripe tells of no cards"
            await asyncio.sleep(0.2)
        await asyncio.gather(*(self._switch_on(wallet, kind) for wallet, kind in self.wallets.items()))

    async def _open(self, place: int, kind: Kind) -> None:
        async with self._gate:
            wallet = str((await self._ask("POST", "/v1/wallets", f"open-{place}", owner_id=f"town-{place}"))["id"])
            given = {"amount": "150", "source": "promotional", "reason": "load"}
            await self._ask("POST", f"/v1/wallets/{wallet}/credits", f"grant-{place}", **given)
            if kind.card is not None:
                await self._save(wallet, kind.card)
            self.wallets[wallet] = kind

    async def _switch_on(self, wallet: str, kind: Kind) -> None:
        async with self._gate:
            terms = {"enabled": True, "threshold": "100", "cooldown_s": 60} | kind.terms
            await self._ask("PUT", f"/v1/wallets/{wallet}/auto-refill", None, **terms)

    async def _save(self, wallet: str, card: str) -> None:
        """As on a page of Stripe's, of which it tells."""
        await self._ask("POST", f"/v1/wallets/{wallet}/payment-methods/setup-link", None)
        [(customer,)] = await self._rows(
            "SELECT customer FROM stripe_customers WHERE wallet_id = %s", parse_wallet(wallet)
        )
        async with httpx.AsyncClient(base_url=self._stripe.base, headers={"Authorization": f"Bearer {KEY}"}) as stripe:
            method = await stripe.post(f"/v1/payment_methods/{card}/attach", data={"customer": customer})
            wanted = {"invoice_settings[default_payment_method]": method.raise_for_status().json()["id"]}
            (await stripe.post(f"/v1/customers/{customer}", data=wanted)).raise_for_status()

    async def spend(self, each: int) -> None:
        """From each wallet a credit so many times, all of it at once: a tenth each by itself, the others in batches."""
        uses = [(wallet, f"use-{wallet}-{turn}") for turn in range(each) for wallet in self.wallets]
        alone = len(uses) // 10
        some = [self._use(*use) for use in uses[:alone]]
        some += [self._batch(uses[place : place + BATCH]) for place in range(alone, len(uses), BATCH)]
        await asyncio.gather(*some)

    async def _use(self, wallet: str, key: str) -> None:
        async with self._gate:
            await self._ask("POST", f"/v1/wallets/{wallet}/usage", key, **USE)

    async def _batch(self, uses: list[tuple[str, str]]) -> None:
        async with self._gate:
            items = [{"wallet_id": wallet, "key": key, **USE} for wallet, key in uses]
            told = await self._ask("POST", "/v1/usage/batch", None, items=items)
            assert {item["status"] for item in told["results"]} <= {"posted", "replayed"}, told

    async def pay_links(self, at_most: int) -> int:
        """People of wallets whose card needs them pay, some of those that have a link; gives how many."""
        tokens = await self._rows(
            "SELECT p.token, p.wallet_id FROM payments p WHERE refill IS NOT NULL AND state IN ('pending', 'open')"
        )
        theirs = {parse_wallet(wallet) for wallet, kind in self.wallets.items() if kind.name == "absent"}
        paid = 0
        for token, wallet in tokens:
            if wallet in theirs and paid < at_most:
                page = await self._http.get(f"/pay/{token.hex}")
                session = re.search(r"cs_test_\w+", page.headers.get("location", ""))
                if session is not None and await self._stripe.pay(session[0], "pm_card_visa"):
                    paid += 1
        return paid

    async def unrest(self) -> dict[str, int]:
        """What is under way that nobody but a worker, or the bank, ends."""
        rows = await self._rows(
            "SELECT state, count(*) FROM refill_attempts WHERE state IN ('due', 'charging', 'processing') GROUP BY state"
        )
        [(unheard, over, unseen)] = await self._rows(_LEFT)
        left = {"events": unheard, "links that are over": over, "links to look at": unseen}
        return dict(rows) | {name: count for name, count in left.items() if count}

    async def judged(self) -> list[str]:
        """What is wrong. Every charge is Stripe's own word."""
        findings = []
        whose = dict(await self._rows("SELECT customer, wallet_id FROM stripe_customers"))
        charges = [one for one in await self._stripe.everything("/v1/charges") if one["paid"]]
        of = Counter(whose[charge["customer"]] for charge in charges)
        attempts = Counter(charge["metadata"]["payment_id"] for charge in charges)
        findings += [f"{name} was paid {count} times" for name, count in attempts.items() if count > 1]
        months = Counter((whose[charge["customer"]], month_of(charge["created"])) for charge in charges)
        for wallet, kind in self.wallets.items():
            number, (least, most) = parse_wallet(wallet), kind.charges
            if not least <= of[number] <= most:
                findings.append(f"{wallet} ({kind.name}) has {of[number]} charges")
            cap = kind.terms.get("maximum_per_month", 10)
            findings += [f"{wallet}: {n} in {at}" for (it, at), n in months.items() if it == number and n > cap]
        booked = await self._rows("SELECT charge FROM payments WHERE state = 'paid'")
        if sorted(row[0] for row in booked) != sorted(charge["id"] for charge in charges):
            findings.append(f"{len(charges)} charges at Stripe, {len(booked)} payments")
        [(purchases,)] = await self._rows("SELECT count(*) FROM transactions WHERE kind = 'purchase'")
        if purchases != len(charges):
            findings.append(f"{len(charges)} charges at Stripe, {purchases} purchases in the book")
        findings += [f"wallet {row[0]}: {row[1]} since {row[2]}" for row in await self._rows(_STUCK, OPEN_MAX)]
        return findings

    async def _rows(self, query: str, *params: Any) -> list[Any]:
        return await asyncio.to_thread(self._stack.sql, query, *params)

    async def _ask(self, method: str, path: str, key: str | None, **body: Any) -> dict[str, Any]:
        """Until there is an answer."""
        headers = {} if key is None else {"Idempotency-Key": key}
        while True:
            answer = await self._http.request(method, path, json=body, headers=headers)
            if answer.status_code not in AGAIN:
                assert answer.is_success, f"{path} was told {answer.status_code}: {answer.text[:300]}"
                return dict(answer.json())
            await asyncio.sleep(0.2)


_LEFT = """
SELECT (SELECT count(*) FROM stripe_events WHERE state IN ('new', 'failed')),
    (SELECT count(*) FROM payments WHERE refill IS NOT NULL AND state IN ('pending', 'open')
        AND expires_at < ledger_now()),
    (SELECT count(*) FROM refill_attempts WHERE state = 'link_sent' AND due_at < ledger_now())"""

_STUCK = """
SELECT wallet_id, state, began_at FROM refill_attempts WHERE ended_at IS NULL AND began_at < ledger_now() - %s"""


def month_of(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m")

"""What the load has priced: two meters, prices that change all the while, and wallets with a hard budget.

Amounts are such that nearly every charge leaves a fraction of a micro-credit over. A price is said some time before it
is valid, since what occurs while it is being stored would be priced by either version.
"""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from ledger.kit.ids import parse_wallet
from tests.faults import asks
from tests.faults.asks import CREDIT, Ask
from tests.faults.client import PATIENCE_S, UNSETTLED, Answer, Client, Unanswered, Unsettled
from tests.faults.priced import Budget
from tests.model.prices import Price, Prices, Step

TOKENS, RENDER = "tokens/thousand", "render/minutes"
METERS = [
    {"service": "tokens", "meter": "thousand", "unit": "thousand", "decimals": 3, "free_monthly": "40"},
    {
        "service": "render",
        "meter": "minutes",
        "unit": "minute",
        "decimals": 2,
        "free_monthly": "7.5",
        "dimensions": {"size": ["small", "large"]},
    },
]
CREDITS_PER_USD = 10

CHANGE_S = 5.0
"""A price changes as often."""

AHEAD = timedelta(seconds=15)
"""How long before it is valid: longer than any transaction may last."""

LATE = timedelta(days=34)

LIMITS = [(0, "tokens", "month", 3), (1, "tokens", "day", 5), (10, None, "month", 40), (11, "chat", "day", 20)]
"""Wallets, by their place, with a hard budget: of what, by which period, how many credits."""


class Market:
    """``prices`` and ``budgets`` as the API said that they stand."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"{seed} market")
        self._seed = seed
        self._asked = 0
        self.prices = Prices()
        self.budgets: list[Budget] = []

    async def open(self, client: Client, wallets: Sequence[str]) -> None:
        """Meters, their first prices, and budgets."""
        for meter in METERS:
            assert (await self._put(client, "/v1/meters", meter)).status == 201
            self.prices.free[str(meter["service"]), str(meter["meter"])] = Fraction(str(meter["free_monthly"]))
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        await self._price(client, {"service": "tokens", "asset": "CREDIT", "graduated": self._tiers()}, long_ago)
        for size, amount in (("small", "0.000333333"), ("large", "0.0007")):
            await self._price(client, {"service": "render", "dimensions": {"size": size}, "per_unit": amount}, long_ago)
        for place, service, period, credits in LIMITS:
            body = {"period": period, "limit": str(credits), "hard": True} | ({"service": service} if service else {})
            made = await self._put(client, f"/v1/wallets/{wallets[place]}/budgets", body)
            assert made.status == 201, made
            since = datetime.fromisoformat(made.json["period_start"])
            self.budgets.append(Budget(parse_wallet(wallets[place]), service, period, credits * CREDIT, since))

    async def change(self, client: Client) -> None:
        """The next version of a price; where the database is away until it would be too late, of none."""
        body = {"service": "tokens", "asset": "CREDIT", "graduated": self._tiers()}
        await self._price(client, body, datetime.now(UTC) + AHEAD)

    def use(self, chance: random.Random, wallet: str, key: str, event_id: str | None) -> Ask:
        """Measured usage, a third of it late."""
        at = datetime.now(UTC) - chance.random() * LATE if chance.random() < 0.35 else None
        if chance.random() < 0.7:
            quantity = _decimal(chance.randint(1, 4_000), 3)
            return asks.measured(wallet, TOKENS, quantity, key, event_id=event_id, occurred_at=at)
        size = {"size": chance.choice(("small", "large"))}
        quantity = _decimal(chance.randint(1, 900), 2)
        return asks.measured(wallet, RENDER, quantity, key, event_id=event_id, dimensions=size, occurred_at=at)

    def correction(self, chance: random.Random, transaction: str, key: str) -> Ask:
        """A void or an amendment; quantities of two decimals suit both meters."""
        if chance.random() < 0.5:
            return asks.void(transaction, key)
        return asks.amend(transaction, _decimal(chance.randint(1, 400), 2), key)

    def _tiers(self) -> list[dict[str, str]]:
        draw = self._chance.randint
        first, second, third = (f"0.{draw(10**9, most):012}" for most in (4 * 10**10, 2 * 10**10, 10**10))
        ends = draw(20, 100), draw(150, 600)
        flat = _decimal(draw(1, 10_000), 6)
        return [
            {"up_to": str(ends[0]), "amount": first},
            {"up_to": str(ends[1]), "amount": second, "flat": flat},
            {"amount": third},
        ]

    async def _price(self, client: Client, body: dict[str, Any], valid_from: datetime) -> None:
        answer = await self._put(client, "/v1/prices", {**body, "valid_from": valid_from.isoformat()})
        if answer.status == 422:
            return
        assert answer.status == 201, answer
        shown = answer.json
        selector = tuple(sorted(shown["dimensions"].items()))
        steps = [
            Step(*(Fraction(tier[name]) if tier.get(name) else none for name, none in _STEP))
            for tier in shown["graduated"] or [{"amount": shown["per_unit"]}]
        ]
        model = "graduated" if shown["graduated"] else "per_unit"
        credits = Fraction(1 if shown["asset"] == "CREDIT" else CREDITS_PER_USD)
        begins = datetime.fromisoformat(shown["valid_from"])
        self.prices.add(Price(shown["service"], shown["meter"], selector, begins, model, tuple(steps), credits))

    async def _put(self, client: Client, path: str, body: dict[str, Any]) -> Answer:
        """The same request under one key until there is an answer that settles it. Raises Unsettled."""
        self._asked += 1
        key, deadline = f"market-{self._seed}-{self._asked}", time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                answer = await client.request("POST", path, json.dumps(body).encode(), key)
            except Unanswered:
                continue
            if answer.status not in UNSETTLED and answer.status != 409:
                return answer
            await asyncio.sleep(0.2)
        raise Unsettled(f"{path} {key}: no answer after {PATIENCE_S:.0f} s")


_STEP = (("up_to", None), ("amount", Fraction(0)), ("flat", Fraction(0)))


def _decimal(number: int, decimals: int) -> str:
    whole, part = divmod(number, 10**decimals)
    return f"{whole}.{part:0{decimals}}".rstrip("0").rstrip(".")

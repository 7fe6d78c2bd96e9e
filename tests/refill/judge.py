"""The judge of refills: what Stripe's own lists say of a wallet's customer, held against what was agreed to.

Of our rows it reads one thing alone: which payment is of which attempt.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx

from ledger.kit.ids import row_public
from tests.support.sandbox import KEY, SandboxAt

TAKEN = ("succeeded", "pending")
"""Charges by which money comes, or may come yet."""


class Agreed(NamedTuple):
    """Settings, as far as they can be broken: money in the smallest unit."""

    amount: int
    maximum: int
    spend_cap: int
    zone: ZoneInfo


class Judge:
    """Of one wallet. ``look`` is called after each step, so that what is new was done in it."""

    def __init__(self, sql: Callable[..., list[Any]], sandbox: SandboxAt, wallet: int) -> None:
        self._sql = sql
        self._sandbox = sandbox
        self._wallet = wallet
        self._seen: dict[str, tuple[date, int]] = {}
        """Off-session charges: the month in which each was made, and its amount."""
        self._caps: dict[date, tuple[int, int]] = {}
        self.agreed: Agreed | None = None

    def agree(self, agreed: Agreed, now: datetime) -> None:
        self.agreed = agreed
        self.in_force(now)

    def in_force(self, now: datetime) -> date | None:
        """The month; its caps are the largest that were agreed to in it."""
        if self.agreed is None:
            return None
        month = now.astimezone(self.agreed.zone).date().replace(day=1)
        count, money = self._caps.get(month, (0, 0))
        self._caps[month] = (max(count, self.agreed.maximum), max(money, self.agreed.spend_cap))
        return month

    def look(self, now: datetime, *, permitted: bool) -> int:
        """Judge what is new, ``permitted`` or not; gives how much of it there is."""
        month = self.in_force(now)
        charges = self.charges()
        taken = {charge["id"]: charge for charge in charges if charge["status"] in TAKEN}
        own = {name: charge for name, charge in taken.items() if "attempt_id" in charge["metadata"]}
        new = own.keys() - self._seen.keys()
        for name in new:
            assert permitted, f"{name} was charged though it was not allowed"
            assert self.agreed is not None and month is not None
            assert own[name]["amount"] <= self.agreed.amount, f"{name} is of more than was agreed to"
            self._seen[name] = (month, own[name]["amount"])
        for name in self._seen.keys() - own.keys():
            del self._seen[name]  # a debit that failed
        for of, (count_max, money_max) in self._caps.items():
            amounts = [amount for at, amount in self._seen.values() if at == of]
            assert len(amounts) <= count_max, f"{len(amounts)} charges in {of}, {count_max} were agreed to"
            assert sum(amounts) <= money_max, f"{sum(amounts)} charged in {of}, {money_max} were agreed to"
        self._once(list(taken.values()))
        return len(new)

    def _once(self, taken: list[Any]) -> None:
        """Of each attempt at most one charge, by whichever way."""
        attempts = self._attempts()
        known = [attempts.get(charge["metadata"].get("payment_id")) for charge in taken]
        of = Counter(attempt for attempt in known if attempt is not None)
        assert all(count == 1 for count in of.values()), f"attempts that were charged more than once: {of}"

    def _attempts(self) -> dict[str, int]:
        """Attempts by their payments."""
        found = self._sql(
            "SELECT payment, refill FROM payments WHERE wallet_id = %s AND refill IS NOT NULL", self._wallet
        )
        return {row_public("pay", self._wallet, payment): attempt for payment, attempt in found}

    def charges(self) -> list[Any]:
        """All charges of the wallet's customer, declined ones included."""
        found = self._sql("SELECT customer FROM stripe_customers WHERE wallet_id = %s", self._wallet)
        return [] if not found else listed(self._sandbox, "charges", customer=found[0][0])

    def settled(self) -> None:
        """Each charge that was paid is booked once, and nothing else."""
        paid = {charge["id"] for charge in self.charges() if charge["status"] == "succeeded"}
        booked = self._sql("SELECT charge FROM payments WHERE wallet_id = %s AND state = 'paid'", self._wallet)
        assert sorted(paid) == sorted(row[0] for row in booked)
        [(purchases,)] = self._sql(
            "SELECT count(*) FROM transactions WHERE wallet_id = %s AND kind = 'purchase'", self._wallet
        )
        assert purchases == len(paid)


@cache
def http(base: str) -> httpx.Client:
    """A client that outlives its calls: one that is made for each takes longer than the call."""
    return httpx.Client(base_url=base, headers={"Authorization": f"Bearer {KEY}"}, timeout=60)


def listed(sandbox: SandboxAt, path: str, **wanted: Any) -> list[Any]:
    """A list of Stripe's, all of its pages, the newest first."""
    found: list[Any] = []
    while True:
        after = {"starting_after": found[-1]["id"]} if found else {}
        answer = http(sandbox.base).get(f"/v1/{path}", params={"limit": 100, **wanted, **after})
        page = answer.raise_for_status().json()
        found += page["data"]
        if not page["has_more"]:
            return found

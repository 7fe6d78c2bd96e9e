"""What was priced, recounted: each charge in the order of the book, by fractions and prices of the judge's own.

    mispriced     an event was charged something else than its quantity costs after all that came before it; or what is
                  stored of a month is not the sum of that, or not the free quantity that was used of it
    overspent     a hard budget was exceeded, at whatever number of the book

Prices and free quantities are those that the client put into the card; what was asked for is in the clients' journal.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import NamedTuple

import psycopg

from ledger.kit.ids import parse_row, parse_wallet, wallet_public
from ledger.kit.money import format_amount
from tests.faults.journal import Asked, Record
from tests.faults.judge import SHOWN_MAX, Row, key_hash
from tests.model.prices import Account, Cost, Prices

_MONTHS = """
SELECT wallet_id, service, meter, to_char(month, 'YYYY-MM'), sum(micro),
    sum((line::jsonb ->> 'free')::numeric) FILTER (WHERE voided_by IS NULL)
FROM usage GROUP BY 1, 2, 3, 4"""

PLAIN = "chat"
"""The service of all use that is not measured."""

Month = tuple[int, str, str, str]
"""Wallet, service, meter, month."""


class Budget(NamedTuple):
    """A hard one of a ``service``, or of all; ``period`` is a day or a month in UTC, of those from ``since`` on."""

    wallet: int
    service: str | None
    period: str
    limit_micro: int
    since: datetime


class Sums(NamedTuple):
    """Of a month: all that was charged, also what was voided; and the free quantity that stands."""

    micro: int = 0
    free: Fraction = Fraction(0)


class _Event(NamedTuple):
    meter: str
    dimensions: Mapping[str, str]
    at: datetime
    cost: Cost


@dataclass
class Recount:
    """``events`` that were priced, ``voids`` of them (amendments have one, too), ``versions`` they were charged by."""

    events: int = 0
    voids: int = 0
    versions: int = 0
    months: dict[Month, Sums] = field(default_factory=dict)
    mispriced: list[str] = field(default_factory=list)
    overspent: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[str]:
        kinds = ("mispriced", "overspent")
        return [f"{kind}: {line}" for kind in kinds for line in getattr(self, kind)[:SHOWN_MAX]]


def recount(records: Sequence[Record], book: Sequence[Row], prices: Prices, budgets: Sequence[Budget]) -> Recount:
    """Go through each wallet's book from its first number to its last."""
    asked = {
        (parse_wallet(record.wallet), key_hash(f"client:{record.client}", record.key)): record
        for record in records
        if isinstance(record, Asked)
    }
    found, versions = Recount(), set[object]()
    by_wallet: dict[int, list[Row]] = defaultdict(list)
    for row in book:
        by_wallet[row.wallet].append(row)
    for wallet, rows in by_wallet.items():
        one = _Wallet(found, versions, prices, [budget for budget in budgets if budget.wallet == wallet])
        for row in sorted(rows, key=lambda row: row.number):
            one.follow(row, asked.get((wallet, row.key)))
    found.versions = len(versions)
    return found


def compare_months(found: Recount, stored: Mapping[Month, Sums]) -> None:
    """Add what differs from what is stored of each month."""
    for month in sorted(found.months.keys() | stored.keys()):
        ours, theirs = found.months.get(month, Sums()), stored.get(month, Sums())
        if ours != theirs:
            name = "/".join((wallet_public(month[0]), *month[1:]))
            found.mispriced.append(f"{name} is {theirs}, and must be {ours}")


def stored_months(url: str) -> dict[Month, Sums]:
    """As the service has them, by the lines of its charges."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(_MONTHS).fetchall()
    return {(wallet, *names): Sums(int(micro), Fraction(free or 0)) for wallet, *names, micro, free in rows}


class _Wallet:
    """One book, followed number by number."""

    def __init__(self, found: Recount, versions: set[object], prices: Prices, budgets: Sequence[Budget]) -> None:
        self._found = found
        self._versions = versions
        self._prices = prices
        self._budgets = budgets
        self._account = Account()
        self._rows: dict[int, Row] = {}
        self._services: dict[int, str] = {}
        self._events: dict[int, _Event] = {}
        self._returned: Counter[int] = Counter()
        self._spent: Counter[tuple[Budget, str]] = Counter()

    def follow(self, row: Row, asked: Asked | None) -> None:
        self._rows[row.number] = row
        if row.kind in ("usage", "capture"):
            self._services[row.number] = PLAIN
            if asked is not None and asked.quantity is not None:
                self._price(row, asked, Fraction(asked.quantity))
            self._spend(row, row, row.amount)
        elif row.reverses in self._services:
            original = self._rows[row.reverses or 0]
            self._returned[original.number] += row.amount
            if row.kind == "void":
                self._void(row, original)
            self._spend(row, original, -row.amount)

    def _price(self, row: Row, asked: Asked, quantity: Fraction) -> None:
        if asked.amends is not None:
            amended = self._events.get(parse_row("txn", asked.amends, "transaction")[1])
            if amended is None:
                self._found.mispriced.append(f"{row.id} amends {asked.amends}, which was not priced")
                return
            meter, dimensions, at = amended[:3]
        else:
            assert asked.meter is not None
            meter, dimensions, at = asked.meter, asked.dimensions, asked.occurred_at or row.effective_at
        service, _, name = meter.partition("/")
        price = self._prices.find(service, name, dimensions, at)
        if price is None:
            self._found.mispriced.append(f"{row.id} has no price")
            return
        cost = self._account.cost(self._prices, price, quantity, at)
        self._account.count(cost)
        self._events[row.number] = _Event(meter, dimensions, at, cost)
        self._services[row.number] = service
        self._found.events += 1
        self._versions.add((meter, price.selector, price.valid_from))
        self._add(row.wallet, cost, cost.micro, cost.free)
        if cost.micro != row.amount:
            self._found.mispriced.append(
                f"{row.id}, {asked.quantity} of {meter} at {at.isoformat()}, was charged"
                f" {format_amount(row.amount)}, and must be {format_amount(cost.micro)}"
            )

    def _void(self, row: Row, original: Row) -> None:
        if self._returned[original.number] != original.amount:
            self._found.mispriced.append(f"{row.id} leaves something of {original.id}, or gives back more")
        event = self._events.get(original.number)
        if event is not None:
            self._account.void(event.cost)
            self._add(row.wallet, event.cost, 0, -event.cost.free)
            self._found.voids += 1

    def _add(self, wallet: int, cost: Cost, micro: int, free: Fraction) -> None:
        service, meter, month, _ = cost.place
        key = (wallet, service, meter, f"{month:%Y-%m}")
        before = self._found.months.get(key, Sums())
        self._found.months[key] = Sums(before.micro + micro, before.free + free)

    def _spend(self, row: Row, used: Row, amount: int) -> None:
        """``used`` says when and for what; that is where it counts, and where it comes back."""
        at = used.effective_at
        for budget in self._budgets:
            if budget.service not in (None, self._services[used.number]) or at < budget.since:
                continue
            place = budget, at.astimezone(UTC).strftime("%Y-%m-%d" if budget.period == "day" else "%Y-%m")
            self._spent[place] += amount
            if self._spent[place] > budget.limit_micro and amount > 0:
                self._found.overspent.append(
                    f"{row.id} makes {format_amount(self._spent[place])} of {format_amount(budget.limit_micro)}"
                    f" in the {budget.period} {place[1]}"
                )

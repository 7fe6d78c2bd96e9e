"""What pricing does inside a unit of work: measured uses are priced and counted in the order of their booking. Pure.

The rows of what was priced, and the lines that explain it, are the greater part of what pricing costs. They are made
while the server is at work on the journal.
"""

from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from ledger.book import commands as c
from ledger.book.participants import Event, Part, Rows, Statement
from ledger.book.rules.move import Move
from ledger.errors import LedgerError
from ledger.kit.arrays import columns, each, numbers, texts, times, words
from ledger.kit.wire import Row
from ledger.rates.card import Card
from ledger.rates.line import explain
from ledger.rates.prices import selector_of
from ledger.rates.rules import Charge, Taken, month_of, price
from ledger.rates.tables import NEVER
from ledger.rates.tally import Place, Tally, Used

INSERT: Final = """
INSERT INTO usage (wallet_id, number, service, meter, dimensions, selector, version, occurred_at, month, quantity,
    micro, free, billed, covered, flats, line, amends)
""" + each(
    wallets="bigint",
    numbers="bigint",
    services="text",
    meters="text",
    dimensions="text",
    selectors="text",
    versions="int",
    occurred="timestamptz",
    months="date",
    quantities="bigint",
    micro="bigint",
    free="bigint",
    billed="bigint",
    covered="bigint",
    flats="bigint",
    lines="text",
    amends="bigint",
)

COUNT: Final = (
    "INSERT INTO meter_counters (wallet_id, service, meter, month, selector, carry, free, billed, covered, flats) "
    + each(
        wallets="bigint",
        services="text",
        meters="text",
        months="date",
        selectors="text",
        carries="numeric",
        free="bigint",
        billed="bigint",
        covered="bigint",
        flats="bigint",
    )
    + """
ON CONFLICT (wallet_id, service, meter, month, selector) DO UPDATE SET carry = excluded.carry, free = excluded.free,
    billed = excluded.billed, covered = excluded.covered, flats = excluded.flats"""
)

VOID: Final = """
UPDATE usage SET voided_by = v.voided_by
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[], %(by)s::bigint[]) AS v(wallet_id, number, voided_by)
WHERE usage.wallet_id = v.wallet_id AND usage.number = v.number"""


class Priced:
    """A use that was priced in this unit: what becomes of it is a row of ``usage`` (``counted.Counted``)."""

    __slots__ = ("_line", "charge", "command", "place", "transaction")

    def __init__(self, transaction: c.Transaction, command: c.Use, place: Place, charge: Charge) -> None:
        self.transaction = transaction
        self.command = command
        self.place = place
        self.charge = charge
        self._line: str | None = None

    @property
    def line(self) -> str:
        """The ``ChargeLine``, as JSON."""
        if self._line is None:
            self._line = explain(self.charge)
        return self._line

    @property
    def row(self) -> tuple[Any, ...]:
        """Its row, in the order of ``_USAGE_COLUMNS``."""
        transaction, command, place, charge = self.transaction, self.command, self.place, self.charge
        measure = command.measure
        assert measure is not None
        return (
            transaction.wallet_id,
            transaction.number,
            place.service,
            place.meter,
            selector_of(measure.dimensions),
            place.selector,
            charge.terms.price.version,
            command.effective_at or transaction.effective_at,
            place.month,
            measure.quantity,
            charge.micro,
            charge.free,
            charge.billed,
            charge.covered,
            charge.flats,
            self.line,
            measure.amends,
        )


class Voided(NamedTuple):
    """A void of a priced event."""

    wallet_id: int
    number: int
    by: int


class PricingPart(Part):
    """What is priced and counted in one unit of work."""

    prices = True
    counts = True

    def __init__(self, card: Card, now: datetime, counters: Sequence[Row], events: Sequence[Row]) -> None:
        self._card = card
        self._month = month_of(now)
        self._tallies: dict[int, Tally] = {}
        self._events = {(row[0], row[1]): (Place(row[2], row[3], row[4], row[5]), Taken(*row[6:])) for row in events}
        self._pending: tuple[Place, Charge] | None = None
        self._priced: list[Priced] = []
        self._voided: list[Voided] = []
        self._stored = {tuple(row[:5]) for row in counters}
        """The keys of the counters that are stored: they are written also where they are zero again."""
        for wallet_id, service, meter, month, selector, carry, free, billed, covered, flats in counters:
            tally = self._tally(wallet_id)
            if selector:
                tally.used[Place(service, meter, month, selector)] = Used(billed, covered, flats)
            elif month == NEVER:
                tally.carry[service, meter] = int(carry)
            else:
                tally.free[service, meter, month] = free

    def _tally(self, wallet_id: int) -> Tally:
        tally = self._tallies.get(wallet_id)
        if tally is None:
            tally = self._tallies[wallet_id] = Tally()
        return tally

    def foresee(self, command: c.Use, now: datetime) -> int:
        try:
            return self.price(command, now)
        except LedgerError:
            return 0

    def price(self, command: c.Use, now: datetime) -> int:
        measure = command.measure
        assert measure is not None
        occurred_at, month = now, self._month
        if command.effective_at is not None:
            occurred_at = command.effective_at
            month = month_of(occurred_at)
        meter = self._card.meter(command.service, measure.meter, measure.dimensions)
        terms = self._card.terms(meter, measure.dimensions, occurred_at)
        place = Place(meter.service, meter.meter, month, terms.selector)
        charge = price(terms, measure.quantity, self._tally(command.wallet_id).counters(place))
        self._pending = place, charge
        return charge.micro

    def posted(self, transaction: c.Transaction, command: c.Command) -> Priced | None:
        if isinstance(command, c.Use):
            return None if command.measure is None else self._count(transaction, command)
        if isinstance(command, c.Reverse) and command.void:
            self._uncount(transaction, command)
        return None

    def _count(self, transaction: c.Transaction, command: c.Use) -> Priced:
        assert self._pending is not None
        place, charge = self._pending
        self._pending = None
        self._tally(transaction.wallet_id).keep(place, charge.after)
        priced = Priced(transaction, command, place, charge)
        self._priced.append(priced)
        return priced

    def _uncount(self, transaction: c.Transaction, command: c.Reverse) -> None:
        found = self._events.get((command.wallet_id, command.number))
        if found is not None:
            self._tally(command.wallet_id).void(*found)
            self._voided.append(Voided(command.wallet_id, command.number, transaction.number))

    def save(self) -> Any:
        tallies = {wallet_id: tally.copy() for wallet_id, tally in self._tallies.items()}
        return tallies, len(self._priced), len(self._voided)

    def restore(self, saved: Any) -> None:
        self._tallies, priced, voided = saved
        del self._priced[priced:]
        del self._voided[voided:]

    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], Rows | None]:
        return [], self._rows if self._priced or self._voided else None

    def _rows(self) -> list[Statement]:
        statements = []
        if self._priced:
            statements.append(Statement(INSERT, columns([priced.row for priced in self._priced], **_USAGE_COLUMNS)))
        counters = _counters(self._tallies, self._stored)
        if counters:
            statements.append(Statement(COUNT, columns(counters, **_COUNTER_COLUMNS)))
        if self._voided:
            wallets, voided, by = zip(*self._voided, strict=True)
            params = {"wallets": numbers(wallets), "numbers": numbers(voided), "by": numbers(by)}
            statements.append(Statement(VOID, params))
        return statements


def dates(values: Sequence[date | None]) -> str:
    return words([None if value is None else value.isoformat() for value in values])


_USAGE_COLUMNS: Final = {
    "wallets": numbers,
    "numbers": numbers,
    "services": words,
    "meters": words,
    "dimensions": texts,
    "selectors": texts,
    "versions": numbers,
    "occurred": times,
    "months": dates,
    "quantities": numbers,
    "micro": numbers,
    "free": numbers,
    "billed": numbers,
    "covered": numbers,
    "flats": numbers,
    "lines": texts,
    "amends": numbers,
}

_COUNTER_COLUMNS: Final = {
    "wallets": numbers,
    "services": words,
    "meters": words,
    "months": dates,
    "selectors": texts,
    "carries": numbers,
    "free": numbers,
    "billed": numbers,
    "covered": numbers,
    "flats": numbers,
}


def _counters(tallies: Mapping[int, Tally], stored: Set[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows of ``meter_counters`` that changed, each once; none for what is zero and was not stored."""
    rows: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for wallet_id, tally in tallies.items():
        for place in tally.changed:
            service, meter, month, selector = place
            rows[wallet_id, service, meter, NEVER, ""] = (tally.carry[place[:2]], 0, 0, 0, 0)
            rows[wallet_id, service, meter, month, ""] = (0, tally.free[place[:3]], 0, 0, 0)
            rows[wallet_id, service, meter, month, selector] = (0, 0, *tally.used[place])
    return [(*key, *counted) for key, counted in rows.items() if any(counted) or key in stored]

"""Pricing inside a unit of work: what a measured use costs is decided under its wallet's lock, so that free tiers and
tiers hold whatever is reported at the same time.

The card is this process's own; its number is read with the counters, and where the stored card is a newer one the unit
is run again with that. A void takes an event back out of the counters (``rules.unprice``).
"""

from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from ledger.book import commands as c
from ledger.book.participants import Event, Outdated, Part, Statement
from ledger.book.rules.move import Move
from ledger.kit.arrays import columns, numbers, texts, times, words
from ledger.kit.wire import Row
from ledger.rates.card import Card
from ledger.rates.line import explain
from ledger.rates.prices import selector_of
from ledger.rates.rules import Charge, Taken, month_of, price
from ledger.rates.service import Cards
from ledger.rates.tables import NEVER
from ledger.rates.tally import Place, Tally, Used

CARD: Final = "SELECT version FROM rate_card"

_C: Final = """c.wallet_id, c.service, c.meter, c.month, c.selector, c.carry, c.free, c.billed, c.covered, c.flats"""

COUNTERS: Final = f"""
WITH n AS MATERIALIZED (SELECT ledger_now() AT TIME ZONE 'UTC' AS now),
e AS MATERIALIZED (
    SELECT wallet_id, service, meter, coalesce(month, date_trunc('month', n.now)::date) AS month,
        coalesce(month, date_trunc('month', n.now - interval '1 hour')::date) AS before
    FROM n, unnest(%(wallets)s::bigint[], %(services)s::text[], %(meters)s::text[], %(months)s::date[])
        AS e(wallet_id, service, meter, month))
SELECT {_C} FROM e JOIN meter_counters c ON c.wallet_id = e.wallet_id AND c.service = e.service
    AND c.meter = e.meter AND c.month = ANY(ARRAY['0001-01-01', e.month, e.before])"""
"""Of events without a time of their own: this month's, and within an hour of its beginning the last one's as well,
since the clock of the unit was read a moment earlier."""

EVENTS: Final = """
SELECT u.wallet_id, u.number, u.service, u.meter, u.month, u.selector, u.micro, u.free, u.billed, u.covered, u.flats
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS v(wallet_id, number)
JOIN usage u USING (wallet_id, number)"""

COUNTERS_OF_EVENTS: Final = f"""
SELECT DISTINCT {_C} FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS v(wallet_id, number)
JOIN usage u USING (wallet_id, number)
JOIN meter_counters c ON c.wallet_id = u.wallet_id AND c.service = u.service AND c.meter = u.meter
    AND c.month = ANY(ARRAY['0001-01-01', u.month])"""

INSERT: Final = """
INSERT INTO usage (wallet_id, number, service, meter, dimensions, selector, version, occurred_at, month, quantity,
    micro, free, billed, covered, flats, line, amends)
SELECT * FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[], %(services)s::text[], %(meters)s::text[],
    %(dimensions)s::text[], %(selectors)s::text[], %(versions)s::int[], %(occurred)s::timestamptz[],
    %(months)s::date[], %(quantities)s::bigint[], %(micro)s::bigint[], %(free)s::bigint[], %(billed)s::bigint[],
    %(covered)s::bigint[], %(flats)s::bigint[], %(lines)s::text[], %(amends)s::bigint[])"""

COUNT: Final = """
INSERT INTO meter_counters (wallet_id, service, meter, month, selector, carry, free, billed, covered, flats)
SELECT * FROM unnest(%(wallets)s::bigint[], %(services)s::text[], %(meters)s::text[], %(months)s::date[],
    %(selectors)s::text[], %(carries)s::numeric[], %(free)s::bigint[], %(billed)s::bigint[], %(covered)s::bigint[],
    %(flats)s::bigint[])
ON CONFLICT (wallet_id, service, meter, month, selector) DO UPDATE SET carry = excluded.carry, free = excluded.free,
    billed = excluded.billed, covered = excluded.covered, flats = excluded.flats"""

VOID: Final = """
UPDATE usage SET voided_by = v.voided_by
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[], %(by)s::bigint[]) AS v(wallet_id, number, voided_by)
WHERE usage.wallet_id = v.wallet_id AND usage.number = v.number"""


class Counted(msgspec.Struct, frozen=True):
    """A priced event: a row of ``usage``, by its columns."""

    wallet_id: int
    number: int
    service: str
    meter: str
    dimensions: str
    selector: str
    version: int
    occurred_at: datetime
    month: date
    quantity: int
    micro: int
    free: int
    billed: int
    covered: int
    flats: int
    line: str
    """The ``ChargeLine``, as JSON."""
    amends: int | None


class Voided(NamedTuple):
    """A void of a priced event."""

    wallet_id: int
    number: int
    by: int


class Pricing:
    """The participant: prices measured uses by the card of ``cards``, and counts them."""

    def __init__(self, cards: Cards) -> None:
        self._cards = cards

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[c.Attempt]) -> Sequence[Statement]:
        measured: dict[tuple[int, str, str, date | None], None] = {}
        voids: list[tuple[int, int]] = []
        for attempt in attempts:
            command = attempt.command
            if isinstance(command, c.Use):
                if command.measure is not None:
                    at = command.effective_at
                    month = None if at is None else month_of(at)
                    measured[command.wallet_id, command.service, command.measure.meter, month] = None
            elif isinstance(command, c.Reverse) and command.void:
                voids.append((command.wallet_id, command.number))
        if not measured and not voids:
            return ()
        wallets, services, meters, months = zip(*measured, strict=True) if measured else ((), (), (), ())
        statements = [
            Statement(CARD, {}),
            Statement(
                COUNTERS,
                {
                    "wallets": numbers(wallets),
                    "services": words(services),
                    "meters": words(meters),
                    "months": _dates(months),
                },
            ),
        ]
        if voids:
            refs = {"wallets": numbers([w for w, _ in voids]), "numbers": numbers([n for _, n in voids])}
            statements += [Statement(COUNTERS_OF_EVENTS, refs), Statement(EVENTS, refs)]
        return statements

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Part:
        ((version,),) = rows[0]
        current = self._cards.current
        if version != current.version:
            raise Outdated(partial(self._cards.fresh, version))
        counters, events = rows[1], rows[3] if len(rows) > 2 else []
        return _Priced(current.card, now, [*counters, *rows[2]] if len(rows) > 2 else counters, events)


class _Priced(Part):
    """What is priced and counted in one unit of work."""

    prices = True
    counts = True

    def __init__(self, card: Card, now: datetime, counters: Sequence[Row], events: Sequence[Row]) -> None:
        self._card = card
        self._month = month_of(now)
        self._tallies: dict[int, Tally] = {}
        self._events = {(row[0], row[1]): (Place(row[2], row[3], row[4], row[5]), Taken(*row[6:])) for row in events}
        self._pending: tuple[Place, Charge] | None = None
        self._counted: list[Counted] = []
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

    def posted(self, transaction: c.Transaction, command: c.Command) -> Counted | None:
        if isinstance(command, c.Use):
            return None if command.measure is None else self._count(transaction, command, command.measure)
        if isinstance(command, c.Reverse) and command.void:
            self._uncount(transaction, command)
        return None

    def _count(self, transaction: c.Transaction, command: c.Use, measure: c.Measure) -> Counted:
        assert self._pending is not None
        place, charge = self._pending
        self._pending = None
        self._tally(transaction.wallet_id).keep(place, charge.after)
        counted = Counted(
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
            explain(charge),
            measure.amends,
        )
        self._counted.append(counted)
        return counted

    def _uncount(self, transaction: c.Transaction, command: c.Reverse) -> None:
        found = self._events.get((command.wallet_id, command.number))
        if found is not None:
            self._tally(command.wallet_id).void(*found)
            self._voided.append(Voided(command.wallet_id, command.number, transaction.number))

    def save(self) -> Any:
        tallies = {wallet_id: tally.copy() for wallet_id, tally in self._tallies.items()}
        return tallies, len(self._counted), len(self._voided)

    def restore(self, saved: Any) -> None:
        self._tallies, counted, voided = saved
        del self._counted[counted:]
        del self._voided[voided:]

    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], list[Statement]]:
        statements = []
        if self._counted:
            statements.append(Statement(INSERT, _usage(self._counted)))
        counters = _counters(self._tallies, self._stored)
        if counters:
            statements.append(Statement(COUNT, columns(counters, **_COUNTER_COLUMNS)))
        if self._voided:
            wallets, voided, by = zip(*self._voided, strict=True)
            params = {"wallets": numbers(wallets), "numbers": numbers(voided), "by": numbers(by)}
            statements.append(Statement(VOID, params))
        return [], statements


def _dates(values: Sequence[date | None]) -> str:
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
    "months": _dates,
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
    "months": _dates,
    "selectors": texts,
    "carries": numbers,
    "free": numbers,
    "billed": numbers,
    "covered": numbers,
    "flats": numbers,
}


def _usage(counted: Sequence[Counted]) -> dict[str, str]:
    return columns([msgspec.structs.astuple(each) for each in counted], **_USAGE_COLUMNS)


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

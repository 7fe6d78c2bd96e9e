"""The rate card in use: read, changed, and kept by each process that prices by it.

A change is the whole card anew: what is wanted is made of the card before, under a lock that writers queue up for, is
checked as a card and as a change, and what is different is stored. So no way of changing it checks less than another.

``Cards`` is what a process prices by. It does not ask the database for each event: whoever prices holds a wallet's
lock and reads ``rate_card.version`` there anyway, and calls ``fresh`` where that is newer.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import InvalidMeter, LedgerError
from ledger.kit.db import Database
from ledger.rates import store
from ledger.rates.answers import NewMeter, NewPrice, next_version
from ledger.rates.card import RATES, Card, make_card
from ledger.rates.changes import Difference, change_between
from ledger.rates.checks import named
from ledger.rates.prices import Meter, Price, key_of, selector_of
from ledger.rates.shapes import meter_of, price_of

Rates = Mapping[str, Decimal | str | int]
"""Credits for one unit of each currency."""

Wanted = Callable[[Card, datetime], tuple[Sequence[Meter], Sequence[Price]]]
"""The meters and prices that a card is to have, made of the card before and the ledger's time."""


class Edition(NamedTuple):
    """The card as it was from one change to the next. Each change raises the version by one."""

    version: int
    card: Card


class Changed(NamedTuple):
    """The card after a change, and what is new in it; where nothing is, it has the version it had."""

    edition: Edition
    difference: Difference


class CardUnusable(Exception):
    """What is stored cannot be priced by: most often settings lack the rate of a currency that a price is in."""


async def read_card(connection: AsyncConnection, rates: Rates = RATES) -> Edition:
    """The card that is stored. Raises CardUnusable."""
    found = await store.read(connection)
    try:
        return Edition(found.version, make_card(found.meters, found.prices, rates))
    except LedgerError as error:
        raise CardUnusable(f"the stored rate card cannot be used: {error.detail}") from error


async def add_meter(connection: AsyncConnection, new: NewMeter, *, rates: Rates, actor: str) -> Changed:
    """Add a meter, which has no price yet. Raises InvalidMeter, FreeTierWithoutUnit or InvalidQuantity."""
    meter = meter_of(new)

    def wanted(before: Card, now: datetime) -> tuple[Sequence[Meter], Sequence[Price]]:
        if (meter.service, meter.meter) in before.meters:
            raise InvalidMeter(f"{named(meter)} is in the card already", service=meter.service, meter=meter.meter)
        return [*before.meters.values(), meter], before.prices

    return await change_card(connection, wanted, rates=rates, actor=actor)


async def add_price(connection: AsyncConnection, new: NewPrice, *, rates: Rates, actor: str) -> Changed:
    """Add the next version of a price, valid from now unless it says from when.

    Raises UnknownMeter, InvalidPrice, PriceOverlap, AmbiguousPrice, or InvalidRequest and the like for its fields.
    """

    def wanted(before: Card, now: datetime) -> tuple[Sequence[Meter], Sequence[Price]]:
        meter = before.meter(new.service, new.meter)
        named_by = (meter.service, meter.meter, selector_of(new.dimensions))
        earlier = [each for each in before.prices if key_of(each)[:3] == named_by]
        price = price_of(next_version(new, len(earlier) + 1, now), meter)
        return list(before.meters.values()), [*before.prices, price]

    return await change_card(connection, wanted, rates=rates, actor=actor)


async def import_card(
    connection: AsyncConnection, meters: Sequence[Meter], prices: Sequence[Price], *, rates: Rates, actor: str
) -> Changed:
    """Put a whole card in the place of the one that is stored. Raises what is wrong with it, as a card or a change."""
    return await change_card(connection, lambda before, now: (meters, prices), rates=rates, actor=actor)


async def change_card(connection: AsyncConnection, wanted: Wanted, *, rates: Rates, actor: str) -> Changed:
    """Change the card in the caller's transaction; others who want to wait for its end, and see it."""
    now = await store.lock(connection)
    before = await read_card(connection, rates)
    after = make_card(*wanted(before.card, now), rates)
    difference = change_between(before.card, after, now)
    if difference.is_empty:
        return Changed(before, difference)
    version = await store.write(connection, difference, after.meters.values(), actor)
    return Changed(Edition(version, after), difference)


_NONE: Final = Edition(0, make_card([], []))
"""What a process has before it has read any: the first one that is stored has version 1."""


class Cards:
    """The card that this process prices by: read when it is first needed, and again when there is a newer one."""

    def __init__(self, database: Database, rates: Rates = RATES) -> None:
        self.rates = rates
        self._database = database
        self._current = _NONE
        self._reading: asyncio.Task[None] | None = None

    @property
    def current(self) -> Edition:
        """The newest that was read here; version 0 before the first."""
        return self._current

    async def fresh(self, version_at_least: int) -> Edition:
        """A card that is at least of this version, which the caller saw committed. All who wait share one read.

        Raises CardUnusable; DatabaseUnavailable.
        """
        # A read that was on its way may have begun before that version was there; the one after it did not.
        for _ in range(2):
            if self._current.version >= version_at_least:
                break
            await asyncio.shield(self._reading or self._read())
        if self._current.version < version_at_least:
            raise CardUnusable(f"the rate card is at version {self._current.version}, not at {version_at_least}")
        return self._current

    async def latest(self) -> tuple[Edition, datetime]:
        """The card as it is stored now, and the ledger's time."""
        version, now = await self._database.retrying(store.look)
        return await self.fresh(version), now

    async def close(self) -> None:
        """End a read that nobody waits for any more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _read(self) -> "asyncio.Task[None]":
        self._reading = asyncio.create_task(self._take(), name="rates: read the card")
        self._reading.add_done_callback(self._was_read)
        return self._reading

    async def _take(self) -> None:
        found = await self._database.retrying(lambda connection: read_card(connection, self.rates))
        if found.version > self._current.version:
            self._current = found

    def _was_read(self, task: "asyncio.Task[None]") -> None:
        """An error is told to those who wait; where all have gone away, to nobody."""
        self._reading = None
        if not task.cancelled():
            task.exception()

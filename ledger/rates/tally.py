"""The counters of one wallet while its events are priced: as loaded under its lock, and what has changed since.

Counters have three kinds of keys: the carry hangs on the meter alone, the free tier also on the month, all else also
on the price's selector. The shell loads the rows that a batch may need, lets events go through here in order, and
writes what is in ``changed``.
"""

from datetime import date
from typing import NamedTuple

from ledger.rates.card import Terms
from ledger.rates.rules import Charge, Counters, Taken, price, unprice


class Place(NamedTuple):
    """Where an event counts. ``selector`` as text (``Terms.selector``)."""

    service: str
    meter: str
    month: date
    selector: str


class Used(NamedTuple):
    """The counters that hang on the whole place: see ``Counters``."""

    billed: int
    covered: int
    flats: int


class Tally:
    """One wallet's counters. A row that was not loaded counts as zero, so load all that a batch may touch.

    ``carry`` is by (service, meter), ``free`` by (service, meter, month), ``used`` by place.
    """

    def __init__(self) -> None:
        self.carry: dict[tuple[str, str], int] = {}
        self.free: dict[tuple[str, str, date], int] = {}
        self.used: dict[Place, Used] = {}
        self.changed: set[Place] = set()
        """Places of which something is to be written: their row, and those of their meter and month."""

    def copy(self) -> "Tally":
        """The same, to go back to."""
        twin = Tally()
        twin.carry, twin.free, twin.used = dict(self.carry), dict(self.free), dict(self.used)
        twin.changed = set(self.changed)
        return twin

    def counters(self, place: Place) -> Counters:
        used = self.used.get(place, _NONE)
        return Counters(self.carry.get(place[:2], 0), self.free.get(place[:3], 0), *used)

    def keep(self, place: Place, counters: Counters) -> None:
        self.carry[place[:2]] = counters.carry
        self.free[place[:3]] = counters.free
        self.used[place] = Used(counters.billed, counters.covered, counters.flats)
        self.changed.add(place)

    def charge(self, terms: Terms, month: date, quantity: int) -> Charge:
        """Price an event and count it. Raises InvalidQuantity; then nothing was counted."""
        place = Place(terms.meter.service, terms.meter.meter, month, terms.selector)
        charge = price(terms, quantity, self.counters(place))
        self.keep(place, charge.after)
        return charge

    def void(self, place: Place, taken: Taken) -> None:
        """Take an event back out of the counters; ``taken.micro`` credits go back to the wallet."""
        self.keep(place, unprice(taken, self.counters(place)))


_NONE = Used(0, 0, 0)

"""A book in memory: what was loaded of it under its lock, and what has changed since.

The records are mutable and live for one unit of work. Nothing here reads a clock or a database.
"""

from bisect import insort
from collections.abc import Iterator
from datetime import UTC, datetime

from ledger.book.commands import Balances, HoldFacts, LotFacts
from ledger.kit.money import AMOUNT_MAX

_NEVER = datetime.max.replace(tzinfo=UTC)

Rank = tuple[int, datetime, bool, int]
"""A lot's place in burn-down order: priority, expiry, whether it was paid for, number."""


class Lot:
    """An open or touched lot. ``remaining`` includes what is ``pinned`` by holds or disputes."""

    __slots__ = (
        "amount",
        "changed",
        "cost",
        "currency",
        "effective_at",
        "expires_at",
        "lot",
        "new",
        "pinned",
        "priority",
        "rank",
        "remaining",
        "source",
    )

    def __init__(
        self,
        lot: int,
        source: str,
        amount: int,
        remaining: int,
        pinned: int,
        priority: int,
        effective_at: datetime,
        expires_at: datetime | None,
        cost: int = 0,
        currency: str | None = None,
        *,
        new: bool = False,
    ) -> None:
        self.lot = lot
        self.source = source
        self.amount = amount
        self.remaining = remaining
        self.pinned = pinned
        self.priority = priority
        self.effective_at = effective_at
        self.expires_at = expires_at
        self.cost = cost
        self.currency = currency
        self.new = new
        self.changed = False
        self.rank: Rank = (priority, expires_at or _NEVER, cost > 0, lot)
        """Burn-down order: priority, soonest expiry, given before paid, oldest."""

    @property
    def free(self) -> int:
        return self.remaining - self.pinned

    @property
    def facts(self) -> LotFacts:
        return LotFacts(
            self.lot,
            self.source,
            self.priority,
            self.effective_at,
            self.expires_at,
            self.cost,
            self.currency,
        )

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def share(self, amount: int) -> int:
        """Cost of the next ``amount`` credits to leave: cumulative, so that all shares add up to it."""
        gone = self.amount - self.remaining
        return self.cost * (gone + amount) // self.amount - self.cost * gone // self.amount

    def copy(self) -> "Lot":
        twin = object.__new__(Lot)
        for name in Lot.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin


class Hold:
    """A hold with its slices: ``slices[lot]`` is what it still pins of that lot."""

    __slots__ = (
        "amount",
        "captured",
        "expires_at",
        "hold",
        "placed_at",
        "released",
        "service",
        "slices",
        "state",
        "touched",
    )

    def __init__(
        self,
        hold: int,
        amount: int,
        captured: int,
        released: int,
        state: str,
        service: str,
        placed_at: datetime,
        expires_at: datetime,
        slices: dict[int, int],
    ) -> None:
        self.hold = hold
        self.amount = amount
        self.captured = captured
        self.released = released
        self.state = state
        self.service = service
        self.placed_at = placed_at
        self.expires_at = expires_at
        self.slices = slices
        self.touched: set[int] = set()

    @property
    def remaining(self) -> int:
        return self.amount - self.captured - self.released

    @property
    def facts(self) -> HoldFacts:
        return HoldFacts(
            self.hold,
            self.amount,
            self.captured,
            self.released,
            self.state,
            self.service,
            self.placed_at,
            self.expires_at,
        )

    def copy(self) -> "Hold":
        twin = object.__new__(Hold)
        for name in Hold.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.slices = dict(self.slices)
        twin.touched = set(self.touched)
        return twin


class Book:
    """A wallet's book under lock. ``lots`` holds the loaded lots by number: enough of them in burn-down
    order to cover the batch, and every lot that a command of the batch refers to."""

    def __init__(
        self,
        wallet_id: int,
        balances: Balances,
        *,
        number: int,
        head: bytes,
        last_lot: int,
        last_at: datetime,
        due_at: datetime | None,
        status: str,
        event_number: int = 0,
        sealed_number: int = 0,
    ) -> None:
        self.wallet_id = wallet_id
        self.wallet = balances.wallet
        self.held = balances.held
        self.disputed = balances.disputed
        self.owed = balances.owed
        self.limit = balances.limit
        self.number = number
        self.head = head
        self.last_lot = last_lot
        self.last_at = last_at
        self.due_at = due_at
        """A lower bound of when something is due; None: nothing ever."""
        self.status = status
        self.event_number = event_number
        self.sealed_number = sealed_number
        """The number that the last anchor took."""
        self.lots: dict[int, Lot] = {}
        self.holds: dict[int, Hold] = {}
        self.changed = False
        self.backlog = False
        """More is due than was loaded: book that much, then come again."""
        self.horizon: Rank | None = None
        """Open lots that burn later than this may not have been loaded; None: all open lots are here."""
        self._order: list[Lot] = []

    @property
    def balances(self) -> Balances:
        return Balances(self.wallet, self.held, self.disputed, self.owed, self.limit)

    @property
    def available(self) -> int:
        """What can be used now, unused overdraft included."""
        return self.wallet + max(0, self.limit - self.owed)

    def add_lot(self, lot: Lot) -> Lot:
        """Take in a lot, once; returns the one that is there."""
        known = self.lots.get(lot.lot)
        if known is not None:
            return known
        self.lots[lot.lot] = lot
        insort(self._order, lot, key=_rank)
        return lot

    def add_hold(self, hold: Hold) -> None:
        self.holds.setdefault(hold.hold, hold)

    def due_by(self, at: datetime | None) -> None:
        """Something will be due at ``at``."""
        if at is not None and (self.due_at is None or at < self.due_at):
            self.due_at = at
            self.changed = True

    def new_lot(
        self,
        source: str,
        amount: int,
        priority: int,
        effective_at: datetime,
        expires_at: datetime | None,
        cost: int = 0,
        currency: str | None = None,
        *,
        join: bool = True,
    ) -> Lot:
        """The lot that an inflow of ``amount`` goes into, its amount grown by it: an open lot that is
        alike, or a new one. ``remaining`` grows by the posting."""
        if join and cost == 0:
            for lot in sorted(self.lots.values(), key=_number):
                if (
                    lot.remaining > 0
                    and lot.cost == 0
                    and lot.source == source
                    and lot.priority == priority
                    and lot.expires_at == expires_at
                    and lot.amount + amount <= AMOUNT_MAX
                ):
                    lot.amount += amount
                    lot.changed = True
                    self.due_by(expires_at)
                    return lot
        self.last_lot += 1
        self.due_by(expires_at)
        return self.add_lot(
            Lot(
                self.last_lot,
                source,
                amount,
                0,
                0,
                priority,
                effective_at,
                expires_at,
                cost,
                currency if cost else None,
                new=True,
            )
        )

    def in_burn_down_order(self) -> Iterator[Lot]:
        """The loaded lots that have something free."""
        order = self._order
        spent = 0
        while spent < len(order) and order[spent].remaining == 0:
            spent += 1
        if spent > 16:
            del order[:spent]
            spent = 0
        for place in range(spent, len(order)):
            if order[place].remaining > order[place].pinned:
                yield order[place]

    def revive(self, lot: Lot) -> None:
        """Put a lot back in order that may have been dropped from it when it was empty."""
        if lot not in self._order:
            insort(self._order, lot, key=_rank)

    def copy(self) -> "Book":
        twin = object.__new__(Book)
        twin.__dict__.update(self.__dict__)
        twin.lots = {number: lot.copy() for number, lot in self.lots.items()}
        twin.holds = {number: hold.copy() for number, hold in self.holds.items()}
        twin._order = sorted(twin.lots.values(), key=_rank)
        return twin


def _rank(lot: Lot) -> Rank:
    return lot.rank


def _number(lot: Lot) -> int:
    return lot.lot

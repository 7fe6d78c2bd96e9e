"""What ends by itself: holds and lots whose time has come are booked before anything else.

The same function serves ``post()``, which writes what it gives, and reads, which only look at the balances.
"""

from collections.abc import Callable
from datetime import datetime

from ledger.book.chart import EXPIRED, WALLET
from ledger.book.rules.lines import LINES_MAX, Draft
from ledger.book.rules.moves import end_hold
from ledger.book.rules.state import Book, Hold, Lot

Write = Callable[[Book, Draft, str, str, datetime, Hold | None], None]
"""Takes a finished draft: (book, draft, kind, key, effective_at, hold)."""

BITE: int = LINES_MAX
"""Due lots or holds of one wallet that are booked in one unit of work, at most."""


def book_due(book: Book, now: datetime, write: Write) -> None:
    """Book every loaded hold and lot that is due at ``now``, instant by instant: at each, first the holds that end
    then, then the lots that expire then or were freed after they had expired."""
    ending: dict[datetime, list[Hold]] = {}
    for hold in book.holds.values():
        if hold.state == "open" and hold.expires_at <= now:
            ending.setdefault(hold.expires_at, []).append(hold)
    expiring: dict[datetime, list[Lot]] = {}
    for lot in book.lots.values():
        if lot.remaining > 0 and lot.expires_at is not None and lot.expires_at <= now:
            expiring.setdefault(lot.expires_at, []).append(lot)
    for at in sorted(ending.keys() | expiring.keys()):
        dead = {lot.lot: lot for lot in expiring.get(at, [])}
        for hold in sorted(ending.get(at, []), key=lambda hold: hold.hold):
            freed = [book.lots[number] for number, pinned in hold.slices.items() if pinned]
            dead |= {lot.lot: lot for lot in freed if lot.is_expired(at)}
            write(book, end_hold(book, hold, "expired"), "release", f"hold:{hold.hold}", at, hold)
        _expire(book, [dead[number] for number in sorted(dead)], at, write)


def _expire(book: Book, lots: list[Lot], at: datetime, write: Write) -> None:
    lots = [lot for lot in lots if lot.free > 0]
    for start in range(0, len(lots), LINES_MAX):
        draft = Draft(book)
        for lot in lots[start : start + LINES_MAX]:
            draft.move(WALLET, EXPIRED, lot.free, lot)
        write(book, draft, "expiry", "expiry", at, None)


def next_due(book: Book, now: datetime, stored: datetime | None) -> datetime | None:
    """When something will be due next: ``stored`` is the earliest of what was not loaded."""
    times = [
        lot.expires_at
        for lot in book.lots.values()
        if lot.free > 0 and lot.expires_at is not None and lot.expires_at > now
    ]
    times += [hold.expires_at for hold in book.holds.values() if hold.state == "open"]
    if stored is not None:
        times.append(stored)
    return min(times, default=None)

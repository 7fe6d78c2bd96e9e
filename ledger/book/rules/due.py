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
    """Book every loaded hold and lot that is due at ``now``, in the order of their times.

    Afterwards ``due_at`` is None: the caller sets when the next thing is due from what it knows.
    """
    freed: dict[int, datetime] = {}
    for hold in sorted(book.holds.values(), key=lambda hold: (hold.expires_at, hold.hold)):
        if hold.state == "open" and hold.expires_at <= now:
            for number, pinned in hold.slices.items():
                if pinned:
                    freed[number] = max(freed.get(number, hold.expires_at), hold.expires_at)
            draft = end_hold(book, hold, "expired")
            write(book, draft, "release", f"hold:{hold.hold}", hold.expires_at, hold)
    due: dict[datetime, list[Lot]] = {}
    for lot in book.lots.values():
        if lot.free > 0 and lot.expires_at is not None and lot.expires_at <= now:
            at = max(lot.expires_at, freed.get(lot.lot, lot.expires_at))
            due.setdefault(at, []).append(lot)
    for at in sorted(due):
        lots = sorted(due[at], key=lambda lot: lot.lot)
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

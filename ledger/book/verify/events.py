"""The log of events: numbered without a gap in each book, and placed without a gap in the whole.

What was told long ago is deleted: a prefix of the positions, and the feed says up to where. A book's events then begin
anywhere, but they still go on to its counter without a gap. That no more is gone than the feed says, the sums show.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from ledger.book.verify.rows import Connection, WalletRow, rows, snapshot, stream

NO_WALLET: Final = 0
"""In the place of a wallet: the anchors, whose events have their numbers."""

_FEED: Final = "SELECT last, gone FROM feed"

_POSITIONS: Final = """
SELECT count(position), coalesce(min(position), 0), coalesce(max(position), 0), count(*) FROM outbox"""

_TOLD: Final = """
SELECT (SELECT coalesce(sum(event_number), 0) FROM wallets)::bigint + (SELECT count(*) FROM anchors)"""

_EVENTS: Final = "SELECT event FROM outbox WHERE wallet_id = %(id)s ORDER BY event"

Say = Callable[[int | None, str, int | None, str, object, object], None]


def gone(connection: Connection) -> int:
    """Up to which position events were deleted, as this snapshot shows it."""
    found = rows(connection, _FEED, {})
    return int(found[0][1]) if found else 0


def check_events(
    connection: Connection, where: str, params: dict[str, Any], heads: Iterable[WalletRow], say: Say
) -> int:
    """Compare the events of a chunk's books with their counters; gives how many events there are."""
    counted = f"SELECT wallet_id, count(*), min(event), max(event) FROM outbox WHERE {where} GROUP BY wallet_id"
    events = {wallet_id: tuple(rest) for wallet_id, *rest in rows(connection, counted, params)}
    some_gone = gone(connection) > 0
    total = 0
    for head in heads:
        last = head.event_number
        count, first, newest = events.pop(head.wallet_id, (0, last + 1, last))
        total += count
        if newest != last or count != newest - first + 1 or (first > 1 and not some_gone):
            begin = first if some_gone else 1
            place = f"event {_first_gap(connection, head.wallet_id, begin)}"
            say(head.wallet_id, "event", None, place, f"{begin} to {last}", f"{count} up to {newest if count else 0}")
    for wallet_id in sorted(events):
        say(wallet_id, "wallet", None, "event", "a wallet", "none")
    return total


def check_positions(connection: Connection, say: Say) -> None:
    """All events there ever were are there or gone, and those that have positions have them without a gap."""
    with snapshot(connection):
        feed = rows(connection, _FEED, {})
        if len(feed) != 1:
            say(None, "position", None, "feed", "one row", len(feed))
            return
        ((last, no_more),) = feed
        ((placed, first, newest, stored),) = rows(connection, _POSITIONS, {})
        ((told,),) = rows(connection, _TOLD, {})
    expected = (last - no_more, no_more + 1, last) if last > no_more else (0, 0, 0)
    if (placed, first, newest) != expected:
        say(None, "position", None, "outbox", _span(*expected), _span(placed, first, newest))
    if told != no_more + stored:
        say(None, "event", None, "events of all books", told, f"{stored}, and {no_more} gone")


def _span(count: int, first: int, last: int) -> str:
    return f"{count} from {first} to {last}"


def _first_gap(connection: Connection, wallet_id: int, expected: int) -> int:
    for (event,) in stream(connection, "verify_events", _EVENTS, {"id": wallet_id}):
        if event != expected:
            break
        expected += 1
    return expected

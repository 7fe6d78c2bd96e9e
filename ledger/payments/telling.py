"""Events of payments that belong to no posting, such as a card that is about to expire.

A wallet's events are numbered under its lock, so they go through the door like everything else: with a command that
books nothing, and a rider that marks what was told of. However often that is tried, it is told once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from ledger.book.commands import Attempt, BookDue, Changed, Rider
from ledger.book.participants import Event, Part, Rows, Statement
from ledger.book.rules.move import Move
from ledger.kit.arrays import numbers, texts
from ledger.kit.wire import Row
from ledger.payments.desk import Desk

EVENT: Final = "payments.event"
"""The fact of a ``BookDue`` that has an event to tell: its type and its data as JSON."""

# A wallet that somebody else has locked may be left alone for now; then it has nothing told either.
_LOCKED: Final = """
SELECT w.wallet_id, u.event
FROM unnest(%(wallets)s::bigint[], %(events)s::text[]) AS u(wallet_id, event) JOIN wallets w USING (wallet_id)
WHERE w.xmax = pg_current_xact_id()::xid"""


async def tell(desk: Desk, event: Event, key: str, mark: Rider) -> bool:
    """Tell of something, if ``mark`` still finds that it was not told."""
    fact = msgspec.json.encode((event.type, event.data)).decode()
    attempt = Attempt(
        command=BookDue(wallet_id=event.wallet_id, facts={EVENT: fact}),
        key=key,
        namespace="job",
        actor="system",
        riders=(mark,),
    )
    [outcome] = await desk.door.submit([attempt])
    return isinstance(outcome, Changed)


class Telling:
    """The participant: turns such commands into events."""

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[Attempt]) -> Sequence[Statement]:
        found = [a.command for a in attempts if isinstance(a.command, BookDue) and EVENT in a.command.facts]
        if not found:
            return []
        events = [str(command.facts[EVENT]) for command in found]
        return [Statement(_LOCKED, {"wallets": numbers(c.wallet_id for c in found), "events": texts(events)})]

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Part:
        return _Told([_event(*row) for row in rows[0]])


class _Told(Part):
    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], Rows | None]:
        return self._events, None


def _event(wallet_id: int, fact: str) -> Event:
    kind, data = msgspec.json.decode(fact)
    return Event(wallet_id, kind, data, None)

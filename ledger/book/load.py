"""Reading what a unit of work needs, under the wallets' locks.

Lock, clock and reads travel together: the server runs them one after the other, each with a snapshot of its own, so
that the reads see what the locks waited for. Where something is due, lots do not suffice or credits move between
books, there is a second look.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from ledger.book import commands as c
from ledger.book.rules.due import BITE
from ledger.book.rules.fold import Stored, StoredRefusal, Unit
from ledger.book.rules.lines import LINES_MAX
from ledger.book.rules.reversal import Original
from ledger.book.rules.state import Book, Hold, Lot
from ledger.kit.arrays import numbers, texts, times, uuids
from ledger.kit.money import BALANCE_MAX
from ledger.kit.wire import Row, Statement, Wire

PAGE: Final = 40
"""Lots of a wallet that are loaded at first."""

ALIKE: Final = 8
"""Lots alike that an inflow may join, the oldest: more than one only where one is full, or was kept apart."""

MORE_MAX: Final = 5 * (LINES_MAX + 1)
"""Lots of a wallet that are loaded where a page does not do; what needs yet more comes again."""

WALLETS: Final = """
SELECT wallet_id, wallet, held, disputed, owed, overdraft_limit, number, event_number, last_lot, last_at,
       due_at, status, head_hash, sealed_number
FROM wallets WHERE wallet_id = ANY(%(wallets)s::bigint[]) ORDER BY wallet_id"""

LOCK: Final = WALLETS + " FOR NO KEY UPDATE"

LOCK_FREE_ONES: Final = LOCK + " SKIP LOCKED"


class Beginning(NamedTuple):
    """How a unit of work begins: its transaction, and how its wallets are taken."""

    begin: str
    wallets: str


WAITING: Final = Beginning("BEGIN", LOCK)
FREE_ONES: Final = Beginning("BEGIN", LOCK_FREE_ONES)
SNAPSHOT: Final = Beginning("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", WALLETS)
"""Nothing is locked and nothing can be written; all reads see one moment."""

CLOCK: Final = "SELECT ledger_now(), (SELECT max(ends_at) FROM periods)"

KEYS: Final = """
WITH k AS (SELECT * FROM unnest(%(wallets)s::bigint[], %(keys)s::uuid[]) AS k(wallet_id, key_hash))
SELECT wallet_id, uuid_send(key_hash), number, uuid_send(fingerprint), NULL, NULL, NULL
FROM k JOIN transactions USING (wallet_id, key_hash)
UNION ALL
SELECT wallet_id, uuid_send(key_hash), NULL, uuid_send(fingerprint), code, detail, facts
FROM k JOIN refusals USING (wallet_id, key_hash)
WHERE recorded_at > (SELECT ledger_now()) - interval '24 hours'"""

EVENTS: Final = """
SELECT wallet_id, uuid_send(event_hash), number
FROM unnest(%(wallets)s::bigint[], %(events)s::uuid[]) AS e(wallet_id, event_hash)
JOIN transactions USING (wallet_id, event_hash) WHERE event_hash IS NOT NULL"""

_LOT = """wallet_id, lot, source, amount, remaining, pinned, priority, effective_at, expires_at, cost,
 currency"""
_L_LOT = ", ".join(f"l.{name.strip()}" for name in _LOT.split(","))

LOTS: Final = f"""
SELECT {_L_LOT} FROM unnest(%(wallets)s::bigint[]) AS w(wallet_id) CROSS JOIN LATERAL (
    SELECT {_LOT} FROM lots WHERE wallet_id = w.wallet_id AND open AND remaining > pinned
    ORDER BY priority, expires_at, paid, lot LIMIT {PAGE}) AS l"""

MORE_LOTS: Final = f"""
SELECT {_L_LOT} FROM unnest(%(wallets)s::bigint[], %(limits)s::int[]) AS w(wallet_id, lots_max)
CROSS JOIN LATERAL (
    SELECT {_LOT} FROM lots WHERE wallet_id = w.wallet_id AND open AND remaining > pinned
    ORDER BY priority, expires_at, paid, lot LIMIT w.lots_max) AS l"""

LOTS_ALIKE: Final = f"""
WITH a AS (SELECT * FROM unnest(%(wallets)s::bigint[], %(sources)s::text[], %(priorities)s::int[],
                                %(expiries)s::timestamptz[]) AS a(wallet_id, source, priority, expires_at))
SELECT {_L_LOT} FROM a CROSS JOIN LATERAL (
    SELECT {_LOT} FROM lots WHERE wallet_id = a.wallet_id AND open AND priority = a.priority
        AND expires_at = a.expires_at AND NOT paid AND source = a.source ORDER BY lot LIMIT {ALIKE}) AS l
UNION ALL
SELECT {_L_LOT} FROM a CROSS JOIN LATERAL (
    SELECT {_LOT} FROM lots WHERE wallet_id = a.wallet_id AND open AND priority = a.priority
        AND expires_at IS NULL AND NOT paid AND source = a.source ORDER BY lot LIMIT {ALIKE}) AS l
WHERE a.expires_at IS NULL"""

DUE_LOTS: Final = f"""
SELECT {_L_LOT} FROM unnest(%(wallets)s::bigint[]) AS w(wallet_id) CROSS JOIN LATERAL (
    SELECT {_LOT} FROM lots WHERE wallet_id = w.wallet_id AND open AND expires_at IS NOT NULL
        AND expires_at <= %(now)s::timestamptz AND remaining > pinned
    ORDER BY expires_at, lot LIMIT {BITE}) AS l"""

NEXT_DUE: Final = """
SELECT wallet_id, least(
    (SELECT min(expires_at) FROM lots l WHERE l.wallet_id = w.wallet_id AND open
        AND expires_at IS NOT NULL AND expires_at > %(now)s::timestamptz),
    (SELECT min(expires_at) FROM holds h WHERE h.wallet_id = w.wallet_id AND state = 'open'
        AND expires_at > %(now)s::timestamptz))
FROM unnest(%(wallets)s::bigint[]) AS w(wallet_id)"""

HOLDS: Final = f"""
WITH due AS (
    SELECT d.wallet_id, d.hold FROM unnest(%(due)s::bigint[]) AS w(wallet_id) CROSS JOIN LATERAL (
        SELECT wallet_id, hold FROM holds WHERE wallet_id = w.wallet_id AND state = 'open'
            AND expires_at <= %(now)s::timestamptz ORDER BY expires_at, hold LIMIT {BITE}) AS d),
refs AS (
    SELECT * FROM unnest(%(wallets)s::bigint[], %(holds)s::bigint[]) AS r(wallet_id, hold)
    UNION SELECT * FROM due)
SELECT h.wallet_id, h.hold, h.amount, h.captured, h.released, h.state, h.service, h.placed_at, h.expires_at,
    s.pinned, {_L_LOT}
FROM refs JOIN holds h USING (wallet_id, hold)
LEFT JOIN hold_slices s ON s.wallet_id = h.wallet_id AND s.hold = h.hold
LEFT JOIN lots l ON l.wallet_id = s.wallet_id AND l.lot = s.lot"""

_REFS = """
WITH named AS (SELECT * FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS r(wallet_id, number)),
refs AS (
    SELECT * FROM named
    UNION SELECT t.link_wallet_id, t.link_number FROM named JOIN transactions t USING (wallet_id, number)
    WHERE t.link_number IS NOT NULL)"""

TRANSACTIONS: Final = (
    _REFS
    + """
SELECT t.wallet_id, t.number, t.kind, uuid_send(t.key_hash), uuid_send(t.fingerprint), uuid_send(t.event_hash),
    t.actor, t.effective_at, t.recorded_at, t.reverses, t.link_wallet_id, t.link_number, t.wallet_after,
    t.held_after, t.disputed_after, t.owed_after, t.limit_after, n.salt, t.notes_digest, t.hash, t.terms, n.body
FROM refs JOIN transactions t USING (wallet_id, number) LEFT JOIN notes n USING (wallet_id, number)"""
)

POSTINGS: Final = (
    _REFS
    + """
SELECT p.wallet_id, p.number, p.line, p.debit, p.credit, p.asset, p.amount, p.lot, p.lot_after, p.hold,
    p.balance_after
FROM refs JOIN postings p USING (wallet_id, number) ORDER BY 1, 2, 3"""
)

REVERSED: Final = (
    _REFS
    + """
SELECT r.wallet_id, r.reverses, coalesce(sum(p.amount), 0)::bigint,
    bool_or(r.kind IN ('void', 'refund_failed', 'dispute_won', 'dispute_lost'))
FROM refs JOIN transactions r ON r.wallet_id = refs.wallet_id AND r.reverses = refs.number
    AND r.reverses IS NOT NULL
LEFT JOIN postings p ON p.wallet_id = r.wallet_id AND p.number = r.number
    AND p.asset = 'CREDIT' AND (split_part(p.debit, ':', 1) IN ('used', 'withdrawn', 'transit')
    OR split_part(p.credit, ':', 1) IN ('issued', 'transit'))
GROUP BY 1, 2"""
)

LOTS_OF_TRANSACTIONS: Final = (
    _REFS
    + f"""
SELECT {_L_LOT} FROM (SELECT DISTINCT wallet_id, lot FROM refs JOIN postings USING (wallet_id, number)
    WHERE lot IS NOT NULL) AS p JOIN lots l USING (wallet_id, lot)"""
)


Take = Callable[[Unit, list[Row]], None]
"""Puts the rows of a statement into the unit. Rows of wallets that the unit has not locked are left out."""


class Pipe:
    """Statements that travel together, and where their rows go."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._queued: list[tuple[Statement, Take]] = []

    def add(self, sql: str, params: Mapping[str, str], take: Take) -> None:
        self._queued.append((Statement(sql, params), take))

    async def fetch(self, unit: Unit) -> None:
        """Send what is queued, if anything is, and hand out the rows in order."""
        if self._queued:
            replies = await self._wire.exchange([statement for statement, _ in self._queued])
            for reply, (_, take) in zip(replies, self._queued, strict=True):
                take(unit, reply.rows())
            self._queued.clear()

    async def begin(self, wallet_ids: Sequence[int], entropy: bytes, how: Beginning) -> Unit:
        """Begin, lock the wallets in ascending order, read the clock after the lock, and then what is queued."""
        lock = Statement(how.wallets, {"wallets": numbers(sorted(wallet_ids))})
        first = [Statement(how.begin, {}), lock, Statement(CLOCK, {})]
        replies = await self._wire.exchange([*first, *(statement for statement, _ in self._queued)])
        (now, open_from), *_ = replies[2].rows()
        unit = Unit(now, open_from, entropy)
        unit.books = {row[0]: book_of(row) for row in replies[1].rows()}
        for reply, (_, take) in zip(replies[3:], self._queued, strict=True):
            take(unit, reply.rows())
        self._queued.clear()
        return unit


def book_of(row: Row) -> Book:
    """A book from a row of LOCK."""
    wallet_id, wallet, held, disputed, owed, limit, number, event, lot, last_at, due, status, head, sealed = row
    return Book(
        wallet_id,
        c.Balances(wallet, held, disputed, owed, limit),
        number=number,
        head=head,
        last_lot=lot,
        last_at=last_at,
        due_at=due,
        status=status,
        event_number=event,
        sealed_number=sealed,
    )


def lot_of(row: Row) -> Lot:
    """A lot from the columns of ``_LOT``, after the wallet's."""
    return Lot(*row[1:11])


def add_lots(books: dict[int, Book], rows: Iterable[Row]) -> None:
    for row in rows:
        book = books.get(row[0])
        if book is not None:
            book.add_lot(lot_of(row))


def transactions_of(rows: Sequence[Row], postings: Sequence[Row]) -> dict[tuple[int, int], c.Transaction]:
    """Transactions from rows of TRANSACTIONS and POSTINGS, by (wallet, number)."""
    lines: dict[tuple[int, int], list[c.Posting]] = {}
    for row in postings:
        lines.setdefault((row[0], row[1]), []).append(c.Posting(*row[2:]))
    return {(row[0], row[1]): _transaction_of(row, lines.get((row[0], row[1]), [])) for row in rows}


def _transaction_of(row: Row, lines: list[c.Posting]) -> c.Transaction:
    body = row[21]
    return c.Transaction(  # type: ignore[call-arg] # the row has as many columns as there are fields
        *row[:12],
        c.Balances(*row[12:17]),
        row[17] or b"",
        row[18],
        row[19],
        tuple(lines),
        row[20],
        None if body is None else msgspec.json.decode(body, type=c.Notes),
    )


def queue_reads(pipe: Pipe, wallet_ids: Sequence[int], attempts: Sequence[c.Attempt]) -> None:
    """What the attempts need, as far as it is known before the lock."""
    _queue_keys(pipe, attempts)
    if any(not isinstance(attempt.command, c.SetStatus | c.SetOverdraft) for attempt in attempts):
        pipe.add(LOTS, {"wallets": numbers(wallet_ids)}, _take_page)
    held = [(a.command.wallet_id, a.command.hold) for a in attempts if isinstance(a.command, c.Capture | c.Release)]
    if held:
        params = {"wallets": numbers(w for w, _ in held), "holds": numbers(h for _, h in held), "due": "{}"}
        pipe.add(HOLDS, params | {"now": "-infinity"}, _take_holds)
    _queue_originals(pipe, attempts)
    inflows = [a.command for a in attempts if isinstance(a.command, c.Inflow)]
    _queue_alike(pipe, {(i.wallet_id, i.source, i.priority, i.expires_at) for i in inflows if i.join and not i.cost})


async def look_again(pipe: Pipe, unit: Unit, attempts: Sequence[c.Attempt], *, thorough: bool) -> None:
    """What the first look says is needed besides: what is due, more lots, lots like those that arrive.

    What a measured use takes depends on those before it. It is foreseen as if it were the first; ``thorough`` loads as
    many lots as it could take at most, for what must not come again, or has come again.
    """
    _queue_due(pipe, unit)
    _queue_uncovered(pipe, unit, attempts, thorough)
    await pipe.fetch(unit)
    _queue_alike(pipe, _arrivals_alike(unit, attempts))
    await pipe.fetch(unit)


def _queue_keys(pipe: Pipe, attempts: Sequence[c.Attempt]) -> None:
    params = {
        "wallets": numbers([a.command.wallet_id for a in attempts]),
        "keys": uuids([c.key_hash(a.namespace, a.key) for a in attempts]),
    }
    pipe.add(KEYS, params, _take_keys)
    events = [
        (a.command.wallet_id, c.event_hash(a.command.event_id))
        for a in attempts
        if isinstance(a.command, c.Use) and a.command.event_id is not None
    ]
    if events:
        params = {"wallets": numbers([w for w, _ in events]), "events": uuids([e for _, e in events])}
        pipe.add(EVENTS, params, _take_events)


def _take_keys(unit: Unit, rows: list[Row]) -> None:
    for wallet_id, key, number, fingerprint, code, detail, facts in rows:
        if number is not None:
            unit.known[wallet_id, key] = Stored(number, fingerprint)
        else:
            unit.refused[wallet_id, key] = StoredRefusal(fingerprint, code, detail, msgspec.json.decode(facts))


def _take_events(unit: Unit, rows: list[Row]) -> None:
    unit.events.update({(wallet_id, event): number for wallet_id, event, number in rows})


def _queue_due(pipe: Pipe, unit: Unit) -> None:
    due = []
    for book in unit.books.values():
        if book.due_at is not None and book.due_at <= unit.now:
            due.append(book.wallet_id)
        else:
            unit.next_due[book.wallet_id] = book.due_at
    if not due:
        return
    params = {"wallets": numbers(due), "now": unit.now.isoformat()}
    pipe.add(DUE_LOTS, params, _take_due_lots)
    pipe.add(NEXT_DUE, params, lambda unit, rows: unit.next_due.update(rows))
    pipe.add(HOLDS, {"wallets": "{}", "holds": "{}", "due": numbers(due), "now": params["now"]}, _take_holds)


def _take_due_lots(unit: Unit, rows: list[Row]) -> None:
    add_lots(unit.books, rows)
    _mark_backlog(unit, [row[0] for row in rows])


def _take_holds(unit: Unit, rows: list[Row]) -> None:
    mine = [row for row in rows if row[0] in unit.books]
    holds = [(w, unit.books[w].holds[hold]) for w, hold in add_holds(unit.books, mine)]
    _mark_backlog(unit, [w for w, hold in holds if hold.state == "open" and hold.expires_at <= unit.now])


def add_holds(books: dict[int, Book], rows: Sequence[Row]) -> set[tuple[int, int]]:
    """Take in rows of HOLDS; gives the (wallet, hold) pairs that were there."""
    seen = set()
    for row in rows:
        book = books[row[0]]
        if (row[0], row[1]) not in seen:
            seen.add((row[0], row[1]))
            book.add_hold(Hold(*row[1:9], {}))  # type: ignore[call-arg]
        if row[9] is not None:
            lot = book.add_lot(lot_of(row[10:]))
            book.holds[row[1]].slices[lot.lot] = row[9]
    return seen


def _mark_backlog(unit: Unit, wallet_ids: list[int]) -> None:
    for wallet_id in set(wallet_ids):
        if wallet_ids.count(wallet_id) >= BITE:
            unit.books[wallet_id].backlog = True


def _queue_originals(pipe: Pipe, attempts: Sequence[c.Attempt]) -> None:
    refs = [(a.command.wallet_id, a.command.number) for a in attempts if isinstance(a.command, c.ABOUT_EARLIER)]
    if not refs:
        return
    params = {"wallets": numbers(w for w, _ in refs), "numbers": numbers(n for _, n in refs)}
    loaded: list[list[Row]] = []

    def keep(_: Unit, rows: list[Row]) -> None:
        loaded.append(rows)

    def take_reversed(unit: Unit, rows: list[Row]) -> None:
        found = transactions_of(loaded[0], loaded[1])
        undone = {(row[0], row[1]): row[2:] for row in rows}
        for ref, transaction in found.items():
            other = found.get((transaction.link_wallet_id or 0, transaction.link_number or 0))
            amount, voided = undone.get(ref, (0, False))
            unit.originals[ref] = Original(transaction, amount, other, voided)

    pipe.add(TRANSACTIONS, params, keep)
    pipe.add(POSTINGS, params, keep)
    pipe.add(REVERSED, params, take_reversed)
    pipe.add(LOTS_OF_TRANSACTIONS, params, _take_more_lots)


def _queue_alike(pipe: Pipe, alike: set[tuple[int, str, int, datetime | None]]) -> None:
    if alike:
        wallets, sources, priorities, expiries = zip(*alike, strict=True)
        params = {
            "wallets": numbers(wallets),
            "sources": texts(sources),
            "priorities": numbers(priorities),
            "expiries": times(expiries),
        }
        pipe.add(LOTS_ALIKE, params, _take_more_lots)


def _take_more_lots(unit: Unit, rows: list[Row]) -> None:
    add_lots(unit.books, rows)


def _take_page(unit: Unit, rows: list[Row]) -> None:
    _take_lots(unit, rows, dict.fromkeys(unit.books, PAGE))


def _take_lots(unit: Unit, rows: list[Row], limits: dict[int, int]) -> None:
    """Take in each wallet's first lots in burn-down order. A wallet with fewer lots than its limit has no others."""
    by_wallet: dict[int, list[Lot]] = {wallet_id: [] for wallet_id in limits}
    for row in rows:
        book = unit.books.get(row[0])
        if book is not None:
            by_wallet[row[0]].append(book.add_lot(lot_of(row)))
    for wallet_id, lots in by_wallet.items():
        full = len(lots) >= limits[wallet_id]
        unit.books[wallet_id].horizon = max(lot.rank for lot in lots) if full else None


def _queue_uncovered(pipe: Pipe, unit: Unit, attempts: Sequence[c.Attempt], thorough: bool) -> None:
    """Wallets whose first page of lots does not cover what the batch may take out of them."""
    paged = {wallet_id: book for wallet_id, book in unit.books.items() if book.horizon is not None}
    if not paged:
        return
    needs: dict[int, int] = {}
    draws: dict[int, int] = {}
    for attempt in attempts:
        for wallet_id, amount in _takes(unit, attempt.command, thorough):
            needs[wallet_id] = needs.get(wallet_id, 0) + amount
            draws[wallet_id] = draws.get(wallet_id, 0) + 1
    limits = {
        wallet_id: min(MORE_MAX, (LINES_MAX + 1) * draws[wallet_id])
        for wallet_id, need in needs.items()
        if wallet_id in paged and need > _drawable(paged[wallet_id], unit.now)
    }
    if limits:

        def take_more(unit: Unit, rows: list[Row]) -> None:
            _take_lots(unit, rows, limits)

        pipe.add(MORE_LOTS, {"wallets": numbers(limits), "limits": numbers(limits.values())}, take_more)


def _drawable(book: Book, now: datetime) -> int:
    """What the loaded lots can give, those behind the horizon left out."""
    assert book.horizon is not None
    return sum(lot.free for lot in book.lots.values() if lot.rank <= book.horizon and not lot.is_expired(now))


def _takes(unit: Unit, command: c.Command, thorough: bool) -> list[tuple[int, int]]:
    """The most that a command can take out of the free lots of each wallet."""
    match command:
        case c.Use(measure=c.Measure()):
            assert unit.prices is not None, "a measured use, and nobody who prices it"
            amount = BALANCE_MAX if thorough else unit.prices.foresee(command, unit.now)
            taken = [(command.wallet_id, amount)]
        case c.Use() | c.PlaceHold() | c.Withdraw() | c.Transfer() | c.OpenDispute():
            taken = [(command.wallet_id, command.amount)]
        case c.Capture(amount=int(amount)):
            taken = [(command.wallet_id, amount)]
        case c.Reverse():
            original = unit.originals.get((command.wallet_id, command.number))
            amount = sum(p.amount for p in original.transaction.postings) if original else 0
            taken = [(wallet_id, amount) for wallet_id in command.wallet_ids]
        case _:
            taken = []
    return [(wallet_id, amount) for wallet_id, amount in taken if wallet_id in unit.books]


def _arrivals_alike(unit: Unit, attempts: Sequence[c.Attempt]) -> set[tuple[int, str, int, datetime | None]]:
    """Which lots could take in what arrives by transfers and reversals of this batch.

    A lot that arrives has the priority and expiry of one that left, and may move on in the same batch.
    """
    edges = []
    alike: set[tuple[int, str, int, datetime | None]] = set()
    terms = {w: {(lot.priority, lot.expires_at) for lot in book.lots.values()} for w, book in unit.books.items()}
    for command in (attempt.command for attempt in attempts):
        if isinstance(command, c.Inflow) and command.wallet_id in terms:
            terms[command.wallet_id].add((command.priority, command.expires_at))
        elif isinstance(command, c.Transfer):
            edges.append((command.wallet_id, command.payee_id))
        elif isinstance(command, c.Reverse):
            if command.wallet_id in terms:
                alike.add((command.wallet_id, "refund", c.PRIORITY_DEFAULT, None))
                terms[command.wallet_id].add((c.PRIORITY_DEFAULT, None))
            if command.other_id is not None:
                edges += [(command.wallet_id, command.other_id), (command.other_id, command.wallet_id)]
    if not edges:
        return alike
    edges = [(giver, taker) for giver, taker in edges if giver in terms and taker in terms]
    grown = True
    while grown:
        grown = False
        for giver, taker in edges:
            if not terms[giver] <= terms[taker]:
                terms[taker] |= terms[giver]
                grown = True
    takers = {taker for _, taker in edges}
    alike.update((taker, "transfer", priority, expires_at) for taker in takers for priority, expires_at in terms[taker])
    return alike

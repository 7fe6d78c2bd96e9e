"""Verify: read every book and recompute it, a chunk of wallets at a time.

A chunk is read in one REPEATABLE READ, READ ONLY snapshot, which is short even where the run is long
(an old snapshot would keep dead rows alive for hours). Both legs of a transfer are committed together,
so the snapshot that shows one shows the other: each leg is compared with its counterpart in the
snapshot of its own chunk, and nothing has to be remembered between chunks.
"""

import gc
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from ledger.book.hashing import notes_digest
from ledger.book.verify.anchors import Anchors, Sealed, check_alone
from ledger.book.verify.book import Book, Leg
from ledger.book.verify.events import check_events, check_positions
from ledger.book.verify.quick import Irregular, Journal, refuse
from ledger.book.verify.report import Report
from ledger.book.verify.rows import (
    IN_CHUNK,
    IN_LIST,
    POSTING,
    TRANSACTION,
    Connection,
    HoldRow,
    LotRow,
    WalletRow,
    array,
    connect,
    rows,
    snapshot,
    stream,
)
from ledger.book.verify.sealed import check_sealed

WALLETS_MAX = 5_000
"""Wallets of a chunk at most."""

TRANSACTIONS_MAX = 5_000_000
"""A chunk ends with the wallet that brings it above this many transactions: its snapshot is a minute old by then."""

LEGS_MAX = 1_000
"""Legs whose counterparts are asked for in one statement."""

COLLECT_AFTER = 200_000
"""Objects made and not yet gone before the collector looks."""

_LAST = 2**63 - 1

Row = tuple[Any, ...]
Params = dict[str, Any]


def verify_now(
    database_url: str,
    wallet_ids: Iterable[int] | None = None,
    *,
    jobs: int = 1,
    trusted: Collection[bytes] = (),
    copies: Mapping[int, Sealed] | None = None,
) -> Report:
    """Verify all books and the anchors, or the books of ``wallet_ids`` alone. Changes nothing; needs only the right
    to read. ``jobs``: processes that check at the same time, each a chunk of the wallets. ``trusted``: public keys, of
    which one must have signed each anchor; without any, all are as good. ``copies``: anchors that were kept outside
    the database, by number."""
    began = time.perf_counter()
    report = Report.empty()
    with connect(database_url) as connection:
        chunks = _chunks(connection, wallet_ids, jobs)
        if jobs == 1:
            for where, params in chunks:
                report.join(_check_on(connection, where, params))
        else:
            for found in _shared_out(database_url, chunks, jobs):
                report.join(found)
        if wallet_ids is None:
            for copy in (copies or {}).values():
                check_alone(copy, trusted, f"copy of {copy.place}", report.say)
            report.checked["anchors"] = Anchors(connection, trusted, copies or {}, report.say).check()
            check_positions(connection, report.say)
    report.seconds = time.perf_counter() - began
    return report


def _chunks(connection: Connection, wallet_ids: Iterable[int] | None, jobs: int) -> Iterator[tuple[str, Params]]:
    """Each chunk as the condition that tells its wallets, found when it is asked for."""
    if wallet_ids is not None:
        ids = sorted(set(wallet_ids))
        for start in range(0, len(ids), WALLETS_MAX):
            yield IN_LIST, {"ids": ids[start : start + WALLETS_MAX]}
        return
    ((wallets, transactions),) = rows(connection, "SELECT count(*), coalesce(sum(number), 0)::bigint FROM wallets", {})
    wallets_max = min(WALLETS_MAX, wallets // jobs + 1)
    transactions_max = min(TRANSACTIONS_MAX, transactions // jobs)
    after = 0
    while after < _LAST:
        upto = _chunk_end(connection, after, wallets_max, transactions_max)
        yield IN_CHUNK, {"after": after, "upto": upto}
        after = upto


def _shared_out(database_url: str, chunks: Iterator[tuple[str, Params]], jobs: int) -> Iterator[Report]:
    """Check chunks in processes, and give their reports in the order of the chunks."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as processes:
        running: deque[Future[Report]] = deque()
        for chunk in chunks:
            running.append(processes.submit(_check_alone, database_url, *chunk))
            if len(running) > 2 * jobs:
                yield running.popleft().result()
        for future in running:
            yield future.result()


def _check_alone(database_url: str, where: str, params: Params) -> Report:
    with connect(database_url) as connection:
        return _check_on(connection, where, params)


def _check_on(connection: Connection, where: str, params: Params) -> Report:
    """Check some wallets in a snapshot: quickly, and again with care if that is not the end of it."""
    with _collector_spared(), snapshot(connection):
        return read_quickly(connection, where, params) or read_with_care(connection, where, params)


def read_quickly(connection: Connection, where: str, params: Params) -> Report | None:
    """A report without faults; None where there may be some."""
    report = Report.empty()
    try:
        _Chunk(connection, report, where, params, quick=True).check()
    except Irregular:
        return None
    return report


def read_with_care(connection: Connection, where: str, params: Params) -> Report:
    """A report that says what is wrong and where it begins."""
    report = Report.empty()
    _Chunk(connection, report, where, params).check()
    return report


@contextmanager
def _collector_spared() -> Iterator[None]:
    """Rows come and go by the thousand and are in no cycles: looking for some took a fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _chunk_end(connection: Connection, after: int, wallets_max: int, transactions_max: int) -> int:
    """The last wallet id of the chunk that begins behind ``after``."""
    heads = rows(
        connection,
        "SELECT wallet_id, number FROM wallets WHERE wallet_id > %(after)s ORDER BY wallet_id LIMIT %(limit)s",
        {"after": after, "limit": wallets_max},
    )
    numbers = 0
    for wallet_id, number in heads:
        numbers += number
        if numbers > transactions_max:
            return int(wallet_id)
    return _LAST if len(heads) < wallets_max else int(heads[-1][0])


class _Chunk:
    """Some wallets, read in one snapshot. Streams are merged by (wallet, number)."""

    def __init__(
        self, connection: Connection, report: Report, where: str, params: Params, *, quick: bool = False
    ) -> None:
        self.connection = connection
        self.report = report
        self.say = refuse if quick else report.say
        self.quick = quick
        self.where = where
        self.params = params
        self.legs: dict[tuple[int, int], Leg] = {}
        """Legs whose counterparts have not come yet."""

    def check(self) -> None:
        heads = [WalletRow(*row) for row in self._rows(f"{', '.join(WalletRow._fields)} FROM wallets")]
        self._heads_and_lots(heads)
        self.checked("wallets", len(heads))
        if self.quick:
            self._journal_as_it_lies(heads)
        else:
            self._journal(heads)
            self._unique()
        self._pairs()
        self._foreign()
        self.checked("events", check_events(self.connection, self.where, self.params, heads, self.say))
        self.checked("leaves", check_sealed(self.connection, self.where, self.params, heads, self.say))

    def _journal_as_it_lies(self, heads: list[WalletRow]) -> None:
        """The quick reading: it raises Irregular at the first thing that is not as it should be."""
        books = {head.wallet_id: self._open(head, head.wallet_id) for head in heads}
        journal = Journal(self.connection, self.where, self.params, books, self._leg)
        journal.read()
        for what, count in journal.counts.items():
            self.checked(what, count)
        for book in books.values():
            self._close(book)

    def _leg(self, leg: Leg) -> None:
        wallet_id, number, link_wallet_id, link_number, _ = leg
        if link_wallet_id is not None and link_number is not None:
            other = self.legs.get((link_wallet_id, link_number))
            if other is not None and _cancel(leg, other):
                del self.legs[link_wallet_id, link_number]
                return
        self.legs[wallet_id, number] = leg
        if len(self.legs) >= LEGS_MAX:
            self._pairs()

    def _journal(self, heads: list[WalletRow]) -> None:
        """The careful reading, book by book: feed every book with its transactions, and close it."""
        transactions = self._stream("transactions", TRANSACTION, "number")
        postings = _Groups(self._stream("postings", POSTING, "number, line"), self._stray_posting)
        holds = _Groups(self._stream("holds", ", ".join(HoldRow._fields), "hold"), self._stray_hold)
        notes = _Groups(self._stream("notes", "wallet_id, number, salt, body", "number"), self._stray_note)
        book: Book | None = None
        count = lines_count = holds_count = 0
        known = {head.wallet_id: head for head in heads}
        for transaction in transactions:
            wallet_id, number = transaction[0], transaction[1]
            if book is None or book.head.wallet_id != wallet_id:
                self._close(book)
                book = self._open(known.pop(wallet_id, None), wallet_id)
            lines = postings.take(wallet_id, number)
            hold = holds.take(wallet_id, number) if transaction[2] == "hold" else None
            book.transaction(transaction, lines, HoldRow(*hold[0]) if hold else None)
            count += 1
            lines_count += len(lines)
            if hold:
                holds_count += 1
            for note in notes.take(wallet_id, number):
                self._note(note, transaction[-2])
            if book.leg is not None:
                self._leg(book.leg)
        for what, number in (("transactions", count), ("postings", lines_count), ("holds", holds_count)):
            self.checked(what, number)
        self._close(book)
        for head in known.values():
            self._close(self._open(head, head.wallet_id))
        for groups in (postings, holds, notes):
            groups.finish()

    def checked(self, what: str, count: int) -> None:
        self.report.checked[what] += count

    def _rows(self, select: str, more: str = "") -> list[Row]:
        return rows(self.connection, f"SELECT {select} WHERE {self.where} {more}", self.params)

    def _stream(self, table: str, columns: str, order: str) -> Iterator[Row]:
        query = f"SELECT {columns} FROM {table} WHERE {self.where} ORDER BY wallet_id, {order}"
        return stream(self.connection, f"verify_{table}", query, self.params)

    def _heads_and_lots(self, heads: list[WalletRow]) -> None:
        self.lots: dict[int, dict[int, LotRow]] = defaultdict(dict)
        for row in self._rows(f"{', '.join(LotRow._fields)} FROM lots"):
            lot = LotRow(*row)
            self.lots[lot.wallet_id][lot.lot] = lot
            self.checked("lots", 1)
        self.slices: dict[int, dict[tuple[int, int], int]] = defaultdict(dict)
        for wallet_id, hold, lot, pinned in self._rows(
            "wallet_id, hold, lot, pinned FROM hold_slices", "AND pinned > 0"
        ):
            self.slices[wallet_id][hold, lot] = pinned
        self.reversed_numbers: dict[int, set[int]] = defaultdict(set)
        for wallet_id, number in self._rows(
            "DISTINCT wallet_id, reverses FROM transactions", "AND reverses IS NOT NULL"
        ):
            self.reversed_numbers[wallet_id].add(number)
        known = {head.wallet_id for head in heads}
        for what, found in (("lot", self.lots), ("slice", self.slices)):
            for wallet_id in sorted(found.keys() - known):
                self.say(wallet_id, "wallet", None, what, "a wallet", "none")

    def _open(self, head: WalletRow | None, wallet_id: int) -> Book:
        def say(kind: str, number: int | None, place: str, expected: object, found: object) -> None:
            self.say(wallet_id, kind, number, place, expected, found)

        if head is None:
            say("wallet", None, "transactions", "a wallet", "none")
            head = WalletRow(wallet_id, 0, 0, 0, 0, 0, 0, 0, 0, None, b"", 0)
        return Book(head, self.lots.get(wallet_id, {}), self.reversed_numbers.get(wallet_id, set()), say)

    def _close(self, book: Book | None) -> None:
        if book is None:
            return
        book.close(self.slices.get(book.head.wallet_id, {}))

    def _note(self, note: Row, digest: bytes) -> None:
        self.report.checked["notes"] += 1
        wallet_id, number, salt, body = note
        found = notes_digest(salt, body)
        if found != digest:
            self.say(wallet_id, "notes", number, "notes", digest.hex(), found.hex())

    def _stray_posting(self, row: Row) -> None:
        self.say(row[0], "stray_posting", row[1], f"line {row[2]}", "a transaction", "none")

    def _stray_hold(self, row: Row) -> None:
        self.say(row[0], "hold", row[1], f"hold {row[1]}", "a transaction that placed it", "none")

    def _stray_note(self, row: Row) -> None:
        self.say(row[0], "notes", row[1], "notes", "a transaction", "none")

    def _pairs(self) -> None:
        """Compare the legs that are left with the other legs, as this snapshot shows them."""
        legs = list(self.legs.values())
        self.legs.clear()
        wanted = [leg for leg in legs if leg[2] is not None]
        others: dict[tuple[int, int], tuple[int | None, int | None, dict[str, int]]] = {}
        for wallet_id, number, link_wallet_id, link_number, asset, amount in rows(
            self.connection,
            _OTHER_LEGS,
            {"wallets": array(leg[2] for leg in wanted), "numbers": array(leg[3] for leg in wanted)},
        ):
            leg = others.setdefault((wallet_id, number), (link_wallet_id, link_number, {}))
            if asset is not None and amount:
                leg[2][asset] = -int(amount)
        for wallet_id, number, link_wallet_id, link_number, into in legs:
            expected = {asset: amount for asset, amount in into.items() if amount}
            other = others.get((link_wallet_id, link_number)) if link_wallet_id and link_number else None
            if other is None:
                self.say(wallet_id, "transit", number, "link", "a transaction in the other book", "none")
            elif other[:2] != (wallet_id, number):
                self.say(wallet_id, "transit", number, "link", "a link back", other[:2])
            elif other[2] != expected:
                self.say(wallet_id, "transit", number, "transit of the other leg", expected, other[2])

    def _unique(self) -> None:
        """Keys and facts, without trusting the unique indexes."""
        for column, kind in (("key_hash", "key"), ("event_hash", "event_id")):
            for wallet_id, first in self._rows(
                "wallet_id, max(number) FROM transactions",
                f"AND {column} IS NOT NULL GROUP BY wallet_id, {column} HAVING count(*) > 1 ORDER BY 1, 2",
            ):
                self.say(wallet_id, kind, first, column, "once", "more than once")

    def _foreign(self) -> None:
        """Rows that are there, and whose writers have not ended: they were written in another cluster."""
        for wallet_id, number, count in self._rows(
            "wallet_id, min(number), count(*) FROM transactions",
            "AND NOT pg_visible_in_snapshot(xid, pg_current_snapshot()) GROUP BY wallet_id ORDER BY wallet_id",
        ):
            self.say(
                wallet_id, "xid", number, "xid", "an id of this cluster, or `restore adopt`", f"{count} of another"
            )


_OTHER_LEGS = """
SELECT t.wallet_id, t.number, t.link_wallet_id, t.link_number, p.asset,
       sum(CASE WHEN p.credit = 'transit' THEN p.amount ELSE -p.amount END)::bigint
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS wanted(wallet_id, number)
JOIN transactions t USING (wallet_id, number)
LEFT JOIN postings p ON (p.wallet_id, p.number) = (t.wallet_id, t.number) AND 'transit' IN (p.debit, p.credit)
GROUP BY t.wallet_id, t.number, t.link_wallet_id, t.link_number, p.asset
"""


def _cancel(leg: Leg, other: Leg) -> bool:
    """Whether two legs name each other, and what one gives is what the other takes."""
    if leg[:2] != other[2:4] or leg[2:4] != other[:2]:
        return False
    given = {asset: -amount for asset, amount in leg[4].items() if amount}
    return given == {asset: amount for asset, amount in other[4].items() if amount}


class _Groups:
    """A stream ordered by (wallet, number), handed out by that pair; what is passed over is stray."""

    def __init__(self, source: Iterator[Row], stray: Any) -> None:
        self.source = source
        self.stray = stray
        self.next = next(source, None)

    def take(self, wallet_id: int, number: int) -> list[Row]:
        row = self.next
        source = self.source
        while row is not None and (row[0] < wallet_id or (row[0] == wallet_id and row[1] < number)):
            self.stray(row)
            row = next(source, None)
        group = []
        while row is not None and row[1] == number and row[0] == wallet_id:
            group.append(row)
            row = next(source, None)
        self.next = row
        return group

    def finish(self) -> None:
        while self.next is not None:
            self.stray(self.next)
            self.next = next(self.source, None)

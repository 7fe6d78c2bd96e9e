"""The quick reading of a chunk: is everything in it sound?

Rows of a book lie scattered over the tables, because time fills the tables and every book grows a little at a time.
Reading them book by book fetches a page for every row; here the tables are read in the order in which their rows
lie, each page once, and the rows are put in order in memory: a row waits until those before it have come, which is
never long, since what one unit of work writes lies together in every table.

The checks are the same (``book.Book``). Whatever is not as it should be ends the quick reading with ``Irregular``:
the chunk is then read again, book by book (``check``), and that reading is the one that says what is wrong. So this one
can only ever say that all is well, and it says so only after every row of every table was accounted for.
"""

import hashlib
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NoReturn

from ledger.book.verify.book import Book, Leg
from ledger.book.verify.rows import HOLD, POSTING, TRANSACTION, Connection, array, as_they_lie, pages, placed_hold, rows

PAGE = 300
"""Rows fetched at once: about what the processor's cache holds."""

WAITING_MAX = 50_000
"""Rows that wait for others at most: beyond it, the tables are in no order that is worth following."""

Row = tuple[Any, ...]

Pages = Iterator[list[Row]]
Place = tuple[int, int]
"""Wallet and number."""

TABLES = {
    "transactions": f"{TRANSACTION}, CASE WHEN kind = 'hold' THEN (SELECT ROW({HOLD}) FROM holds"
    " WHERE (holds.wallet_id, holds.hold) = (transactions.wallet_id, transactions.number) LIMIT 1) END",
    "postings": POSTING,
    "notes": "wallet_id, number, salt || convert_to(body, 'UTF8')",
}

_empty = hashlib.sha256().copy
_place = itemgetter(0, 1)
_by_line = itemgetter(2)


class Irregular(Exception):
    """Something is not as it should be, or cannot be told in this reading."""


class _HashDiffers(Irregular):
    """The hash is not that of the lines at hand: perhaps some have not come yet."""


def refuse(
    wallet_id: int | None, kind: str, number: int | None, place: str, expected: object, found: object
) -> NoReturn:
    """What the checks call instead of reporting a fault."""
    raise _HashDiffers(kind) if kind == "hash" else Irregular(kind)


class Journal:
    """The journal of some wallets, fed to their books as it lies. ``leg`` is told of what touches ``transit``."""

    def __init__(
        self,
        connection: Connection,
        where: str,
        params: dict[str, Any],
        books: dict[int, Book],
        leg: Callable[[Leg], None],
    ) -> None:
        self.connection = connection
        self.where = where
        self.params = params
        self.books = books
        self.leg = leg
        self.counts = {"transactions": 0, "postings": 0, "holds": 0, "notes": 0}
        self.facts = 0
        """Transactions that carry an event id."""
        self.waiting: dict[Place, Row] = {}
        self.first: dict[Place, Row] = {}
        """The first lines of transactions that have not been checked yet; and their other lines."""
        self.more: dict[Place, list[Row]] = {}
        self.late: dict[Place, int] = {}
        """Lines that were fetched before their turn, and are to be passed over when it comes."""
        self.noted: dict[Place, bytes] = {}
        """Digests of notes whose transactions have not come yet; and those of transactions whose notes have not."""
        self.digests: dict[Place, bytes] = {}

    def read(self) -> None:
        """Read it all; raises Irregular."""
        with as_they_lie(self.connection, TABLES, self.where, self.params) as cursors:
            self._read(*(pages(cursor, PAGE) for cursor in cursors))
        if self.waiting or self.first or self.more or self.noted or any(self.late.values()):
            raise Irregular("left over")
        self._unique()
        ((holds,),) = rows(self.connection, f"SELECT count(*) FROM holds WHERE {self.where}", self.params)
        if holds != self.counts["holds"]:
            raise Irregular("holds")

    def _read(self, transactions: Pages, lines: Pages, notes: Pages) -> None:
        """Read the three tables in step."""
        for page in transactions:
            while len(self.first) < 2 * PAGE and (more := next(lines, None)):
                self.read_lines(more)
            while len(self.noted) < 2 * PAGE and (more := next(notes, None)):
                self.read_notes(more)
            self._read_transactions(page)
            if len(self.waiting) + len(self.first) + len(self.more) > WAITING_MAX:
                raise Irregular("order")
            if len(self.digests) > WAITING_MAX:
                self._forget_erased()
        for more in lines:
            self.read_lines(more)
        for more in notes:
            self.read_notes(more)

    def read_lines(self, page: list[Row]) -> None:
        self.counts["postings"] += len(page)
        others = [row for row in page if row[2] != 1]
        firsts = [row for row in page if row[2] == 1] if others else page
        expected = len(self.first) + len(firsts)
        self.first.update(zip(map(_place, firsts), firsts, strict=True))
        if len(self.first) != expected:
            raise Irregular("line")
        for row in others:
            self.more.setdefault((row[0], row[1]), []).append(row)
        if self.late:
            self._pass_over_late()
        if self.waiting:
            for place in [place for place in self.waiting if place in self.first]:
                self._advance(self.books[place[0]])

    def _pass_over_late(self) -> None:
        for place in self.late:
            self.late[place] -= len(self.more.pop(place, ())) + (self.first.pop(place, None) is not None)

    def _read_transactions(self, page: list[Row]) -> None:
        books, waiting, digests = self.books, self.waiting, self.digests
        take_line, take_note = self.first.pop, self.noted.pop
        facts = 0
        for place, row in zip(map(_place, page), page, strict=True):
            noted = take_note(place, None)
            if noted != row[18]:
                if noted is not None:
                    raise Irregular("notes")
                digests[place] = row[18]
            if row[5] is not None:
                facts += 1
            book = books.get(place[0])
            line = take_line(place, None)
            if book is not None and line is not None and book.plain_use(row, line):
                if waiting:
                    self._advance(book)
            else:
                self._comes(book, place, row, line)
        self.facts += facts
        self.counts["transactions"] += len(page)

    def _comes(self, book: Book | None, place: Place, row: Row, line: Row | None) -> None:
        """A transaction that is no plain use, or that has to wait for its lines or its predecessor."""
        if book is None or place[1] <= book.number or place in self.waiting:
            raise Irregular("transaction")
        if line is None or place[1] != book.number + 1:
            if line is not None:
                self.first[place] = line
            self.waiting[place] = row
            return
        self._check(book, place, row, line)
        if self.waiting:
            self._advance(book)

    def _advance(self, book: Book) -> None:
        """Check what waited for its predecessor, or for its lines."""
        waiting, first, wallet_id = self.waiting, self.first, book.head.wallet_id
        while (place := (wallet_id, book.number + 1)) in waiting and place in first:
            row, line = waiting.pop(place), first.pop(place)
            if not book.plain_use(row, line):
                self._check(book, place, row, line)

    def _check(self, book: Book, place: Place, row: Row, first: Row) -> None:
        lines = [first]
        if place in self.more:
            lines += sorted(self.more.pop(place), key=_by_line)
        hold = None
        if row[20] is not None:
            hold = placed_hold(row[20])
            self.counts["holds"] += 1
        try:
            book.transaction(row[:20], lines, hold)
        except _HashDiffers:
            book.transaction(row[:20], self._all_lines(place, len(lines)), hold)
        if book.leg is not None:
            self.leg(book.leg)

    def _all_lines(self, place: Place, came: int) -> list[Row]:
        """All lines of a transaction of which only some have come."""
        if place in self.late:
            raise Irregular("hash")
        query = f"SELECT {POSTING} FROM postings WHERE (wallet_id, number) = (%(wallet)s, %(number)s) ORDER BY line"
        found = rows(self.connection, query, {"wallet": place[0], "number": place[1]})
        if len(found) <= came:
            raise Irregular("hash")
        self.late[place] = len(found) - came
        return found

    def read_notes(self, page: list[Row]) -> None:
        self.counts["notes"] += len(page)
        digests, noted = self.digests, self.noted
        expected = len(noted) + len(page)
        for wallet_id, number, body in page:
            hashed = _empty()
            hashed.update(body)
            noted[wallet_id, number] = hashed.digest()
        if len(noted) != expected:
            raise Irregular("notes")
        for place in digests.keys() & noted.keys():
            if noted.pop(place) != digests.pop(place):
                raise Irregular("notes")

    def _forget_erased(self) -> None:
        """Notes may be erased: do not wait for those."""
        query = (
            "SELECT wallet_id, number FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[])"
            " AS missing(wallet_id, number) JOIN notes USING (wallet_id, number)"
        )
        missing = list(self.digests)
        params = {"wallets": array(wallet for wallet, _ in missing), "numbers": array(number for _, number in missing)}
        there = rows(self.connection, query, params)
        if len(there) > WAITING_MAX // 2:
            raise Irregular("order")
        self.digests = {(wallet, number): self.digests[wallet, number] for wallet, number in there}

    def _unique(self) -> None:
        """Keys and facts, by counting what is alike: as many rows as there are transactions, and none twice."""
        for column, count in (("key_hash", self.counts["transactions"]), ("event_hash", self.facts)):
            query = (
                f"SELECT coalesce(sum(alike), 0)::bigint, max(alike) FROM (SELECT count(*) AS alike FROM transactions"
                f" WHERE {self.where} AND {column} IS NOT NULL GROUP BY wallet_id, {column}) AS found"
            )
            ((found, most),) = rows(self.connection, query, self.params)
            if found != count or (most is not None and most > 1):
                raise Irregular(column)

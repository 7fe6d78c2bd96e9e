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
from ledger.book.verify.rows import POSTING, TRANSACTION, Connection, HoldRow, as_they_lie, pages, rows

PAGE = 2_000
"""Rows fetched at once: about what the processor's cache holds."""

WAITING_MAX = 50_000
"""Rows that wait for others at most: beyond it, the tables are in no order that is worth following."""

Row = tuple[Any, ...]

Pages = Iterator[list[Row]]
Place = tuple[int, int]
"""Wallet and number."""

TABLES = {
    "transactions": TRANSACTION,
    "postings": POSTING,
    "notes": "wallet_id, number, salt || convert_to(body, 'UTF8')",
}

_sha256 = hashlib.sha256
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
        self.lines: dict[Place, list[Row]] = {}
        self.ahead = 0
        """Lines whose transactions have not been checked yet."""
        self.late: dict[Place, int] = {}
        """Lines that were fetched before their turn, and are to be passed over when it comes."""
        self.holds: dict[Place, HoldRow] = {}
        self.bodies: dict[Place, bytes] = {}
        self.digests: dict[Place, bytes] = {}

    def read(self) -> None:
        """Read it all; raises Irregular."""
        with as_they_lie(self.connection, TABLES, self.where, self.params) as cursors:
            self._read(*(pages(cursor, PAGE) for cursor in cursors))
        if self.waiting or self.lines or self.bodies or any(self.late.values()):
            raise Irregular("left over")
        self._unique()
        ((holds,),) = rows(self.connection, f"SELECT count(*) FROM holds WHERE {self.where}", self.params)
        if holds != self.counts["holds"]:
            raise Irregular("holds")

    def _read(self, transactions: Pages, lines: Pages, notes: Pages) -> None:
        """Read the three tables in step."""
        for page in transactions:
            while self.ahead < PAGE and (more := next(lines, None)):
                self._lines_come(more)
            while len(self.bodies) < PAGE and (more := next(notes, None)):
                self._notes_come(more)
            self._holds_of(page)
            self._transactions_come(page)
            if len(self.waiting) + self.ahead > WAITING_MAX:
                raise Irregular("order")
            if len(self.digests) > WAITING_MAX:
                self._forget_erased()
        for more in lines:
            self._lines_come(more)
        for more in notes:
            self._notes_come(more)

    def _lines_come(self, page: list[Row]) -> None:
        lines = self.lines
        self.ahead += len(page)
        self.counts["postings"] += len(page)
        for row in page:
            place = (row[0], row[1])
            found = lines.get(place)
            if found is None:
                lines[place] = [row]
            else:
                found.append(row)
        for place in [place for place in self.late if place in lines]:
            came = len(lines.pop(place))
            self.ahead -= came
            self.late[place] -= came
        if self.waiting:
            for place in [place for place in self.waiting if place in lines]:
                self._advance(self.books[place[0]])

    def _transactions_come(self, page: list[Row]) -> None:
        books, lines, waiting, bodies, digests = self.books, self.lines, self.waiting, self.bodies, self.digests
        for row in page:
            wallet_id, number = place = (row[0], row[1])
            body = bodies.pop(place, None)
            if body is None:
                digests[place] = row[18]
            elif _sha256(body).digest() != row[18]:
                raise Irregular("notes")
            if row[5] is not None:
                self.facts += 1
            book = books.get(wallet_id)
            if book is None or number <= book.number or place in waiting:
                raise Irregular("transaction")
            found = lines.pop(place, None) if number == book.number + 1 else None
            if found is None:
                waiting[place] = row
                continue
            if row[2] == "usage" and len(found) == 1:
                self.ahead -= 1
                try:
                    book.transaction(row, found, None)
                except _HashDiffers:
                    book.transaction(row, self._all_lines(place, 1), None)
                if book.leg is not None:
                    self.leg(book.leg)
            else:
                self._check(book, place, row, found)
            if waiting:
                self._advance(book)
        self.counts["transactions"] += len(page)

    def _advance(self, book: Book) -> None:
        """Check what waited for its predecessor, or for its lines."""
        waiting, lines, wallet_id = self.waiting, self.lines, book.head.wallet_id
        while (place := (wallet_id, book.number + 1)) in waiting and place in lines:
            self._check(book, place, waiting.pop(place), lines.pop(place))

    def _check(self, book: Book, place: Place, row: Row, lines: list[Row]) -> None:
        self.ahead -= len(lines)
        if len(lines) > 1:
            lines.sort(key=_by_line)
        hold = self.holds.pop(place, None) if row[2] == "hold" else None
        try:
            book.transaction(row, lines, hold)
        except _HashDiffers:
            book.transaction(row, self._all_lines(place, len(lines)), hold)
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

    def _holds_of(self, page: list[Row]) -> None:
        """The rows of the holds that these transactions placed."""
        placed = [(row[0], row[1]) for row in page if row[2] == "hold"]
        if not placed:
            return
        columns = ", ".join(HoldRow._fields)
        query = (
            f"SELECT {columns} FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS placed(wallet_id, hold)"
            " JOIN holds USING (wallet_id, hold)"
        )
        params = {"wallets": [wallet for wallet, _ in placed], "numbers": [number for _, number in placed]}
        for row in rows(self.connection, query, params):
            self.holds[row[0], row[1]] = HoldRow(*row)
            self.counts["holds"] += 1

    def _notes_come(self, page: list[Row]) -> None:
        bodies, digests = self.bodies, self.digests
        self.counts["notes"] += len(page)
        for wallet_id, number, body in page:
            digest = digests.pop((wallet_id, number), None)
            if digest is None:
                bodies[wallet_id, number] = body
            elif _sha256(body).digest() != digest:
                raise Irregular("notes")

    def _forget_erased(self) -> None:
        """Notes may be erased: do not wait for those."""
        query = (
            "SELECT wallet_id, number FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[])"
            " AS missing(wallet_id, number) JOIN notes USING (wallet_id, number)"
        )
        missing = list(self.digests)
        params = {"wallets": [wallet for wallet, _ in missing], "numbers": [number for _, number in missing]}
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

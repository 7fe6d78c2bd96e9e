"""Reading books: balances now and as of an instant, transactions, lots, holds.

Reads for money go to the primary, and apply the same rule for what is due as ``post()`` does: an expired lot or hold
does not count from the instant it expires, whether or not that was booked.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, cast

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book import commands as c
from ledger.book.beside import Beside
from ledger.book.load import (
    DUE_LOTS,
    HOLDS,
    MORE_LOTS,
    POSTINGS,
    REVERSED,
    TRANSACTIONS,
    WALLETS,
    add_holds,
    add_lots,
    book_of,
    transactions_of,
)
from ledger.book.posted import load_posted
from ledger.book.rules.due import BITE, book_due
from ledger.book.rules.fold import CLOCK_SLACK
from ledger.book.rules.lines import Draft
from ledger.book.rules.state import Book, Hold
from ledger.book.shared import SharedRead
from ledger.book.view import BalanceView, HoldView, LotGroup, LotView, WalletView
from ledger.errors import InvalidRequest, NotFound
from ledger.kit.arrays import numbers
from ledger.kit.db import Database
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.wire import Statement

Row = tuple[Any, ...]

LOTS_SHOWN: Final = 100
"""Lots that a balance looks at for its groups."""

_WALLETS: Final = WALLETS.replace("sealed_number", "sealed_number, ledger_now()")

_BALANCES: Final = f"""
SELECT w.wallet_id, w.wallet, w.held, w.disputed, w.owed, w.overdraft_limit, w.number, w.due_at, w.status,
    s.warning_at, ledger_now(), g.lots, g.seen{{columns}}
FROM wallets w JOIN wallet_settings s USING (wallet_id) CROSS JOIN LATERAL (
    SELECT coalesce(sum(n), 0) AS seen, coalesce(jsonb_agg(
        jsonb_build_array(source, free::text, expires_at) ORDER BY first), '[]')::text AS lots
    FROM (
        SELECT source, expires_at, sum(free) AS free, min(place) AS first, count(*) AS n FROM (
            SELECT source, expires_at, remaining - pinned AS free,
                row_number() OVER (ORDER BY priority, expires_at, paid, lot) AS place
            FROM lots l WHERE l.wallet_id = w.wallet_id AND open
            ORDER BY priority, expires_at, paid, lot LIMIT {LOTS_SHOWN}
        ) AS first_lots GROUP BY source, expires_at
    ) AS groups) AS g {{beside}}
WHERE w.wallet_id = ANY(%(wallets)s::bigint[])"""

# The last transaction at or before an instant: recorded_at never runs backwards in a book, so the number is
# found by halving, with one look-up by key a step.
NUMBER_AT: Final = """
WITH RECURSIVE halving(low, high) AS (
    SELECT 0::bigint, number FROM wallets WHERE wallet_id = %(wallet)s
    UNION ALL
    SELECT CASE WHEN t.recorded_at <= %(at)s THEN t.number ELSE low END,
           CASE WHEN t.recorded_at <= %(at)s THEN high ELSE t.number - 1 END
    FROM halving JOIN transactions t ON t.wallet_id = %(wallet)s AND t.number = (low + high + 1) / 2
    WHERE low < high)
SELECT low FROM halving WHERE low >= high"""

# What was recorded after a transaction but counts at or before an instant.
_LATER: Final = """
SELECT p.debit, p.credit, p.amount FROM transactions t JOIN postings p USING (wallet_id, number)
WHERE t.wallet_id = %(wallet)s AND t.effective_at <= %(at)s AND t.effective_at < t.recorded_at
    AND t.number > %(number)s AND p.asset = 'CREDIT'
    AND (NOT %(due_only)s OR (t.actor = 'system' AND t.kind IN ('release', 'expiry')))"""

_HISTORY: Final = """
SELECT number FROM transactions
WHERE wallet_id = %(wallet)s AND number < %(before)s
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(from_)s::timestamptz IS NULL OR effective_at >= %(from_)s)
    AND (%(to)s::timestamptz IS NULL OR effective_at < %(to)s)
ORDER BY number DESC LIMIT %(limit)s"""

_LOTS: Final = """
SELECT lot, source, priority, effective_at, expires_at, cost, currency, amount, remaining, pinned, ledger_now()
FROM lots WHERE wallet_id = %(wallet)s AND lot > %(after)s
    AND (NOT %(open_only)s OR (open AND (expires_at IS NULL OR expires_at > ledger_now() OR pinned > 0)))
ORDER BY lot LIMIT %(limit)s"""

_HOLDS: Final = """
SELECT hold, amount, captured, released, state, service, placed_at, expires_at, ledger_now()
FROM holds WHERE wallet_id = %(wallet)s AND hold < %(before)s AND (%(hold)s::bigint IS NULL OR hold = %(hold)s)
    AND (%(state)s::text IS NULL OR CASE WHEN state = 'open' AND expires_at <= ledger_now()
        THEN 'expired' ELSE state END = %(state)s)
ORDER BY hold DESC LIMIT %(limit)s"""

_WALLET: Final = """
SELECT w.wallet_id, s.owner_id, o.wallet_id IS NOT NULL, s.purpose, w.status, s.time_zone, s.warning_at,
    s.critical_at, s.metadata, s.created_at, w.wallet, w.held, w.disputed, w.owed, w.overdraft_limit
FROM wallets w JOIN wallet_settings s USING (wallet_id)
LEFT JOIN owners o ON o.owner_id = s.owner_id AND o.wallet_id = w.wallet_id
WHERE w.wallet_id = ANY(%(wallets)s::bigint[])"""

_ALL_DUE_LOTS: Final = DUE_LOTS.replace(f"LIMIT {BITE}", "")
_ALL_DUE_HOLDS: Final = HOLDS.replace(f"LIMIT {BITE}", "")
_LIVE_LOTS: Final = MORE_LOTS.replace(
    "remaining > pinned", "remaining > pinned AND (expires_at IS NULL OR expires_at > %(now)s::timestamptz)"
)

_LAST: Final = 2**63 - 1

_decode_lots = msgspec.json.Decoder(list[tuple[str, str, str | None]]).decode


class Reader:
    """Reads of the book. Every method raises NotFound for what is not there. ``beside``: what balances come with."""

    def __init__(self, database: Database, beside: Beside[Any] | None = None) -> None:
        self._database = database
        self._beside = beside
        self._sql = _balances_with(beside)
        self._balances = SharedRead(self._load_balances)

    async def balance(self, wallet_id: int) -> BalanceView:
        """The balance now. Reads that wait together share a query that has not been sent yet."""
        view = await self._balances.get(wallet_id)
        if view is None:
            raise _no_wallet(wallet_id)
        return view

    async def _load_balances(self, wallet_ids: Sequence[int]) -> dict[int, BalanceView]:
        [reply] = await self._database.reads.ask([Statement(self._sql, {"wallets": numbers(wallet_ids)})])
        rows = reply.rows()
        views = {row[0]: _balance_of(row, self._beside) for row in rows}
        for row in rows:
            if row[7] is not None and row[7] <= row[10]:
                views[row[0]] = await self._balance_with_due(views[row[0]])
        return views

    async def _balance_with_due(self, view: BalanceView) -> BalanceView:
        book, now = await self._book_with_due(view.wallet_id)
        groups: dict[tuple[str, datetime | None], int] = {}
        for lot in islice(book.in_burn_down_order(), LOTS_SHOWN):
            terms = (lot.source, lot.expires_at)
            groups[terms] = groups.get(terms, 0) + lot.free
        lots = [LotGroup(source, free, expires_at) for (source, expires_at), free in groups.items()]
        # All of it from the one snapshot: others may have posted since ``view`` was read.
        return msgspec.structs.replace(
            view, status=book.status, number=book.number, at=now, balances=book.balances, lots=lots
        )

    async def _book_with_due(self, wallet_id: int) -> tuple[Book, datetime]:
        """The book as it would be with everything due booked, from one snapshot."""
        async with self._database.engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            rows = await _rows(connection, _WALLETS, {"wallets": numbers([wallet_id])})
            if not rows:
                raise _no_wallet(wallet_id)
            book, now = book_of(rows[0][:-1]), rows[0][-1]
            await _add_due(connection, book, now)
            first = {"wallets": numbers([wallet_id]), "limits": numbers([LOTS_SHOWN]), "now": now}
            add_lots({wallet_id: book}, await _rows(connection, _LIVE_LOTS, first))
        book_due(book, now, _look_only)
        return book, now

    async def balance_as_of(self, wallet_id: int, at: datetime, basis: str = "recorded") -> c.Balances:
        """The balances at an instant, by ``recorded`` or ``effective`` time (decision 1, "Time").

        The overdraft limit is the one of the last transaction then.
        """
        async with self._database.engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            rows = await _rows(connection, NUMBER_AT, {"wallet": wallet_id, "at": at})
            if not rows:
                raise _no_wallet(wallet_id)
            number = rows[0][0]
            balances = await _after(connection, wallet_id, number)
            params = {"wallet": wallet_id, "at": at, "number": number, "due_only": basis == "recorded"}
            later = await _rows(connection, _LATER, params)
            head = await _rows(connection, _WALLETS, {"wallets": numbers([wallet_id])})
            book, now = book_of(head[0][:-1]), head[0][-1]
            if at > now + CLOCK_SLACK:
                message = f"{at.isoformat()} lies in the future; it is now {now.isoformat()}"
                raise InvalidRequest(f"as_of: {message}", errors=[{"path": "as_of", "message": message}])
            if book.due_at is not None and book.due_at <= min(at, now):
                later += await self._unbooked(connection, book, min(at, now))
        return _moved(balances, later)

    async def _unbooked(self, connection: AsyncConnection, book: Book, at: datetime) -> list[Row]:
        """The postings that booking what was due at ``at`` would make, from the snapshot of ``connection``."""
        lines: list[Row] = []
        await _add_due(connection, book, at)

        def collect(_: Book, draft: Draft, kind: str, key: str, when: datetime, hold: Hold | None) -> None:
            lines.extend((line.debit, line.credit, line.amount) for line in draft.lines)

        book_due(book, at, collect)
        return lines

    async def transaction(self, wallet_id: int, number: int) -> c.Transaction:
        return (await self.posted(wallet_id, number)).transaction

    async def posted(self, wallet_id: int, number: int) -> c.Posted:
        """A transaction with what it was answered with: the other leg, the lot, the hold."""
        found = await load_posted(self._database, [(wallet_id, number)])
        if not found:
            raise NotFound(f"there is no transaction {row_public('txn', wallet_id, number)}")
        return found[wallet_id, number]

    async def reversed_amount(self, wallet_id: int, number: int) -> int:
        """How much of a transaction was reversed so far, in micro-credits."""
        return (await self.reversed_amounts(wallet_id, [number])).get(number, 0)

    async def reversed_amounts(self, wallet_id: int, found: Sequence[int]) -> dict[int, int]:
        """The same for several, by number; those of which nothing was reversed are left out."""
        async with self._database.engine.connect() as connection:
            params = {"wallets": numbers([wallet_id] * len(found)), "numbers": numbers(found)}
            rows = await _rows(connection, REVERSED, params)
        return {row[1]: row[2] for row in rows if row[0] == wallet_id}

    async def transactions(
        self,
        wallet_id: int,
        *,
        before: int | None = None,
        limit: int = 20,
        kind: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
    ) -> list[c.Transaction]:
        """The newest first, of number below ``before``; ``from_`` ≤ effective_at < ``to``."""
        params = {
            "wallet": wallet_id,
            "before": _LAST if before is None else before,
            "kind": kind,
            "from_": from_,
            "to": to,
            "limit": limit,
        }
        async with self._database.engine.connect() as connection:
            found = [row[0] for row in await _rows(connection, _HISTORY, params)]
            refs = {"wallets": numbers([wallet_id] * len(found)), "numbers": numbers(found)}
            transactions = transactions_of(
                await _rows(connection, TRANSACTIONS, refs), await _rows(connection, POSTINGS, refs)
            )
        return [transactions[wallet_id, number] for number in found]

    async def lots(self, wallet_id: int, *, after: int = 0, limit: int = 20, open_only: bool = False) -> list[LotView]:
        """Lots in the order they were made, of number above ``after``."""
        params = {"wallet": wallet_id, "after": after, "limit": limit, "open_only": open_only}
        async with self._database.engine.connect() as connection:
            rows = await _rows(connection, _LOTS, params)
        return [_lot_of(wallet_id, row) for row in rows]

    async def hold(self, wallet_id: int, hold: int) -> HoldView:
        found = await self._holds(wallet_id, hold=hold)
        if not found:
            raise NotFound(f"there is no hold {row_public('hld', wallet_id, hold)}")
        return found[0]

    async def holds(
        self, wallet_id: int, *, before: int | None = None, limit: int = 20, state: str | None = None
    ) -> list[HoldView]:
        """The newest first, of number below ``before``."""
        return await self._holds(wallet_id, before=before, limit=limit, state=state)

    async def _holds(
        self,
        wallet_id: int,
        *,
        hold: int | None = None,
        before: int | None = None,
        limit: int = 1,
        state: str | None = None,
    ) -> list[HoldView]:
        params = {
            "wallet": wallet_id,
            "hold": hold,
            "before": _LAST if before is None else before,
            "limit": limit,
            "state": state,
        }
        async with self._database.engine.connect() as connection:
            rows = await _rows(connection, _HOLDS, params)
        return [_hold_of(wallet_id, row) for row in rows]

    async def wallet(self, wallet_id: int) -> WalletView:
        found = await self.wallets([wallet_id])
        if not found:
            raise _no_wallet(wallet_id)
        return found[0]

    async def wallets(self, wallet_ids: Sequence[int]) -> list[WalletView]:
        """Those of the wallets that are there, in the order given."""
        async with self._database.engine.connect() as connection:
            rows = await _rows(connection, _WALLET, {"wallets": numbers(wallet_ids)})
        found = {row[0]: _wallet_of(row) for row in rows}
        return [found[wallet_id] for wallet_id in wallet_ids if wallet_id in found]


def _balances_with(beside: Beside[Any] | None) -> str:
    if beside is None:
        return _BALANCES.format(columns="", beside="")
    return _BALANCES.format(columns=f", {beside.columns}", beside=beside.joins)


def _balance_of(row: Row, beside: Beside[Any] | None) -> BalanceView:
    wallet_id, wallet, held, disputed, owed, limit, number, _, status, warning_at, at, lots, seen, *more = row
    groups = [
        LotGroup(source, int(free), None if expiry is None else datetime.fromisoformat(expiry))
        for source, free, expiry in _decode_lots(lots)
        if int(free)
    ]
    balances = c.Balances(wallet, held, disputed, owed, limit)
    found = None if beside is None else beside.found(number, at, more)
    return BalanceView(wallet_id, status, number, at, balances, warning_at, groups, seen >= LOTS_SHOWN, found)


def _wallet_of(row: Row) -> WalletView:
    return WalletView(*row[:10], c.Balances(*row[10:]))  # type: ignore[call-arg]


def _lot_of(wallet_id: int, row: Row) -> LotView:
    facts = c.LotFacts(*row[:7])
    amount, remaining, pinned, now = row[7:]
    expired = facts.expires_at is not None and facts.expires_at <= now
    left = pinned if expired else remaining
    state = "open" if left else "expired" if expired else "used"
    return LotView(wallet_id, facts, amount, left, pinned, state)


def _hold_of(wallet_id: int, row: Row) -> HoldView:
    facts = c.HoldFacts(*row[:8])
    if facts.state == "open" and facts.expires_at <= row[8]:
        released = facts.amount - facts.captured
        facts = msgspec.structs.replace(facts, state="expired", released=released)
    return HoldView(wallet_id, facts)


async def _add_due(connection: AsyncConnection, book: Book, at: datetime) -> None:
    """Load everything of a book that is due at an instant, however much it is."""
    due = {"wallets": numbers([book.wallet_id]), "now": at}
    add_lots({book.wallet_id: book}, await _rows(connection, _ALL_DUE_LOTS, due))
    held = due | {"due": due["wallets"], "wallets": "{}", "holds": "{}"}
    add_holds({book.wallet_id: book}, await _rows(connection, _ALL_DUE_HOLDS, held))


async def _after(connection: AsyncConnection, wallet_id: int, number: int) -> c.Balances:
    sql = """SELECT wallet_after, held_after, disputed_after, owed_after, limit_after FROM transactions
        WHERE wallet_id = %(wallet)s AND number = %(number)s"""
    rows = await _rows(connection, sql, {"wallet": wallet_id, "number": number})
    return c.Balances(*rows[0]) if rows else c.Balances()


def _moved(balances: c.Balances, lines: Sequence[Row]) -> c.Balances:
    """Balances with further lines; they may fall below zero where usage was dated before its credits."""
    moved = {"wallet": balances.wallet, "held": balances.held, "disputed": balances.disputed}
    moved["owed"] = -balances.owed
    for debit, credit, amount in lines:
        if debit in moved:
            moved[debit] -= amount
        if credit in moved:
            moved[credit] += amount
    return c.Balances(moved["wallet"], moved["held"], moved["disputed"], -moved["owed"], balances.limit)


def _look_only(_: Book, draft: Draft, kind: str, key: str, at: datetime, hold: Hold | None) -> None:
    """Due things are applied to the book in memory, and not written."""


def _no_wallet(wallet_id: int) -> NotFound:
    return NotFound(f"there is no wallet {wallet_public(wallet_id)}")


async def _rows(connection: AsyncConnection, sql: str, params: dict[str, Any]) -> list[Row]:
    result = await connection.exec_driver_sql(sql, params)
    return cast("list[Row]", [tuple(row) for row in result.fetchall()])

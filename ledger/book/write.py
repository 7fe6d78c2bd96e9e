"""Writing what a unit of work decided: one statement over arrays, whatever the batch.

The statement is put together from the parts that are needed (most units make no lots and place no holds), so
there are a few dozen variants, each prepared once per connection. Every part counts its rows, and the server refuses
the statement, and with it the unit, where the counts are not what was meant to be written.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Final

import msgspec
from msgspec.structs import astuple

from ledger.book.chart import HOUSE
from ledger.book.participants import Event
from ledger.book.rules.fold import StoredRefusal, Unit
from ledger.book.rules.move import Move
from ledger.book.rules.state import Book, Hold, Lot
from ledger.events.catalogue import payload_of
from ledger.kit.arrays import binaries, columns, each, flags, numbers, texts, times, uuids, words
from ledger.kit.ids import event_public, row_public, wallet_public
from ledger.kit.wire import Statement

TRANSACTIONS: Final = (
    """
INSERT INTO transactions (wallet_id, number, kind, key_hash, fingerprint, event_hash, actor, effective_at,
    recorded_at, reverses, link_wallet_id, link_number, wallet_after, held_after, disputed_after, owed_after,
    limit_after, terms, notes_digest, hash)
"""
    + each(
        t_wallet="bigint",
        t_number="bigint",
        t_kind="text",
        t_key="uuid",
        t_fingerprint="uuid",
        t_event="uuid",
        t_actor="text",
        t_effective="timestamptz",
        t_recorded="timestamptz",
        t_reverses="bigint",
        t_link_wallet="bigint",
        t_link_number="bigint",
        t_after_wallet="bigint",
        t_after_held="bigint",
        t_after_disputed="bigint",
        t_after_owed="bigint",
        t_after_limit="bigint",
        t_terms="text",
        t_digest="bytea",
        t_hash="bytea",
    )
    + " RETURNING 1"
)

NOTES: Final = (
    "INSERT INTO notes (wallet_id, number, salt, body) "
    + each(
        t_wallet="bigint",
        t_number="bigint",
        n_salt="bytea",
        n_body="text",
    )
    + " RETURNING 1"
)

POSTINGS: Final = (
    "INSERT INTO postings (wallet_id, number, line, debit, credit, asset, amount, lot, lot_after, hold, balance_after) "
    + each(
        p_wallet="bigint",
        p_number="bigint",
        p_line="smallint",
        p_debit="text",
        p_credit="text",
        p_asset="text",
        p_amount="bigint",
        p_lot="bigint",
        p_lot_after="bigint",
        p_hold="bigint",
        p_balance="bigint",
    )
    + " RETURNING 1"
)

WALLETS: Final = (
    """
UPDATE wallets SET wallet = w_wallet, held = w_held, disputed = w_disputed, owed = w_owed, overdraft_limit = w_limit,
    number = w_number, event_number = w_event, last_lot = w_lot, last_at = w_last, due_at = w_due, status = w_status,
    head_hash = w_head
FROM ("""
    + each(
        w_id="bigint",
        w_before="bigint",
        w_wallet="bigint",
        w_held="bigint",
        w_disputed="bigint",
        w_owed="bigint",
        w_limit="bigint",
        w_number="bigint",
        w_event="bigint",
        w_lot="bigint",
        w_last="timestamptz",
        w_due="timestamptz",
        w_status="text",
        w_head="bytea",
    )
    + ") AS u WHERE wallets.wallet_id = w_id AND wallets.number = w_before RETURNING 1"
)

UNSEALED: Final = """
INSERT INTO unsealed (wallet_id, since)
SELECT wallet_id, %(now)s::timestamptz FROM unnest(%(u_wallet)s::bigint[]) AS u(wallet_id)
ON CONFLICT (wallet_id) DO UPDATE SET since = unsealed.since
RETURNING 1"""

LOTS: Final = (
    """
UPDATE lots SET amount = l_amount, remaining = l_remaining, pinned = l_pinned, open = l_remaining > 0
FROM ("""
    + each(
        l_wallet="bigint",
        l_lot="bigint",
        l_amount="bigint",
        l_remaining="bigint",
        l_pinned="bigint",
    )
    + ") AS u WHERE lots.wallet_id = l_wallet AND lots.lot = l_lot RETURNING 1"
)

NEW_LOTS: Final = (
    """
INSERT INTO lots (wallet_id, lot, source, amount, remaining, pinned, open, paid, priority, effective_at,
    expires_at, cost, currency)
"""
    + each(
        m_wallet="bigint",
        m_lot="bigint",
        m_source="text",
        m_amount="bigint",
        m_remaining="bigint",
        m_pinned="bigint",
        m_open="boolean",
        m_paid="boolean",
        m_priority="int",
        m_effective="timestamptz",
        m_expires="timestamptz",
        m_cost="bigint",
        m_currency="text",
    )
    + " RETURNING 1"
)

HOLDS: Final = (
    "INSERT INTO holds (wallet_id, hold, amount, captured, released, state, service, placed_at, expires_at) "
    + each(
        h_wallet="bigint",
        h_hold="bigint",
        h_amount="bigint",
        h_captured="bigint",
        h_released="bigint",
        h_state="text",
        h_service="text",
        h_placed="timestamptz",
        h_expires="timestamptz",
    )
    + """
ON CONFLICT (wallet_id, hold) DO UPDATE
    SET captured = excluded.captured, released = excluded.released, state = excluded.state
RETURNING 1"""
)

SLICES: Final = (
    "INSERT INTO hold_slices (wallet_id, hold, lot, pinned) "
    + each(
        s_wallet="bigint",
        s_hold="bigint",
        s_lot="bigint",
        s_pinned="bigint",
    )
    + """
ON CONFLICT (wallet_id, hold, lot) DO UPDATE SET pinned = excluded.pinned
RETURNING 1"""
)

REFUSALS: Final = (
    "INSERT INTO refusals (wallet_id, key_hash, fingerprint, code, detail, facts, recorded_at) "
    + each(
        r_wallet="bigint",
        r_key="uuid",
        r_fingerprint="uuid",
        r_code="text",
        r_detail="text",
        r_facts="text",
    )
    + """, %(now)s::timestamptz
ON CONFLICT (wallet_id, key_hash) DO UPDATE SET fingerprint = excluded.fingerprint, code = excluded.code,
    detail = excluded.detail, facts = excluded.facts, recorded_at = excluded.recorded_at
RETURNING 1"""
)

OUTBOX: Final = (
    "INSERT INTO outbox (wallet_id, event, type, payload, recorded_at) "
    + each(
        o_wallet="bigint",
        o_event="bigint",
        o_type="text",
        o_payload="text",
    )
    + """, %(now)s::timestamptz
RETURNING 1"""
)

PARTS: Final = {
    "t": TRANSACTIONS,
    "n": NOTES,
    "p": POSTINGS,
    "w": WALLETS,
    "u": UNSEALED,
    "l": LOTS,
    "m": NEW_LOTS,
    "h": HOLDS,
    "s": SLICES,
    "r": REFUSALS,
    "o": OUTBOX,
}
"""Statements by the letter that begins the names of their parameters."""

_json = msgspec.json.Encoder(order="deterministic")


class _Parts:
    """The parts of one statement, as they come together."""

    def __init__(self) -> None:
        self._params: dict[str, str] = {}
        self._rows: dict[str, int] = {}

    def add(self, part: str, columns: dict[str, str], count: int) -> None:
        self._rows[part] = count
        self._params |= columns

    def statements(self, now: datetime) -> list[Statement]:
        """The one statement; none where there is nothing to write."""
        if not self._rows:
            return []
        self._params |= {"now": now.isoformat(), "rows": numbers(self._rows.values())}
        return [Statement(_statement("".join(self._rows)), self._params)]


def writing_ahead(unit: Unit, moves: Sequence[Move]) -> list[Statement]:
    """The statement that writes these transactions of a large unit, before the others are decided."""
    parts = _Parts()
    _journal(moves, parts)
    return parts.statements(unit.now)


def writing(
    unit: Unit, numbers_before: Mapping[int, int], events: Sequence[Event], *, ahead: int = 0
) -> list[Statement]:
    """The statement that writes everything that changed in ``unit``, but for the first transactions that were
    written ``ahead``; none where nothing did."""
    parts = _Parts()
    add = parts.add
    outbox = [_event(unit.books[event.wallet_id], event, unit) for event in events]
    if len(unit.written) > ahead:
        _journal(unit.written[ahead:], parts)
    changed = [book for book in unit.books.values() if book.changed]
    if changed:
        add("w", _wallets(changed, numbers_before), len(changed))
    moved = [b.wallet_id for b in changed if b.sealed_number == numbers_before[b.wallet_id] < b.number]
    if moved:
        add("u", {"u_wallet": numbers(moved)}, len(moved))
    lots = [(book.wallet_id, lot) for book in changed for lot in book.lots.values() if lot.changed or lot.new]
    old = [(wallet_id, lot) for wallet_id, lot in lots if not lot.new]
    new = [(wallet_id, lot) for wallet_id, lot in lots if lot.new]
    if old:
        add("l", _lots(old), len(old))
    if new:
        add("m", _new_lots(new), len(new))
    holds = [(book.wallet_id, hold) for book in changed for hold in book.holds.values() if hold.touched]
    if holds:
        add("h", _holds(holds), len(holds))
        slices = [(w, hold.hold, lot, hold.slices[lot]) for w, hold in holds for lot in sorted(hold.touched)]
        add("s", columns(slices, s_wallet=numbers, s_hold=numbers, s_lot=numbers, s_pinned=numbers), len(slices))
    if unit.refusals:
        add("r", _refusals(unit.refusals), len(unit.refusals))
    if outbox:
        add("o", columns(outbox, o_wallet=numbers, o_event=numbers, o_type=words, o_payload=texts), len(outbox))
    return parts.statements(unit.now)


@lru_cache(maxsize=256)
def _statement(parts: str) -> str:
    body = ", ".join(f"{part} AS ({PARTS[part]})" for part in parts)
    counts = ", ".join(f"(SELECT count(*) FROM {part})" for part in parts)
    return f"WITH {body} SELECT ledger_check_rows(ARRAY[{counts}], %(rows)s::bigint[])"


def _journal(moves: Sequence[Move], parts: _Parts) -> None:
    written = [move.transaction for move in moves]
    (
        wallets,
        tx_numbers,
        kinds,
        keys,
        fingerprints,
        event_hashes,
        actors,
        effective,
        recorded,
        reverses,
        link_wallets,
        link_numbers,
        after,
        salts,
        digests,
        hashes,
        _postings,
        terms,
        _notes,
    ) = zip(*map(astuple, written), strict=True)
    parts.add(
        "t",
        {
            "t_wallet": numbers(wallets),
            "t_number": numbers(tx_numbers),
            "t_kind": words(kinds),
            "t_key": uuids(keys),
            "t_fingerprint": uuids(fingerprints),
            "t_event": uuids(event_hashes),
            "t_actor": texts(actors),
            "t_effective": times(effective),
            "t_recorded": times(recorded),
            "t_reverses": numbers(reverses),
            "t_link_wallet": numbers(link_wallets),
            "t_link_number": numbers(link_numbers),
            **columns(map(astuple, after), **_AFTER),
            "t_terms": texts(terms),
            "t_digest": binaries(digests),
            "t_hash": binaries(hashes),
        },
        len(written),
    )
    parts.add("n", {"n_salt": binaries(salts), "n_body": texts([move.notes_body for move in moves])}, len(written))
    lines = [(t.wallet_id, t.number, *astuple(p)) for t in written for p in t.postings]
    if lines:
        parts.add("p", columns(lines, **_LINES), len(lines))


_AFTER: Final = {
    "t_after_wallet": numbers,
    "t_after_held": numbers,
    "t_after_disputed": numbers,
    "t_after_owed": numbers,
    "t_after_limit": numbers,
}

_LINES: Final = {
    "p_wallet": numbers,
    "p_number": numbers,
    "p_line": numbers,
    "p_debit": texts,
    "p_credit": texts,
    "p_asset": words,
    "p_amount": numbers,
    "p_lot": numbers,
    "p_lot_after": numbers,
    "p_hold": numbers,
    "p_balance": numbers,
}

_of_book: Final = attrgetter(
    "wallet_id",
    "wallet",
    "held",
    "disputed",
    "owed",
    "limit",
    "number",
    "event_number",
    "last_lot",
    "last_at",
    "due_at",
    "status",
    "head",
)


def _wallets(books: list[Book], numbers_before: Mapping[int, int]) -> dict[str, str]:
    return {
        "w_before": numbers([numbers_before[book.wallet_id] for book in books]),
        **columns(
            map(_of_book, books),
            w_id=numbers,
            w_wallet=numbers,
            w_held=numbers,
            w_disputed=numbers,
            w_owed=numbers,
            w_limit=numbers,
            w_number=numbers,
            w_event=numbers,
            w_lot=numbers,
            w_last=times,
            w_due=times,
            w_status=words,
            w_head=binaries,
        ),
    }


def _lots(lots: list[tuple[int, Lot]]) -> dict[str, str]:
    rows = [(w, lot.lot, lot.amount, lot.remaining, lot.pinned) for w, lot in lots]
    return columns(rows, l_wallet=numbers, l_lot=numbers, l_amount=numbers, l_remaining=numbers, l_pinned=numbers)


def _new_lots(lots: list[tuple[int, Lot]]) -> dict[str, str]:
    return {
        "m_wallet": numbers([w for w, _ in lots]),
        "m_lot": numbers([lot.lot for _, lot in lots]),
        "m_source": texts([lot.source for _, lot in lots]),
        "m_amount": numbers([lot.amount for _, lot in lots]),
        "m_remaining": numbers([lot.remaining for _, lot in lots]),
        "m_pinned": numbers([lot.pinned for _, lot in lots]),
        "m_open": flags([lot.remaining > 0 for _, lot in lots]),
        "m_paid": flags([lot.cost > 0 for _, lot in lots]),
        "m_priority": numbers([lot.priority for _, lot in lots]),
        "m_effective": times([lot.effective_at for _, lot in lots]),
        "m_expires": times([lot.expires_at for _, lot in lots]),
        "m_cost": numbers([lot.cost for _, lot in lots]),
        "m_currency": texts([lot.currency for _, lot in lots]),
    }


def _holds(holds: list[tuple[int, Hold]]) -> dict[str, str]:
    return {
        "h_wallet": numbers([w for w, _ in holds]),
        "h_hold": numbers([hold.hold for _, hold in holds]),
        "h_amount": numbers([hold.amount for _, hold in holds]),
        "h_captured": numbers([hold.captured for _, hold in holds]),
        "h_released": numbers([hold.released for _, hold in holds]),
        "h_state": words([hold.state for _, hold in holds]),
        "h_service": texts([hold.service for _, hold in holds]),
        "h_placed": times([hold.placed_at for _, hold in holds]),
        "h_expires": times([hold.expires_at for _, hold in holds]),
    }


def _refusals(refusals: Mapping[tuple[int, bytes], StoredRefusal]) -> dict[str, str]:
    return {
        "r_wallet": numbers([wallet_id for wallet_id, _ in refusals]),
        "r_key": uuids([key for _, key in refusals]),
        "r_fingerprint": uuids([refusal.fingerprint for refusal in refusals.values()]),
        "r_code": words([refusal.code for refusal in refusals.values()]),
        "r_detail": texts([refusal.detail for refusal in refusals.values()]),
        "r_facts": texts([_json.encode(refusal.facts).decode() for refusal in refusals.values()]),
    }


def _event(book: Book, event: Event, unit: Unit) -> tuple[int, int, str, str]:
    """The wallet's next event: (wallet, number, type, payload)."""
    book.event_number += 1
    book.changed = True
    payload = payload_of(
        event.type,
        event.data,
        id=event_public(book.wallet_id, book.event_number, unit.now),
        at=unit.now,
        wallet_id=None if book.wallet_id == HOUSE else wallet_public(book.wallet_id),
        number=book.event_number,
        transaction_id=None if event.transaction is None else row_public("txn", book.wallet_id, event.transaction),
    )
    return book.wallet_id, book.event_number, event.type, payload

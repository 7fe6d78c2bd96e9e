"""Writing what a unit of work decided: one statement over arrays, whatever the batch.

The statement is put together from the parts that are needed (most units make no lots and place no holds), so
there are a few dozen variants, each prepared once per connection. Every part counts its rows, and the counts must
be what was meant to be written.
"""

from typing import Any, Final

import msgspec
from psycopg import AsyncConnection, AsyncRawCursor

from ledger.book.hashing import notes_body
from ledger.book.participants import Event
from ledger.book.rules.fold import Unit
from ledger.book.rules.state import Book, Hold, Lot
from ledger.kit.arrays import binaries, flags, numbers, texts, times, uuids
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.statements import bound

Params = dict[str, str]
Part = tuple[str, str, Params, int]
"""(name, statement, parameters, rows)."""

TRANSACTIONS: Final = """
INSERT INTO transactions (wallet_id, number, kind, key_hash, fingerprint, event_hash, actor, effective_at,
    recorded_at, reverses, link_wallet_id, link_number, wallet_after, held_after, disputed_after, owed_after,
    limit_after, terms, notes_digest, hash)
SELECT * FROM unnest(%(t_wallet)s::bigint[], %(t_number)s::bigint[], %(t_kind)s::text[], %(t_key)s::uuid[],
    %(t_fingerprint)s::uuid[], %(t_event)s::uuid[], %(t_actor)s::text[], %(t_effective)s::timestamptz[],
    %(t_recorded)s::timestamptz[], %(t_reverses)s::bigint[], %(t_link_wallet)s::bigint[],
    %(t_link_number)s::bigint[], %(t_after_wallet)s::bigint[], %(t_after_held)s::bigint[],
    %(t_after_disputed)s::bigint[], %(t_after_owed)s::bigint[], %(t_after_limit)s::bigint[],
    %(t_terms)s::text[], %(t_digest)s::bytea[], %(t_hash)s::bytea[])
RETURNING 1"""

NOTES: Final = """
INSERT INTO notes (wallet_id, number, salt, body)
SELECT * FROM unnest(%(t_wallet)s::bigint[], %(t_number)s::bigint[], %(n_salt)s::bytea[], %(n_body)s::text[])
RETURNING 1"""

POSTINGS: Final = """
INSERT INTO postings (wallet_id, number, line, debit, credit, asset, amount, lot, lot_after, hold, balance_after)
SELECT * FROM unnest(%(p_wallet)s::bigint[], %(p_number)s::bigint[], %(p_line)s::smallint[],
    %(p_debit)s::text[], %(p_credit)s::text[], %(p_asset)s::text[], %(p_amount)s::bigint[],
    %(p_lot)s::bigint[], %(p_lot_after)s::bigint[], %(p_hold)s::bigint[], %(p_balance)s::bigint[])
RETURNING 1"""

WALLETS: Final = """
UPDATE wallets SET wallet = u.wallet, held = u.held, disputed = u.disputed, owed = u.owed,
    overdraft_limit = u.overdraft_limit, number = u.number, event_number = u.event_number,
    last_lot = u.last_lot, last_at = u.last_at, due_at = u.due_at, status = u.status, head_hash = u.head_hash
FROM unnest(%(w_id)s::bigint[], %(w_before)s::bigint[], %(w_wallet)s::bigint[], %(w_held)s::bigint[],
    %(w_disputed)s::bigint[], %(w_owed)s::bigint[], %(w_limit)s::bigint[], %(w_number)s::bigint[],
    %(w_event)s::bigint[], %(w_lot)s::bigint[], %(w_last)s::timestamptz[], %(w_due)s::timestamptz[],
    %(w_status)s::text[], %(w_head)s::bytea[])
    AS u(wallet_id, before, wallet, held, disputed, owed, overdraft_limit, number, event_number, last_lot,
         last_at, due_at, status, head_hash)
WHERE wallets.wallet_id = u.wallet_id AND wallets.number = u.before
RETURNING 1"""

UNSEALED: Final = """
INSERT INTO unsealed (wallet_id, since)
SELECT wallet_id, %(now)s::timestamptz FROM unnest(%(u_wallet)s::bigint[]) AS u(wallet_id)
ON CONFLICT (wallet_id) DO UPDATE SET since = unsealed.since
RETURNING 1"""

LOTS: Final = """
UPDATE lots SET amount = u.amount, remaining = u.remaining, pinned = u.pinned, open = u.remaining > 0
FROM unnest(%(l_wallet)s::bigint[], %(l_lot)s::bigint[], %(l_amount)s::bigint[], %(l_remaining)s::bigint[],
    %(l_pinned)s::bigint[]) AS u(wallet_id, lot, amount, remaining, pinned)
WHERE lots.wallet_id = u.wallet_id AND lots.lot = u.lot
RETURNING 1"""

NEW_LOTS: Final = """
INSERT INTO lots (wallet_id, lot, source, amount, remaining, pinned, open, paid, priority, effective_at,
    expires_at, cost, currency)
SELECT * FROM unnest(%(m_wallet)s::bigint[], %(m_lot)s::bigint[], %(m_source)s::text[], %(m_amount)s::bigint[],
    %(m_remaining)s::bigint[], %(m_pinned)s::bigint[], %(m_open)s::boolean[], %(m_paid)s::boolean[],
    %(m_priority)s::int[], %(m_effective)s::timestamptz[], %(m_expires)s::timestamptz[], %(m_cost)s::bigint[],
    %(m_currency)s::text[])
RETURNING 1"""

HOLDS: Final = """
INSERT INTO holds (wallet_id, hold, amount, captured, released, state, service, placed_at, expires_at)
SELECT * FROM unnest(%(h_wallet)s::bigint[], %(h_hold)s::bigint[], %(h_amount)s::bigint[],
    %(h_captured)s::bigint[], %(h_released)s::bigint[], %(h_state)s::text[], %(h_service)s::text[],
    %(h_placed)s::timestamptz[], %(h_expires)s::timestamptz[])
ON CONFLICT (wallet_id, hold) DO UPDATE
    SET captured = excluded.captured, released = excluded.released, state = excluded.state
RETURNING 1"""

SLICES: Final = """
INSERT INTO hold_slices (wallet_id, hold, lot, pinned)
SELECT * FROM unnest(%(s_wallet)s::bigint[], %(s_hold)s::bigint[], %(s_lot)s::bigint[], %(s_pinned)s::bigint[])
ON CONFLICT (wallet_id, hold, lot) DO UPDATE SET pinned = excluded.pinned
RETURNING 1"""

REFUSALS: Final = """
INSERT INTO refusals (wallet_id, key_hash, fingerprint, code, detail, facts, recorded_at)
SELECT *, %(now)s::timestamptz FROM unnest(%(r_wallet)s::bigint[], %(r_key)s::uuid[],
    %(r_fingerprint)s::uuid[], %(r_code)s::text[], %(r_detail)s::text[], %(r_facts)s::text[])
ON CONFLICT (wallet_id, key_hash) DO UPDATE SET fingerprint = excluded.fingerprint, code = excluded.code,
    detail = excluded.detail, facts = excluded.facts, recorded_at = excluded.recorded_at
RETURNING 1"""

OUTBOX: Final = """
INSERT INTO outbox (wallet_id, event, type, payload, recorded_at, due_at)
SELECT *, %(now)s::timestamptz, %(now)s::timestamptz FROM unnest(%(o_wallet)s::bigint[], %(o_event)s::bigint[],
    %(o_type)s::text[], %(o_payload)s::text[])
RETURNING 1"""

_json = msgspec.json.Encoder(order="deterministic")


class RowsMissing(Exception):
    """A part of the write touched other rows than it should have: the unit is rolled back."""


async def write(
    connection: AsyncConnection[Any], unit: Unit, numbers_before: dict[int, int], events: list[Event]
) -> None:
    """Write everything that changed in ``unit``; raises RowsMissing where a count is off."""
    parts = _parts(unit, numbers_before, events)
    if not parts:
        return
    body = "WITH " + ", ".join(f"{name} AS ({sql})" for name, sql, _, _ in parts)
    counts = ", ".join(f"(SELECT count(*) FROM {name})" for name, _, _, _ in parts)
    params: Params = {"now": unit.now.isoformat()}
    for _, _, own, _ in parts:
        params |= own
    cursor = AsyncRawCursor(connection)
    await cursor.execute(*bound(f"{body} SELECT {counts}", params), binary=True)
    row = await cursor.fetchone()
    expected = tuple(count for _, _, _, count in parts)
    if row != expected:
        raise RowsMissing(f"{[name for name, _, _, _ in parts]}: {row} rows instead of {expected}")


def _parts(unit: Unit, numbers_before: dict[int, int], events: list[Event]) -> list[Part]:
    parts: list[Part] = []
    if unit.written:
        parts += _journal(unit)
    payloads = [_event(unit.books[event.wallet_id], event, unit) for event in events]
    changed = [book for book in unit.books.values() if book.changed]
    if changed:
        parts.append(("w", WALLETS, _wallets(changed, numbers_before), len(changed)))
    moved = [b.wallet_id for b in changed if b.sealed_number == numbers_before[b.wallet_id] < b.number]
    if moved:
        parts.append(("u", UNSEALED, {"u_wallet": numbers(moved)}, len(moved)))
    lots = [(book.wallet_id, lot) for book in changed for lot in book.lots.values()]
    parts += _lots([(w, lot) for w, lot in lots if lot.changed or lot.new])
    holds = [(book.wallet_id, hold) for book in changed for hold in book.holds.values() if hold.touched]
    if holds:
        parts += _holds(holds)
    if unit.refusals:
        parts.append(("r", REFUSALS, _refusals(unit), len(unit.refusals)))
    if payloads:
        wallets, event_numbers, types, bodies = zip(*payloads, strict=True)
        params = {
            "o_wallet": numbers(wallets),
            "o_event": numbers(event_numbers),
            "o_type": texts(types),
            "o_payload": texts(bodies),
        }
        parts.append(("o", OUTBOX, params, len(payloads)))
    return parts


def _journal(unit: Unit) -> list[Part]:
    written = [move.transaction for move in unit.written]
    transactions = {
        "t_wallet": numbers(t.wallet_id for t in written),
        "t_number": numbers(t.number for t in written),
        "t_kind": texts(t.kind for t in written),
        "t_key": uuids(t.key_hash for t in written),
        "t_fingerprint": uuids(t.fingerprint for t in written),
        "t_event": uuids(t.event_hash for t in written),
        "t_actor": texts(t.actor for t in written),
        "t_effective": times([t.effective_at for t in written]),
        "t_recorded": times([t.recorded_at for t in written]),
        "t_reverses": numbers(t.reverses for t in written),
        "t_link_wallet": numbers(t.link_wallet_id for t in written),
        "t_link_number": numbers(t.link_number for t in written),
        "t_after_wallet": numbers(t.after.wallet for t in written),
        "t_after_held": numbers(t.after.held for t in written),
        "t_after_disputed": numbers(t.after.disputed for t in written),
        "t_after_owed": numbers(t.after.owed for t in written),
        "t_after_limit": numbers(t.after.limit for t in written),
        "t_terms": texts(t.terms for t in written),
        "t_digest": binaries(t.notes_digest for t in written),
        "t_hash": binaries(t.hash for t in written),
        "n_salt": binaries(t.notes_salt for t in written),
        "n_body": texts(notes_body(t.notes) for t in written if t.notes is not None),
    }
    lines = [(t, p) for t in written for p in t.postings]
    postings = {
        "p_wallet": numbers(t.wallet_id for t, _ in lines),
        "p_number": numbers(t.number for t, _ in lines),
        "p_line": numbers(p.line for _, p in lines),
        "p_debit": texts(p.debit for _, p in lines),
        "p_credit": texts(p.credit for _, p in lines),
        "p_asset": texts(p.asset for _, p in lines),
        "p_amount": numbers(p.amount for _, p in lines),
        "p_lot": numbers(p.lot for _, p in lines),
        "p_lot_after": numbers(p.lot_after for _, p in lines),
        "p_hold": numbers(p.hold for _, p in lines),
        "p_balance": numbers(p.balance_after for _, p in lines),
    }
    return [
        ("t", TRANSACTIONS, transactions, len(written)),
        ("n", NOTES, {}, len(written)),
        ("p", POSTINGS, postings, len(lines)),
    ]


def _wallets(books: list[Book], numbers_before: dict[int, int]) -> Params:
    return {
        "w_id": numbers(b.wallet_id for b in books),
        "w_before": numbers(numbers_before[b.wallet_id] for b in books),
        "w_wallet": numbers(b.wallet for b in books),
        "w_held": numbers(b.held for b in books),
        "w_disputed": numbers(b.disputed for b in books),
        "w_owed": numbers(b.owed for b in books),
        "w_limit": numbers(b.limit for b in books),
        "w_number": numbers(b.number for b in books),
        "w_event": numbers(b.event_number for b in books),
        "w_lot": numbers(b.last_lot for b in books),
        "w_last": times([b.last_at for b in books]),
        "w_due": times([b.due_at for b in books]),
        "w_status": texts(b.status for b in books),
        "w_head": binaries(b.head for b in books),
    }


def _lots(lots: list[tuple[int, Lot]]) -> list[Part]:
    parts: list[Part] = []
    old = [(w, lot) for w, lot in lots if not lot.new]
    new = [(w, lot) for w, lot in lots if lot.new]
    if old:
        params = {
            "l_wallet": numbers(w for w, _ in old),
            "l_lot": numbers(lot.lot for _, lot in old),
            "l_amount": numbers(lot.amount for _, lot in old),
            "l_remaining": numbers(lot.remaining for _, lot in old),
            "l_pinned": numbers(lot.pinned for _, lot in old),
        }
        parts.append(("l", LOTS, params, len(old)))
    if new:
        params = {
            "m_wallet": numbers(w for w, _ in new),
            "m_lot": numbers(lot.lot for _, lot in new),
            "m_source": texts(lot.source for _, lot in new),
            "m_amount": numbers(lot.amount for _, lot in new),
            "m_remaining": numbers(lot.remaining for _, lot in new),
            "m_pinned": numbers(lot.pinned for _, lot in new),
            "m_open": flags(lot.remaining > 0 for _, lot in new),
            "m_paid": flags(lot.cost > 0 for _, lot in new),
            "m_priority": numbers(lot.priority for _, lot in new),
            "m_effective": times([lot.effective_at for _, lot in new]),
            "m_expires": times([lot.expires_at for _, lot in new]),
            "m_cost": numbers(lot.cost for _, lot in new),
            "m_currency": texts(lot.currency for _, lot in new),
        }
        parts.append(("m", NEW_LOTS, params, len(new)))
    return parts


def _holds(holds: list[tuple[int, Hold]]) -> list[Part]:
    slices = [(w, hold, lot) for w, hold in holds for lot in sorted(hold.touched)]
    return [
        (
            "h",
            HOLDS,
            {
                "h_wallet": numbers(w for w, _ in holds),
                "h_hold": numbers(h.hold for _, h in holds),
                "h_amount": numbers(h.amount for _, h in holds),
                "h_captured": numbers(h.captured for _, h in holds),
                "h_released": numbers(h.released for _, h in holds),
                "h_state": texts(h.state for _, h in holds),
                "h_service": texts(h.service for _, h in holds),
                "h_placed": times([h.placed_at for _, h in holds]),
                "h_expires": times([h.expires_at for _, h in holds]),
            },
            len(holds),
        ),
        (
            "s",
            SLICES,
            {
                "s_wallet": numbers(w for w, _, _ in slices),
                "s_hold": numbers(h.hold for _, h, _ in slices),
                "s_lot": numbers(lot for _, _, lot in slices),
                "s_pinned": numbers(h.slices[lot] for _, h, lot in slices),
            },
            len(slices),
        ),
    ]


def _refusals(unit: Unit) -> Params:
    items = list(unit.refusals.items())
    return {
        "r_wallet": numbers(wallet_id for (wallet_id, _), _ in items),
        "r_key": uuids(key for (_, key), _ in items),
        "r_fingerprint": uuids(refusal.fingerprint for _, refusal in items),
        "r_code": texts(refusal.code for _, refusal in items),
        "r_detail": texts(refusal.detail for _, refusal in items),
        "r_facts": texts(_json.encode(refusal.facts).decode() for _, refusal in items),
    }


def _event(book: Book, event: Event, unit: Unit) -> tuple[int, int, str, str]:
    """The wallet's next event: (wallet, number, type, payload)."""
    book.event_number += 1
    book.changed = True
    payload = {
        "id": row_public("evt", book.wallet_id, book.event_number),
        "type": event.type,
        "timestamp": unit.now,
        "wallet_id": wallet_public(book.wallet_id),
        "number": book.event_number,
        "transaction_id": row_public("txn", book.wallet_id, event.transaction),
        "data": dict(event.data),
    }
    return book.wallet_id, book.event_number, event.type, _json.encode(payload).decode()

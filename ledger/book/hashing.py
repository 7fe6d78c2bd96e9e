"""The hash chain of a book: one canonical encoding, in one place, with golden vectors in its tests.

A transaction's hash is SHA-256 over the previous hash of its book and a MessagePack array. MessagePack
in its shortest form is canonical for the types used here (integers, UTF-8 text, bytes, nil), and
readers for it exist in every language, so that an outsider can check a book without our code.

    [version, wallet_id, number, kind, key_hash, fingerprint, event_hash | nil, actor, effective_us,
     recorded_us, reverses | nil, link_wallet_id | nil, link_number | nil,
     [wallet, held, disputed, owed, overdraft limit after it], notes_digest,
     [[line, debit, credit, asset, amount, lot | nil, lot_after | nil, hold | nil, balance_after] …],
     terms | nil]

Times are microseconds since 1970 in UTC. Free text and metadata stand in it as a salted digest only, so
that they can be erased.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec
from msgspec.structs import astuple

from ledger.book.commands import HoldFacts, LotFacts, Notes, Transaction

VERSION = 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_pack = msgspec.msgpack.Encoder().encode
_terms = msgspec.json.Encoder().encode
_notes = msgspec.json.Encoder(order="deterministic").encode


@lru_cache(maxsize=1024)
def micros(at: datetime) -> int:
    """Microseconds since 1970; exact. What is posted together is dated alike."""
    return (at - _EPOCH) // _MICROSECOND


def genesis(wallet_id: int) -> bytes:
    """The previous hash of a book's first transaction."""
    return hashlib.sha256(f"credit-ledger book {wallet_id}".encode()).digest()


def notes_body(notes: Notes) -> str:
    """The notes as they are stored: JSON with sorted keys."""
    return _notes(notes).decode()


def notes_digest(salt: bytes, body: str) -> bytes:
    """What stands for the notes in the chain."""
    return hashlib.sha256(salt + body.encode()).digest()


def terms_body(lots: Sequence[LotFacts], hold: HoldFacts | None) -> str | None:
    """The terms of new lots and of a new hold, as they are stored: JSON, times in microseconds; None without any.

    ``{"lots": [[lot, source, priority, effective_us, expires_us | null, cost, currency | null] …],
    "hold": [amount, service, placed_us, expires_us] | null}``
    """
    if not lots and hold is None:
        return None
    terms = {
        "lots": [
            (
                lot.lot,
                lot.source,
                lot.priority,
                micros(lot.effective_at),
                None if lot.expires_at is None else micros(lot.expires_at),
                lot.cost,
                lot.currency,
            )
            for lot in lots
        ],
        "hold": None if hold is None else (hold.amount, hold.service, micros(hold.placed_at), micros(hold.expires_at)),
    }
    return _terms(terms).decode()


def transaction_hash(previous: bytes, transaction: Transaction) -> bytes:
    """The transaction's hash; its own ``hash`` field is not read."""
    encoded = _pack(
        (
            VERSION,
            transaction.wallet_id,
            transaction.number,
            transaction.kind,
            transaction.key_hash,
            transaction.fingerprint,
            transaction.event_hash,
            transaction.actor,
            micros(transaction.effective_at),
            micros(transaction.recorded_at),
            transaction.reverses,
            transaction.link_wallet_id,
            transaction.link_number,
            astuple(transaction.after),
            transaction.notes_digest,
            [astuple(posting) for posting in transaction.postings],
            transaction.terms,
        )
    )
    return hashlib.sha256(previous + encoded).digest()

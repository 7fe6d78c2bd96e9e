"""The short way of verify for the use of one lot takes nothing that the long way would not: no database is needed.

Every transaction here has the hash that follows from it, so that nothing but the check in question is against it.
"""

import hashlib
from typing import Any

import msgspec
import pytest

from ledger.book.hashing import VERSION
from ledger.book.verify.book import Book, Lot
from ledger.book.verify.rows import EPOCH_US, LotRow, WalletRow

WALLET = 7
NOW_US = 700_000_000_000_000
PREVIOUS = b"p" * 32

ROW: dict[str, Any] = {
    "wallet_id": WALLET,
    "number": 5,
    "kind": "usage",
    "key": b"k" * 16,
    "fingerprint": b"f" * 16,
    "event": None,
    "actor": "key_a",
    "effective": NOW_US,
    "recorded": NOW_US,
    "reverses": None,
    "link_wallet_id": None,
    "link_number": None,
    "wallet_after": 970,
    "held_after": 50,
    "disputed_after": 0,
    "owed_after": 0,
    "limit_after": 0,
    "terms": None,
    "digest": b"d" * 32,
}
POSTING: dict[str, Any] = {
    "wallet_id": WALLET,
    "number": 5,
    "line": 1,
    "debit": "wallet",
    "credit": "used:chat",
    "asset": "CREDIT",
    "amount": 30,
    "lot": 1,
    "lot_after": 1_020,
    "hold": None,
    "balance_after": 1_020,
}
"""30 of the 1,000 that are free, from lot 1, which has 50 more behind a hold."""

EXPIRED, PINNED, LARGE = 2, 3, 4
"""Lots that others take from."""


def book(reversed_numbers: set[int]) -> tuple[Book, list[str]]:
    """A book after its fourth transaction, and the kinds of fault that it will be said to have."""
    said: list[str] = []
    terms = LotRow(WALLET, 1, "promotional", 500, 0, 9_999, 0, 0, None, 0, None)
    lots = {
        1: terms,
        EXPIRED: terms._replace(lot=EXPIRED, expires_at=NOW_US),
        PINNED: terms._replace(lot=PINNED),
        LARGE: terms._replace(lot=LARGE),
    }
    head = WalletRow(WALLET, 0, 0, 0, 0, 0, 0, 0, 0, None, b"", 0)
    made = Book(head, lots, reversed_numbers, lambda kind, *_: said.append(kind))
    made.number, made.hash, made.recorded = 4, PREVIOUS, NOW_US - 1
    made.wallet, made.held = 1_000, 50
    for name, (remaining, pinned) in {1: (1_050, 50), EXPIRED: (100, 0), PINNED: (100, 90), LARGE: (9_000, 0)}.items():
        lot = made.lots[name] = Lot(lots[name], 1)
        lot.amount, lot.remaining, lot.pinned = 9_999, remaining, pinned
    return made, said


def written(changes: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The use with these fields changed, and the hash of what came of it."""
    row = {name: changes.get(name, value) for name, value in ROW.items()}
    posting = tuple(changes.get(name, value) for name, value in POSTING.items())
    values = list(row.values())
    encoded = msgspec.msgpack.encode(
        [
            VERSION,
            *values[:7],
            row["effective"] + EPOCH_US,
            row["recorded"] + EPOCH_US,
            *values[9:12],
            values[12:17],
            row["digest"],
            [posting[2:]],
            row["terms"],
        ]
    )
    return (*values, hashlib.sha256(PREVIOUS + encoded).digest()), posting


def state(of: Book) -> object:
    """All that a transaction may change."""
    own = (of.number, of.hash, of.recorded, of.wallet, of.held, of.disputed, of.owed, of.originals, of.leg)
    return own, [(name, lot.remaining, lot.pinned, lot.amount) for name, lot in of.lots.items()]


@pytest.mark.parametrize("event", [None, b"e" * 16])
@pytest.mark.parametrize("amount", [1, 255, 1_000])
@pytest.mark.parametrize("reversed_numbers", [set[int](), {5}])
def test_both_ways_come_to_the_same(event: bytes | None, amount: int, reversed_numbers: set[int]) -> None:
    """Also what a later reversal will be held against."""
    after = {"wallet_after": 1_000 - amount, "lot_after": 1_050 - amount, "balance_after": 1_050 - amount}
    row, posting = written({"event": event, "amount": amount, **after})
    (short, said), (long, also_said) = book(reversed_numbers), book(reversed_numbers)
    assert short.plain_use((*row, None), posting)
    long.transaction(row, [posting], None)
    assert said == also_said == []
    assert state(short) == state(long) != state(book(reversed_numbers)[0])


def moved(amount: int, lot: int, remaining: int) -> dict[str, Any]:
    """The use of another amount of another lot, right in itself."""
    balance = 1_050 - amount
    after = {"wallet_after": balance - 50, "balance_after": balance, "lot_after": remaining - amount}
    return {"amount": amount, "lot": lot, **after}


CHANGED: dict[str, tuple[dict[str, Any], str]] = {
    "number": ({"number": 6}, "number"),
    "kind": ({"kind": "expiry"}, "shape"),
    "balance after it": ({"wallet_after": 971}, "balance"),
    "balance after the line": ({"balance_after": 1_021}, "balance_after"),
    "both balances": ({"wallet_after": 971, "balance_after": 1_021}, "balance_after"),
    "more than is free": (moved(1_001, LARGE, 9_000), "negative"),
    "nothing": (moved(0, 1, 1_050), "posting"),
    "less than nothing": (moved(-30, 1, 1_050), "posting"),
    "lot after it": ({"lot_after": 1_021}, "lot_after"),
    "what a hold has pinned": (moved(30, PINNED, 100), "lot_range"),
    "held": ({"held_after": 51, "balance_after": 1_021}, "balance"),
    "disputed": ({"disputed_after": 1}, "balance"),
    "owed": ({"owed_after": 1}, "balance"),
    "counts later": ({"effective": NOW_US + 1}, "effective_at"),
    "time runs back": ({"effective": NOW_US - 2, "recorded": NOW_US - 2}, "recorded_at"),
    "line": ({"line": 2}, "line"),
    "reverses": ({"reverses": 3}, "reversal"),
    "expired lot": (moved(30, EXPIRED, 100), "expiry"),
    "unknown lot": (moved(30, 9, 100), "lot_number"),
    "no lot": ({"lot": None, "lot_after": None}, "posting"),
    "account": ({"credit": "expired"}, "shape"),
    "account beside the chart": ({"credit": "elsewhere"}, "posting"),
    "asset": ({"asset": "USD"}, "posting"),
}
"""What is written instead, and the fault that the long way sees in it."""


def test_each_use_is_of_its_own_lot() -> None:
    """Whatever the use before it took from."""
    row, posting = written(moved(30, LARGE, 9_000))
    short, _ = book(set())
    first_row, first_posting = written({})
    assert short.plain_use((*first_row, None), first_posting)
    before = short.lots[1].remaining
    short.number, short.hash, short.wallet = 4, PREVIOUS, 1_000
    assert short.plain_use((*row, None), posting)
    assert (short.lots[1].remaining, short.lots[LARGE].remaining) == (before, 8_970)


@pytest.mark.parametrize("name", CHANGED)
def test_the_short_way_leaves_faults_to_the_long_way(name: str) -> None:
    """And has changed nothing by then."""
    changes, kind = CHANGED[name]
    row, posting = written(changes)
    short, _ = book(set())
    assert not short.plain_use((*row, None), posting)
    assert state(short) == state(book(set())[0])
    long, said = book(set())
    long.transaction(row, [posting], None)
    assert kind in said


@pytest.mark.parametrize(
    "changes",
    [{"terms": '{"lots":[],"hold":null}'}, {"link_wallet_id": 8, "link_number": 1}, {"hold": 3}],
    ids=["terms", "link", "hold"],
)
def test_the_short_way_leaves_what_is_no_plain_use(changes: dict[str, Any]) -> None:
    row, posting = written(changes)
    assert not book(set())[0].plain_use((*row, None), posting)


def another(value: Any) -> Any:
    """Something else of the same type; a text where there was nothing."""
    if isinstance(value, int):
        return value + 1
    return value * 2 if isinstance(value, bytes) else "x"


@pytest.mark.parametrize("name", ROW)
def test_the_short_way_passes_over_no_column(name: str) -> None:
    """Each is in the hash, or must be empty: written after the hash was made, it is seen."""
    row, posting = written({})
    changed = dict(zip(ROW, row, strict=False))
    changed[name] = another(changed[name])
    short, _ = book(set())
    assert not short.plain_use((*changed.values(), row[-1], None), posting)


@pytest.mark.parametrize("name", list(POSTING)[2:])
def test_the_short_way_passes_over_no_column_of_a_line(name: str) -> None:
    row, posting = written({})
    changed = dict(zip(POSTING, posting, strict=True))
    changed[name] = another(changed[name])
    assert not book(set())[0].plain_use((*row, None), tuple(changed.values()))


def test_a_debt_is_left_to_the_long_way() -> None:
    """It is never beside free credits."""
    row, posting = written({"owed_after": 5, "balance_after": 1_015})
    short, _ = book(set())
    short.owed = 5
    assert not short.plain_use((*row, None), posting)


def test_a_hash_that_does_not_follow_is_left_to_the_long_way() -> None:
    row, posting = written({})
    short, _ = book(set())
    assert not short.plain_use((*row[:-1], b"x" * 32, None), posting)
    assert state(short) == state(book(set())[0])

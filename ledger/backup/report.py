"""What was acknowledged, against what a restored ledger has.

The source lies outside the database: what clients wrote down of their answers, the log stream of events, a
list from a second server that was recovered to the end of the archive. One JSON document a line; wherever
in it a transaction is named (an answer, an event, a list of both), it is looked up. Lines are read and
answered a thousand at a time: the file may be longer than memory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

from ledger.backup import tools
from ledger.errors import NotFound
from ledger.kit.ids import parse_row, row_public

LINES_MAX = 1_000
"""Lines that share a query."""

State = Literal["present", "unproved", "missing", "different", "unreadable"]

_LOOK = """
SELECT t.wallet_id, t.number, t.hash FROM unnest(%s::bigint[], %s::bigint[]) AS asked(wallet_id, number)
JOIN transactions t USING (wallet_id, number)
"""

Key = tuple[int, int]


class Finding(NamedTuple):
    """One transaction that a line names.

    ``present``: with the same hash. ``unproved``: the number is there, and the line has no hash to compare (as
    long as nobody posts after the restore, it is the same one). ``different``: another transaction has its
    number, so what was acknowledged is lost and the book has gone on.
    """

    line: int
    state: State
    transaction_id: str | None
    hash: str | None
    found_hash: str | None = None


class Named(NamedTuple):
    """A transaction as a line names it; the hash is its receipt."""

    line: int
    key: Key | None
    hash: str | None


def report(database_url: str, lines: Iterable[str]) -> Iterator[Finding]:
    """A finding for each transaction that the lines name, in their order. Changes nothing."""
    numbered = enumerate(lines, start=1)
    with tools.connect(database_url) as connection:
        while chunk := list(islice(numbered, LINES_MAX)):
            named = [one for number, text in chunk for one in _named(number, text)]
            keys = sorted({one.key for one in named if one.key is not None})
            rows = connection.execute(_LOOK, [[key[0] for key in keys], [key[1] for key in keys]]).fetchall()
            found: dict[Key, str] = {(row[0], row[1]): row[2].hex() for row in rows}  # type: ignore[misc, attr-defined]
            yield from (_judged(one, found) for one in named)


def exit_code(states: Counter[State]) -> int:
    """0: all is there; 1: something is lost; 2: a line could not be read, so the answer is not whole."""
    if states["unreadable"]:
        return 2
    return 1 if states["missing"] or states["different"] else 0


def _judged(one: Named, found: dict[Key, str]) -> Finding:
    if one.key is None:
        return Finding(one.line, "unreadable", None, None)
    shown = row_public("txn", *one.key)
    there = found.get(one.key)
    if there is None:
        return Finding(one.line, "missing", shown, one.hash)
    if one.hash is None:
        return Finding(one.line, "unproved", shown, None, there)
    return Finding(one.line, "present" if one.hash == there else "different", shown, one.hash, there)


def _named(line: int, text: str) -> list[Named]:
    """The transactions that a line names, each once. Unreadable: what is not JSON, and an id that cannot be."""
    if not text.strip():
        return []
    try:
        named: dict[Key, str | None] = {}
        for key, receipt in _walk(json.loads(text)):
            named[key] = named.get(key) or receipt
    except (ValueError, RecursionError, NotFound):
        return [Named(line, None, None)]
    return [Named(line, key, receipt) for key, receipt in named.items()]


def _walk(value: Any) -> Iterator[tuple[Key, str | None]]:
    """The transactions in a document, with their hashes where they stand beside them."""
    if isinstance(value, list):
        for item in value:
            yield from _walk(item)
    if not isinstance(value, dict):
        return
    receipt = value.get("hash")
    for key in _keys(value):
        yield key, receipt.lower() if isinstance(receipt, str) else None
        receipt = None  # it is that of the first
    for name, member in value.items():
        if name == "payload" and isinstance(member, str):  # an event in the log
            member = json.loads(member)
        yield from _walk(member)


def _keys(value: dict[str, Any]) -> Iterator[Key]:
    """Its own transaction and the other leg of a transfer, by public ids; or a row of the table, by numbers."""
    own = value.get("transaction_id", value.get("id"))
    if isinstance(own, str) and own.startswith("txn_"):
        yield parse_row("txn", own, "transaction")
    other = value.get("linked_transaction_id")
    if isinstance(other, str):
        yield parse_row("txn", other, "transaction")
    wallet_id, number = value.get("wallet_id"), value.get("number")
    if type(wallet_id) is int and type(number) is int and 0 < wallet_id < 2**63 and 0 < number < 2**63:
        yield wallet_id, number

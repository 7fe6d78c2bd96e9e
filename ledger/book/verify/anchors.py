"""The anchors themselves, recomputed: leaves, roots, chain, signatures; and compared with copies kept outside.

Written from docs/concepts/anchor.md, by code of its own: it may not import the code that seals. Anchors are read a
page at a time, their leaves in a stream; of the tree only its peaks are in memory.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.book.verify.events import NO_WALLET, gone
from ledger.book.verify.rows import EPOCH_US, Connection, rows, snapshot, stream

PAGE: Final = 500
"""Anchors that are read in one snapshot at most."""

LEAVES_MAX: Final = 500_000
"""A page ends with the anchor that brings it above this many leaves."""

_LAST: Final = 2**63 - 1

EVENT: Final = "ledger.sealed"

_FIRST = hashlib.sha256(b"credit-ledger anchors").digest()
_VERSION = 1
_pack = msgspec.msgpack.Encoder().encode
_sha256 = hashlib.sha256

_ANCHORS = """
SELECT number, previous, root, leaves, sealed_at, public_key, hash, signature
FROM anchors WHERE number > %(after)s ORDER BY number LIMIT %(limit)s"""

_LEAVES = """
SELECT anchor, position, wallet_id, number, hash FROM anchor_leaves
WHERE anchor > %(after)s AND anchor <= %(upto)s ORDER BY anchor, position"""

_TOLD = """
SELECT event, type, payload FROM outbox WHERE wallet_id = %(none)s AND event > %(after)s AND event <= %(upto)s"""

_TOLD_FROM = "SELECT min(event) FROM outbox WHERE wallet_id = %(none)s"

Say = Callable[[int | None, str, int | None, str, object, object], None]


class Sealed(NamedTuple):
    """An anchor: as the database has it, or as a copy kept outside has it."""

    number: int
    previous: bytes
    root: bytes
    leaves: int
    sealed_us: int
    public_key: bytes
    hash: bytes
    signature: bytes

    @property
    def place(self) -> str:
        return f"anchor {self.number}"

    def computed_hash(self) -> bytes:
        fields = (self.number, self.previous, self.root, self.leaves, self.sealed_us, self.public_key)
        return _sha256(b"\x02" + _pack((_VERSION, *fields))).digest()

    def is_signed(self) -> bool:
        """Whether its signature is that of the key it names."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(self.signature, self.hash)
        except (InvalidSignature, ValueError):
            return False
        return True


def check_alone(anchor: Sealed, trusted: Collection[bytes], where: str, say: Say) -> None:
    """What an anchor shows by itself: its hash, its signature, and whose it is."""
    if anchor.computed_hash() != anchor.hash:
        say(None, "anchor_hash", None, where, anchor.computed_hash().hex(), anchor.hash.hex())
    if not anchor.is_signed():
        say(None, "anchor_signature", None, where, "a signature of its hash by its key", "none")
    if trusted and anchor.public_key not in trusted:
        keys = " or ".join(sorted(key.hex() for key in trusted))
        say(None, "anchor_key", None, where, keys, anchor.public_key.hex())


class Anchors:
    """All anchors of a database. ``copies`` are those kept outside, by number."""

    def __init__(
        self, connection: Connection, trusted: Collection[bytes], copies: Mapping[int, Sealed], say: Say
    ) -> None:
        self.connection = connection
        self.trusted = trusted
        self.copies = dict(copies)
        self.say = say
        self.last = Sealed(0, b"", b"", 0, -1, b"", _FIRST, b"")
        self.count = 0

    def check(self) -> int:
        """Gives how many anchors there are."""
        while self._page():
            pass
        with snapshot(self.connection):
            self._open()
        for number in sorted(self.copies):
            self.say(None, "anchor_copy", None, f"anchor {number}", self.copies[number].hash.hex(), "no anchor")
        return self.count

    def _page(self) -> bool:
        after = self.last.number
        with snapshot(self.connection):
            page = self._anchors(after)
            if not page:
                return False
            params = {"after": after, "upto": page[-1].number, "none": NO_WALLET}
            leaves = stream(self.connection, "verify_leaves", _LEAVES, params)
            told = {row[0]: row[1:] for row in rows(self.connection, _TOLD, params)}
            told_from = self._told_from()
            trees = _trees(leaves)
            tree = next(trees, None)
            for anchor in page:
                self._follows(anchor)
                while tree is not None and tree[0] < anchor.number:
                    self.say(None, "anchor", None, f"anchor {tree[0]}", "an anchor over its leaves", "none")
                    tree = next(trees, None)
                own = tree if tree is not None and tree[0] == anchor.number else (anchor.number, 0, _root([]))
                if own is tree:
                    tree = next(trees, None)
                self._root(anchor, own[1], own[2])
                if anchor.number >= told_from:
                    self._told(anchor, told.get(anchor.number))
        return True

    def _anchors(self, after: int) -> list[Sealed]:
        found = []
        leaves = 0
        for row in rows(self.connection, _ANCHORS, {"after": after, "limit": PAGE}):
            number, previous, root, count, sealed_at, *rest = row
            found.append(Sealed(number, previous, root, count, sealed_at + EPOCH_US, *rest))
            leaves += count
            if leaves > LEAVES_MAX:
                break
        return found

    def _follows(self, anchor: Sealed) -> None:
        last, self.last = self.last, anchor
        self.count += 1
        if anchor.number != last.number + 1:
            self.say(None, "anchor", None, f"anchor {last.number + 1}", "an anchor", f"anchor {anchor.number}")
        elif anchor.previous != last.hash:
            self.say(None, "anchor_chain", None, anchor.place, last.hash.hex(), anchor.previous.hex())
        if anchor.sealed_us < last.sealed_us:
            self.say(None, "anchor_chain", None, anchor.place, f"at {last.sealed_us} or later", anchor.sealed_us)
        check_alone(anchor, self.trusted, anchor.place, self.say)
        copy = self.copies.pop(anchor.number, None)
        if copy is not None and copy.hash != anchor.hash:
            self.say(None, "anchor_copy", None, anchor.place, copy.hash.hex(), anchor.hash.hex())

    def _root(self, anchor: Sealed, leaves: int, root: bytes) -> None:
        if leaves != anchor.leaves:
            self.say(None, "anchor_leaves", None, anchor.place, f"{anchor.leaves} leaves from 0", leaves)
        elif root != anchor.root:
            self.say(None, "anchor_root", None, anchor.place, anchor.root.hex(), root.hex())

    def _told_from(self) -> int:
        """The first anchor whose event must be there: those before it were told of so long ago that they are gone."""
        if not gone(self.connection):
            return 1
        ((first,),) = rows(self.connection, _TOLD_FROM, {"none": NO_WALLET})
        return _LAST + 1 if first is None else int(first)

    def _told(self, anchor: Sealed, event: tuple[Any, ...] | None) -> None:
        """The event has the number of its anchor, and tells of it."""
        found = "no event" if event is None else _told_of(*event)
        if found != anchor.hash.hex():
            self.say(None, "event", None, f"{EVENT} {anchor.number}", anchor.hash.hex(), found)

    def _open(self) -> None:
        """The anchor that is being made is the next, and nothing is sealed beyond it."""
        ((number,),) = rows(self.connection, "SELECT coalesce(max(number), 0) + 1 FROM anchors", {})
        found = rows(self.connection, "SELECT anchor, leaves, peaks FROM sealing", {})
        params = {"after": number - 1, "upto": 2**63 - 1}
        ends = [(tree[0], tree[1]) for tree in _trees(stream(self.connection, "verify_leaves", _LEAVES, params))]
        expected = (number, ends[0][1] if ends and ends[0][0] == number else 0)
        if [row[:2] for row in found] != [expected]:
            self.say(None, "anchor", None, "sealing", expected, [row[:2] for row in found])
        for beyond, _ in ends:
            if beyond != number:
                self.say(None, "anchor", None, f"anchor {beyond}", "an anchor over its leaves", "none")


def _told_of(type_: str, payload: str) -> str:
    """The hash that an event tells of; else what the event is."""
    try:
        return str(msgspec.json.decode(payload)["data"]["hash"]) if type_ == EVENT else type_
    except (msgspec.MsgspecError, LookupError, TypeError):
        return "another payload"


def _trees(leaves: Iterator[tuple[Any, ...]]) -> Iterator[tuple[int, int, bytes]]:
    """(anchor, leaves, root) of each anchor that has leaves. Leaves that are not 0, 1, 2 … count up to the gap."""
    anchor, count, whole = 0, 0, True
    parts: list[tuple[int, bytes]] = []
    for of, position, wallet_id, number, hash_ in leaves:
        if of != anchor:
            if anchor:
                yield anchor, count, _root(parts)
            anchor, count, whole, parts = of, 0, True, []
        whole = whole and position == count
        if not whole:
            continue
        count += 1
        size, node = 1, _sha256(b"\x00" + _pack((_VERSION, wallet_id, number, hash_))).digest()
        while parts and parts[-1][0] == size:
            node = _sha256(b"\x01" + parts.pop()[1] + node).digest()
            size *= 2
        parts.append((size, node))
    if anchor:
        yield anchor, count, _root(parts)


def _root(parts: list[tuple[int, bytes]]) -> bytes:
    """The root over full trees of these sizes, the largest first."""
    if not parts:
        return _sha256(b"").digest()
    root = parts[-1][1]
    for _, node in parts[-2::-1]:
        root = _sha256(b"\x01" + node + root).digest()
    return root

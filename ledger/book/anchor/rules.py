"""What an anchor is: leaves, tree, chain. One encoding, fixed for ever, with golden vectors in its tests.

All hashes are SHA-256, and what is hashed begins with a byte that says what it is, so that none can stand for another:

    leaf    00 ‖ msgpack [version, wallet_id, number, hash of that transaction]
    inner   01 ‖ left ‖ right
    anchor  02 ‖ msgpack [version, number, previous anchor's hash, root, leaves, sealed_us, public key]

The tree is that of RFC 6962 (Certificate Transparency): the left part of n leaves has the largest power of two
below n. The root over no leaves is SHA-256 of nothing. The signature is Ed25519 over the anchor's hash.

A tree that grows is kept as its peaks: the roots of its full parts, one for each bit of the number of leaves, the
largest first. So sealing goes on where it stopped, and closing an anchor reads no leaf again.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from ledger.book.hashing import micros

VERSION: Final = 1
HASH_BYTES: Final = 32

GENESIS: Final = hashlib.sha256(b"credit-ledger anchors").digest()
"""The previous hash of the first anchor."""

_pack = msgspec.msgpack.Encoder().encode


class Head(msgspec.Struct, frozen=True):
    """Where a book stands: the number and hash of its last transaction."""

    wallet_id: int
    number: int
    hash: bytes


class Tree(msgspec.Struct, frozen=True):
    """A Merkle tree that grows: how many leaves, and its peaks."""

    leaves: int = 0
    peaks: tuple[bytes, ...] = ()

    def grown(self, hashes: Iterable[bytes]) -> "Tree":
        """With these leaves more."""
        leaves, peaks = self.leaves, list(self.peaks)
        for hash_ in hashes:
            peaks.append(hash_)
            leaves += 1
            # Where adding one carries, two parts of the same size become one.
            for _ in range((leaves & -leaves).bit_length() - 1):
                right = peaks.pop()
                peaks[-1] = inner_hash(peaks[-1], right)
        return Tree(leaves, tuple(peaks))

    @property
    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        *left, root = self.peaks
        for peak in reversed(left):
            root = inner_hash(peak, root)
        return root


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A closed anchor. ``public_key`` is that of the signature; whether to trust it is the reader's to know."""

    number: int
    previous: bytes
    root: bytes
    leaves: int
    sealed_at: datetime
    public_key: bytes
    hash: bytes = b""
    signature: bytes = b""


def leaf_hash(head: Head) -> bytes:
    return hashlib.sha256(b"\x00" + _pack((VERSION, head.wallet_id, head.number, head.hash))).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def anchor_hash(anchor: Anchor) -> bytes:
    """The anchor's hash; its own ``hash`` and ``signature`` are not read."""
    encoded = _pack(
        (
            VERSION,
            anchor.number,
            anchor.previous,
            anchor.root,
            anchor.leaves,
            micros(anchor.sealed_at),
            anchor.public_key,
        )
    )
    return hashlib.sha256(b"\x02" + encoded).digest()


def following(last: Anchor | None, tree: Tree, now: datetime, public_key: bytes) -> Anchor:
    """The anchor after ``last`` over this tree, not yet signed. Its time does not run backwards."""
    anchor = Anchor(
        number=1 if last is None else last.number + 1,
        previous=GENESIS if last is None else last.hash,
        root=tree.root,
        leaves=tree.leaves,
        sealed_at=now if last is None else max(now, last.sealed_at),
        public_key=public_key,
    )
    return msgspec.structs.replace(anchor, hash=anchor_hash(anchor))


def is_due(last: Anchor | None, now: datetime) -> bool:
    """Whether the hour of ``now`` has no anchor yet."""
    return last is None or last.sealed_at < now.replace(minute=0, second=0, microsecond=0)


def data_of(anchor: Anchor) -> dict[str, object]:
    """The anchor as others see it: in ``ledger.sealed``, in files, on the command line. Bytes are hex."""
    return {
        "anchor": anchor.number,
        "previous_hash": anchor.previous.hex(),
        "root": anchor.root.hex(),
        "leaves": anchor.leaves,
        "sealed_at": anchor.sealed_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "hash": anchor.hash.hex(),
        "public_key": anchor.public_key.hex(),
        "signature": anchor.signature.hex(),
    }

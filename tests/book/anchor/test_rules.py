"""The encoding of leaves and anchors is fixed for ever: these vectors may be added to, never changed."""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.book.anchor.keys import SigningKey, public_key_of, public_text
from ledger.book.anchor.rules import (
    GENESIS,
    Anchor,
    Head,
    Tree,
    anchor_hash,
    data_of,
    following,
    inner_hash,
    is_due,
    leaf_hash,
)

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
KEY = SigningKey(bytes(range(32)))
HEADS = [Head(42, 7, bytes([1]) * 32), Head(43, 1, bytes([2]) * 32), Head(2**63 - 1, 2**40, bytes([3]) * 32)]

GENESIS_HEX = "e51049012e45a5c3277b2fefd67efb4aa20d7472bff381de64ac8079199249e2"
LEAF = "f2a82b2cb9fd99224edaa6cc7526154f93f2218bcfb8972f432026ee01840a67"
ROOT = "80667b669a03177c31bff9f4a2b2d528135a6388fac39a2de82b91417746d3ad"
ANCHOR = "73afbe1b0133ce3231b5da7fb1d7209e9bef4dbf8e13abfadb7750c0f627c5b6"
SIGNATURE = "79785d3943bbc2afc0b1c57987e4fb15601981ed0bd09d8b11836769f9f2e43a666e35a5d062911c7ecff498b6e511a5c6842955af01bd4bb44323d386f1bf06"
PUBLIC = "apk_03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"

hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


def first() -> Anchor:
    return following(None, Tree().grown(map(leaf_hash, HEADS)), AT, KEY.public)


def test_golden_vectors() -> None:
    anchor = first()
    assert GENESIS.hex() == GENESIS_HEX
    assert leaf_hash(HEADS[0]).hex() == LEAF
    assert anchor.root.hex() == ROOT
    assert anchor.hash.hex() == ANCHOR
    assert KEY.sign(anchor.hash).hex() == SIGNATURE
    assert public_text(KEY.public) == PUBLIC


def test_an_anchor_as_others_see_it() -> None:
    """All that is needed to compute its hash again, as text."""
    anchor = msgspec.structs.replace(first(), signature=bytes(64))
    assert data_of(anchor) == {
        "anchor": 1,
        "previous_hash": GENESIS_HEX,
        "root": ROOT,
        "leaves": 3,
        "sealed_at": "2026-01-02T03:04:05.678901Z",
        "hash": ANCHOR,
        "public_key": PUBLIC.removeprefix("apk_"),
        "signature": "00" * 64,
    }


def recursive_root(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return inner_hash(recursive_root(leaves[:half]), recursive_root(leaves[half:]))


@given(hashes, st.data())
def test_a_tree_that_grows_has_the_root_of_all_its_leaves(leaves: list[bytes], data: st.DataObject) -> None:
    """In however many chunks it grew; and it keeps one peak for each bit of their number."""
    cut = data.draw(st.integers(0, len(leaves)))
    tree = Tree().grown(leaves[:cut]).grown(leaves[cut:])
    assert tree.root == recursive_root(leaves)
    assert tree == Tree().grown(leaves)
    assert len(tree.peaks) == len(leaves).bit_count()


@given(hashes.filter(len), st.data())
def test_another_leaf_or_another_order_is_another_root(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    other = [*leaves[:place], hashlib.sha256(leaves[place]).digest(), *leaves[place + 1 :]]
    assert Tree().grown(other).root != Tree().grown(leaves).root
    assert Tree().grown(leaves[:-1]).root != Tree().grown(leaves).root
    if leaves != (turned := leaves[::-1]):
        assert Tree().grown(turned).root != Tree().grown(leaves).root


def test_a_leaf_is_no_inner_node_and_no_anchor() -> None:
    """What is hashed begins with what it is: nothing can be passed off as something else."""
    left, right = leaf_hash(HEADS[0]), leaf_hash(HEADS[1])
    assert inner_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert inner_hash(left, right) not in (
        hashlib.sha256(b"\x00" + left + right).digest(),
        hashlib.sha256(b"\x02" + left + right).digest(),
        hashlib.sha256(left + right).digest(),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"previous": bytes(32)},
        {"root": bytes(32)},
        {"leaves": 4},
        {"sealed_at": AT + timedelta(microseconds=1)},
        {"public_key": bytes(32)},
    ],
)
def test_every_field_is_in_the_hash(change: dict[str, object]) -> None:
    assert anchor_hash(msgspec.structs.replace(first(), **change)) != first().hash


def test_anchors_are_chained_and_their_time_does_not_run_backwards() -> None:
    second = following(first(), Tree(), AT - timedelta(hours=1), KEY.public)
    assert (second.number, second.previous, second.leaves) == (2, first().hash, 0)
    assert second.sealed_at == AT
    assert second.root == hashlib.sha256(b"").digest()
    assert following(first(), Tree(), AT + timedelta(hours=1), KEY.public).sealed_at == AT + timedelta(hours=1)


def test_each_hour_has_one() -> None:
    """The first at once; then one as soon as an hour begins that has none."""
    assert is_due(None, AT)
    assert not is_due(first(), AT)
    assert not is_due(first(), datetime(2026, 1, 2, 3, 59, 59, tzinfo=UTC))
    assert is_due(first(), datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC))
    assert not is_due(first(), AT - timedelta(days=1)), "a clock that was put back makes no anchor"


def test_a_signature_is_of_one_key_and_one_hash() -> None:
    public = Ed25519PublicKey.from_public_bytes(public_key_of(PUBLIC))
    public.verify(KEY.sign(first().hash), first().hash)
    with pytest.raises(InvalidSignature):
        public.verify(SigningKey.new().sign(first().hash), first().hash)
    with pytest.raises(InvalidSignature):
        public.verify(KEY.sign(bytes(32)), first().hash)


def test_a_key_does_not_show_itself() -> None:
    """Neither where it is printed, nor where the other of the pair is asked for."""
    assert KEY.text == "ask_" + bytes(range(32)).hex()
    assert KEY.text.removeprefix("ask_") not in repr(KEY)
    with pytest.raises(ValueError, match="not a public key") as caught:
        public_key_of(KEY.text)
    assert KEY.text.removeprefix("ask_")[4:] not in str(caught.value)

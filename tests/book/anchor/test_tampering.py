"""What only an anchor shows: a cut tail, a book hashed anew, an anchor taken away or made by somebody else.

The tampering is done as the owner of the database, past all triggers, and carefully: whatever else verify would see is
put right as well. ``outside`` are the anchors as they were exported before.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from ledger.book.anchor.keys import SigningKey
from ledger.book.anchor.rules import Anchor, Head, Tree, anchor_hash, data_of, following, leaf_hash
from ledger.book.anchor.service import seal_now
from ledger.book.anchor.store import payload_of
from ledger.book.door import Door
from ledger.book.hashing import transaction_hash
from ledger.book.posted import load_posted
from ledger.book.verify import Report, read_copies, verify_now
from ledger.kit.db import Database
from tests.book.anchor.conftest import grant, use
from tests.support.book import new_wallets, session
from tests.support.servers import create_database, drop_database

pytestmark = pytest.mark.anyio

FOREIGN = SigningKey(bytes(32))
BOOKS = 5
ANCHORS = 3


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database for each test: what is done to anchors is done to all of them."""
    name = f"anchor_{uuid.uuid4().hex[:16]}"
    yield create_database(postgres_url, name, template=template_database)
    drop_database(postgres_url, name)


@dataclass
class Ledger:
    """Five books under three anchors, of which the fourth is the victim: sealed at 2, 4 and 6, and moved on to 7."""

    url: str
    database: Database
    key: SigningKey
    wallets: list[int]
    anchors: list[Anchor] = field(default_factory=list)

    @property
    def victim(self) -> int:
        return self.wallets[3]

    @property
    def outside(self) -> list[str]:
        return [json.dumps(data_of(anchor)) for anchor in self.anchors]

    def run(self, sql: str, **params: Any) -> None:
        """One statement or several, past all triggers; each must do something."""
        with session(self.url) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in sql.split(";"):
                done = connection.execute(statement, {"victim": self.victim, **params})  # type: ignore[call-overload]
                assert done.rowcount != 0, statement

    def faults(self, *, outside: bool = False, keys: bool = True) -> dict[str, tuple[int | None, int | None, str]]:
        """The first fault of each kind: wallet, number, place."""
        report = self.report(outside=outside, keys=keys)
        return {fault.kind: (fault.wallet_id, fault.number, fault.place) for fault in report.faults}

    def report(self, *, outside: bool = False, keys: bool = True) -> Report:
        copies = read_copies(self.outside) if outside else None
        return verify_now(self.url, trusted={self.key.public} if keys else (), copies=copies)

    def write(self, anchor: Anchor) -> None:
        """Put this anchor, and the event of it, in the place of the one with its number."""
        self.run(
            "UPDATE anchors SET previous = %(previous)s, root = %(root)s, leaves = %(leaves)s, hash = %(hash)s,"
            " public_key = %(public_key)s, signature = %(signature)s WHERE number = %(number)s;"
            "UPDATE outbox SET payload = %(payload)s WHERE wallet_id = 0 AND event = %(number)s",
            **msgspec.structs.asdict(anchor),
            payload=payload_of(anchor),
        )

    async def rebuild(self, first: int, key: SigningKey) -> None:
        """Make all anchors from ``first`` on anew from the leaves as they are now, chained and signed with ``key``."""
        last = self.anchors[first - 2] if first > 1 else None
        for old in self.anchors[first - 1 :]:
            tree = Tree().grown(leaf_hash(head) for head in self.leaves(old.number))
            last = following(last, tree, old.sealed_at, key.public)
            last = msgspec.structs.replace(last, signature=key.sign(last.hash))
            self.write(last)

    def leaves(self, anchor: int) -> list[Head]:
        sql = "SELECT wallet_id, number, hash FROM anchor_leaves WHERE anchor = %s ORDER BY position"
        with session(self.url) as connection:
            return [Head(*row) for row in connection.execute(sql, [anchor]).fetchall()]


@pytest.fixture
async def ledger(door: Door, database: Database, database_url: str, key: SigningKey) -> Ledger:
    made = Ledger(database_url, database, key, new_wallets(database_url, BOOKS))
    for anchor in range(ANCHORS):
        await (use if anchor else grant)(door, made.wallets)
        await use(door, [made.victim])
        made.anchors.append(await seal_now(database, key))
    await use(door, [made.victim])
    clean = made.report(outside=True)
    assert clean.ok, clean.to_json()
    assert (clean.checked["anchors"], clean.checked["leaves"]) == (ANCHORS, ANCHORS * BOOKS)
    return made


CUT_AT = 3
"""The victim's first transaction that is cut off, or changed."""


def cut_tail(ledger: Ledger) -> None:
    """Take transactions 3 to 7 out of the book, with lots and the wallet's row put back to how they were."""
    mine = "WHERE wallet_id = %(victim)s"
    ledger.run(
        f"DELETE FROM postings {mine} AND number >= 3;DELETE FROM notes {mine} AND number >= 3;"
        f"DELETE FROM transactions {mine} AND number >= 3;"
        f"UPDATE lots l SET remaining = t.wallet_after FROM transactions t"
        " WHERE l.wallet_id = %(victim)s AND t.wallet_id = l.wallet_id AND t.number = 2;"
        "UPDATE wallets w SET number = t.number, head_hash = t.hash, wallet = t.wallet_after, last_at = t.recorded_at"
        " FROM transactions t WHERE w.wallet_id = %(victim)s AND t.wallet_id = w.wallet_id AND t.number = 2;"
        f"DELETE FROM unsealed {mine}"
    )


async def rehash(ledger: Ledger, first: int = CUT_AT) -> None:
    """Blame somebody else for transaction ``first``, and compute every hash from there on anew."""
    head = 7
    stored = await load_posted(ledger.database, [(ledger.victim, number) for number in range(1, head + 1)])
    hash_ = stored[ledger.victim, first - 1].transaction.hash
    for number in range(first, head + 1):
        transaction = stored[ledger.victim, number].transaction
        actor = "key_other" if number == first else transaction.actor
        hash_ = transaction_hash(hash_, msgspec.structs.replace(transaction, actor=actor))
        ledger.run(
            "UPDATE transactions SET actor = %(actor)s, hash = %(hash)s"
            " WHERE wallet_id = %(victim)s AND number = %(number)s",
            actor=actor,
            hash=hash_,
            number=number,
        )
    ledger.run("UPDATE wallets SET head_hash = %(hash)s WHERE wallet_id = %(victim)s", hash=hash_)


async def test_a_cut_tail_is_found(ledger: Ledger) -> None:
    """The first anchor that sealed something behind the cut names it; nothing else in the book is wrong."""
    cut_tail(ledger)
    place = "anchor 2, leaf 3, which sealed transactions 3 to 4"
    assert ledger.faults() == {"tail": (ledger.victim, 4, place)}
    assert ledger.report().counts == {"tail": 2}, "of anchors 2 and 3"


async def test_a_cut_tail_is_found_when_the_book_has_grown_again(ledger: Ledger, door: Door) -> None:
    """New transactions under the old numbers have other hashes."""
    cut_tail(ledger)
    ledger.run("UPDATE wallets SET sealed_number = 2 WHERE wallet_id = %(victim)s")
    for _ in range(5):
        await use(door, [ledger.victim])
    faults = ledger.faults()
    place = "anchor 2, leaf 3, which sealed transactions 3 to 4"
    assert faults == {
        "sealed_hash": (ledger.victim, 4, place),
        "sealed_number": (ledger.victim, None, "wallets.sealed_number"),
    }


@pytest.mark.parametrize("first", [2, 3, 4, 5, 6])
async def test_a_book_hashed_anew_is_found(ledger: Ledger, first: int) -> None:
    """From whichever transaction on: the first seal behind it says which ones it covered."""
    await rehash(ledger, first)
    sealed = first + first % 2
    place = f"anchor {sealed // 2}, leaf 3, which sealed transactions {sealed - 1} to {sealed}"
    assert ledger.faults() == {"sealed_hash": (ledger.victim, sealed, place)}


async def test_what_is_not_sealed_yet_is_not_covered(ledger: Ledger) -> None:
    """Transaction 7 came after the last anchor: to hash it anew shows nowhere, until the next."""
    await rehash(ledger, 7)
    assert ledger.report().ok


async def test_a_book_that_is_gone_with_its_wallet_is_found(ledger: Ledger) -> None:
    for table in ("postings", "notes", "transactions", "lots", "unsealed", "wallet_settings", "wallets"):
        ledger.run(f"DELETE FROM {table} WHERE wallet_id = %(victim)s")
    place = "anchor 1, leaf 3, which sealed transactions 1 to 2"
    assert ledger.faults() == {"tail": (ledger.victim, 2, place)}


async def test_changed_leaves_do_not_fit_the_root(ledger: Ledger) -> None:
    """Who makes the leaves fit a book that was hashed anew has the root against them."""
    await rehash(ledger)
    ledger.run(
        "UPDATE anchor_leaves l SET hash = t.hash FROM transactions t"
        " WHERE (t.wallet_id, t.number) = (l.wallet_id, l.number) AND l.wallet_id = %(victim)s"
    )
    assert ledger.faults() == {"anchor_root": (None, None, "anchor 2")}
    assert ledger.report().counts == {"anchor_root": 2}


@pytest.mark.parametrize(
    ("sql", "kind", "place"),
    [
        ("DELETE FROM anchor_leaves WHERE anchor = 2 AND position = 1", "anchor_leaves", "anchor 2"),
        ("DELETE FROM anchor_leaves WHERE anchor = 2", "anchor_leaves", "anchor 2"),
        ("UPDATE anchor_leaves SET position = 9 WHERE anchor = 2 AND position = 4", "anchor_leaves", "anchor 2"),
        (
            "UPDATE anchor_leaves SET anchor = 9 WHERE anchor = 2 AND position = 4",
            "anchor_leaves",
            "anchor 2",
        ),
        ("DELETE FROM anchors WHERE number = 2", "anchor", "anchor 2"),
        ("DELETE FROM anchors WHERE number = 3", "anchor", "sealing"),
        ("UPDATE anchors SET number = 7 WHERE number = 3", "anchor", "anchor 3"),
        ("UPDATE anchors SET root = sha256('x') WHERE number = 2", "anchor_hash", "anchor 2"),
        ("UPDATE anchors SET sealed_at = sealed_at + interval '1 us' WHERE number = 2", "anchor_hash", "anchor 2"),
        ("UPDATE anchors SET previous = sha256('x') WHERE number = 2", "anchor_chain", "anchor 2"),
        ("UPDATE anchors SET hash = sha256('x') WHERE number = 2", "anchor_chain", "anchor 3"),
        ("UPDATE anchors SET sealed_at = sealed_at - interval '1 day' WHERE number = 3", "anchor_chain", "anchor 3"),
        ("UPDATE anchors SET signature = sha512('x') WHERE number = 2", "anchor_signature", "anchor 2"),
        ("UPDATE anchors SET public_key = sha256('x') WHERE number = 2", "anchor_key", "anchor 2"),
        ("UPDATE sealing SET anchor = 3", "anchor", "sealing"),
        ("DELETE FROM sealing", "anchor", "sealing"),
        ("DELETE FROM outbox WHERE wallet_id = 0 AND event = 2", "event", "ledger.sealed 2"),
        ("UPDATE outbox SET payload = '[' WHERE wallet_id = 0 AND event = 2", "event", "ledger.sealed 2"),
        ("UPDATE outbox SET type = 'x' WHERE wallet_id = 0 AND event = 2", "event", "ledger.sealed 2"),
    ],
)
async def test_a_changed_anchor_is_found(ledger: Ledger, sql: str, kind: str, place: str) -> None:
    """The kind says what of it is wrong, and the place where it begins."""
    ledger.run(sql)
    faults = ledger.faults()
    assert faults.get(kind) == (None, None, place), ledger.report().to_json()


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DELETE FROM unsealed WHERE wallet_id = %(victim)s", "unsealed"),
        ("UPDATE wallets SET sealed_number = 7 WHERE wallet_id = %(victim)s", "sealed_number"),
        ("UPDATE unsealed SET since = since - interval '4 hours'", "seal_lag"),
    ],
)
async def test_a_book_that_is_kept_from_being_sealed_is_found(ledger: Ledger, sql: str, kind: str) -> None:
    ledger.run(sql)
    faults = ledger.faults()
    assert set(faults) == {kind}
    assert faults[kind][0] == ledger.victim


async def _hashed_anew_and_sealed_anew(ledger: Ledger, key: SigningKey) -> None:
    await rehash(ledger)
    ledger.run(
        "UPDATE anchor_leaves l SET hash = t.hash FROM transactions t"
        " WHERE (t.wallet_id, t.number) = (l.wallet_id, l.number) AND l.wallet_id = %(victim)s"
    )
    await ledger.rebuild(2, key)


async def test_anchors_made_anew_have_a_foreign_signature(ledger: Ledger) -> None:
    """Everything in the database agrees with everything else; the key that the verifier holds does not."""
    await _hashed_anew_and_sealed_anew(ledger, FOREIGN)
    assert ledger.faults() == {"anchor_key": (None, None, "anchor 2")}
    assert ledger.report(keys=False).ok, "who knows no key can only see that all agrees"


async def test_anchors_made_anew_are_not_the_copies(ledger: Ledger) -> None:
    """Even of one who has the key: what left the database cannot be made anew."""
    await _hashed_anew_and_sealed_anew(ledger, ledger.key)
    assert ledger.report().ok
    assert ledger.faults(outside=True) == {"anchor_copy": (None, None, "anchor 2")}
    assert ledger.report(outside=True).counts == {"anchor_copy": 2}


async def test_a_ledger_put_back_lacks_anchors_that_left_it(ledger: Ledger) -> None:
    """As after a restore, or a cut in everything at once: only what is outside knows."""
    ledger.run(
        "DELETE FROM anchors WHERE number = 3;DELETE FROM anchor_leaves WHERE anchor = 3;"
        "DELETE FROM outbox WHERE wallet_id = 0 AND event = 3;UPDATE sealing SET anchor = 3;"
        "UPDATE wallets w SET sealed_number = (SELECT max(number) FROM anchor_leaves l WHERE l.wallet_id = w.wallet_id);"
        "DELETE FROM unsealed;INSERT INTO unsealed SELECT wallet_id, ledger_now() FROM wallets"
    )
    assert ledger.report().ok
    assert ledger.faults(outside=True) == {"anchor_copy": (None, None, "anchor 3")}


async def test_a_copy_must_be_whole_too(ledger: Ledger) -> None:
    """A file that was changed, or comes from elsewhere, is no proof against the database."""
    copies = read_copies(ledger.outside)
    copies[2] = copies[2]._replace(leaves=9)
    report = verify_now(ledger.url, trusted={ledger.key.public}, copies=copies)
    assert [(fault.kind, fault.place) for fault in report.faults] == [("anchor_hash", "copy of anchor 2")]
    report = verify_now(ledger.url, trusted={FOREIGN.public}, copies=read_copies(ledger.outside[:1]))
    assert (report.faults[0].kind, report.faults[0].place) == ("anchor_key", "copy of anchor 1")


def _log_line(anchor: Anchor) -> str:
    return json.dumps({"event": "event", "type": "ledger.sealed", "payload": payload_of(anchor)})


@pytest.mark.parametrize("shape", [payload_of, _log_line], ids=["event", "line of the log"])
async def test_copies_are_taken_as_they_left(ledger: Ledger, shape: Callable[[Anchor], str]) -> None:
    """Among lines that tell of something else."""
    lines = ["", '{"event": "event", "type": "balance.low", "payload": "{}"}', *map(shape, ledger.anchors)]
    assert read_copies(lines) == read_copies(ledger.outside)
    assert set(read_copies(lines)) == {1, 2, 3}


async def test_copies_that_contradict_each_other_are_refused(ledger: Ledger) -> None:
    other = msgspec.structs.replace(ledger.anchors[0], leaves=4)
    forged = msgspec.structs.replace(other, hash=anchor_hash(other))
    with pytest.raises(ValueError, match="line 4 tells of another anchor 1"):
        read_copies([*ledger.outside, json.dumps(data_of(forged))])
    assert read_copies(ledger.outside * 2) == read_copies(ledger.outside)
    for line in ("[]", "{", '{"anchor": 1, "signature": "x"}', '{"type": "ledger.sealed", "payload": "7"}'):
        with pytest.raises(ValueError, match="line 1 is no anchor"):
            read_copies([line])


async def test_some_books_are_checked_against_their_leaves(ledger: Ledger) -> None:
    """Without the anchors, which are about all of them."""
    cut_tail(ledger)
    report = verify_now(ledger.url, [ledger.victim])
    assert [fault.kind for fault in report.faults] == ["tail"]
    assert (report.checked["leaves"], report.checked["anchors"]) == (ANCHORS, 0)

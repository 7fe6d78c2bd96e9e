"""The judge sees what it is there to see: a true story passes, and every way to change it is found."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.faults.journal import Asked, Journal, Record, Told, read
from tests.faults.judge import Judgement, Row, compare, event_hash, key_hash

PAYER, PAYEE = "wal_00000000001", "wal_00000000002"
HASH = "ab" * 32


def row(number: int, kind: str, asked_key: str, amount: int, **more: object) -> Row:
    facts = {
        "wallet": 1,
        "number": number,
        "kind": kind,
        "key": key_hash("client:default", asked_key),
        "event": None,
        "actor": "key_1",
        "reverses": None,
        "link_wallet": None,
        "link_number": None,
        "hash": HASH,
        "balance": 5_000_000,
        "amount": amount,
        "effective_at": datetime(2026, 11, 20, tzinfo=UTC),
    }
    return Row(**(facts | more))  # type: ignore[arg-type]


BOOK = [
    row(1, "grant", "a", 9_000_000),
    row(2, "usage", "b", 2_000_000, event=event_hash("job")),
    row(3, "transfer", "c", 1_000_000, link_wallet=2, link_number=1),
    row(1, "transfer", "", 1_000_000, wallet=2, link_wallet=1, link_number=3, key=key_hash("leg", "1:3")),
    row(4, "usage_refund", "d", 500_000, reverses=2),
    row(5, "expiry", "", 10, actor="system"),
    row(6, "usage", "m", 30),
    row(7, "void", "n", 30, reverses=6, key=key_hash("amend:client:default", "n")),
    row(8, "usage", "n", 0),
    row(9, "void", "o", 0, reverses=8),
]
STORY: list[Record] = [
    Asked(key="a", wallet=PAYER, command="grant", amount=9_000_000),
    Told(key="a", wallet=PAYER, outcome="posted", status=201, transaction="txn_000000000011", hash=HASH, balance="5"),
    Asked(key="b", wallet=PAYER, command="usage", amount=2_000_000, event_id="job"),
    Told(key="b", wallet=PAYER, outcome="ambiguous"),
    Told(key="b", wallet=PAYER, outcome="posted", status=201, transaction="txn_000000000012", replayed=True),
    Asked(key="c", wallet=PAYER, command="transfer", amount=1_000_000, payee=PAYEE),
    Told(key="c", wallet=PAYER, outcome="posted", status=201, transaction="txn_000000000013", amount="1"),
    Asked(key="d", wallet=PAYER, command="usage_refund", of="txn_000000000012"),
    Asked(key="e", wallet=PAYER, command="usage", amount=7),
    Told(key="e", wallet=PAYER, outcome="refused", status=402, code="INSUFFICIENT_CREDITS"),
    Asked(key="m", wallet=PAYER, command="usage", meter="job/minutes", quantity="3"),
    Asked(key="n", wallet=PAYER, command="usage", quantity="1", amends="txn_000000000016"),
    Asked(key="o", wallet=PAYER, command="void", of="txn_000000000018"),
]


def changed(place: int, **fields: object) -> list[Record]:
    return [msgspec.structs.replace(one, **fields) if at == place else one for at, one in enumerate(STORY)]


def test_a_true_story_passes() -> None:
    found = compare(STORY, BOOK)
    assert [] == found.findings
    counted = (found.requested, found.acknowledged, found.refused, found.ambiguous, found.durable, found.absorbed)
    assert (8, 3, 1, 4, 10, 1) == counted


@pytest.mark.parametrize(
    ("kind", "story", "book"),
    [
        ("lost", STORY, BOOK[1:]),
        ("lost", changed(1, hash="cd" * 32), BOOK),
        ("lost", changed(1, balance="6"), BOOK),
        ("lost", changed(6, amount="2"), BOOK),
        ("lost", changed(6, transaction="txn_000000000011"), BOOK),
        ("doubled", STORY, [*BOOK, row(10, "usage", "b", 2_000_000)]),
        ("doubled", STORY, [*BOOK, row(10, "usage", "f", 2_000_000, event=event_hash("job"))]),
        ("doubled", [*STORY, msgspec.structs.replace(STORY[1], hash="cd" * 32)], BOOK),
        ("unrequested", STORY[2:], BOOK),
        ("unrequested", changed(2, amount=1), BOOK),
        ("unrequested", changed(2, event_id=None), BOOK),
        ("unrequested", changed(5, payee="wal_00000000003"), BOOK),
        ("unrequested", changed(7, of="txn_000000000011"), BOOK),
        ("unrequested", changed(0, command="usage"), BOOK),
        ("unrequested", STORY, [*BOOK, row(2, "transfer", "", 5, wallet=2, key=key_hash("leg", "1:9"))]),
        ("unrequested", STORY, [one._replace(amount=2) if one.wallet == 2 else one for one in BOOK]),
        ("unrequested", STORY, [*BOOK[:6], *BOOK[8:]]),
        ("unrequested", STORY, [*BOOK[:7], *BOOK[8:]]),
        ("unrequested", changed(11, amends="txn_000000000015"), BOOK),
        ("unrequested", changed(11, amends=None), BOOK),
        ("unrequested", changed(12, of="txn_000000000016"), BOOK),
        ("unrefused", STORY, [*BOOK, row(10, "usage", "e", 7)]),
        ("unrefused", [*STORY, Told(key="a", wallet=PAYER, outcome="refused", status=422, code="X")], BOOK),
        ("wrong_answers", changed(9, status=500, outcome="ambiguous", code="INTERNAL_ERROR"), BOOK),
        ("wrong_answers", changed(9, status=404, code="NOT_FOUND"), BOOK),
        ("wrong_answers", changed(9, status=422, code="PRICE_NOT_FOUND"), BOOK),
    ],
)
def test_a_changed_story_is_found(kind: str, story: list[Record], book: list[Row]) -> None:
    found: Judgement = compare(story, book)
    assert getattr(found, kind), found.findings
    assert not found.ok


@pytest.mark.anyio
async def test_a_journal_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    await journal.keep(STORY)
    journal.close()
    with journal.path.open("ab") as file:
        file.write(b'{"type":"Asked","key":"cut o')
    assert STORY == read(journal.path)

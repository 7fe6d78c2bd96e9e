"""journal.csv as a file: exact values come back, text is never run, sums can be checked."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book.commands import Notes
from ledger.book.hashing import notes_body
from ledger.finance.journal import COLUMNS, Journal, Line
from ledger.finance.spreadsheet import neutral, restore
from ledger.kit.money import parse_amount

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]
BEFORE = ["", " ", "  ", "\t", "\r\n", "\xa0", "\u2003"]
FORMULAS = [before + start + "cmd|' /C calc'!A0" for before, start in product(BEFORE, STARTS)]

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
texts = text | st.sampled_from(FORMULAS) | st.sampled_from(FORMULAS).map(lambda formula: "'" + formula)
assets = st.sampled_from(["CREDIT", "USD", "JPY", "KWD"])


@st.composite
def lines(draw: st.DrawFn) -> Line:
    notes = Notes(
        key=draw(texts),
        event_id=draw(st.none() | texts.filter(bool)),
        description=draw(st.none() | texts.filter(bool)),
        metadata=draw(st.dictionaries(text, text, max_size=2)),
    )
    return Line(
        wallet_id=draw(st.integers(1, 2**63 - 1)),
        number=draw(st.integers(1, 2**63 - 1)),
        line=draw(st.integers(1, 1000)),
        debit=draw(texts.filter(bool)),
        credit=draw(texts.filter(bool)),
        asset=draw(assets),
        amount=draw(st.integers(1, 10**18)),
        lot=draw(st.none() | st.integers(1, 10**6)),
        hold=draw(st.none() | st.integers(1, 10**6)),
        kind="usage",
        effective_at=NOW - draw(st.timedeltas(timedelta(0), timedelta(days=35))),
        recorded_at=NOW,
        actor=draw(texts.filter(bool)),
        reverses=draw(st.none() | st.integers(1, 10**6)),
        link_wallet_id=None,
        link_number=None,
        notes=draw(st.none() | st.just(notes_body(notes))),
        owner_id=draw(texts.filter(bool)),
    )


def read(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_there_are_fifty_formulas() -> None:
    """The table of what is neutralised is long enough to mean something."""
    assert len(set(FORMULAS)) >= 50


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_shown_and_not_run(formula: str) -> None:
    """An apostrophe stands before it, and what was written comes back."""
    assert neutral(formula) == "'" + formula
    assert restore(neutral(formula)) == formula


@pytest.mark.parametrize("plain", ["", "a=b", "user-1", "1+1", "'quoted'", "'", "it's", "für Käufer", "#ref"])
def test_plain_text_stays_as_it_is(plain: str) -> None:
    """Only what begins a formula is touched."""
    assert neutral(plain) == plain


@given(texts)
def test_neutral_text_can_be_restored(value: str) -> None:
    """Whatever was written comes back, apostrophes of its own included."""
    assert restore(neutral(value)) == value


# Lines of one transaction have its fields in common; these are of different ones.
@given(st.lists(lines(), max_size=6, unique_by=lambda line: (line.wallet_id, line.number)))
def test_a_file_gives_back_exact_values(given_lines: list[Line]) -> None:
    """Amounts, accounts and notes are read back as they are in the book, and the sums agree."""
    journal = Journal()
    data = journal.header() + journal.part(given_lines) + journal.end(NOW)
    records = read(data)
    postings = [record for record in records if record["record"] == "posting"]
    assert len(postings) == 2 * len(given_lines)
    for index, line in enumerate(given_lines):
        for side, record in zip(("debit", "credit"), postings[2 * index : 2 * index + 2], strict=True):
            notes = Notes() if line.notes is None else msgspec.json.decode(line.notes, type=Notes)
            assert record["side"] == side
            assert restore(record["account"]) == getattr(line, side)
            assert parse_amount(record["amount"], line.asset) == line.amount
            assert restore(record["owner_id"]) == line.owner_id
            assert restore(record["actor"]) == line.actor
            assert restore(record["key"]) == (notes.key or "")
            assert restore(record["event_id"]) == (notes.event_id or "")
            assert restore(record["description"]) == (notes.description or "")
            assert datetime.fromisoformat(record["effective_at"]) == line.effective_at
    for asset in {line.asset for line in given_lines}:
        expected = sum(Decimal(r["amount"]) for r in postings if r["asset"] == asset and r["side"] == "debit")
        totals = [r for r in records if r["record"] == "total" and r["asset"] == asset]
        assert [(r["side"], Decimal(r["amount"])) for r in totals] == [("debit", expected), ("credit", expected)]
    assert records[-1]["record"] == "trailer"
    assert records[-1]["line"] == str(len(postings))


def test_an_empty_file_has_a_header_and_a_trailer() -> None:
    """Nothing in it is something that it says."""
    journal = Journal()
    header, trailer, rest = (journal.header() + journal.end(NOW)).decode().split("\r\n")
    assert header.split(",") == list(COLUMNS)
    assert trailer.startswith("trailer,,0,0,")
    assert rest == ""


@given(st.lists(lines(), max_size=4))
def test_every_record_has_every_column(given_lines: list[Line]) -> None:
    """The file is a rectangle, so that every tool reads it."""
    journal = Journal()
    data = journal.header() + journal.part(given_lines) + journal.end(NOW)
    assert {len(record) for record in csv.reader(io.StringIO(data.decode(), newline=""))} == {len(COLUMNS)}

"""Verify finds what was tampered with, says what kind of thing it is, and where it begins.

The tampering is done as the owner of the database with triggers switched off: nothing in the database
stands in its way.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from ledger.book.commands import (
    Capture,
    Command,
    Inflow,
    MoneyLine,
    PlaceHold,
    Posted,
    Reverse,
    Transaction,
    Transfer,
    Use,
)
from ledger.book.door import Door
from ledger.book.hashing import transaction_hash
from ledger.book.posted import load_posted
from ledger.book.verify import Report, verify, verify_now
from ledger.cli.verify import verify_command
from ledger.kit.db import Database
from ledger.kit.ids import wallet_public
from tests.support.book import attempt, check, new_wallets, session

pytestmark = pytest.mark.anyio

PAYER_STORY = 11
"""Transactions of the story in the payer's book."""


@dataclass
class Books:
    """A payer with some of everything, and the payee of its transfers."""

    url: str
    payer: int
    payee: int
    numbers: dict[str, int] = field(default_factory=dict)

    def run(self, sql: str, **params: Any) -> None:
        """One statement or several, as the owner, past all triggers."""
        values = {"payer": self.payer, "payee": self.payee, **self.numbers, **params}
        with session(self.url) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in sql.split(";"):
                assert connection.execute(statement, values).rowcount != 0, statement

    def verify(self) -> Report:
        return verify_now(self.url, [self.payer, self.payee])


@pytest.fixture
async def books(door: Door, database_url: str) -> Books:
    books = Books(database_url, *new_wallets(database_url, 2))
    wallet_id = books.payer
    paid = MoneyLine("stripe_clearing", "deferred_revenue", "USD", 999)

    async def post(name: str, command: Command, **more: Any) -> int:
        (outcome,) = await door.submit([attempt(command, **more)])
        assert isinstance(outcome, Posted), outcome
        books.numbers[name] = outcome.transaction.number
        return outcome.transaction.number

    await post("grant", Inflow(wallet_id=wallet_id, amount=100, source="promotional"))
    await post(
        "purchase",
        Inflow(
            wallet_id=wallet_id,
            amount=1_000,
            source="purchase",
            of_kind="purchase",
            cost=999,
            currency="USD",
            money=(paid,),
            join=False,
        ),
    )
    use = await post("use", Use(wallet_id=wallet_id, amount=130, service="chat", event_id="an event"))
    hold = await post("hold", PlaceHold(wallet_id=wallet_id, amount=50, service="chat", expires_in_s=3600))
    await post("capture", Capture(wallet_id=wallet_id, hold=hold, amount=20))
    await post("open", PlaceHold(wallet_id=wallet_id, amount=40, service="chat", expires_in_s=3600))
    transfer = await post("transfer", Transfer(wallet_id=wallet_id, payee_id=books.payee, amount=300))
    await post("refund", Reverse(wallet_id=wallet_id, number=use, amount=100, refund=True))
    await post("back", Reverse(wallet_id=wallet_id, number=transfer, amount=100))
    await post("last use", Use(wallet_id=wallet_id, amount=5, service="chat"))
    await post("last", Use(wallet_id=wallet_id, amount=6, service="chat"))
    assert books.numbers["last"] == PAYER_STORY
    return books


async def test_a_clean_book_is_ok(books: Books) -> None:
    report = await verify(books.url, wallet_ids=[books.payer, books.payee])
    assert report.ok
    assert report.checked == {
        "wallets": 2,
        "transactions": 13,
        "postings": 21,
        "lots": 4,
        "holds": 2,
        "events": report.checked["events"],
        "notes": 13,
        "leaves": 0,
        "anchors": 0,
    }


JOURNAL_ROW = "WHERE wallet_id = %(payer)s AND number = "

TAMPERINGS: dict[str, tuple[str, str, str]] = {
    "changed amount": (
        f"UPDATE postings SET amount = amount + 1 {JOURNAL_ROW} %(use)s AND line = 1",
        "lot_after",
        "use",
    ),
    "row of another cluster": (
        f"UPDATE transactions SET xid = '9000000000000000000' {JOURNAL_ROW} %(use)s",
        "xid",
        "use",
    ),
    "changed hash": (f"UPDATE transactions SET hash = sha256('x') {JOURNAL_ROW} %(use)s", "hash", "use"),
    "changed account": (
        f"UPDATE postings SET credit = 'used:search' {JOURNAL_ROW} %(use)s AND line = 1",
        "hash",
        "use",
    ),
    "account beside the chart": (
        f"UPDATE postings SET credit = 'elsewhere' {JOURNAL_ROW} %(use)s AND line = 1",
        "posting",
        "use",
    ),
    "deleted posting": (f"DELETE FROM postings {JOURNAL_ROW} %(use)s AND line = 2", "hash", "use"),
    "deleted first posting": (f"DELETE FROM postings {JOURNAL_ROW} %(use)s AND line = 1", "line", "use"),
    "inserted posting": (
        "INSERT INTO postings SELECT wallet_id, number, 9, debit, credit, asset, amount, lot, lot_after, hold,"
        f" balance_after FROM postings {JOURNAL_ROW} %(capture)s AND line = 1",
        "line",
        "capture",
    ),
    "posting without a transaction": (
        "INSERT INTO postings VALUES (%(payer)s, 77, 1, 'owed', 'used:chat', 'CREDIT', 5, NULL, NULL, NULL, 5)",
        "stray_posting",
        "77",
    ),
    "missing transaction": (f"DELETE FROM transactions {JOURNAL_ROW} %(capture)s", "number", "open"),
    "missing tail": (f"DELETE FROM transactions {JOURNAL_ROW} %(last)s", "head", "last use"),
    "swapped transactions": (
        f"UPDATE transactions SET number = 99 {JOURNAL_ROW} %(last)s;"
        f"UPDATE transactions SET number = %(last)s {JOURNAL_ROW} %(last use)s;"
        f"UPDATE transactions SET number = %(last use)s {JOURNAL_ROW} 99",
        "hash",
        "last use",
    ),
    "recorded before its time": (
        f"UPDATE transactions SET recorded_at = recorded_at - interval '1 hour',"
        f" effective_at = effective_at - interval '1 hour' {JOURNAL_ROW} %(use)s",
        "recorded_at",
        "use",
    ),
    "effective before it was said": (
        f"UPDATE transactions SET effective_at = effective_at - interval '1 hour' {JOURNAL_ROW} %(use)s",
        "hash",
        "use",
    ),
    "balance of the wallet": (
        "UPDATE wallets SET wallet = wallet + 1 WHERE wallet_id = %(payer)s",
        "balance",
        "",
    ),
    "balances after a transaction": (
        f"UPDATE transactions SET held_after = held_after + 1 {JOURNAL_ROW} %(hold)s",
        "balance",
        "hold",
    ),
    "balance after a line": (
        f"UPDATE postings SET balance_after = balance_after + 1 {JOURNAL_ROW} %(hold)s AND line = 1",
        "balance_after",
        "hold",
    ),
    "head of the chain": (
        "UPDATE wallets SET head_hash = sha256('x') WHERE wallet_id = %(payer)s",
        "head_hash",
        "last",
    ),
    "remaining of a lot": (
        "UPDATE lots SET remaining = remaining + 1 WHERE wallet_id = %(payer)s AND lot = 2",
        "lot",
        "",
    ),
    "made lot": (
        "INSERT INTO lots SELECT wallet_id, 99, source, amount, remaining, pinned, open, paid, priority, effective_at,"
        " expires_at, cost, currency FROM lots WHERE wallet_id = %(payer)s AND lot = 2",
        "lot",
        "",
    ),
    "missing lot": ("DELETE FROM lots WHERE wallet_id = %(payer)s AND lot = 2", "lot", "purchase"),
    "cost of a lot": (
        "UPDATE lots SET cost = cost + 50 WHERE wallet_id = %(payer)s AND lot = 2",
        "cost_share",
        "transfer",
    ),
    "state of a hold": (
        "UPDATE holds SET state = 'released' WHERE wallet_id = %(payer)s AND hold = %(hold)s",
        "hold",
        "hold",
    ),
    "captured of a hold": (
        "UPDATE holds SET captured = captured + 1 WHERE wallet_id = %(payer)s AND hold = %(open)s",
        "hold",
        "open",
    ),
    "service of a hold": (
        "UPDATE holds SET service = 'search' WHERE wallet_id = %(payer)s AND hold = %(hold)s",
        "terms",
        "hold",
    ),
    "slice of a hold": (
        "UPDATE hold_slices SET pinned = pinned - 1 WHERE wallet_id = %(payer)s AND hold = %(open)s",
        "slice",
        "open",
    ),
    "due time of the wallet": ("UPDATE wallets SET due_at = NULL WHERE wallet_id = %(payer)s", "due", ""),
    "notes": (
        'UPDATE notes SET body = \'{"key":"another"}\' WHERE wallet_id = %(payer)s AND number = %(use)s',
        "notes",
        "use",
    ),
    "gap in the events": (
        "UPDATE wallets SET event_number = event_number + 1 WHERE wallet_id = %(payer)s",
        "event",
        "",
    ),
    "one leg of a transfer": (
        "WITH gone AS (DELETE FROM postings WHERE wallet_id = %(payee)s AND number = 1)"
        " DELETE FROM transactions WHERE wallet_id = %(payee)s AND number = 1",
        "transit",
        "transfer",
    ),
    "amount of the other leg": (
        "UPDATE postings SET amount = amount - 1 WHERE wallet_id = %(payee)s AND number = 1 AND asset = 'CREDIT'",
        "transit",
        "transfer",
    ),
    "link of a transfer": (
        f"UPDATE transactions SET link_number = 2 {JOURNAL_ROW} %(transfer)s",
        "transit",
        "transfer",
    ),
    "reversal beyond the original": (
        f"UPDATE transactions SET reverses = %(capture)s {JOURNAL_ROW} %(refund)s",
        "reversal",
        "refund",
    ),
    "reversal of what cannot be reversed": (
        f"UPDATE transactions SET reverses = %(hold)s {JOURNAL_ROW} %(refund)s",
        "reversal",
        "refund",
    ),
    "key used twice": (
        "DROP INDEX transactions_key_key;"
        "UPDATE transactions SET key_hash = (SELECT key_hash FROM transactions"
        f" {JOURNAL_ROW} %(grant)s) {JOURNAL_ROW} %(last)s",
        "key",
        "last",
    ),
}
"""What is done, the kind of fault that shows it, and the transaction where it begins."""


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_tampering_is_found(books: Books, name: str) -> None:
    """The kind is among what is reported, with the first place where it shows."""
    sql, kind, place = TAMPERINGS[name]
    check(books.url, [books.payer, books.payee])
    books.run(sql)
    report = books.verify()
    assert not report.ok
    faults = {fault.kind: fault for fault in report.faults}
    assert kind in faults, report.to_json()
    fault = faults[kind]
    number = int(place) if place.isdigit() else books.numbers.get(place)
    assert (fault.wallet_id, fault.number) == (books.payer, number), report.to_json()


async def test_a_rehashed_tail_does_not_fit_the_head(books: Books, database: Database) -> None:
    """Whoever changes the last transaction and its hash, too, still has the head against them."""
    last = await _stored(database, books.payer, books.numbers["last"])
    before = await _stored(database, books.payer, books.numbers["last use"])
    forged = msgspec.structs.replace(last, actor="key_other")
    sql = f"UPDATE transactions SET actor = 'key_other', hash = %(hash)s {JOURNAL_ROW} %(last)s"
    books.run(sql, hash=transaction_hash(before.hash, forged))
    report = books.verify()
    assert [(fault.kind, fault.number) for fault in report.faults] == [("head_hash", books.numbers["last"])]


async def test_a_rehashed_tail_with_its_head_does_not_fit_the_balances(books: Books, database: Database) -> None:
    """Who changes an amount, its hash and the head, has the lots and the wallet's row against them."""
    last = await _stored(database, books.payer, books.numbers["last"])
    before = await _stored(database, books.payer, books.numbers["last use"])
    line = msgspec.structs.replace(last.postings[0], amount=last.postings[0].amount - 1)
    forged = transaction_hash(before.hash, msgspec.structs.replace(last, postings=(line, *last.postings[1:])))
    books.run(
        f"UPDATE postings SET amount = amount - 1 {JOURNAL_ROW} %(last)s AND line = 1;"
        f"UPDATE transactions SET hash = %(hash)s {JOURNAL_ROW} %(last)s;"
        "UPDATE wallets SET head_hash = %(hash)s WHERE wallet_id = %(payer)s",
        hash=forged,
    )
    kinds = [fault.kind for fault in books.verify().faults]
    assert kinds == ["lot_after", "balance_after", "balance", "lot"]


async def _stored(database: Database, wallet_id: int, number: int) -> Transaction:
    found = await load_posted(database, [(wallet_id, number)])
    return found[wallet_id, number].transaction


async def test_erased_notes_are_no_fault(books: Books) -> None:
    """They are there to be erased: the digest in the chain stays."""
    books.run("DELETE FROM notes WHERE wallet_id = %(payer)s AND number = %(use)s")
    assert check(books.url, [books.payer]).checked["notes"] == PAYER_STORY - 1


async def test_the_command_says_what_it_checked(books: Books) -> None:
    """Exit 0 and 1, for people and for programs."""
    wallet = wallet_public(books.payer)
    arguments = ["--database-url", books.url, "--wallet", wallet]
    clean = CliRunner().invoke(verify_command, arguments)
    assert clean.exit_code == 0
    assert "1 wallets, 11 transactions" in clean.output
    books.run("UPDATE wallets SET wallet = wallet + 1 WHERE wallet_id = %(payer)s")
    broken = CliRunner().invoke(verify_command, [*arguments, "--json"])
    assert broken.exit_code == 1
    said = json.loads(broken.output)
    assert not said["ok"]
    assert [(fault["kind"], fault["wallet_id"], fault["count"]) for fault in said["faults"]] == [("balance", wallet, 1)]
    unknown = CliRunner().invoke(verify_command, ["--database-url", books.url, "--wallet", "wal_nothing"])
    assert unknown.exit_code == 2

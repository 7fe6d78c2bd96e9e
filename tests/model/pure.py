"""The driver of the rules alone: no database, and a clock that only this driver moves.

A unit of work is filled with everything there is, where the service loads only what a batch needs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ledger.book.chart import OWN
from ledger.book.commands import ABOUT_EARLIER, Attempt, Balances, Command, Reverse, Transaction
from ledger.book.hashing import genesis
from ledger.book.rules.fold import Replay, Stored, StoredRefusal, Unit, begin, fold
from ledger.book.rules.reversal import Original
from ledger.book.rules.state import Book
from tests.model.driver import Answer, State, answer_of
from tests.model.model import undoes

KEPT = timedelta(hours=24)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTROPY = bytes(16)


class PureDriver:
    """One shelf of books. A submit is a unit of work of its own."""

    actor = "key_model"
    keys_once = False

    def __init__(self) -> None:
        self.last_id = 0
        self.reset()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def reset(self) -> None:
        self.at = START
        self.open_from: datetime | None = None
        self.books: dict[int, Book] = {}
        self.journals: dict[int, list[Transaction]] = {}
        self.known: dict[tuple[int, bytes], Stored] = {}
        self.events: dict[tuple[int, bytes], int] = {}
        self.refused: dict[tuple[int, bytes], tuple[datetime, StoredRefusal]] = {}

    def now(self) -> datetime:
        return self.at

    def advance(self, hours: int) -> None:
        self.at += timedelta(hours=hours)

    def close_period(self, ends_at: datetime) -> None:
        self.open_from = max(ends_at, self.open_from or ends_at)

    def adapt(self, command: Command, *, in_batch: bool) -> Command:
        return command

    def new_wallets(self, count: int) -> list[int]:
        wallet_ids = list(range(self.last_id + 1, self.last_id + 1 + count))
        self.last_id += count
        for wallet_id in wallet_ids:
            self.journals[wallet_id] = []
            self.books[wallet_id] = Book(
                wallet_id,
                Balances(),
                number=0,
                head=genesis(wallet_id),
                last_lot=0,
                last_at=datetime(1970, 1, 1, tzinfo=UTC),
                due_at=None,
                status="active",
            )
        return wallet_ids

    async def submit(self, attempts: Sequence[Attempt], *, atomic: bool = False) -> list[Answer]:
        self.at += timedelta(milliseconds=1)
        attempts = [self._linked(attempt) for attempt in attempts]
        wallet_ids = {wallet_id for attempt in attempts for wallet_id in attempt.command.wallet_ids}
        unit = Unit(self.at, self.open_from, ENTROPY)
        unit.books = {wallet_id: self.books[wallet_id] for wallet_id in sorted(wallet_ids & self.books.keys())}
        unit.next_due = dict.fromkeys(unit.books)
        unit.known, unit.events = self.known, self.events
        unit.refused = {key: it for key, (at, it) in self.refused.items() if self.at < at + KEPT}
        for attempt in attempts:
            if isinstance(attempt.command, ABOUT_EARLIER):
                self._load_original(unit, attempt.command.wallet_id, attempt.command.number)
        begin(unit)
        results = fold(unit, attempts, atomic=atomic)
        self.books |= unit.books
        self.known, self.events = unit.known, unit.events
        self.refused |= {key: (self.at, it) for key, it in unit.refusals.items()}
        for move in unit.written:
            transaction = move.transaction
            self.journals[transaction.wallet_id].append(transaction)
        answers = [self._answer(result) for result in results]
        if atomic and undoes(answers[-1]):
            undone: Answer = {"code": "BATCH_REFUSED"}
            return [undone] * (len(answers) - 1) + answers[-1:] + [undone] * (len(attempts) - len(answers))
        return answers

    def _answer(self, result: Any) -> Answer:
        if isinstance(result, Replay):
            return {"number": result.number, "wallet_id": result.wallet_id, "replayed": True}
        return answer_of(result)

    def _linked(self, attempt: Attempt) -> Attempt:
        command = attempt.command
        if not isinstance(command, Reverse):
            return attempt
        original = self._transaction(command.wallet_id, command.number)
        other_id = original.link_wallet_id if original else None
        return msgspec.structs.replace(attempt, command=msgspec.structs.replace(command, other_id=other_id))

    def _transaction(self, wallet_id: int, number: int) -> Transaction | None:
        journal = self.journals.get(wallet_id, [])
        return journal[number - 1] if 0 < number <= len(journal) else None

    def _load_original(self, unit: Unit, wallet_id: int, number: int) -> None:
        original = self._transaction(wallet_id, number)
        if original is None:
            return
        later = [transaction for transaction in self.journals[wallet_id] if transaction.reverses == number]
        done = sum(
            posting.amount
            for transaction in later
            for posting in transaction.postings
            if posting.asset == "CREDIT" and not (posting.debit in OWN and posting.credit in OWN)
        )
        other = self._transaction(original.link_wallet_id or 0, original.link_number or 0)
        voided = any(transaction.kind in VOIDS for transaction in later)
        unit.originals[wallet_id, number] = Original(original, done, other, voided)

    def check(self, wallet_ids: Sequence[int]) -> None:
        """Nothing is stored that verify could read; heads and keys at least follow from the journal."""
        for wallet_id in wallet_ids:
            journal = self.journals[wallet_id]
            assert self.books[wallet_id].number == len(journal)
            assert self.books[wallet_id].head == (journal[-1].hash if journal else genesis(wallet_id))
            assert len({transaction.key_hash for transaction in journal}) == len(journal)
            for transaction in journal:
                if transaction.link_wallet_id is not None:
                    other = self._transaction(transaction.link_wallet_id, transaction.link_number or 0)
                    assert other is not None
                    assert other.link_number == transaction.number

    def state(self, wallet_ids: Sequence[int]) -> State:
        return {wallet_id: self._state(self.books[wallet_id]) for wallet_id in wallet_ids}

    def _state(self, book: Book) -> dict[str, Any]:
        own = book.balances
        return {
            "journal": [_row(transaction) for transaction in self.journals[book.wallet_id]],
            "lots": {name: {field: getattr(lot, field) for field in LOT} for name, lot in book.lots.items()},
            "holds": {
                name: {field: getattr(hold, field) for field in HOLD}
                | {"slices": {lot: pinned for lot, pinned in hold.slices.items() if pinned}}
                for name, hold in book.holds.items()
            },
            "status": book.status,
            "balances": (own.wallet, own.held, own.disputed, own.owed, own.limit),
        }


VOIDS = ("void", "refund_failed", "dispute_won", "dispute_lost")
"""Kinds after which what they are of is over."""

LOT = (
    "source",
    "amount",
    "remaining",
    "pinned",
    "priority",
    "effective_at",
    "expires_at",
    "cost",
    "currency",
)
HOLD = ("amount", "captured", "released", "state", "service", "placed_at", "expires_at")
TRANSACTION = (
    "number",
    "kind",
    "effective_at",
    "recorded_at",
    "reverses",
    "event_hash",
    "actor",
    "key_hash",
    "fingerprint",
)


def _row(transaction: Transaction) -> dict[str, Any]:
    link = transaction.link_wallet_id, transaction.link_number
    after = transaction.after
    return {
        **{field: getattr(transaction, field) for field in TRANSACTION},
        "link": link if link[0] else None,
        "after": (after.wallet, after.held, after.disputed, after.owed, after.limit),
        "postings": tuple(msgspec.structs.astuple(posting) for posting in transaction.postings),
    }

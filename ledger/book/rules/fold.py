"""A batch of attempts through the rules: books in, outcomes and everything to be written out.

``Unit`` is one unit of work. The shell fills it with what it loaded under lock; ``fold`` books what is due
and takes the attempts in order; what came of it stands in ``written``, ``refusals`` and the changed books.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from ledger.book import commands as c
from ledger.book.hashing import notes_body, notes_digest, terms_body, transaction_hash
from ledger.book.rules import moves, payments
from ledger.book.rules.due import book_due, next_due
from ledger.book.rules.lines import LINES_MAX, Draft, MoreLotsNeeded, too_many_lines
from ledger.book.rules.move import Move
from ledger.book.rules.part import Event, Part
from ledger.book.rules.reversal import Original, reverse
from ledger.book.rules.state import Book, Hold, Lot
from ledger.errors import (
    BY_CODE,
    AlreadyPosted,
    IdempotencyConflict,
    InvalidEffectiveAt,
    LedgerError,
    LimitBelowOwed,
    NotFound,
    PeriodClosed,
    SameWallet,
    WalletClosed,
    WalletFrozen,
    WalletNotEmpty,
)
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import format_amount

CLOCK_SLACK: Final = timedelta(seconds=5)
"""How far ahead of ours a client's clock may be."""

BACKDATE_MAX: Final = timedelta(days=35)
"""How far back something may be dated."""

Key = tuple[int, bytes]
"""(wallet_id, 16-byte hash)."""


class Stored(msgspec.Struct, frozen=True):
    """A transaction that a key stands for."""

    number: int
    fingerprint: bytes


class StoredRefusal(NamedTuple):
    """A refusal that a key stands for."""

    fingerprint: bytes
    code: str
    detail: str
    facts: dict[str, object]

    def error(self) -> LedgerError:
        return BY_CODE[self.code](self.detail, **self.facts)


class Replay(NamedTuple):
    """The attempt was posted before: the answer is made from what is stored."""

    wallet_id: int
    number: int


class Deferred(NamedTuple):
    """The wallet has more due than one unit books, or lots that were not loaded are needed: come again."""

    wallet_id: int


Result = c.Posted | c.Changed | c.Refused | Replay | Deferred


class Unit:
    """One unit of work: what was loaded, and what is to be written."""

    def __init__(self, now: datetime, open_from: datetime | None, entropy: bytes) -> None:
        self.now = now
        self.open_from = open_from
        """The first instant that is in no closed period."""
        self.entropy = entropy
        self.books: dict[int, Book] = {}
        self.next_due: dict[int, datetime | None] = {}
        """When something not loaded here will be due, at the earliest."""
        self.known: dict[Key, Stored] = {}
        self.refused: dict[Key, StoredRefusal] = {}
        self.events: dict[Key, int] = {}
        self.originals: dict[tuple[int, int], Original] = {}
        self.written: list[Move] = []
        self.refusals: dict[Key, StoredRefusal] = {}
        self.told: list[Event] = []
        self.parts: Sequence[Part] = ()
        self.prices: Part | None = None
        self.gates: Sequence[Part] = ()
        self.counts: Sequence[Part] = ()

    def take_part(self, parts: Sequence[Part]) -> None:
        """Let concepts take part, in this order."""
        self.parts = parts
        self.prices = next((part for part in parts if part.prices), None)
        self.gates = [part for part in parts if part.gates]
        self.counts = [part for part in parts if part.counts]

    def seal(
        self,
        book: Book,
        draft: Draft,
        kind: str,
        key: bytes,
        fingerprint: bytes,
        actor: str,
        at: datetime,
        notes: c.Notes,
        *,
        event: bytes | None = None,
        reverses: int | None = None,
        link: tuple[int, int] | None = None,
        placed: Hold | None = None,
    ) -> c.Transaction:
        """Give a draft its number, times and hash, and put it into the journal."""
        number = book.number + 1
        recorded_at = max(self.now, book.last_at)
        body = notes_body(notes)
        salt = hashlib.sha256(self.entropy + len(self.written).to_bytes(4)).digest()[:16]
        transaction = c.Transaction(
            book.wallet_id,
            number,
            kind,
            key,
            fingerprint,
            event,
            actor,
            min(at, recorded_at),
            recorded_at,
            reverses,
            None if link is None else link[0],
            None if link is None else link[1],
            book.balances,
            salt,
            notes_digest(salt, body),
            b"",
            tuple(draft.lines),
            terms_body([lot.facts for lot in draft.new_lots], None if placed is None else placed.facts),
            notes,
        )
        digest = transaction_hash(book.head, transaction)
        # The record is frozen for everybody else; here it is still being made.
        msgspec.structs.force_setattr(transaction, "hash", digest)
        book.number = number
        book.head = digest
        book.last_at = recorded_at
        book.changed = True
        self.known[book.wallet_id, key] = Stored(number, fingerprint)
        if event is not None:
            self.events[book.wallet_id, event] = number
        self.written.append(Move(transaction, draft.before, body))
        return transaction

    def write_due(self, book: Book, draft: Draft, kind: str, key: str, at: datetime, hold: Hold | None) -> None:
        """Seal what ended by itself."""
        if kind == "expiry":
            key = f"expiry:{book.number + 1}"
        if self.open_from is not None:
            at = max(at, self.open_from)
        self.seal(
            book,
            draft,
            kind,
            c.key_hash("due", key),
            hashlib.sha256(key.encode()).digest()[:16],
            "system",
            at,
            c.Notes(key=key),
        )

    def write_freed(self, book: Book, draft: Draft, kind: str, key: str, at: datetime, hold: Hold | None) -> None:
        """Seal the expiry of what a command freed only now."""
        self.write_due(book, draft, kind, key, self.now, hold)

    def book_due(self, book: Book, *, freed: bool = False) -> None:
        """Book what is due in a book, once it is; ``freed``: by the command just decided."""
        if book.due_at is None or book.due_at > self.now:
            return
        book_due(book, self.now, self.write_freed if freed else self.write_due)
        if not book.backlog:
            book.due_at = next_due(book, self.now, self.next_due.get(book.wallet_id))
        book.changed = True


def fold(unit: Unit, attempts: Sequence[c.Attempt], *, atomic: bool = False) -> list[Result]:
    """Results of one request's attempts, in order. An atomic request is undone if one is refused."""
    if not atomic:
        return [_one(unit, attempt) for attempt in attempts]
    saved = _save(unit, attempts)
    results: list[Result] = []
    for attempt in attempts:
        result = _one(unit, attempt)
        if isinstance(result, Deferred) and not unit.books[result.wallet_id].backlog:
            result = c.Refused(too_many_lines(LINES_MAX))
        results.append(result)
        if isinstance(result, Deferred) or fails(result):
            _restore(unit, saved)
            return results
    return results


def fails(result: Result | None) -> bool:
    """Whether a result undoes an atomic request: a refusal, but for a fact that stands already."""
    return isinstance(result, c.Refused) and not isinstance(result.error, AlreadyPosted)


def begin(unit: Unit) -> None:
    """Book what is due in every locked wallet, before any attempt."""
    for book in unit.books.values():
        unit.book_due(book)


def _one(unit: Unit, attempt: c.Attempt) -> Result:
    command = attempt.command
    books = []
    try:
        for wallet_id in command.wallet_ids:
            book = unit.books.get(wallet_id)
            if book is None:
                raise NotFound(f"there is no wallet {wallet_public(wallet_id)}")
            if book.backlog:
                return Deferred(wallet_id)
            books.append(book)
        if isinstance(command, c.WRITES_NOTHING):
            if isinstance(command, c.Tell):
                unit.told.append(Event(command.wallet_id, command.of_type, command.data, None))
            return _change(books[0], command)
        return _post(unit, attempt, books)
    except MoreLotsNeeded:
        return Deferred(command.wallet_id)
    except LedgerError as error:
        return c.Refused(error)


def _post(unit: Unit, attempt: c.Attempt, books: list[Book]) -> Result:
    command = attempt.command
    key = (command.wallet_id, c.key_hash(attempt.namespace, attempt.key))
    fingerprint = c.fingerprint(command)
    stored = unit.known.get(key)
    if stored is not None:
        return _same(stored.fingerprint, fingerprint) or Replay(command.wallet_id, stored.number)
    refusal = unit.refused.get(key)
    if refusal is not None:
        return _same(refusal.fingerprint, fingerprint) or c.Refused(refusal.error(), replayed=True)
    event = None
    if isinstance(command, c.Use) and command.event_id is not None:
        event = c.event_hash(command.event_id)
        number = unit.events.get((command.wallet_id, event))
        if number is not None:
            return c.Refused(
                AlreadyPosted(
                    "the event was charged before",
                    transaction_id=row_public("txn", command.wallet_id, number),
                )
            )
    try:
        posted = _decide(unit, attempt, books, key[1], fingerprint, event)
    except LedgerError as error:
        if type(error).remembered:
            remembered = StoredRefusal(fingerprint, error.code, error.detail, error.facts)
            unit.refused[key] = remembered
            unit.refusals[key] = remembered
        raise
    unit.book_due(books[0], freed=True)
    return posted


def _same(stored: bytes, given: bytes) -> c.Refused | None:
    if stored == given:
        return None
    return c.Refused(IdempotencyConflict("this key was used for another request; take a new one"))


def _decide(
    unit: Unit, attempt: c.Attempt, books: list[Book], key: bytes, fingerprint: bytes, event: bytes | None
) -> c.Posted:
    command = attempt.command
    book = books[0]
    for each in books:
        _check_status(each, command)
    now = unit.now
    at = _effective(unit, command, now)
    lot: Lot | None = None
    hold: Hold | None = None
    reverses: int | None = None
    kind = KINDS.get(type(command), "")
    other: tuple[Book, Draft] | None = None
    match command:
        case c.Use():
            amount = command.amount
            if command.measure is not None:
                assert unit.prices is not None, "a measured use, and nobody who prices it"
                amount = unit.prices.price(command, now)
            for part in unit.gates:
                part.allow(command, amount, at)
            draft = moves.use(book, command.service, amount)
        case c.Inflow():
            draft, lot = moves.inflow(book, command, now, at)
            kind = command.of_kind
            if book.status == "closed":
                book.status = "active"
        case c.PlaceHold():
            for part in unit.gates:
                part.allow(command, command.amount, at)
            draft, hold = moves.place_hold(book, command, now)
        case c.Capture():
            for part in unit.gates:
                part.allow(command, _captured(book, command), at)
            draft, hold = moves.capture(book, command)
        case c.Release():
            draft, hold = moves.release(book, command)
        case c.Withdraw():
            draft = moves.withdraw(book, command)
            kind = command.of_kind
        case c.Transfer():
            if command.payee_id == command.wallet_id:
                raise SameWallet("a transfer needs two different wallets")
            draft, taken = moves.transfer(book, books[1], command, at)
            kind = command.of_kind
            other = (books[1], taken)
        case c.Reverse():
            original = _original(unit, command.wallet_id, command.number)
            link = original.transaction.link_wallet_id
            if link is not None and link not in command.wallet_ids:
                raise _unknown(command.wallet_id, command.number)
            amount, drafts = reverse(unit.books, command, original, now, at)
            original.reversed += amount
            original.voided |= command.void
            draft = drafts[0][1]
            other = drafts[1] if len(drafts) > 1 else None
            kind = "void" if command.void else "usage_refund" if command.refund else "reversal"
            reverses = command.number
        case c.Entry():
            draft = moves.entry(book, command)
            kind = command.of_kind
        case c.RefundPayment():
            draft = payments.refund_payment(book, command, _original(unit, command.wallet_id, command.number))
        case c.UndoRefund():
            original = _original(unit, command.wallet_id, command.number)
            draft = payments.undo_refund(book, command, original)
            original.voided = True
            reverses = command.number
        case c.OpenDispute():
            draft = payments.open_dispute(book, command, _original(unit, command.wallet_id, command.number))
        case c.SettleDispute():
            original = _original(unit, command.wallet_id, command.number)
            draft = payments.settle_dispute(book, command, original, at)
            original.voided = True
            kind = "dispute_won" if command.won else "dispute_lost"
            reverses = command.number
        case _:
            raise AssertionError(f"no rule for {type(command).__name__}")
    notes = c.Notes(
        attempt.key,
        attempt.request_id,
        command.description,
        command.event_id if isinstance(command, c.Use) else None,
        command.metadata,
        command.facts,
    )
    leg_at = None if other is None else (other[0].wallet_id, other[0].number + 1)
    transaction = unit.seal(
        book,
        draft,
        kind,
        key,
        fingerprint,
        attempt.actor,
        at,
        notes,
        event=event,
        reverses=reverses,
        link=leg_at,
        placed=hold if isinstance(command, c.PlaceHold) else None,
    )
    leg = None if other is None else _seal_leg(unit, transaction, other, fingerprint, notes)
    detail = None
    for part in unit.counts:
        detail = part.posted(transaction, command) or detail
    return c.Posted(
        transaction,
        payee=leg,
        lot=None if lot is None else lot.facts,
        hold=None if hold is None else hold.facts,
        detail=detail,
    )


def _original(unit: Unit, wallet_id: int, number: int) -> Original:
    """The earlier transaction that a command is about. Raises NotFound."""
    original = unit.originals.get((wallet_id, number))
    if original is None:
        raise _unknown(wallet_id, number)
    return original


def _unknown(wallet_id: int, number: int) -> NotFound:
    return NotFound(f"there is no transaction {row_public('txn', wallet_id, number)}")


def _captured(book: Book, command: c.Capture) -> int:
    """What a capture takes: without an amount, all that is left of its hold."""
    hold = book.holds.get(command.hold)
    return command.amount or (0 if hold is None else hold.remaining)


def _seal_leg(
    unit: Unit, first: c.Transaction, other: tuple[Book, Draft], fingerprint: bytes, notes: c.Notes
) -> c.Transaction:
    """The transaction in the other book. It reverses what ``first`` reverses, by that one's link."""
    book, draft = other
    key = f"{first.wallet_id}:{first.number}"
    reverses = None
    if first.reverses is not None:
        original = unit.originals[first.wallet_id, first.reverses]
        reverses = original.transaction.link_number
        mirror = unit.originals.get((book.wallet_id, reverses or 0))
        if mirror is not None and mirror is not original:
            mirror.reversed = original.reversed
    leg_notes = c.Notes(None, notes.request_id, notes.description, None, notes.metadata, notes.facts)
    return unit.seal(
        book,
        draft,
        first.kind,
        c.key_hash("leg", key),
        fingerprint,
        first.actor,
        first.effective_at,
        leg_notes,
        reverses=reverses,
        link=(first.wallet_id, first.number),
    )


def _change(book: Book, command: c.SetStatus | c.SetOverdraft | c.BookDue | c.Tell) -> c.Changed:
    """Commands that write no transaction."""
    if isinstance(command, c.SetStatus):
        if command.status == "closed" and book.balances != c.Balances(limit=book.limit):
            raise WalletNotEmpty(
                "a wallet can be closed when nothing is in it, held, disputed or owed",
                balance=format_amount(book.balances.balance),
                held=format_amount(book.held),
                owed=format_amount(book.owed),
            )
        if book.status == "closed" and command.status != "closed":
            raise WalletClosed(f"the wallet {wallet_public(book.wallet_id)} is closed")
        book.status = command.status
    elif isinstance(command, c.SetOverdraft):
        if command.limit < book.owed:
            raise LimitBelowOwed(
                f"the wallet owes {format_amount(book.owed)} credits, more than the new limit",
                owed=format_amount(book.owed),
            )
        book.limit = command.limit
    if not isinstance(command, c.BookDue | c.Tell):
        book.changed = True
    return c.Changed(book.status, book.balances)


KINDS: Final[dict[type[c.Command], str]] = {
    c.Use: "usage",
    c.PlaceHold: "hold",
    c.Capture: "capture",
    c.Release: "release",
    c.RefundPayment: "payment_refund",
    c.UndoRefund: "refund_failed",
    c.OpenDispute: "dispute",
}

FROZEN_REFUSES: Final = (c.Use, c.PlaceHold, c.Capture, c.Transfer)
"""What the customer or a service starts."""

CLOSED_REFUSES: Final = (*FROZEN_REFUSES, c.Withdraw, c.Inflow, c.Reverse)


def _check_status(book: Book, command: c.Command) -> None:
    if book.status == "active":
        return
    wallet_id = wallet_public(book.wallet_id)
    if book.status == "frozen":
        if isinstance(command, FROZEN_REFUSES):
            raise WalletFrozen(f"the wallet {wallet_id} is frozen", wallet_id=wallet_id)
        return
    late_payment = isinstance(command, c.Inflow) and command.of_kind == "purchase"
    if isinstance(command, CLOSED_REFUSES) and not late_payment:
        raise WalletClosed(f"the wallet {wallet_id} is closed", wallet_id=wallet_id)


def _effective(unit: Unit, command: c.Command, now: datetime) -> datetime:
    """When it counts. Usage of a closed period counts from the first open instant on."""
    at = command.effective_at
    if at is None:
        return now
    if at > now + CLOCK_SLACK:
        raise InvalidEffectiveAt(f"{at.isoformat()} lies in the future; it is now {now.isoformat()}")
    if at < now - BACKDATE_MAX and not (isinstance(command, c.Use) and command.backfill):
        raise InvalidEffectiveAt(f"{at.isoformat()} lies more than {BACKDATE_MAX.days} days back")
    if unit.open_from is not None and at < unit.open_from:
        if not isinstance(command, c.Use):
            raise PeriodClosed(
                f"the accounts are closed until {unit.open_from.isoformat()}",
                open_from=unit.open_from.isoformat(),
            )
        at = unit.open_from
    return min(at, now)


class _Saved(NamedTuple):
    books: dict[int, Book]
    written: int
    told: int
    known: dict[Key, Stored]
    events: dict[Key, int]
    refused: dict[Key, StoredRefusal]
    refusals: dict[Key, StoredRefusal]
    reversed: dict[tuple[int, int], tuple[int, bool]]
    counted: list[object]


def _save(unit: Unit, attempts: Sequence[c.Attempt]) -> _Saved:
    wallet_ids = {wallet_id for attempt in attempts for wallet_id in attempt.command.wallet_ids}
    return _Saved(
        {wallet_id: unit.books[wallet_id].copy() for wallet_id in wallet_ids & unit.books.keys()},
        len(unit.written),
        len(unit.told),
        dict(unit.known),
        dict(unit.events),
        dict(unit.refused),
        dict(unit.refusals),
        {ref: (original.reversed, original.voided) for ref, original in unit.originals.items()},
        [part.save() for part in unit.counts],
    )


def _restore(unit: Unit, saved: _Saved) -> None:
    """Undo an atomic request: nothing of it is written, and none of its keys is taken."""
    unit.books.update(saved.books)
    del unit.written[saved.written :]
    del unit.told[saved.told :]
    unit.known, unit.events = saved.known, saved.events
    unit.refused, unit.refusals = saved.refused, saved.refusals
    for ref, (amount, voided) in saved.reversed.items():
        unit.originals[ref].reversed = amount
        unit.originals[ref].voided = voided
    for part, counted in zip(unit.counts, saved.counted, strict=True):
        part.restore(counted)

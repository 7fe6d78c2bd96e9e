"""What can be asked of the book, and what it answers: immutable records, no behaviour.

A *command* says what to do to which wallet. An *attempt* is one try at a command under an
idempotency key. The book answers each attempt with an outcome: ``Posted`` or ``Refused`` (or
``Changed`` where a command writes no transaction).

All amounts are in the smallest unit of their asset (micro-credits); all times are aware, in UTC.
A command's fields are exactly what its fingerprint covers: two attempts under one key are the same
request when their commands are equal. New fields must have a default, so that fingerprints of old
requests stay what they were.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from ledger.errors import LedgerError
from ledger.events.payloads import Data

PRIORITY_DEFAULT = 100
"""Lots of a lower priority burn first; 0 to 1000."""

Scalar = str | int | bool
Metadata = dict[str, Scalar]


class MoneyLine(msgspec.Struct, frozen=True, array_like=True):
    """A posting in a currency that belongs to an inflow: ``amount`` in its smallest unit."""

    debit: str
    credit: str
    asset: str
    amount: int


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """What every command has.

    ``effective_at``: when it counts in the accounts; None is now. ``facts`` are further facts that a
    concept wants remembered with the transaction (kept in its notes, never read by a rule).
    """

    wallet_id: int
    effective_at: datetime | None = None
    description: str | None = None
    metadata: Metadata = {}
    facts: Metadata = {}

    @property
    def wallet_ids(self) -> tuple[int, ...]:
        """The wallets whose rows must be locked."""
        return (self.wallet_id,)


class Inflow(Command, frozen=True, kw_only=True, tag="inflow"):
    """Credits come in as a lot (or join an open lot that is alike).

    ``cost``: what was paid for them, in the smallest unit of ``currency``; zero for given ones.
    ``money``: the postings in currency that belong to it. ``join`` False keeps a lot of its own.
    """

    amount: int
    source: str
    of_kind: str = "grant"
    expires_at: datetime | None = None
    priority: int = PRIORITY_DEFAULT
    cost: int = 0
    currency: str | None = None
    money: tuple[MoneyLine, ...] = ()
    join: bool = True


class Measure(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a service counted, for a use whose amount a price gives: ``quantity`` in the meter's smallest unit.

    ``amends``: the number of the use that this one corrects.
    """

    meter: str
    quantity: int
    dimensions: dict[str, str] = {}
    amends: int | None = None


class Use(Command, frozen=True, kw_only=True, tag="use"):
    """Credits are used by a service. ``event_id`` names the fact: it posts at most once for ever.

    Where there is a ``measure``, ``amount`` is 0 and the price decides, under the wallet's lock; that may be 0, and
    then the transaction has no lines. ``backfill`` lets it be dated further back than others may.
    """

    amount: int
    service: str
    event_id: str | None = None
    measure: Measure | None = None
    backfill: bool = False


class PlaceHold(Command, frozen=True, kw_only=True, tag="hold"):
    """Reserve free credits of lots. Ends by itself ``expires_in_s`` seconds after it was placed."""

    amount: int
    service: str
    expires_in_s: int


class Capture(Command, frozen=True, kw_only=True, tag="capture"):
    """Use what a hold reserved. ``amount`` None is all that is left of it; more than that is taken
    from the wallet if it can pay. ``final`` releases the rest. ``service`` None is the hold's."""

    hold: int
    amount: int | None = None
    final: bool = True
    service: str | None = None


class Release(Command, frozen=True, kw_only=True, tag="release"):
    """Give what is left of a hold back to the wallet."""

    hold: int


class Transfer(Command, frozen=True, kw_only=True, tag="transfer"):
    """Move credits, lot by lot, into another wallet's book; paid lots take their cost along."""

    payee_id: int
    amount: int
    of_kind: str = "transfer"

    @property
    def wallet_ids(self) -> tuple[int, ...]:
        return (self.wallet_id, self.payee_id)


class Withdraw(Command, frozen=True, kw_only=True, tag="withdraw"):
    """Take credits back without use: an adjustment by a person. Never beyond what is free."""

    amount: int
    of_kind: str = "adjustment"


class Reverse(Command, frozen=True, kw_only=True, tag="reverse"):
    """Undo transaction ``number`` of the wallet's book, wholly (``amount`` None) or in part.

    ``refund`` marks credits that come back for a failed job (kind ``usage_refund``). ``void`` takes a use back as if it
    had not been reported (kind ``void``): all credits that are left of it, which may be none, and what was counted.
    ``other_id``: the other wallet of a transfer; filled in by the service from the stored link.
    """

    number: int
    amount: int | None = None
    refund: bool = False
    other_id: int | None = None
    void: bool = False

    @property
    def wallet_ids(self) -> tuple[int, ...]:
        return (self.wallet_id,) if self.other_id is None else (self.wallet_id, self.other_id)


class Entry(Command, frozen=True, kw_only=True, tag="entry"):
    """Postings in currency alone: what Stripe keeps of a payment, what it pays out. No credits move."""

    of_kind: str
    money: tuple[MoneyLine, ...]


class RefundPayment(Command, frozen=True, kw_only=True, tag="refund_payment"):
    """Take the unspent credits of purchase ``number`` back, and owe their money to who paid.

    Of ``credits`` or of ``money`` (in the smallest unit, tax included), one of them. ``paid``: what was paid in all,
    tax included. ``force``: what is spent is refunded, too, and is a loss.
    """

    number: int
    paid: int
    credits: int | None = None
    money: int | None = None
    force: bool = False


class UndoRefund(Command, frozen=True, kw_only=True, tag="undo_refund"):
    """The money of refund ``number`` could not be given back: credits and money are where they were before."""

    number: int


class OpenDispute(Command, frozen=True, kw_only=True, tag="dispute"):
    """The money of purchase ``number`` was withdrawn by a dispute about ``amount`` of its credits, spent or not.

    ``money``: what was withdrawn, and the fee.
    """

    number: int
    amount: int
    money: tuple[MoneyLine, ...]


class SettleDispute(Command, frozen=True, kw_only=True, tag="settle_dispute"):
    """Dispute ``number`` was won, and ``money`` came back; or it was lost.

    ``withdrawn``: what had been, in the smallest unit of ``currency``; ``paid``: for the whole purchase, tax included.
    """

    number: int
    won: bool
    withdrawn: int
    paid: int
    currency: str
    money: tuple[MoneyLine, ...] = ()


ABOUT_EARLIER: Final = (Reverse, RefundPayment, UndoRefund, OpenDispute, SettleDispute)
"""Commands about an earlier transaction of the book, which they name by its ``number``."""


class SetStatus(Command, frozen=True, kw_only=True, tag="status"):
    """Freeze, unfreeze or close a wallet: ``active``, ``frozen``, ``closed``. Writes no transaction."""

    status: str


class SetOverdraft(Command, frozen=True, kw_only=True, tag="overdraft"):
    """How much the wallet may owe by its own use. Writes no transaction."""

    limit: int


class BookDue(Command, frozen=True, kw_only=True, tag="due"):
    """Nothing but what is due: expired holds and lots are booked, as before any other command."""


class Tell(Command, frozen=True, kw_only=True, tag="tell"):
    """Tell an event of something that no transaction says, with the wallet's next event number.

    Nothing of it is remembered: a rider makes sure that it is told once.
    """

    of_type: str
    data: Data


WRITES_NOTHING: Final = (SetStatus, SetOverdraft, BookDue, Tell)
"""Commands that write no transaction."""


class Rider(msgspec.Struct, frozen=True):
    """A statement that stands or falls with the posting.

    ``sql`` with psycopg placeholders and ``params``; it must touch ``expect`` rows, or the attempt
    is refused with STATE_CHANGED and nothing of it is written.
    """

    sql: str
    params: Mapping[str, Any]
    expect: int = 1


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at a command.

    ``key`` as the client gave it, in ``namespace`` (``client:<name>`` for clients; ``due``, ``leg``,
    ``job`` are the service's own). ``actor`` is who did it (an API key's id, ``system``).
    """

    command: Command
    key: str
    namespace: str
    actor: str
    request_id: str | None = None
    riders: tuple[Rider, ...] = ()


class Posting(msgspec.Struct, frozen=True):
    """One line: ``amount`` of ``asset`` from account ``debit`` to account ``credit``.

    ``lot``: the lot it touches, with ``lot_after`` remaining in it after the line. ``hold``: the hold
    it belongs to. ``balance_after``: wallet + held − owed after the line, in micro-credits.
    """

    line: int
    debit: str
    credit: str
    asset: str
    amount: int
    lot: int | None
    lot_after: int | None
    hold: int | None
    balance_after: int


class Balances(msgspec.Struct, frozen=True):
    """The running balances of a book, in micro-credits; all ≥ 0.

    Never are ``wallet`` and ``owed`` both above zero. ``limit`` is the overdraft limit.
    """

    wallet: int = 0
    held: int = 0
    disputed: int = 0
    owed: int = 0
    limit: int = 0

    @property
    def balance(self) -> int:
        """Settled: what the customer has, less what the customer owes."""
        return self.wallet + self.held - self.owed

    @property
    def available(self) -> int:
        """What can be used now, unused overdraft included."""
        return self.wallet + max(0, self.limit - self.owed)


class Notes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What may be erased: only a salted digest of it is in the chain."""

    key: str | None = None
    request_id: str | None = None
    description: str | None = None
    event_id: str | None = None
    metadata: Metadata = {}
    facts: Metadata = {}


class Transaction(msgspec.Struct, frozen=True):
    """A transaction as it stands in the journal, with its postings."""

    wallet_id: int
    number: int
    kind: str
    key_hash: bytes
    fingerprint: bytes
    event_hash: bytes | None
    actor: str
    effective_at: datetime
    recorded_at: datetime
    reverses: int | None
    link_wallet_id: int | None
    link_number: int | None
    after: Balances
    notes_salt: bytes
    notes_digest: bytes
    hash: bytes
    postings: tuple[Posting, ...]
    terms: str | None
    """The terms of the lots it made and the hold it placed (``hashing.terms_body``), so that the journal alone says
    when credits expire and what was paid for them."""
    notes: Notes | None
    """None when it was erased."""


class LotFacts(msgspec.Struct, frozen=True):
    """What never changes of a lot."""

    lot: int
    source: str
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    cost: int
    currency: str | None


class HoldFacts(msgspec.Struct, frozen=True):
    """A hold right after a transaction: ``state`` is open, captured, released or expired."""

    hold: int
    amount: int
    captured: int
    released: int
    state: str
    service: str
    placed_at: datetime
    expires_at: datetime

    @property
    def remaining(self) -> int:
        return self.amount - self.captured - self.released if self.state == "open" else 0


class Posted(msgspec.Struct, frozen=True):
    """It stands in the journal. ``replayed``: it stood there before this attempt.

    ``payee`` is the transaction in the other book (transfers), ``lot`` the lot an inflow made or
    joined, ``hold`` the hold right after it. ``detail`` is what a concept that took part says of it; a replay has none,
    and the concept reads it where it keeps it.
    """

    transaction: Transaction
    replayed: bool = False
    payee: Transaction | None = None
    lot: LotFacts | None = None
    hold: HoldFacts | None = None
    detail: Any = None


class Changed(msgspec.Struct, frozen=True):
    """A command that writes no transaction was carried out."""

    status: str
    balances: Balances


class Refused(msgspec.Struct, frozen=True):
    """Nothing was written but the refusal. ``replayed``: it was refused before, under this key."""

    error: LedgerError
    replayed: bool = False


Outcome = Posted | Changed | Refused

_encoder = msgspec.json.Encoder(order="deterministic")


@lru_cache(maxsize=4096)
def key_hash(namespace: str, key: str) -> bytes:
    """16 bytes that stand for a key in its namespace."""
    return hashlib.sha256(f"{namespace}\x00{key}".encode()).digest()[:16]


def event_hash(event_id: str) -> bytes:
    """16 bytes that stand for a fact."""
    return hashlib.sha256(b"event\x00" + event_id.encode()).digest()[:16]


def fingerprint(command: Command) -> bytes:
    """16 bytes that are equal for equal commands, in every release."""
    return hashlib.sha256(_encoder.encode(command)).digest()[:16]

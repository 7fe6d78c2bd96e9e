"""A transaction as it is shown. A function of the book's records alone: no clock, no request."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.book.chart import OWED, OWN, WALLET
from ledger.book.commands import Balances, Metadata, Notes, Posted, Transaction
from ledger.book.commands import Posting as BookPosting
from ledger.kit.http.fields import Amount, Decimal, Reason, Time, shown
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import CREDIT, format_amount

_ERASED = Notes()
"""What is shown of notes that were erased."""

Status = Literal["posted", "partially_reversed", "reversed"]


class Reversal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without an amount, all that is left."""

    amount: Amount | None = None
    reason: Reason


class Refund(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credits come back for a failed job. Without an amount, all that is left."""

    amount: Amount | None = None
    reason: Reason | None = None


class PostingShape(msgspec.Struct, frozen=True):
    """One line: ``amount`` of ``asset`` out of the account ``debit`` into the account ``credit``."""

    line: int
    debit: str
    credit: str
    asset: str
    amount: Decimal
    lot_id: str | None
    hold_id: str | None
    balance_after: Decimal


class TransactionShape(msgspec.Struct, frozen=True):
    """A transaction. ``hash`` chains it to the one before it in its book: a receipt."""

    id: Annotated[str, Meta(examples=["txn_0GJkz3mQx7B1"])]
    wallet_id: str
    number: Annotated[int, Meta(description="1, 2, 3 … in the wallet's book, without a gap.")]
    kind: Annotated[str, Meta(examples=["usage"])]
    status: Status
    amount: Annotated[str, Meta(description="Credits that crossed the wallet's border, or moved within it.")]
    service: str | None
    postings: list[PostingShape]
    balance_after: Decimal
    effective_at: Time
    recorded_at: Time
    actor: str
    key: str | None
    reverses: str | None
    linked_transaction_id: str | None
    description: str | None
    event_id: str | None
    metadata: Metadata
    facts: Metadata
    hash: str


class BalanceAfter(msgspec.Struct, frozen=True):
    """The balance right after a transaction (or right before it)."""

    balance: Decimal
    held: Decimal
    owed: Decimal
    available: Decimal


def transaction(t: Transaction, reversed_amount: int = 0) -> TransactionShape:
    """The transaction as it is shown. ``reversed_amount``: what later ones took back of it."""
    notes = t.notes or _ERASED
    wallet_id = t.wallet_id
    amount = amount_of(t)
    recorded_at = shown(t.recorded_at)
    # By place: this is made for each answer of a posting, and by name costs three times as much.
    return TransactionShape(
        row_public("txn", wallet_id, t.number),
        wallet_public(wallet_id),
        t.number,
        t.kind,
        status_of(amount, reversed_amount),
        format_amount(amount),
        service_of(t),
        [_posting(wallet_id, posting) for posting in t.postings],
        format_amount(t.after.balance),
        recorded_at if t.effective_at is t.recorded_at else shown(t.effective_at),
        recorded_at,
        t.actor,
        notes.key,
        None if t.reverses is None else row_public("txn", wallet_id, t.reverses),
        None if t.link_number is None else linked(t),
        notes.description,
        notes.event_id,
        _sorted(notes.metadata),
        _sorted(notes.facts),
        t.hash.hex(),
    )


def balance_after(posted: Posted) -> BalanceAfter:
    """The balance right after it: the same in every replay."""
    return balances(posted.transaction.after)


def balances(b: Balances) -> BalanceAfter:
    return BalanceAfter(
        format_amount(b.balance), format_amount(b.held), format_amount(b.owed), format_amount(b.available)
    )


def amount_of(t: Transaction) -> int:
    """Credits that crossed the wallet's border; where none did (holds), what moved within it."""
    crossed = moved = 0
    for p in t.postings:
        if p.asset != CREDIT:
            continue
        if p.debit not in OWN or p.credit not in OWN:
            crossed += p.amount
        elif p.debit != WALLET or p.credit != OWED:
            moved += p.amount
    return crossed or moved


def service_of(t: Transaction) -> str | None:
    """The service of a use, or of what comes back from one."""
    for posting in t.postings:
        if posting.credit.startswith("used:"):
            return posting.credit[5:]
        if posting.debit.startswith("used:"):
            return posting.debit[5:]
    return None


def location(t: Transaction) -> str:
    """Where the transaction can be fetched."""
    return f"/v1/transactions/{row_public('txn', t.wallet_id, t.number)}"


def _posting(wallet_id: int, p: BookPosting) -> PostingShape:
    return PostingShape(
        p.line,
        p.debit,
        p.credit,
        p.asset,
        format_amount(p.amount) if p.asset == CREDIT else format_amount(p.amount, p.asset),
        None if p.lot is None else row_public("lot", wallet_id, p.lot),
        None if p.hold is None else row_public("hld", wallet_id, p.hold),
        format_amount(p.balance_after),
    )


def status_of(amount: int, reversed_amount: int) -> Status:
    if reversed_amount == 0:
        return "posted"
    return "reversed" if reversed_amount >= amount else "partially_reversed"


def linked(t: Transaction) -> str:
    """Its leg in the other book."""
    assert t.link_wallet_id is not None and t.link_number is not None
    return row_public("txn", t.link_wallet_id, t.link_number)


def _sorted(metadata: Metadata) -> Metadata:
    """By key: as given and as stored must be the same bytes."""
    return dict(sorted(metadata.items())) if metadata else metadata

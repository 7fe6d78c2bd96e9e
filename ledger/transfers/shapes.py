"""What requests and answers about transfers look like."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.book.chart import TRANSIT
from ledger.book.commands import Transaction
from ledger.kit.http.fields import Amount, Decimal, Metadata, OwnerId, Reason, Time, shown
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import CREDIT, format_amount

WalletId = Annotated[str, Meta(max_length=300, examples=["wal_0GJkz3mQx7B"])]


class NewTransfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each side by one of its wallet's id and its owner's (whose primary wallet is meant)."""

    from_wallet_id: WalletId | None = None
    from_user_id: OwnerId | None = None
    to_wallet_id: WalletId | None = None
    to_user_id: OwnerId | None = None
    amount: Amount
    reason: Reason
    metadata: Metadata = {}
    require_approval: bool = False


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer: one transaction in the payer's book, one in the payee's."""

    id: Annotated[str, Meta(examples=["trf_0GJkz3mQx7B3"])]
    status: Literal["completed", "partially_reversed", "reversed"]
    from_wallet_id: str
    to_wallet_id: str
    amount: Decimal
    reason: str | None
    metadata: Metadata
    transaction_id: str
    linked_transaction_id: str
    created_at: Time


def is_paying(t: Transaction) -> bool:
    """Whether this leg is the payer's."""
    return any(p.credit == TRANSIT for p in t.postings if p.asset == CREDIT)


def moved(t: Transaction) -> int:
    """Credits on their way through transit."""
    return sum(p.amount for p in t.postings if p.asset == CREDIT and TRANSIT in (p.debit, p.credit))


def transfer(t: Transaction, reversed_amount: int = 0) -> Transfer:
    """A transfer by either of its legs."""
    assert t.link_wallet_id is not None and t.link_number is not None
    own, other = (t.wallet_id, t.number), (t.link_wallet_id, t.link_number)
    payer, payee = (own, other) if is_paying(t) else (other, own)
    amount = moved(t)
    status: Literal["completed", "partially_reversed", "reversed"] = "completed"
    if reversed_amount:
        status = "reversed" if reversed_amount >= amount else "partially_reversed"
    return Transfer(
        id=row_public("trf", *payer),
        status=status,
        from_wallet_id=wallet_public(payer[0]),
        to_wallet_id=wallet_public(payee[0]),
        amount=format_amount(amount),
        reason=t.notes.description if t.notes else None,
        metadata=dict(sorted(t.notes.metadata.items())) if t.notes else {},
        transaction_id=row_public("txn", *payer),
        linked_transaction_id=row_public("txn", *payee),
        created_at=shown(t.recorded_at),
    )

"""What requests and answers about holds look like."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.book.commands import HoldFacts, Posted
from ledger.kit.http.fields import Amount, Decimal, Metadata, Service, Time, shown
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import format_amount
from ledger.transactions.shapes import BalanceAfter, TransactionShape, balance_after, transaction

EXPIRES_IN_MAX_S = 30 * 86_400

State = Literal["open", "captured", "released", "expired"]


class NewHold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credits to reserve. ``service`` is who will use them, unless a capture says otherwise."""

    amount: Amount
    expires_in_s: Annotated[int, Meta(ge=1, le=EXPIRES_IN_MAX_S)] = 86_400
    service: Service = "general"
    session: Annotated[str, Meta(max_length=255)] | None = None
    description: Annotated[str, Meta(max_length=500)] | None = None
    metadata: Metadata = {}


class CaptureHold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without an amount, all that is left. ``final`` releases the rest."""

    amount: Amount | None = None
    final: bool = True
    service: Service | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold. ``remaining`` is what is still reserved."""

    id: Annotated[str, Meta(examples=["hld_0GJkz3mQx7B2"])]
    wallet_id: str
    state: State
    amount: Decimal
    captured: Decimal
    released: Decimal
    remaining: Decimal
    service: str
    placed_at: Time
    expires_at: Time


class HoldMoved(msgspec.Struct, frozen=True, kw_only=True):
    """A hold right after the transaction that placed, captured or released it."""

    hold: Hold
    transaction: TransactionShape
    balance: BalanceAfter


def hold(wallet_id: int, facts: HoldFacts) -> Hold:
    return Hold(
        id=row_public("hld", wallet_id, facts.hold),
        wallet_id=wallet_public(wallet_id),
        state=facts.state,  # type: ignore[arg-type]
        amount=format_amount(facts.amount),
        captured=format_amount(facts.captured),
        released=format_amount(facts.released),
        remaining=format_amount(facts.remaining),
        service=facts.service,
        placed_at=shown(facts.placed_at),
        expires_at=shown(facts.expires_at),
    )


def hold_moved(posted: Posted) -> HoldMoved:
    assert posted.hold is not None
    return HoldMoved(
        hold=hold(posted.transaction.wallet_id, posted.hold),
        transaction=transaction(posted.transaction),
        balance=balance_after(posted),
    )

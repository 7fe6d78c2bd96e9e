"""What requests and answers about refunds look like."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Amount, Decimal, Reason, Time, shown
from ledger.kit.ids import row_public
from ledger.kit.money import CREDIT, format_amount
from ledger.payments.fields import Money
from ledger.payments.refunds import store


class NewRefund(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A refund of `amount`, tax included, or of what so many `credits` have cost; without either, of all that is left.

    It takes the unspent credits of the payment back. `force` refunds what is spent, too, as a loss.
    """

    amount: Money | None = None
    credits: Amount | None = None
    reason: Reason
    force: bool = False


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund. ``credits`` is what it took back, ``lost`` what of ``amount`` is a loss, because it was spent. A
    refund that is ``pending`` is on its way; one that ``failed`` left everything as it was before it."""

    id: Annotated[str, Meta(examples=["rfd_0GJkz3mQx7B4"])]
    payment_id: str
    state: Literal["pending", "succeeded", "failed"]
    amount: Decimal
    currency: str
    credits: Decimal
    lost: Decimal
    reason: str | None
    transaction_id: str
    created_at: Time


def refund(row: store.Refund) -> Refund:
    return Refund(
        id=row_public("rfd", row.wallet_id, row.number),
        payment_id=row_public("pay", row.wallet_id, row.payment),
        state=row.state,  # type: ignore[arg-type] # a CHECK says so
        amount=format_amount(row.amount, row.currency),
        currency=row.currency,
        credits=format_amount(row.credits_micro, CREDIT),
        lost=format_amount(row.lost, row.currency),
        reason=row.reason,
        transaction_id=row_public("txn", row.wallet_id, row.number),
        created_at=shown(row.requested_at),
    )

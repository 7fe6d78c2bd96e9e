"""What answers about disputes look like."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Decimal, Time, shown, shown_or_none
from ledger.kit.ids import row_public
from ledger.kit.money import format_amount
from ledger.payments.disputes import store


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute or an inquiry, with Stripe's id and status. ``transaction_id`` set the credits aside when the money was
    withdrawn, ``settled_transaction_id`` gave them back or wrote them off; an inquiry has neither."""

    id: Annotated[str, Meta(examples=["du_1PgafT2eZvKYlo2C"])]
    payment_id: str
    status: Annotated[str, Meta(description="As Stripe has it.", examples=["needs_response"])]
    reason: Annotated[str, Meta(examples=["fraudulent"])]
    amount: Decimal
    currency: str
    transaction_id: str | None
    settled_transaction_id: str | None
    evidence_due_by: Time | None
    created_at: Time


def dispute(row: store.Dispute) -> Dispute:
    def transaction(number: int | None) -> str | None:
        return None if number is None else row_public("txn", row.wallet_id, number)

    return Dispute(
        id=row.dispute,
        payment_id=row_public("pay", row.wallet_id, row.payment),
        status=row.status,
        reason=row.reason,
        amount=format_amount(row.amount, row.currency),
        currency=row.currency,
        transaction_id=transaction(row.number),
        settled_transaction_id=transaction(row.settled_number),
        evidence_due_by=shown_or_none(row.evidence_due_by),
        created_at=shown(row.created_at),
    )

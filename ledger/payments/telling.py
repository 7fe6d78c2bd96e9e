"""Events of payments that belong to no posting, such as that of a link which has ended: the rider that goes with such
an event makes the change that it tells of."""

from typing import Any

from ledger.book.participants import Event
from ledger.book.telling import tell
from ledger.kit.money import format_amount
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.rows import Payment


async def change_and_tell(desk: Desk, found: Payment, event: Event, **values: Any) -> Payment:
    """Change a payment that is still as it was ``found``, and tell of it. Gives it as changed; where somebody else
    was first, as that one left it."""
    await tell(desk.door, event, f"{event.type}:{found.payment}:{found.version}", rows.changing(found, **values))
    async with desk.database.transaction() as connection:
        changed = await rows.load(connection, found.wallet_id, found.payment)
    assert changed is not None
    return changed


def bought(payment: Payment) -> dict[str, str]:
    """What every event of a payment tells of it: what it buys, and what for."""
    return {
        "payment_id": rows.payment_public(payment),
        "credits": format_amount(payment.credits_micro),
        "amount": format_amount(payment.amount, payment.currency),
        "currency": payment.currency,
    }

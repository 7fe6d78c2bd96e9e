"""Events of payments that belong to no posting, such as a link that has ended.

A wallet's events are numbered under its lock, so they go through the door like everything else, with a rider that
makes the change that is told of, or marks that it was told. However often that is tried, it is told once.
"""

from typing import Any

from ledger.book.commands import Attempt, Changed, Rider, Tell
from ledger.book.participants import Event
from ledger.kit.money import format_amount
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.rows import Payment


async def tell(desk: Desk, event: Event, key: str, mark: Rider) -> bool:
    """Tell of something, if ``mark`` still finds that it was not told."""
    command = Tell(wallet_id=event.wallet_id, of_type=event.type, data=event.data)
    attempt = Attempt(command=command, key=key, namespace="job", actor="system", riders=(mark,))
    [outcome] = await desk.door.submit([attempt])
    return isinstance(outcome, Changed)


async def change_and_tell(desk: Desk, found: Payment, event: Event, **values: Any) -> Payment:
    """Change a payment that is still as it was ``found``, and tell of it. Gives it as changed; where somebody else
    was first, as that one left it."""
    await tell(desk, event, f"{event.type}:{found.payment}:{found.version}", rows.changing(found, **values))
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

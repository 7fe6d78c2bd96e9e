"""What Stripe tells of a PaymentIntent brings up the attempt that is of it."""

from typing import Final

from ledger.payments.desk import Desk
from ledger.payments.inbox.effects import EFFECTS as OF_PAYMENTS
from ledger.payments.inbox.effects import Effect, Effects, itself
from ledger.refill import attempts


async def hear_intent(desk: Desk, intent_id: str) -> None:
    """Have the attempt of this intent looked at now, if one is under way."""
    async with desk.database.transaction() as connection:
        await attempts.wake(connection, intent_id)


EFFECTS: Final[Effects] = {
    type_: (*effects, Effect(itself, hear_intent)) if type_.startswith("payment_intent.") else effects
    for type_, effects in OF_PAYMENTS.items()
}
"""What is done about events, that of payments first."""

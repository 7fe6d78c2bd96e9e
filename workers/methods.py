"""The background work on saved payment methods."""

from ledger.payments.methods.expiring import tell_expiring
from workers.app import task
from workers.payments import desk


@task("payments.expiring", at_most_every_s=600)
async def tell_of_expiring_cards() -> int:
    """Tell of cards in the last month in which they can be used; gives how many were told of."""
    at = desk()
    return 0 if at is None else await tell_expiring(at)

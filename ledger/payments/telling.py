"""Events of payments that belong to no posting, such as a card that is about to expire.

A wallet's events are numbered under its lock, so they go through the door like everything else, with a rider that
marks what was told of. However often that is tried, it is told once.
"""

from ledger.book.commands import Attempt, Changed, Rider, Tell
from ledger.book.participants import Event
from ledger.payments.desk import Desk


async def tell(desk: Desk, event: Event, key: str, mark: Rider) -> bool:
    """Tell of something, if ``mark`` still finds that it was not told."""
    command = Tell(wallet_id=event.wallet_id, of_type=event.type, data=dict(event.data))
    attempt = Attempt(command=command, key=key, namespace="job", actor="system", riders=(mark,))
    [outcome] = await desk.door.submit([attempt])
    return isinstance(outcome, Changed)

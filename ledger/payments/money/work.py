"""What is looked at again: objects that could not be booked when they were first heard of."""

from typing import Any, Final

import structlog

from ledger.payments.desk import Desk
from ledger.payments.disputes.converge import converge_dispute
from ledger.payments.gateway import StripeAway, StripeRefused
from ledger.payments.money import problems
from ledger.payments.money.charges import book_charge
from ledger.payments.money.intake import take_in_by_id
from ledger.payments.money.payouts import book_payout, converge_payout
from ledger.payments.refunds.converge import converge_refund

log = structlog.get_logger(__name__)


async def _movement(desk: Desk, movement_id: str) -> None:
    await take_in_by_id(desk, movement_id, book_payout)


CONVERGE: Final[dict[str, Any]] = {
    "charge": book_charge,
    "refund": converge_refund,
    "dispute": converge_dispute,
    "payout": converge_payout,
    "movement": _movement,
}
"""By kind of object: what books it."""


async def look_again(desk: Desk) -> int:
    """Look again at what is due; gives how many there were."""
    due = await problems.claim(desk.database)
    for one in due:
        try:
            await CONVERGE[one.kind](desk, one.object)
        except (StripeAway, StripeRefused) as error:
            log.warning("stripe.later", object=one.object, problem=str(error))
    return len(due)

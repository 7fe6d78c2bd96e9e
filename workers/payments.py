"""The background work of payments."""

import structlog

from ledger.payments.desk import Desk
from ledger.payments.links.due import work_off
from workers.app import config, process, task

log = structlog.get_logger(__name__)


def desk() -> Desk | None:
    """This process's own; None where no key for Stripe is set."""
    own = process()
    return None if own.stripe is None else Desk(own.database, own.door, own.stripe, config)


@task("payments.links", at_most_every_s=1)
async def issue_links() -> int:
    """Issue links that Stripe was not there for, and end those whose time is over; gives how many were due."""
    at = desk()
    return 0 if at is None else await work_off(at)

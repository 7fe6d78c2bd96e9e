"""Links that wait for something: to be issued once Stripe is back, or to end. For workers."""

from typing import Any, Final

import structlog

from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway, StripeRefused
from ledger.payments.links.service import end, is_over, try_issue
from ledger.payments.rows import Payment

log = structlog.get_logger(__name__)

LEASE_S: Final = 60
LIMIT: Final = 50

_CLAIM: Final = """
UPDATE payments SET due_at = ledger_now() + make_interval(secs => %(lease)s), version = version + 1
WHERE (wallet_id, payment) IN (
    SELECT wallet_id, payment FROM payments WHERE due_at IS NOT NULL AND due_at <= ledger_now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING wallet_id, payment"""


async def work_off(desk: Desk) -> int:
    """Do what is due; gives how many links there were. Who dies in between leaves them to be due again."""
    async with desk.database.transaction() as connection:
        found: Any = await connection.exec_driver_sql(_CLAIM, {"lease": LEASE_S, "limit": LIMIT})
        payments = [await rows.load(connection, wallet_id, payment) for wallet_id, payment in found.fetchall()]
    for payment in payments:
        assert payment is not None
        try:
            await _do(desk, payment)
        except (StripeAway, StripeRefused) as error:
            log.warning("payment.left", payment=payment.payment, error=str(error))
    return len(payments)


async def _do(desk: Desk, payment: Payment) -> None:
    # One that could never be issued ends in time, too.
    if payment.state == "pending" and not await is_over(desk, payment):
        await try_issue(desk, payment)
    else:
        await end(desk, payment)

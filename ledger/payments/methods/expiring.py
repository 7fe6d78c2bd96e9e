"""Tells of cards in the last month in which they can be used: each card once for each expiry that it has."""

from typing import Final

from ledger.book.commands import Rider
from ledger.book.participants import Event
from ledger.book.telling import tell
from ledger.events.payloads import MethodExpiring
from ledger.payments.desk import Desk
from ledger.payments.methods import store
from ledger.payments.methods.store import Method

PAGE: Final = 500

_MARK: Final = """
UPDATE payment_methods SET told_expiring_at = ledger_now()
WHERE wallet_id = %(wallet)s AND method = %(method)s AND exp_month = %(month)s AND exp_year = %(year)s
    AND told_expiring_at IS NULL"""


async def tell_expiring(desk: Desk) -> int:
    """Tell of all that are due; gives how many were told."""
    told, found = 0, PAGE
    while found == PAGE:
        async with desk.database.transaction() as connection:
            due = await store.expiring(connection, PAGE)
        before, found = told, len(due)
        for method in due:
            told += await _tell(desk, method)
        if told == before:
            break  # those that could not be told of now are due again the next time
    return told


async def _tell(desk: Desk, method: Method) -> bool:
    data = MethodExpiring(
        payment_method_id=method.method,
        brand=method.brand,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
        is_default=method.is_default,
    )
    expiry = {"month": method.exp_month, "year": method.exp_year}
    mark = Rider(_MARK, {"wallet": method.wallet_id, "method": method.method} | expiry)
    event = Event(method.wallet_id, "payment_method.expiring", data, None)
    return await tell(desk.door, event, f"expiring:{method.method}:{method.exp_year}-{method.exp_month}", mark)

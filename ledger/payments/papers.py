"""Where a payment's receipt and invoice are: Stripe may have them later than the money.

Whoever hears of one first keeps its address, and it stays as it is: Stripe's addresses show the paper as it is now.
"""

from typing import Any, Final

from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.gateway import id_of, plain
from ledger.payments.rows import Payment

_FILL: Final = """
UPDATE payments SET receipt_url = coalesce(receipt_url, %(receipt)s), invoice_url = coalesce(invoice_url, %(invoice)s),
    version = version + 1
WHERE wallet_id = %(wallet)s AND payment = %(payment)s AND state = 'paid'
    AND (receipt_url, invoice_url)
        IS DISTINCT FROM (coalesce(receipt_url, %(receipt)s), coalesce(invoice_url, %(invoice)s))"""


def receipt_of(charge: dict[str, Any]) -> str | None:
    found: str | None = charge.get("receipt_url")
    return found


def invoice_of(session: dict[str, Any]) -> str | None:
    """Of a Checkout Session, whose invoice is expanded; a draft has no address."""
    found: str | None = (session.get("invoice") or {}).get("hosted_invoice_url")
    return found


async def keep(desk: Desk, payment: Payment, *, receipt: str | None = None, invoice: str | None = None) -> None:
    """Keep the addresses that a payment has not; of one that is not paid yet they come with the money."""
    known = (receipt is None or payment.receipt_url is not None) and (
        invoice is None or payment.invoice_url is not None
    )
    if known or payment.state != "paid":
        return
    which = {"wallet": payment.wallet_id, "payment": payment.payment}
    async with desk.database.transaction() as connection:
        await connection.exec_driver_sql(_FILL, which | {"receipt": receipt, "invoice": invoice})


async def converge_invoice(desk: Desk, invoice_id: str) -> None:
    """The address of an invoice, for the payments that it is of. Raises StripeAway or StripeRefused."""
    expand = ["payments"]
    found = plain(await desk.stripe.call(lambda stripe: stripe.v1.invoices.retrieve(invoice_id, {"expand": expand})))
    for each in (found.get("payments") or {"data": []})["data"]:
        async with desk.database.transaction() as connection:
            payment = await rows.by_object(connection, id_of(each["payment"].get("payment_intent")))
        if payment is not None:
            await keep(desk, payment, invoice=found["hosted_invoice_url"])

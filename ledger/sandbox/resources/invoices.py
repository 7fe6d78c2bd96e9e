"""Invoices of paid Checkout Sessions that were made with ``invoice_creation``."""

from ledger.sandbox.errors import Object
from ledger.sandbox.ids import letters
from ledger.sandbox.rules.changes import merged
from ledger.sandbox.shapes import invoice as shapes
from ledger.sandbox.world import World


def of_session(world: World, session: Object, intent: Object) -> None:
    """Make the invoice that a session asked for, paid already."""
    wanted = session["_"]["asked"].get("invoice_creation") or {}
    if not wanted.get("enabled"):
        return
    data = wanted.get("invoice_data") or {}
    details = session["customer_details"] or {}
    made = shapes.invoice(
        world.now,
        _number(world, session["customer"]),
        session["_"]["lines"],
        session["total_details"]["amount_tax"],
        account_name=world.config.merchant,
        currency=session["currency"],
        customer=session["customer"],
        customer_email=details.get("email"),
        customer_name=details.get("name"),
        customer_address=details.get("address"),
        description=data.get("description"),
        footer=data.get("footer"),
        metadata=merged({}, data.get("metadata") or {}),
    )
    made["hosted_invoice_url"] = f"{world.base}/invoices/{made['id']}"
    made["invoice_pdf"] = f"{made['hosted_invoice_url']}/pdf"
    for event in ("invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"):
        world.emit(event, made)
    payment = shapes.invoice_payment(world.now, made, intent["id"])
    made["_"]["payments"] = [payment]
    world.add(made)
    world.emit("invoice_payment.paid", payment)
    world.change(session, invoice=made["id"])


def _number(world: World, customer: str | None) -> str:
    """The next number: invoices are numbered by customer."""
    if customer is None:
        return f"{letters(8).upper()}-0001"
    found = world.get("customer", customer)
    sequence = found["next_invoice_sequence"]
    world.change(found, next_invoice_sequence=sequence + 1)
    return f"{found['invoice_prefix']}-{sequence:04d}"

"""Invoices: of paid Checkout Sessions that were made with ``invoice_creation``, and of subscriptions.

An invoice is issued open, and paid by a PaymentIntent that has its id hidden in it. It is finalized at once: the hour
that Stripe leaves a draft of a renewal is not simulated.
"""

from typing import Any

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
    made = drafted(
        world,
        session["_"]["lines"],
        world.now,
        tax=session["total_details"]["amount_tax"],
        currency=session["currency"],
        customer=session["customer"],
        customer_email=details.get("email"),
        customer_name=details.get("name"),
        customer_address=details.get("address"),
        description=data.get("description"),
        footer=data.get("footer"),
        metadata=merged({}, data.get("metadata") or {}),
    )
    issue(world, made)
    requested(world, made, intent["id"])
    settle(world, made, world.now)
    world.change(session, invoice=made["id"])


def drafted(world: World, lines: list[Object], at: int, *, tax: int = 0, **given: Any) -> Object:
    """An invoice that nobody has been told of yet."""
    number = _number(world, given["customer"])
    made = shapes.invoice(at, number, lines, tax, account_name=world.config.merchant, **given)
    made["hosted_invoice_url"] = f"{world.base}/invoices/{made['id']}"
    made["invoice_pdf"] = f"{made['hosted_invoice_url']}/pdf"
    return made


def issue(world: World, invoice: Object) -> None:
    """It is final: from now on it can be paid."""
    world.add(invoice, "invoice.created")
    world.emit("invoice.finalized", invoice)


def requested(world: World, invoice: Object, intent: str) -> None:
    """It is to be paid by this intent."""
    invoice["_"]["payments"] = [shapes.invoice_payment(world.now, invoice, intent)]


def settle(world: World, invoice: Object, at: int) -> None:
    """It is paid, by its intent if there was anything to pay."""
    times = {**invoice["status_transitions"], "paid_at": at}
    paid = {"amount_paid": invoice["total"], "amount_remaining": 0, "attempted": True, "status_transitions": times}
    for payment in invoice["_"]["payments"]:
        done = {**payment["status_transitions"], "paid_at": at}
        payment.update(amount_paid=invoice["total"], status="paid", status_transitions=done)
    world.change(invoice, "invoice.paid", status="paid", next_payment_attempt=None, **paid)
    world.emit("invoice.payment_succeeded", invoice)
    for payment in invoice["_"]["payments"]:
        world.emit("invoice_payment.paid", payment)


def unpaid(world: World, invoice: Object, *, failed: bool, asks: bool) -> None:
    """An attempt to pay it has failed, or asks for the customer, or both where the customer was not there."""
    world.change(invoice, attempted=True, attempt_count=invoice["attempt_count"] + 1)
    if failed:
        world.emit("invoice.payment_failed", invoice)
    if asks:
        world.emit("invoice.payment_action_required", invoice)


def void(world: World, invoice: Object, at: int) -> None:
    """Nobody is to pay it any more."""
    times = {**invoice["status_transitions"], "voided_at": at}
    world.change(invoice, "invoice.voided", status="void", status_transitions=times)


def _number(world: World, customer: str | None) -> str:
    """The next number: invoices are numbered by customer."""
    if customer is None:
        return f"{letters(8).upper()}-0001"
    found = world.get("customer", customer)
    sequence = found["next_invoice_sequence"]
    world.change(found, next_invoice_sequence=sequence + 1)
    return f"{found['invoice_prefix']}-{sequence:04d}"

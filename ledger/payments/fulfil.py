"""Credits for money that Stripe has: exactly once, whoever hears of it first.

Stripe is asked for the object itself: an event may be old, doubled or out of order. What is booked has a key made of
the PaymentIntent, and the payment's row changes in the same transaction, so webhook, poller and return page may come
at the same time. Amount, currency and credits are those of our own row; of Stripe's word only what was paid is taken,
and its tax.
"""

import json
from contextlib import suppress
from typing import Any, Final, NamedTuple

import structlog

from ledger.book.chart import DEFERRED_REVENUE, STRIPE_CLEARING, TAX_PAYABLE
from ledger.book.commands import Attempt, Inflow, Metadata, MoneyLine, Posted, Refused, Rider, key_hash
from ledger.book.participants import Event
from ledger.errors import NotFound
from ledger.events.payloads import PaymentFailed
from ledger.kit import failpoints
from ledger.payments import papers, rows
from ledger.payments.desk import Desk
from ledger.payments.gateway import id_of, plain
from ledger.payments.rows import ACTOR, NAMESPACE, Payment, payment_public
from ledger.payments.telling import bought, change_and_tell

log = structlog.get_logger(__name__)

EXPAND_SESSION: Final = ["payment_intent.latest_charge", "invoice"]

PAYMENT_ID: Final = "payment_id"
"""The metadata key under which objects of Stripe name our payment. Whoever opens a Payment Link of the account can give
its session any ``client_reference_id``, but no metadata: that is ours alone."""

AUTO_REFILL: Final = "auto_refill"
"""In the facts of a purchase, and of its refunds: the number of the attempt of an automatic refill that it is of."""


def refill_facts(payment: Payment) -> Metadata:
    """The same of this payment; nothing where it is of none."""
    return {} if payment.refill is None else {AUTO_REFILL: payment.refill}


_PAID: Final = """
UPDATE payments SET state = 'paid', payment_intent = %(intent)s, charge = %(charge)s, paid = %(paid)s, tax = %(tax)s,
    method = %(method)s, receipt_url = %(receipt)s, invoice_url = %(invoice)s, paid_at = ledger_now(), due_at = NULL,
    url = NULL, problem = NULL, version = version + 1,
    number = (SELECT number FROM transactions WHERE wallet_id = %(wallet)s AND key_hash = %(key)s::uuid)
WHERE wallet_id = %(wallet)s AND payment = %(payment)s AND state <> 'paid'"""


async def settle_session(desk: Desk, session_id: str) -> None:
    """Make the payment of a Checkout Session what the session says. Raises StripeAway or StripeRefused."""
    found = await desk.stripe.call(
        lambda stripe: stripe.v1.checkout.sessions.retrieve(session_id, {"expand": EXPAND_SESSION})
    )
    session = plain(found)
    if session["mode"] != "payment":
        return
    payment = await _payment_of(desk, session)
    if payment is None:
        log.warning("stripe.session_unknown", session=session_id)
    elif session["payment_status"] == "paid":
        await _paid(desk, payment, _sale_of(session))
    elif session["status"] == "complete":
        await _not_yet(desk, payment, session)
    elif session["status"] == "expired" and payment.object == session["id"]:
        # The link may last longer: who opens it next is led to another session.
        await _change(desk, payment, object=None, url=None, object_expires_at=None)


async def settle_intent(desk: Desk, intent_id: str) -> None:
    """The same by a PaymentIntent: of its session, or of the automatic refill that it is of. Raises StripeAway or
    StripeRefused."""
    found = await desk.stripe.call(
        lambda stripe: stripe.v1.checkout.sessions.list({"payment_intent": intent_id, "limit": 1})
    )
    sessions = plain(found)["data"]
    for session in sessions:
        await settle_session(desk, session["id"])
    if not sessions:
        await settle_refill(desk, await intent_of(desk, intent_id))


async def intent_of(desk: Desk, intent_id: str) -> dict[str, Any]:
    """A PaymentIntent with its charge. Raises StripeAway or StripeRefused."""
    wanted: Any = {"expand": ["latest_charge"]}
    return plain(await desk.stripe.call(lambda stripe: stripe.v1.payment_intents.retrieve(intent_id, wanted)))


async def settle_refill(desk: Desk, intent: dict[str, Any]) -> None:
    """Give the credits of an automatic refill whose intent, with its charge, has succeeded."""
    if intent["status"] != "succeeded":
        return
    async with desk.database.transaction() as connection:
        payment = await rows.by_object(connection, intent["id"])
        if payment is None or payment.refill is None:
            return
        if payment.state == "paid" and payment.payment_intent != intent["id"]:
            payment = await rows.add_one_more(connection, payment, intent["id"])
    await _paid(desk, payment, _Sale(intent, intent["amount_received"], 0, intent["currency"]))


class _Sale(NamedTuple):
    """What was paid, tax included, and by what at Stripe."""

    intent: dict[str, Any]
    total: int
    tax: int
    currency: str
    session: str | None = None
    invoice_url: str | None = None


def _sale_of(session: dict[str, Any]) -> _Sale:
    total, tax = session["amount_total"], session["total_details"]["amount_tax"]
    invoice_url = papers.invoice_of(session)
    return _Sale(session["payment_intent"], total, tax, session["currency"], session["id"], invoice_url)


async def _not_yet(desk: Desk, payment: Payment, session: dict[str, Any]) -> None:
    """Paid by a method that takes days: the money is on its way, or will not come, and the link can be paid anew."""
    if payment.state not in ("pending", "open", "processing") or payment.object != session["id"]:
        return
    intent = session["payment_intent"]
    if intent["status"] in ("requires_payment_method", "canceled"):
        why = intent.get("last_payment_error") or {}
        data = PaymentFailed(reason=why.get("decline_code") or why.get("code"), **bought(payment))
        event = Event(payment.wallet_id, "payment.failed", data, None)
        await change_and_tell(desk, payment, event, state="failed", object=None, url=None, object_expires_at=None)
    elif payment.state != "processing":
        await _change(desk, payment, state="processing", payment_intent=_intent_id(session))


async def _paid(desk: Desk, payment: Payment, sale: _Sale) -> None:
    """Give the credits. Raises RuntimeError where the book refuses them."""
    intent, total, tax = sale.intent, sale.total, sale.tax
    if sale.currency.upper() != payment.currency or total - tax != payment.amount:
        await _change(desk, payment, problem=f"paid {total} {sale.currency}, tax {tax}, instead of what it is of")
        log.error("stripe.other_amount", intent=intent["id"], paid=total, currency=sale.currency)
        return
    charge = intent.get("latest_charge") or {}
    async with desk.database.transaction() as connection:
        await rows.remember(connection, payment.wallet_id, payment.payment, intent["id"], id_of(charge))
    key = f"{intent['id']}:purchase"
    params = {
        "wallet": payment.wallet_id,
        "payment": payment.payment,
        "key": key_hash(NAMESPACE, key).hex(),
        "intent": intent["id"],
        "charge": id_of(charge),
        "paid": total,
        "tax": tax,
        "method": json.dumps(_method_of(charge)),
        "receipt": papers.receipt_of(charge),
        "invoice": sale.invoice_url,
    }
    facts = {"intent": intent["id"]} if sale.session is None else {"session": sale.session, "intent": intent["id"]}
    command = purchase(payment, tax, facts)
    attempt = Attempt(command=command, key=key, namespace=NAMESPACE, actor=ACTOR, riders=(Rider(_PAID, params),))
    await failpoints.reach("payments.before_purchase")
    [outcome] = await desk.door.submit([attempt])
    if isinstance(outcome, Refused):
        raise RuntimeError(f"{intent['id']} was paid, and is not booked: {outcome.error}")
    assert isinstance(outcome, Posted)
    if outcome.replayed:
        await papers.keep(desk, payment, receipt=papers.receipt_of(charge), invoice=sale.invoice_url)
    else:
        log.info("payment.completed", payment=payment.payment, intent=intent["id"])


def purchase(payment: Payment, tax: int, stripe: dict[str, str]) -> Inflow:
    """The command that books what was paid: credits into a lot of their own, and its money."""
    money = [MoneyLine(STRIPE_CLEARING, DEFERRED_REVENUE, payment.currency, payment.amount)]
    if tax:
        money.append(MoneyLine(STRIPE_CLEARING, TAX_PAYABLE, payment.currency, tax))
    return Inflow(
        wallet_id=payment.wallet_id,
        amount=payment.credits_micro,
        source="purchase",
        of_kind="purchase",
        cost=payment.amount,
        currency=payment.currency,
        money=tuple(money),
        join=False,
        description=payment.description,
        metadata=json.loads(payment.metadata),
        facts={
            "payment_id": payment_public(payment),
            **{f"stripe_{name}": value for name, value in stripe.items()},
            **refill_facts(payment),
        },
    )


async def _payment_of(desk: Desk, session: dict[str, Any]) -> Payment | None:
    """The payment of a session. One that was paid by another session, or that any number pay, has another one made."""
    async with desk.database.transaction() as connection:
        payment = await rows.by_object(connection, session["id"], id_of(session.get("payment_link")))
        named = (session["metadata"] or {}).get(PAYMENT_ID)
        if payment is None and named is not None:
            # It is ours, and the answer that told its id was lost, or is not kept yet.
            with suppress(NotFound):
                payment = await rows.find(connection, named)
        if payment is None or session["payment_status"] != "paid":
            return payment
        paid_otherwise = payment.state == "paid" and payment.payment_intent != _intent_id(session)
        if payment.origin == "reusable" or paid_otherwise:
            return await rows.add_one_more(connection, payment, session["id"])
        return payment


async def _change(desk: Desk, payment: Payment, **values: Any) -> None:
    """Where it has been changed meanwhile, whoever did that knew more."""
    async with desk.database.transaction() as connection:
        await rows.change(connection, payment, **values)


def _intent_id(session: dict[str, Any]) -> str | None:
    return id_of(session["payment_intent"])


def _method_of(charge: dict[str, Any]) -> dict[str, Any]:
    """What people know a means of payment by."""
    details = charge.get("payment_method_details") or {}
    kind = details.get("type")
    told = details.get(kind) or {}
    known = {name: told.get(name) for name in ("brand", "last4", "exp_month", "exp_year", "bank_name")}
    return {"type": kind, **{name: value for name, value in known.items() if value is not None}}

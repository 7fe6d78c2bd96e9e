"""Payment links: written first, then issued at Stripe, and issued anew for as long as they last.

What a customer is given is our own address. Behind it stands one Checkout Session at a time, each of an attempt with
a number that is part of its idempotency key. Before the next one is made the one before is expired at Stripe, and one
that turns out to be paid is fulfilled instead: so no purchase can be paid twice.
"""

import json
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncConnection
from stripe import StripeClient

from ledger.book.participants import Event
from ledger.errors import CurrencyNotTaken, PaymentNotCancelable
from ledger.events.payloads import LinkCreated, LinkExpired
from ledger.kit import clock
from ledger.kit.ids import wallet_public
from ledger.kit.money import format_amount, parse_amount
from ledger.payments import rows
from ledger.payments.cards import refuse_cards
from ledger.payments.customers import customer_of
from ledger.payments.desk import Desk
from ledger.payments.fulfil import PAYMENT_ID, settle_session
from ledger.payments.gateway import StripeAway, StripeRefused, plain
from ledger.payments.limits import check_payment
from ledger.payments.links.shapes import NewLink
from ledger.payments.price import credits_of
from ledger.payments.rows import Payment, payment_public
from ledger.payments.telling import bought, change_and_tell

log = structlog.get_logger(__name__)

LIFE: Final = timedelta(days=7)
SESSION_LIFE: Final = timedelta(hours=23)
SESSION_LEAST: Final = timedelta(minutes=31)
"""Stripe makes no session that ends sooner than in half an hour."""

SESSION_LEFT: Final = timedelta(minutes=1)
"""A session that ends sooner is not given to anybody any more."""

RETRY_S: Final = (5, 30, 120, 600)
"""When a link that could not be issued is tried again; the last over and over."""


async def add(
    connection: AsyncConnection, desk: Desk, wallet_id: int, wanted: NewLink, actor: str, path: str
) -> Payment:
    """Write a new link, not issued yet. Raises InvalidAmount, AmountTooLow, AmountTooHigh or CurrencyNotTaken."""
    currency = wanted.currency or desk.currency
    if currency != desk.currency:
        raise CurrencyNotTaken(
            f"payments are taken in {desk.currency} alone", currency=currency, settlement_currency=desk.currency
        )
    refuse_cards({**wanted.metadata, "description": wanted.description or ""})
    amount = parse_amount(wanted.amount, currency, path=path)
    check_payment(amount, desk.settings, path)
    now = await clock.now(connection)
    return await rows.add(
        connection,
        wallet_id=wallet_id,
        payment=secrets.randbelow(2**62) + 1,
        origin="reusable" if wanted.reusable else "link",
        state="pending",
        amount=amount,
        currency=currency,
        credits_micro=credits_of(amount, currency, desk.settings),
        description=wanted.description,
        metadata=json.dumps(dict(sorted(wanted.metadata.items()))),
        success_url=wanted.success_url,
        cancel_url=wanted.cancel_url,
        save_method=wanted.save_payment_method,
        token=uuid.UUID(bytes=secrets.token_bytes(16)),
        actor=actor,
        expires_at=None if wanted.reusable else now + LIFE,
        due_at=now + timedelta(seconds=RETRY_S[0]),
    )


async def issue(desk: Desk, payment: Payment) -> Payment:
    """Have something at Stripe that can be paid, if the link has nothing such. Raises StripeAway or StripeRefused."""
    now = await clock.now_of(desk.database)
    if payment.state not in ("pending", "open", "failed") or _is_over(payment, now):
        return payment
    if payment.object is not None:
        if payment.object_expires_at is None or payment.object_expires_at > now + SESSION_LEFT:
            return payment
        payment = await _withdraw(desk, payment)
        if payment.state not in ("pending", "open", "failed") or payment.object is not None:
            return payment  # it was paid, or somebody else has issued it anew
    return await (_issue_link if payment.origin == "reusable" else _issue_session)(desk, payment, now)


async def try_issue(desk: Desk, payment: Payment) -> Payment:
    """The same, where Stripe may be away: then the link stays pending, and is tried again later."""
    try:
        return await issue(desk, payment)
    except StripeRefused as error:
        return await _put_off(desk, payment, str(error))
    except StripeAway:
        return await _put_off(desk, payment, "Stripe cannot be reached")


async def cancel(desk: Desk, payment: Payment) -> Payment:
    """End a link before it is paid. Raises PaymentNotCancelable, StripeAway, StripeRefused."""
    while payment.state != "canceled":
        if payment.state not in ("pending", "open", "failed"):
            raise PaymentNotCancelable(f"the payment is {payment.state}", status=payment.state)
        # Where somebody else has it issued meanwhile, what that made is withdrawn, too.
        if payment.object is not None:
            payment = await _withdraw(desk, payment)
        else:
            payment = await _changed(desk, payment, state="canceled", due_at=None, url=None)
    return payment


async def is_over(desk: Desk, payment: Payment) -> bool:
    """Whether its time is over."""
    return _is_over(payment, await clock.now_of(desk.database))


async def end(desk: Desk, payment: Payment) -> Payment:
    """A link whose time is over."""
    if payment.object is not None:
        payment = await _withdraw(desk, payment)
    if payment.state in ("pending", "open", "failed"):
        ended = Event(payment.wallet_id, "payment_link.expired", LinkExpired(**bought(payment)), None)
        payment = await change_and_tell(desk, payment, ended, state="expired", due_at=None, url=None)
    return payment


async def _issue_session(desk: Desk, payment: Payment, now: datetime) -> Payment:
    customer = await customer_of(desk, payment.wallet_id)
    payment = await _intended(desk, payment, now)
    if payment.object is not None or payment.object_expires_at is None:
        return payment  # somebody else was first
    asked: Any = _session_of(payment, desk, customer, payment.object_expires_at)
    key = f"cs:{payment_public(payment)}:{payment.attempt}"
    try:
        made = plain(
            await desk.stripe.call(lambda stripe: stripe.v1.checkout.sessions.create(asked, {"idempotency_key": key}))
        )
    except StripeAway as away:
        found = await _found(desk, payment, customer) if away.is_kept else None
        if found is None:
            if away.is_kept:
                await _changed(desk, payment, object_expires_at=None)  # another attempt, under another key
            raise
        made = found
    return await _issued(desk, payment, payment.attempt, made, payment.object_expires_at)


async def _found(desk: Desk, payment: Payment, customer: str) -> dict[str, Any] | None:
    """The session that was intended, if Stripe has made it. Raises StripeAway."""
    assert payment.object_expires_at is not None
    ours, ends = payment_public(payment), int(payment.object_expires_at.timestamp())
    listed: Any = {"customer": customer, "status": "open", "limit": 100}

    def ask(client: StripeClient) -> dict[str, Any] | None:
        for one in map(plain, client.v1.checkout.sessions.list(listed).auto_paging_iter()):
            if one["client_reference_id"] == ours and one["expires_at"] == ends:
                return one
        return None

    return await desk.stripe.call(ask)


async def _intended(desk: Desk, payment: Payment, now: datetime) -> Payment:
    """Write which session is going to be asked for, before it is: who asks again, as no answer came, asks for the very
    same, and so is given it."""
    ends = payment.object_expires_at
    if payment.object is None and ends is not None and ends > now + SESSION_LEAST:
        return payment
    ends = (now + SESSION_LIFE).replace(microsecond=0)
    return await _changed(desk, payment, attempt=payment.attempt + 1, object=None, object_expires_at=ends)


async def _issue_link(desk: Desk, payment: Payment, now: datetime) -> Payment:
    attempt = payment.attempt + 1
    asked: Any = {
        "line_items": [_line_of(payment)],
        "metadata": _metadata_of(payment),
        "payment_intent_data": {"metadata": _metadata_of(payment)},
        "automatic_tax": {"enabled": desk.settings.automatic_tax},
    }
    if payment.success_url is not None:
        asked["after_completion"] = {"type": "redirect", "redirect": {"url": payment.success_url}}
    key = f"plink:{payment_public(payment)}:{attempt}"
    try:
        made = await desk.stripe.call(lambda stripe: stripe.v1.payment_links.create(asked, {"idempotency_key": key}))
    except StripeAway as away:
        if away.is_kept:
            await _changed(desk, payment, attempt=attempt)  # the next one has another key; nobody knows this one
        raise
    return await _issued(desk, payment, attempt, plain(made), None)


async def _issued(
    desk: Desk, payment: Payment, attempt: int, made: dict[str, Any], expires_at: datetime | None
) -> Payment:
    """It can be paid now; the first time that is told of."""
    values = {
        "state": "open",
        "attempt": attempt,
        "object": made["id"],
        "url": made["url"],
        "object_expires_at": expires_at,
        "due_at": payment.expires_at,
        "tries": 0,
        "problem": None,
    }
    async with desk.database.transaction() as connection:
        await rows.remember(connection, payment.wallet_id, payment.payment, made["id"])
    if payment.told:
        return await _changed(desk, payment, **values)
    url = f"{desk.public_url}/pay/{payment.token.hex}"
    data = LinkCreated(payment_url=url, expires_at=payment.expires_at, **bought(payment))
    event = Event(payment.wallet_id, "payment_link.created", data, None)
    return await change_and_tell(desk, payment, event, told=True, **values)


async def _withdraw(desk: Desk, payment: Payment) -> Payment:
    """Make sure that nobody pays by what is at Stripe now; what has been paid is fulfilled. Raises StripeAway, and
    StripeRefused: then it may still be paid."""
    name = payment.object
    assert name is not None
    try:
        if payment.origin == "reusable":
            off: Any = {"active": False}
            await desk.stripe.call(lambda stripe: stripe.v1.payment_links.update(name, off))
        else:
            await desk.stripe.call(lambda stripe: stripe.v1.checkout.sessions.expire(name))
    except StripeRefused as refused:
        if refused.of_key:
            raise
        # It is complete, or has expired by itself.
        await settle_session(desk, name)
    async with desk.database.transaction() as connection:
        found = await _again(connection, payment)
        if found.state not in ("pending", "open", "failed") or found.object != name:
            return found
        gone = await rows.change(connection, found, object=None, url=None, object_expires_at=None)
        return gone or await _again(connection, payment)


def _session_of(payment: Payment, desk: Desk, customer: str, ends: datetime) -> dict[str, Any]:
    page = f"{desk.public_url}/pay/{payment.token.hex}"
    intent: dict[str, Any] = {"metadata": _metadata_of(payment)}
    if payment.save_method:
        intent["setup_future_usage"] = "off_session"
    if payment.description is not None:
        intent["description"] = payment.description
    # Tax goes by where the customer is, which Stripe's page asks for and keeps.
    taxed = {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto"}}
    return {
        "mode": "payment",
        "customer": customer,
        "client_reference_id": payment_public(payment),
        "success_url": f"{page}/done?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": payment.cancel_url or f"{page}/done",
        "expires_at": int(ends.timestamp()),
        "line_items": [_line_of(payment)],
        "metadata": _metadata_of(payment),
        "payment_intent_data": intent,
        "allowed_payment_method_types": desk.settings.payment_methods.split(","),
        "adaptive_pricing": {"enabled": False},
        "invoice_creation": {"enabled": True},
        **(taxed if desk.settings.automatic_tax else {}),
    }


def _line_of(payment: Payment) -> dict[str, Any]:
    name = payment.description or f"{format_amount(payment.credits_micro)} credits"
    price = {
        "currency": payment.currency.lower(),
        "unit_amount": payment.amount,
        "tax_behavior": "exclusive",
        "product_data": {"name": name},
    }
    return {"quantity": 1, "price_data": price}


def _metadata_of(payment: Payment) -> dict[str, str]:
    return {PAYMENT_ID: payment_public(payment), "wallet_id": wallet_public(payment.wallet_id)}


def _is_over(payment: Payment, now: datetime) -> bool:
    return payment.expires_at is not None and payment.expires_at <= now


async def _put_off(desk: Desk, payment: Payment, problem: str) -> Payment:
    async with desk.database.transaction() as connection:
        payment = await _again(connection, payment)  # what was intended stands in it
    log.warning("payment.not_issued", payment=payment.payment, problem=problem, tries=payment.tries + 1)
    wait = RETRY_S[min(payment.tries, len(RETRY_S) - 1)]
    later = func.ledger_now() + timedelta(seconds=wait)
    return await _changed(desk, payment, due_at=later, tries=payment.tries + 1, problem=problem[:500])


async def _changed(desk: Desk, payment: Payment, **values: Any) -> Payment:
    """The payment as changed; where somebody else was first, as that one left it."""
    async with desk.database.transaction() as connection:
        return await rows.change(connection, payment, **values) or await _again(connection, payment)


async def _again(connection: AsyncConnection, payment: Payment) -> Payment:
    found = await rows.load(connection, payment.wallet_id, payment.payment)
    assert found is not None
    return found

"""What is done about each type of event: one table.

A row names what is to be done (a function of a desk and the id of an object of Stripe) and how that id is found in
the event. All of them ask Stripe for the object as it is now, so that it does not matter how often they are called,
in which order, or by how many at once. Events of other types are kept and ignored.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from ledger.payments.desk import Desk
from ledger.payments.disputes.converge import converge_dispute
from ledger.payments.fulfil import settle_intent, settle_session
from ledger.payments.gateway import id_of
from ledger.payments.inbox.told import Told
from ledger.payments.methods.converge import converge_customer, converge_method
from ledger.payments.money.charges import book_charge
from ledger.payments.money.payouts import converge_payout
from ledger.payments.papers import converge_invoice
from ledger.payments.refunds.converge import converge_refund

Does = Callable[[Desk, str], Awaitable[None]]
"""Makes our rows and books what Stripe says of the object with this id."""

Object = Mapping[str, Any]


class Effect(NamedTuple):
    """``find``: the id in the event's object; None where there is nothing to do."""

    find: Callable[[Object], str | None]
    does: Does


class Job(NamedTuple):
    """What is to be done about one object: once, however many events tell of it."""

    does: Does
    about: str


Effects = Mapping[str, tuple[Effect, ...]]
"""By type of event."""


def jobs_of(told: Told, effects: Effects) -> list[Job]:
    """What an event asks for; nothing where it is of no interest, or of an account that is not ours."""
    if told.account is not None:
        return []
    found = [(effect.does, effect.find(told.data.object)) for effect in effects.get(told.type, ())]
    return [Job(does, about) for does, about in found if about]


def itself(thing: Object) -> str | None:
    """The object's own id."""
    found: str | None = thing.get("id")
    return found


def _customer(thing: Object) -> str | None:
    return id_of(thing.get("customer"))


def _purchase(session: Object) -> str | None:
    """A session in which something is paid."""
    return itself(session) if session.get("mode") == "payment" else None


def _saver(session: Object) -> str | None:
    """The customer of a session in which a payment method is saved."""
    return _customer(session) if session.get("mode") == "setup" else None


def _each(types: str, *effects: Effect) -> dict[str, tuple[Effect, ...]]:
    return dict.fromkeys(types.split(), effects)


EFFECTS: Final[Effects] = {
    **_each("checkout.session.completed", Effect(_purchase, settle_session), Effect(_saver, converge_customer)),
    **_each(
        "checkout.session.async_payment_succeeded checkout.session.async_payment_failed checkout.session.expired",
        Effect(_purchase, settle_session),
    ),
    **_each(
        "payment_intent.succeeded payment_intent.payment_failed payment_intent.processing "
        "payment_intent.requires_action payment_intent.canceled",
        Effect(itself, settle_intent),
    ),
    **_each("charge.updated", Effect(itself, book_charge)),
    **_each("invoice.finalized invoice.paid", Effect(itself, converge_invoice)),
    **_each("refund.created refund.updated refund.failed", Effect(itself, converge_refund)),
    **_each(
        "charge.dispute.created charge.dispute.updated charge.dispute.closed charge.dispute.funds_withdrawn "
        "charge.dispute.funds_reinstated",
        Effect(itself, converge_dispute),
    ),
    **_each(
        "payout.created payout.updated payout.paid payout.failed payout.canceled payout.reconciliation_completed",
        Effect(itself, converge_payout),
    ),
    **_each("setup_intent.succeeded", Effect(_customer, converge_customer)),
    **_each(
        "payment_method.attached payment_method.detached payment_method.updated payment_method.automatically_updated",
        Effect(itself, converge_method),
    ),
    **_each("customer.updated customer.deleted", Effect(itself, converge_customer)),
}

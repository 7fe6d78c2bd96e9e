"""Making our rows and the book what Stripe says of a refund: those that were asked for here, and those that were not.

Its movements are booked as soon as there are any: ``refund_payable`` was what is owed to who paid, and the money that
leaves Stripe's balance pays it. One that fails, at once or weeks later, brings the money back, and then the credits.
"""

from typing import Any, Final

from ledger.book.commands import Entry, RefundPayment, UndoRefund
from ledger.errors import NotFound
from ledger.kit.ids import parse_row, row_public
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.fulfil import refill_facts
from ledger.payments.gateway import id_of, plain
from ledger.payments.money import posting, problems
from ledger.payments.money.movements import Movement, lines_of
from ledger.payments.money.older import take_older
from ledger.payments.refunds import store
from ledger.payments.refunds.store import Refund
from ledger.payments.rows import ACTOR, Payment, payment_public

EXPAND: Final = ["balance_transaction"]
ENDED: Final = ("failed", "canceled")

FITS_NOT: Final = "more would be refunded than was paid, as long as others of the payment's refunds are pending"


async def converge_refund(desk: Desk, refund_id: str) -> None:
    """Ask Stripe for a refund, and book what it says. Raises StripeAway or StripeRefused."""
    found = await desk.stripe.call(lambda stripe: stripe.v1.refunds.retrieve(refund_id, {"expand": EXPAND}))
    await apply(desk, plain(found))


async def apply(desk: Desk, told: dict[str, Any]) -> None:
    """Book what Stripe says of a refund: ``told`` is the object, with ``EXPAND``."""
    movements = await _movements(desk, told)
    async with desk.database.transaction() as connection:
        payment = await rows.by_object(connection, told["id"], id_of(told["charge"]), id_of(told["payment_intent"]))
    if payment is None or payment.number is None:
        if await take_older(desk, told["id"], id_of(told["charge"]), movements.values()):
            return
        await posting.note(desk, *movements.values())
        await problems.keep(desk.database, told["id"], "refund", "no payment that is booked has its charge")
        return
    refund = await _ours(desk, payment, told)
    if refund is None and told["status"] not in ENDED:
        refund = await _taken(desk, payment, told)
        if refund is None:
            await problems.keep(desk.database, told["id"], "refund", FITS_NOT)
            return
    async with desk.database.transaction() as connection:
        await rows.remember(connection, payment.wallet_id, payment.payment, told["id"])
        if refund is not None:
            await store.name(connection, refund, told["id"])
    if await _move(desk, payment, told["id"], movements):
        await _settle(desk, refund, told)
    elif refund is not None:
        await store.later(desk.database, refund, "a movement of it cannot be booked")


async def undo(desk: Desk, refund: Refund, problem: str) -> None:
    """The money is not given back: credits and liability are where they were."""
    facts = posting.facts_of(payment=row_public("pay", refund.wallet_id, refund.payment), refund=refund.refund)
    command = UndoRefund(wallet_id=refund.wallet_id, number=refund.number, description=problem, facts=facts)
    await posting.post(desk, command, f"{refund.number}:undone", store.undo(refund, problem))


async def _ours(desk: Desk, payment: Payment, told: dict[str, Any]) -> Refund | None:
    """The refund that this is, by Stripe's id of it or by ours in its metadata."""
    async with desk.database.transaction() as connection:
        refund = await store.by_stripe(connection, payment.wallet_id, told["id"])
        if refund is not None:
            return refund
        try:
            wallet_id, number = parse_row("rfd", (told["metadata"] or {}).get("refund_id", ""), "refund")
        except NotFound:
            return None
        refund = await store.load(connection, wallet_id, number)
    mine = refund is not None and (refund.wallet_id, refund.payment) == (payment.wallet_id, payment.payment)
    return refund if mine and refund is not None and refund.refund in (None, told["id"]) else None


async def _taken(desk: Desk, payment: Payment, told: dict[str, Any]) -> Refund | None:
    """A refund that was made at Stripe takes the credits that are unspent; the rest is a loss. None: not now."""
    assert payment.number is not None and payment.paid is not None
    key = f"{told['id']}:refund"
    of = posting.facts_of(payment=payment_public(payment), refund=told["id"], charge=id_of(told["charge"]))
    command = RefundPayment(
        wallet_id=payment.wallet_id,
        number=payment.number,
        paid=payment.paid,
        money=told["amount"],
        force=True,
        description="Refunded at Stripe",
        facts=of | refill_facts(payment),
    )
    begin = store.begin(payment, posting.hash_of(key), reason=told["reason"], actor=ACTOR, refund=told["id"])
    await posting.post(desk, command, key, begin)
    async with desk.database.transaction() as connection:
        return await store.by_stripe(connection, payment.wallet_id, told["id"])


async def _move(desk: Desk, payment: Payment, refund_id: str, movements: dict[str, Movement]) -> bool:
    """Book the movements there are; False where one of them cannot be."""
    for effect, movement in movements.items():
        if not await posting.is_ours(desk, movement):
            return False
        key = f"{refund_id}:{effect}"
        command = Entry(
            wallet_id=payment.wallet_id,
            of_kind=_KINDS[effect],
            money=lines_of(movement),
            facts=posting.facts_of(movement, payment=payment_public(payment), refund=refund_id),
        )
        await posting.post(desk, command, key, posting.claim(movement, payment.wallet_id, key))
        async with desk.database.transaction() as connection:
            await problems.clear(connection, movement.movement)
    return True


async def _settle(desk: Desk, refund: Refund | None, told: dict[str, Any]) -> None:
    if refund is not None and told["status"] in ENDED:
        reason = told.get("failure_reason") or told["status"]
        await undo(desk, refund, f"Stripe could not pay it: {reason}")
    elif refund is not None and told["status"] == "succeeded":
        async with desk.database.transaction() as connection:
            await store.succeed(connection, refund)
    elif refund is not None:
        await store.later(desk.database, refund, f"it is {told['status']} at Stripe")
    async with desk.database.transaction() as connection:
        await problems.clear(connection, told["id"])


_KINDS: Final = {"paid": "refund_paid", "returned": "refund_returned"}


async def _movements(desk: Desk, told: dict[str, Any]) -> dict[str, Movement]:
    """What the refund moved, by what it is: the money that left, and the money that came back."""
    moved = {}
    for effect, name in (("paid", "balance_transaction"), ("returned", "failure_balance_transaction")):
        if told.get(name) is not None:
            moved[effect] = await posting.retrieved(desk, told[name])
    return moved


def public_id(refund: Refund) -> str:
    return row_public("rfd", refund.wallet_id, refund.number)

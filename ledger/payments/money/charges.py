"""What Stripe keeps of a payment: known some time after the money came, and booked then.

The purchase booked the whole amount into ``stripe_clearing``; the fee leaves it again, in the same customer's book.
"""

from typing import Final

from ledger.book.commands import Entry, Rider
from ledger.payments import papers, rows
from ledger.payments.desk import Desk
from ledger.payments.gateway import id_of, plain
from ledger.payments.money import posting, problems
from ledger.payments.money.movements import Movement, lines_of, movement_of
from ledger.payments.money.older import take_older
from ledger.payments.rows import Payment, payment_public

_FEE: Final = """
UPDATE payments SET fee = %(fee)s, version = version + 1 WHERE wallet_id = %(wallet)s AND payment = %(payment)s"""


async def book_charge(desk: Desk, charge_id: str) -> None:
    """Book the fee of a charge, if it is known by now, and keep where its receipt is.

    Raises StripeAway or StripeRefused.
    """
    expand = ["balance_transaction"]
    charge = plain(await desk.stripe.call(lambda stripe: stripe.v1.charges.retrieve(charge_id, {"expand": expand})))
    async with desk.database.transaction() as connection:
        payment = await rows.by_object(connection, charge_id, id_of(charge["payment_intent"]))
    if payment is not None:
        await papers.keep(desk, payment, receipt=papers.receipt_of(charge))
    if charge["balance_transaction"] is None:
        return
    movement = movement_of(charge["balance_transaction"])
    if payment is None or payment.number is None:
        if await take_older(desk, charge_id, charge_id, [movement]):
            return
        await posting.note(desk, movement)
        await problems.keep(desk.database, charge_id, "charge", "no payment that is booked has this charge")
    elif await posting.is_ours(desk, movement):
        await _book(desk, payment, charge_id, movement)


async def _book(desk: Desk, payment: Payment, charge_id: str, movement: Movement) -> None:
    lines, key = lines_of(movement), f"{movement.movement}:fee"
    fee = {"fee": max(movement.fee, 0), "wallet": payment.wallet_id, "payment": payment.payment}
    if lines:
        command = Entry(
            wallet_id=payment.wallet_id,
            of_kind="fee",
            money=lines,
            facts=posting.facts_of(movement, payment=payment_public(payment), charge=charge_id),
        )
        await posting.post(desk, command, key, posting.claim(movement, payment.wallet_id, key), Rider(_FEE, fee))
    async with desk.database.transaction() as connection:
        if not lines:  # for nothing: the movement is the purchase alone
            claim = posting.claim(movement, payment.wallet_id, f"{payment.payment_intent}:purchase")
            await connection.exec_driver_sql(claim.sql, dict(claim.params))
            await connection.exec_driver_sql(f"{_FEE} AND fee IS NULL", fee)
        await rows.remember(connection, payment.wallet_id, payment.payment, charge_id)
        await problems.clear(connection, charge_id, movement.movement)

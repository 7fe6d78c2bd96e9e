"""A movement of Stripe's balance is one transaction, and a decision stands only on what has not changed since."""

from typing import Any

import pytest

from ledger.book.commands import Entry, MoneyLine, Posted, Rider
from ledger.errors import RiderConflict
from ledger.payments.disputes import store
from ledger.payments.money.charges import book_charge
from ledger.payments.money.movements import Movement, movement_of
from ledger.payments.money.posting import claim, post
from ledger.payments.rows import Payment
from tests.payments.buying import Shop

pytestmark = pytest.mark.anyio

assert RiderConflict.code == "STATE_CHANGED"


async def booked(shop: Shop, payment: Payment, key: str, *riders: Rider) -> Posted | None:
    """A line in money that is nothing, with riders."""
    line = MoneyLine("stripe_fees", "dispute_fees", "USD", 1)
    return await post(shop.desk, Entry(wallet_id=payment.wallet_id, of_kind="fee", money=(line,)), key, *riders)


def movement_at(shop: Shop, payment: Payment) -> Movement:
    wanted: Any = {"expand": ["balance_transaction"]}
    charge = shop.stripe.v1.charges.retrieve(str(payment.charge), wanted)
    return movement_of(charge.to_dict(for_json=True)["balance_transaction"])


async def test_a_movement_is_no_second_transaction(shop: Shop) -> None:
    """Under whatever key, and in whoever's book."""
    payment, other = await shop.buy(), await shop.buy()
    movement = movement_at(shop, payment)
    for whose in (payment, other):
        key = f"{movement.movement}:again"
        assert await booked(shop, whose, key, claim(movement, whose.wallet_id, key)) is None
    row = shop.row("stripe_movements", movement=movement.movement)
    assert (payment.wallet_id, 2) == (row["wallet_id"], row["number"])


async def test_a_fee_that_is_heard_of_again_is_no_second_fee(shop: Shop) -> None:
    payment = await shop.buy()
    for _ in range(2):
        await book_charge(shop.desk, str(payment.charge))
    assert ["purchase", "fee"] == shop.kinds(payment)


async def test_what_a_dispute_was_decided_by_may_not_have_changed(shop: Shop) -> None:
    """A refund came in between: it is looked again."""
    seen = await shop.buy()
    async with shop.desk.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE payments SET version = version + 1 WHERE wallet_id = %(wallet)s", {"wallet": seen.wallet_id}
        )
    assert await booked(shop, seen, "du_1:withdrawn", store.disputed(seen, 5_000)) is None
    now = await shop.again(seen)
    assert await booked(shop, now, "du_1:withdrawn", store.disputed(now, 5_000)) is not None
    assert 5_000 == (await shop.again(seen)).disputed

"""Booking what Stripe says, once: each effect under a key made of Stripe's ids, with the rows that go with it."""

from typing import Any, Final

from sqlalchemy.dialects.postgresql import insert

from ledger.book import house
from ledger.book.chart import HOUSE
from ledger.book.commands import Attempt, Command, Metadata, Posted, Refused, Rider, key_hash
from ledger.errors import IdempotencyConflict, RiderConflict
from ledger.payments.desk import Desk
from ledger.payments.gateway import plain
from ledger.payments.money import problems
from ledger.payments.money.movements import Movement, movement_of
from ledger.payments.money.opening import opening_of
from ledger.payments.rows import ACTOR, NAMESPACE
from ledger.payments.tables import stripe_movements

ROUNDS_MAX: Final = 20
"""How often it is looked again at what others change meanwhile, before it is left for later."""

_CLAIM: Final = """
INSERT INTO stripe_movements (movement, type, source, amount, fee, net, currency, created_at, wallet_id, number)
SELECT %(movement)s, %(type)s, %(source)s, %(amount)s, %(fee)s, %(net)s, %(currency)s, %(created_at)s, %(wallet)s,
    number
FROM transactions WHERE wallet_id = %(wallet)s AND key_hash = %(key)s::uuid
ON CONFLICT (movement) DO UPDATE SET wallet_id = excluded.wallet_id, number = excluded.number
WHERE stripe_movements.number IS NULL"""


async def post(desk: Desk, command: Command, key: str, *riders: Rider) -> Posted | None:
    """Book an effect under its key. None: somebody else has booked it, or changed what it was decided by: look again.

    Raises what the book refuses it with.
    """
    attempt = Attempt(command=command, key=key, namespace=NAMESPACE, actor=ACTOR, riders=riders)
    [outcome] = await desk.door.submit([attempt])
    if isinstance(outcome, Posted):
        return outcome
    assert isinstance(outcome, Refused), f"the book answered with {type(outcome).__name__}"
    if isinstance(outcome.error, IdempotencyConflict | RiderConflict):
        return None
    raise outcome.error


def hash_of(key: str, namespace: str = NAMESPACE) -> str:
    """A key as the journal has it, for statements that look for its transaction."""
    return key_hash(namespace, key).hex()


def claim(movement: Movement, wallet_id: int, key: str) -> Rider:
    """The movement is this transaction: no other may be it, and this one is no other movement."""
    return Rider(_CLAIM, _values(movement) | {"wallet": wallet_id, "key": hash_of(key)})


async def retrieved(desk: Desk, found: str | dict[str, Any]) -> Movement:
    """A movement as it was expanded, or by its id."""
    if isinstance(found, str):
        name = found
        found = plain(await desk.stripe.call(lambda stripe: stripe.v1.balance_transactions.retrieve(name)))
    return movement_of(found)


async def listed(desk: Desk, **of: Any) -> list[Movement]:
    """Movements at Stripe, the oldest first."""
    params: Any = {**of, "limit": 100}
    found = await desk.stripe.call(
        lambda stripe: [plain(one) for one in stripe.v1.balance_transactions.list(params).auto_paging_iter()]
    )
    return [movement_of(one) for one in reversed(found)]


async def note(desk: Desk, *movements: Movement, payout: str | None = None) -> None:
    """Store movements that are not booked, or not yet."""
    if not movements:
        return
    values = [_values(movement) | {"payout": payout} for movement in movements]
    statement = insert(stripe_movements).values(values)
    changed: Any = {"payout": statement.excluded.payout}
    async with desk.database.transaction() as connection:
        await connection.execute(
            statement.on_conflict_do_nothing()
            if payout is None
            else statement.on_conflict_do_update(index_elements=["movement"], set_=changed)
        )


async def is_ours(desk: Desk, movement: Movement) -> bool:
    """Whether it is of a kind and currency that can be booked; one that is not is kept, with the reason. What is in the
    opening is not booked by itself."""
    opening = await opening_of(desk)
    if opening is not None and movement.created_at < opening.at and movement.currency == opening.currency:
        await note(desk, movement)
        async with desk.database.transaction() as connection:
            await problems.clear(connection, movement.movement)
        return False
    wrong = None
    if movement.currency != desk.currency:
        wrong = f"it is in {movement.currency}, and the books are kept in {desk.currency}"
    elif not movement.known:
        wrong = f"movements of type {movement.type} ({movement.category}) are not booked"
    if wrong is not None:
        await note(desk, movement)
        await problems.keep(desk.database, movement.movement, "movement", wrong)
    return wrong is None


async def open_house(desk: Desk) -> int:
    """The house's own book, which is there from now on."""
    async with desk.database.transaction() as connection:
        await house.open_house(connection)
    return HOUSE


def facts_of(movement: Movement | None = None, *, payment: str | None = None, **objects: str | None) -> Metadata:
    """What a transaction is said to belong to: at Stripe, and which ``payment`` of ours (its public id)."""
    named = objects | {"balance_transaction": None if movement is None else movement.movement}
    facts: Metadata = {f"stripe_{name}": value for name, value in named.items() if value is not None}
    return facts if payment is None else facts | {"payment_id": payment}


def _values(movement: Movement) -> dict[str, Any]:
    kept = movement._asdict()
    return {name: value for name, value in kept.items() if name not in ("category", "description")}

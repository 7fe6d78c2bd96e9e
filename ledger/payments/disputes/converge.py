"""Making our rows and the book what Stripe says of a dispute."""

from typing import Any

from ledger.book.commands import Command, Entry, OpenDispute, Posted, Rider, SettleDispute
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.disputes import rules, store
from ledger.payments.disputes.rules import Stage, Step
from ledger.payments.gateway import id_of, plain
from ledger.payments.money import posting, problems
from ledger.payments.money.movements import Movement, lines_of, movement_of
from ledger.payments.money.older import take_older
from ledger.payments.rows import Payment, payment_public


async def converge_dispute(desk: Desk, dispute_id: str, *more: Movement) -> None:
    """Ask Stripe for a dispute, and book what it says. Raises StripeAway or StripeRefused.

    ``more``: movements that are known to be of it.
    """
    told = plain(await desk.stripe.call(lambda stripe: stripe.v1.disputes.retrieve(dispute_id)))
    movements = await _movements(desk, told, more)
    payment = await _payment_of(desk, told)
    if payment is None or payment.number is None:
        if await take_older(desk, dispute_id, id_of(told["charge"]), movements):
            return
        await posting.note(desk, *movements)
        await problems.keep(desk.database, dispute_id, "dispute", "no payment that is booked has its charge")
        return
    async with desk.database.transaction() as connection:
        await store.note(connection, payment, told)
        await rows.remember(connection, payment.wallet_id, payment.payment, dispute_id)
    bookable = [movement for movement in movements if await posting.is_ours(desk, movement)]
    if not await _book(desk, payment, told, bookable):
        await problems.keep(desk.database, dispute_id, "dispute", "its movements do not fit to what is booked of it")
        return
    async with desk.database.transaction() as connection:
        await problems.clear(connection, dispute_id, *(movement.movement for movement in bookable))


async def _book(desk: Desk, payment: Payment, told: dict[str, Any], movements: list[Movement]) -> bool:
    """Step by step, looking again after each; whether it came to an end."""
    names = [movement.movement for movement in movements]
    for _ in range(posting.ROUNDS_MAX):
        async with desk.database.transaction() as connection:
            found = await rows.load(connection, payment.wallet_id, payment.payment)
            stage = await store.stage(connection, payment.wallet_id, told["id"], names)
            assert found is not None
            refunded = await store.refunded_micro(connection, found)
        step = rules.next_step(told["status"], movements, stage)
        if step is None:
            return True
        await _take(desk, found, told["id"], step, stage, movements, refunded)
    return False


async def _take(
    desk: Desk, payment: Payment, dispute: str, step: Step, stage: Stage, movements: list[Movement], refunded: int
) -> Posted | None:
    """Book one step. None where somebody else has, or changed what it stands on."""
    key = f"{dispute}:lost" if step.movement is None else f"{step.movement.movement}:{_EFFECTS[step.does]}"
    hashed = posting.hash_of(key)
    claim = [] if step.movement is None else [posting.claim(step.movement, payment.wallet_id, key)]
    withdrawn = _withdrawn(stage, movements)
    command: Command
    riders: list[Rider] = []
    match step:
        case Step("open", Movement() as movement):
            command = _opening(payment, dispute, movement, refunded)
            riders = [store.opened(payment, dispute, hashed), store.disputed(payment, -movement.amount)]
        case Step("win" | "lose"):
            assert stage.number is not None
            command = _settling(payment, dispute, stage.number, withdrawn, step.movement)
            riders = [store.settled(payment, dispute, stage.number, hashed)]
            if step.movement is not None:
                riders.append(store.disputed(payment, -withdrawn))
        case Step(does, Movement() as movement):
            money = lines_of(movement) if does == "fee" else rules.recovered(movement)
            facts = posting.facts_of(movement, payment=payment_public(payment), dispute=dispute)
            command = Entry(wallet_id=payment.wallet_id, of_kind=_KINDS[does], money=money, facts=facts)
            riders = [store.recovered(payment, dispute)] if does == "recover" else []
        case _:
            raise AssertionError(f"no command for {step}")
    return await posting.post(desk, command, key, *claim, *riders)


_EFFECTS = {"open": "withdrawn", "win": "reinstated", "recover": "reinstated", "fee": "fee"}
_KINDS = {"fee": "fee", "recover": "dispute_recovered"}


def _opening(payment: Payment, dispute: str, movement: Movement, refunded: int) -> OpenDispute:
    assert payment.number is not None and payment.paid is not None
    return OpenDispute(
        wallet_id=payment.wallet_id,
        number=payment.number,
        amount=rules.credits_of(-movement.amount, payment.paid, payment.credits_micro, refunded),
        money=lines_of(movement),
        facts=posting.facts_of(movement, payment=payment_public(payment), dispute=dispute, charge=payment.charge),
    )


def _settling(payment: Payment, dispute: str, number: int, withdrawn: int, back: Movement | None) -> SettleDispute:
    assert payment.paid is not None
    return SettleDispute(
        wallet_id=payment.wallet_id,
        number=number,
        won=back is not None,
        withdrawn=withdrawn,
        paid=payment.paid,
        currency=payment.currency,
        money=() if back is None else rules.given_back(back, withdrawn),
        facts=posting.facts_of(back, payment=payment_public(payment), dispute=dispute),
    )


def _withdrawn(stage: Stage, movements: list[Movement]) -> int:
    """What the withdrawal took that was booked last."""
    return -sum(one.amount for one in movements if stage.open and stage.booked.get(one.movement) == stage.number)


async def _movements(desk: Desk, told: dict[str, Any], more: tuple[Movement, ...]) -> list[Movement]:
    """All that a dispute moved: what it lists itself, and fees that name it."""
    own = [movement_of(one) for one in told["balance_transactions"]]
    return rules.in_order(own, [*await posting.listed(desk, source=told["id"]), *more])


async def _payment_of(desk: Desk, told: dict[str, Any]) -> Payment | None:
    names = (told["id"], id_of(told["charge"]), id_of(told["payment_intent"]))
    async with desk.database.transaction() as connection:
        return await rows.by_object(connection, *names)

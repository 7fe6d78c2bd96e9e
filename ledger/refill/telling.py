"""What is told of an attempt that no posting says, and the riders that make it so: both stand, or neither."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from ledger.book.commands import Attempt as Try
from ledger.book.commands import BookDue, Changed, Command, Rider, Tell
from ledger.book.door import Door
from ledger.events.payloads import Data, RefillFailed, RefillNeedsAction, RefillPaused
from ledger.kit.money import format_amount
from ledger.payments.rows import Payment, payment_public
from ledger.refill.attempts import Attempt

NAMESPACE = "refill"


async def move(door: Door, wallet_id: int, riders: Sequence[Rider], events: Sequence[Data] = ()) -> bool:
    """Make a change under the wallet's lock, and tell of it; whether it was made: nobody else was first."""
    commands: list[Command] = [Tell(wallet_id=wallet_id, of_type=TYPES[type(data)], data=data) for data in events]
    first, *others = commands or [BookDue(wallet_id=wallet_id)]
    tries = [_try(first, tuple(riders)), *map(_try, others)]
    outcomes = await door.submit(tries, atomic=True)
    return all(isinstance(outcome, Changed) for outcome in outcomes)


async def look(door: Door, wallet_ids: Sequence[int]) -> None:
    """Have the participant decide about these wallets, although nothing moves in them."""
    await door.submit([_try(BookDue(wallet_id=wallet_id)) for wallet_id in wallet_ids])


TYPES: dict[type[Data], str] = {
    RefillFailed: "auto_refill.failed",
    RefillNeedsAction: "auto_refill.requires_action",
    RefillPaused: "auto_refill.paused",
}


def failed(attempt: Attempt, reason: str, next_try_at: datetime | None) -> RefillFailed:
    return RefillFailed(
        attempt_id=attempt.public,
        payment_id=attempt.payment_public,
        reason=reason[:200],
        tries=attempt.tries,
        next_try_at=next_try_at,
        **_bought(attempt),
    )


def needs_action(attempt: Attempt, payment: Payment, url: str, expires_at: datetime, reason: str) -> RefillNeedsAction:
    return RefillNeedsAction(
        attempt_id=attempt.public,
        payment_id=payment_public(payment),
        payment_url=url,
        expires_at=expires_at,
        reason=reason[:200],
        **_bought(attempt),
    )


def _bought(attempt: Attempt) -> dict[str, str]:
    return {
        "credits": format_amount(attempt.credits_micro),
        "amount": format_amount(attempt.amount, attempt.currency),
        "currency": attempt.currency,
    }


def _try(command: Command, riders: tuple[Rider, ...] = ()) -> Try:
    """(Commands that write no transaction are not remembered by their key.)"""
    return Try(command=command, key=uuid4().hex, namespace=NAMESPACE, actor="system", riders=riders)

"""Tells of what the book itself does: credits given and expired, holds that ended by themselves, transfers.

And the way to tell of what no posting says. A wallet's events are numbered under its lock, so it goes through the door
like everything else.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ledger.book.chart import EXPIRED, HELD, TRANSIT, WALLET
from ledger.book.commands import Attempt, Changed, Command, Inflow, Rider, Tell, Transaction, key_hash
from ledger.book.door import Door
from ledger.book.participants import Event, Part, Rows, Statement
from ledger.book.posted import lot_into
from ledger.book.rules.move import Move
from ledger.events.payloads import CreditsExpired, CreditsGranted, Data, HoldExpired, TransferCompleted
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import CREDIT, format_amount
from ledger.kit.wire import Row

GIVEN: Final = frozenset(["grant", "earn", "allowance", "adjustment"])
"""Kinds of inflow that are gifts, or corrections; what was paid for is told of by payments."""


async def tell(door: Door, event: Event, key: str, mark: Rider) -> bool:
    """Tell of something, if ``mark`` still finds that it was not told; however often that is tried, it is told once."""
    command = Tell(wallet_id=event.wallet_id, of_type=event.type, data=event.data)
    attempt = Attempt(command=command, key=key, namespace="job", actor="system", riders=(mark,))
    [outcome] = await door.submit([attempt])
    return isinstance(outcome, Changed)


class BookEvents:
    """The participant: ``credits.granted``, ``credits.expired``, ``hold.expired``, ``transfer.completed``. It reads
    nothing, and is part of every unit: whichever wallet is locked may have something due."""

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[Attempt]) -> Sequence[Statement] | None:
        return ()

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Part:
        return _Telling()


class _Telling(Part):
    counts = True

    def __init__(self) -> None:
        self._given: dict[tuple[int, int], Inflow] = {}
        """Gifts by their transaction. Those of a group that was undone stand in it until another has their number."""

    def posted(self, transaction: Transaction, command: Command) -> None:
        if isinstance(command, Inflow) and command.of_kind in GIVEN:
            self._given[transaction.wallet_id, transaction.number] = command

    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], Rows | None]:
        events = []
        for move in moves:
            transaction = move.transaction
            kind = transaction.kind
            if kind in _TOLD:
                told = self._told(transaction)
                if told is not None:
                    type_, data = told
                    events.append(Event(transaction.wallet_id, type_, data, transaction.number))
        return events, None

    def _told(self, transaction: Transaction) -> tuple[str, Data] | None:
        match transaction.kind:
            case "expiry":
                return "credits.expired", _expired(transaction)
            case "release":
                return ("hold.expired", _ended(transaction)) if _by_itself(transaction) else None
            case "transfer":
                return "transfer.completed", _transferred(transaction)
        command = self._given.get((transaction.wallet_id, transaction.number))
        return None if command is None else ("credits.granted", _granted(transaction, command))


_TOLD: Final = GIVEN | {"expiry", "release", "transfer"}


def _granted(transaction: Transaction, command: Inflow) -> CreditsGranted:
    lot = lot_into(transaction)
    assert lot is not None
    return CreditsGranted(
        credits=format_amount(command.amount),
        source=command.source,
        lot_id=row_public("lot", transaction.wallet_id, lot),
        expires_at=command.expires_at,
        reason=command.description,
    )


def _expired(transaction: Transaction) -> CreditsExpired:
    lines = [line for line in transaction.postings if line.credit == EXPIRED]
    return CreditsExpired(
        credits=format_amount(sum(line.amount for line in lines)),
        lots=len(lines),
        expired_at=transaction.effective_at,
    )


def _by_itself(transaction: Transaction) -> bool:
    """Whether a hold was released because its time had come, by the key that no client can give."""
    key = _key_of(transaction)
    return key is not None and transaction.key_hash == key_hash("due", key)


def _ended(transaction: Transaction) -> HoldExpired:
    freed = sum(line.amount for line in transaction.postings if (line.debit, line.credit) == (HELD, WALLET))
    key = _key_of(transaction)
    assert key is not None
    return HoldExpired(
        hold_id=row_public("hld", transaction.wallet_id, int(key.removeprefix("hold:"))),
        credits=format_amount(freed),
        expired_at=transaction.effective_at,
    )


def _key_of(transaction: Transaction) -> str | None:
    return None if transaction.notes is None else transaction.notes.key


def _transferred(transaction: Transaction) -> TransferCompleted:
    """The same in both books, named after the payer's."""
    assert transaction.link_wallet_id is not None and transaction.link_number is not None
    own = (transaction.wallet_id, transaction.number)
    other = (transaction.link_wallet_id, transaction.link_number)
    lines = [line for line in transaction.postings if line.asset == CREDIT and TRANSIT in (line.debit, line.credit)]
    payer, payee = (own, other) if any(line.credit == TRANSIT for line in lines) else (other, own)
    return TransferCompleted(
        transfer_id=row_public("trf", *payer),
        from_wallet_id=wallet_public(payer[0]),
        to_wallet_id=wallet_public(payee[0]),
        credits=format_amount(sum(line.amount for line in lines)),
        reason=None if transaction.notes is None else transaction.notes.description,
    )

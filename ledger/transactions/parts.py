"""What a transaction did to each lot and to the balances, read from its lines. Pure."""

from typing import Final, Literal, NamedTuple

from ledger.book.chart import DISPUTED, HELD, OWED, WALLET
from ledger.book.commands import Balances, LotFacts, Transaction
from ledger.book.rules.state import Lot
from ledger.kit.money import CREDIT

Direction = Literal["given", "taken", "held", "freed"]
"""Into a lot or out of it; or within it: set aside (by a hold or a dispute), or free again."""

_IN_LOT: Final = (WALLET, HELD, DISPUTED)


class Part(NamedTuple):
    """Credits of one lot that went one way, and what was in the lot right after."""

    lot: int
    direction: Direction
    amount: int
    lot_after: int


def parts_of(t: Transaction) -> list[Part]:
    """What it did to its lots, in the order of its lines."""
    found: dict[tuple[int, Direction], Part] = {}
    for p in t.postings:
        if p.lot is None or p.lot_after is None:
            continue
        way = _direction(p.debit, p.credit)
        before = found.get((p.lot, way))
        amount = p.amount if before is None else before.amount + p.amount
        found[p.lot, way] = Part(p.lot, way, amount, p.lot_after)
    return list(found.values())


def cost_of(part: Part, lot: LotFacts, amount: int) -> int | None:
    """What was paid for a part of a lot of ``amount``: a share of the lot's cost, such that all shares add up to it.
    None where the part stayed in the lot."""
    if part.direction in ("held", "freed"):
        return None
    remaining = part.lot_after + (part.amount if part.direction == "taken" else 0)
    terms = (lot.priority, lot.effective_at, lot.expires_at, lot.cost, lot.currency)
    return Lot(lot.lot, lot.source, amount, remaining, 0, *terms).share(part.amount)


def before(t: Transaction) -> Balances:
    """The balances right before it, under the overdraft limit that it was decided by."""
    was = {WALLET: t.after.wallet, HELD: t.after.held, DISPUTED: t.after.disputed, OWED: -t.after.owed}
    for p in t.postings:
        if p.asset == CREDIT:
            for account, amount in ((p.debit, p.amount), (p.credit, -p.amount)):
                if account in was:
                    was[account] += amount
    return Balances(was[WALLET], was[HELD], was[DISPUTED], -was[OWED], t.after.limit)


def _direction(debit: str, credit: str) -> Direction:
    if debit not in _IN_LOT:
        return "given"
    if credit not in _IN_LOT:
        return "taken"
    return "freed" if credit == WALLET else "held"

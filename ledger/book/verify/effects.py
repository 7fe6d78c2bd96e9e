"""What a posting does to the balances of its book, by its two accounts. Written from the chart and
docs/decisions/0001 alone, so that it can disagree with the code that writes postings."""

from functools import cache
from typing import NamedTuple

from ledger.book.chart import DISPUTED, HELD, OWED, WALLET, knows
from ledger.kit.money import CREDIT

BACKED = (WALLET, HELD, DISPUTED)
"""Accounts whose credits lie in lots."""


class Effect(NamedTuple):
    """Factors (−1, 0, 1) of a posting's amount.

    ``remaining`` and ``pinned`` are of its lot; ``grows``: the lot's amount grows too (credits that
    came in, as against credits that came back); ``hold`` is 1 where a hold takes, −1 where it gives.
    """

    known: bool
    credits: bool
    wallet: int
    held: int
    disputed: int
    owed: int
    remaining: int
    pinned: int
    grows: bool
    lot: bool
    hold: int
    shape: tuple[str, str]
    plain_use: bool


def _name(account: str) -> str:
    return account.partition(":")[0]


@cache
def effect_of(debit: str, credit: str, asset: str) -> Effect:
    known = knows(debit, asset) and knows(credit, asset)
    shape = (_name(debit), _name(credit))
    if asset != CREDIT:
        return Effect(known, False, 0, 0, 0, 0, 0, 0, False, False, 0, shape, False)

    def moved(account: str) -> int:
        return (credit == account) - (debit == account)

    inside, outside = credit in BACKED, debit in BACKED
    return Effect(
        known=known,
        credits=True,
        wallet=moved(WALLET),
        held=moved(HELD),
        disputed=moved(DISPUTED),
        owed=-moved(OWED),
        remaining=inside - outside,
        pinned=moved(HELD) + moved(DISPUTED),
        grows=inside and shape[0] in ("issued", "transit"),
        lot=inside or outside,
        hold=moved(HELD),
        shape=shape,
        plain_use=known and shape == (WALLET, "used"),
    )


_DEBT = (WALLET, OWED)
_USE = {(WALLET, "used"), (OWED, "used")}
_MOVE = {(WALLET, "transit"), ("transit", WALLET), _DEBT}
_BACK = {("used", WALLET), ("used", OWED), _DEBT}
_IN = {("issued", WALLET), _DEBT}

SHAPES: dict[str, set[tuple[str, str]]] = {
    "usage": _USE,
    "hold": {(WALLET, HELD)},
    "capture": {*_USE, (HELD, "used"), (HELD, WALLET), _DEBT},
    "release": {(HELD, WALLET), _DEBT},
    "expiry": {(WALLET, "expired")},
    "transfer": _MOVE,
    "allocation": _MOVE,
    "usage_refund": _BACK,
    "void": _BACK,
    "reversal": {*_BACK, *_MOVE, (WALLET, "issued"), ("withdrawn", WALLET)},
    "adjustment": {*_IN, (WALLET, "withdrawn")},
    "purchase": _IN,
    "payment_refund": {(WALLET, "withdrawn")},
    "refund_failed": {("withdrawn", WALLET), _DEBT},
    "dispute": {(WALLET, DISPUTED), (OWED, DISPUTED), _DEBT},
    "dispute_won": {(DISPUTED, WALLET), (DISPUTED, OWED), (DISPUTED, "withdrawn"), *_IN},
    "dispute_lost": {(DISPUTED, "withdrawn")},
    "grant": _IN,
    "earn": _IN,
    "allowance": _IN,
}
"""Which pairs of accounts the credits of a transaction may join, by kind. Other kinds may join any."""

EMPTY_KINDS = frozenset({"usage", "void"})
"""Kinds that may have no postings: an event that was wholly free, and what takes one back."""

FINAL_KINDS = frozenset(
    {"hold", "release", "expiry", "reversal", "usage_refund", "void", "refund_failed", "dispute", "purchase"}
)
"""Kinds that are never reversed."""

SETTLES = frozenset({"dispute_won", "dispute_lost"})
"""Kinds that end a dispute, which they name as what they reverse; once, and by lines that are not its own."""

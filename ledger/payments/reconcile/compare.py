"""What differs between Stripe and us, object by object. Pure."""

from collections.abc import Iterator
from typing import Final

from ledger.kit.ids import row_public
from ledger.kit.money import format_amount
from ledger.payments.money.movements import CHARGE, Movement
from ledger.payments.money.payouts import ON_ITS_WAY
from ledger.payments.reconcile.ours import Booked, Ours
from ledger.payments.reconcile.report import Difference
from ledger.payments.reconcile.theirs import Theirs

MISSING_HERE: Final = "it is at Stripe and not here"
MISSING_THERE: Final = "it is here and not at Stripe"
AMOUNT: Final = "the amounts differ"
STATUS: Final = "one has gone further than the other"

STATES: Final = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
"""The state of a refund here, by its status at Stripe. All else is pending."""


Named = tuple[str, str]
"""A kind of object, and Stripe's id."""


def differences(theirs: Theirs, ours: Ours) -> list[Difference]:
    """All of them, each object under its first one."""
    found = [
        *_charges(theirs, ours),
        *_refunds(theirs, ours),
        *_disputes(theirs, ours),
        *_payouts(theirs, ours),
        *_movements(theirs, ours),
        *_late(ours),
    ]
    reasons = {name: problem for name, _, problem in ours.problems}
    told = {one.object for one in found}
    found += [
        Difference(kind=kind, object=name, problem=problem, here=None, there=name)  # type: ignore[arg-type]
        for name, kind, problem in ours.problems
        if name not in told
    ]
    return [_with_reason(one, reasons) for one in found]


def _with_reason(one: Difference, reasons: dict[str, str]) -> Difference:
    reason = reasons.get(one.object or "")
    if reason is None or reason == one.problem:
        return one
    return Difference(
        kind=one.kind, object=one.object, problem=f"{one.problem}: {reason}", here=one.here, there=one.there
    )


def _charges(theirs: Theirs, ours: Ours) -> Iterator[Difference]:
    for name, charge in theirs.charges.items():
        there = _money(charge["amount_captured"], charge["currency"])
        if name not in ours.paid:
            yield Difference(kind="charge", object=name, problem=MISSING_HERE, here=None, there=there)
            continue
        paid, refunded = ours.paid[name]
        if paid != charge["amount_captured"]:
            here = _money(paid, charge["currency"])
            yield Difference(kind="charge", object=name, problem=AMOUNT, here=here, there=there)
        elif refunded != charge["amount_refunded"]:
            here = _money(refunded, charge["currency"])
            there = _money(charge["amount_refunded"], charge["currency"])
            yield Difference(kind="charge", object=name, problem="what is refunded differs", here=here, there=there)


def _refunds(theirs: Theirs, ours: Ours) -> Iterator[Difference]:
    for name, refund in theirs.refunds.items():
        state = STATES.get(refund["status"], "pending")
        there = _money(refund["amount"], refund["currency"])
        if name not in ours.refunds:
            if state != "failed":  # one that failed before it was heard of took nothing
                yield Difference(kind="refund", object=name, problem=MISSING_HERE, here=None, there=there)
            continue
        mine, amount = ours.refunds[name]
        if amount != refund["amount"]:
            here = _money(amount, refund["currency"])
            yield Difference(kind="refund", object=name, problem=AMOUNT, here=here, there=there)
        elif mine != state:
            yield Difference(kind="refund", object=name, problem=STATUS, here=mine, there=refund["status"])


def _disputes(theirs: Theirs, ours: Ours) -> Iterator[Difference]:
    for name, dispute in theirs.disputes.items():
        status = ours.disputes.get(name)
        if status is None:
            there = _money(dispute["amount"], dispute["currency"])
            yield Difference(kind="dispute", object=name, problem=MISSING_HERE, here=None, there=there)
        elif status != dispute["status"]:
            yield Difference(kind="dispute", object=name, problem=STATUS, here=status, there=dispute["status"])


def _payouts(theirs: Theirs, ours: Ours) -> Iterator[Difference]:
    for name, payout in theirs.payouts.items():
        there = _money(payout["amount"], payout["currency"])
        if name not in ours.payouts:
            yield Difference(kind="payout", object=name, problem=MISSING_HERE, here=None, there=there)
            continue
        status, amount, tied, difference = ours.payouts[name]
        if amount != payout["amount"]:
            here = _money(amount, payout["currency"])
            yield Difference(kind="payout", object=name, problem=AMOUNT, here=here, there=there)
        elif status != payout["status"]:
            yield Difference(kind="payout", object=name, problem=STATUS, here=status, there=payout["status"])
        elif payout["reconciliation_status"] == "completed" and not tied:
            parts = None if difference is None else _money(payout["amount"] + difference, payout["currency"])
            problem = "its parts do not add up to it"
            yield Difference(kind="payout", object=name, problem=problem, here=parts, there=there)


def _movements(theirs: Theirs, ours: Ours) -> Iterator[Difference]:
    for name, movement in theirs.movements.items():
        booked = ours.movements.get(name)
        there = _money(movement.net, movement.currency)
        if _is_leaving(movement, theirs):
            continue
        if booked is None or booked.cleared is None:
            problem = f"a movement of type {movement.type} is not booked"
            yield Difference(kind="movement", object=name, problem=problem, here=None, there=there)
        elif not _same(movement, booked):
            here = _money(booked.net, booked.currency)
            yield Difference(kind="movement", object=name, problem=AMOUNT, here=here, there=there)
        elif booked.cleared != _cleared(movement, booked):
            problem = "its transaction moved another amount"
            here = _money(booked.cleared, booked.currency)
            yield Difference(kind="movement", object=name, problem=problem, here=here, there=there)


def _is_leaving(movement: Movement, theirs: Theirs) -> bool:
    """Whether it is of a payout that has not arrived, and is booked when it has."""
    payout = theirs.payouts.get(movement.source or "")
    return payout is not None and payout["status"] in ON_ITS_WAY


def _same(movement: Movement, booked: Booked) -> bool:
    mine = (booked.amount, booked.fee, booked.net, booked.currency)
    return mine == (movement.amount, movement.fee, movement.net, movement.currency)


def _cleared(movement: Movement, booked: Booked) -> int | None:
    """What the transaction must have moved: of a charge only the fee, or, without a fee, the purchase itself."""
    if movement.category != CHARGE:
        return movement.net
    return -movement.fee if movement.fee else booked.cleared


def _late(ours: Ours) -> Iterator[Difference]:
    for wallet_id, number, currency, amount, problem in ours.late:
        named = row_public("rfd", wallet_id, number)
        why = f"{named} has been pending for long: {problem or 'no answer'}"
        yield Difference(kind="refund", object=named, problem=why, here=_money(amount, currency), there=None)


def _money(amount: int, currency: str) -> str:
    code = currency.upper()
    return f"{format_amount(amount, code)} {code}"


def missing_there(kind: str, name: str) -> Difference:
    """An object of ours that Stripe does not know."""
    kinds = {"charges": "charge", "refunds": "refund", "disputes": "dispute", "payouts": "payout"}
    return Difference(
        kind=kinds.get(kind, "movement"),  # type: ignore[arg-type]
        object=name,
        problem=MISSING_THERE,
        here=name,
        there=None,
    )


def not_as_there(theirs: Theirs, ours: Ours) -> set[Named]:
    """What is listed at Stripe and is not the same here: to be booked before it is told of."""
    listed = {
        "charge": theirs.charges.keys(),
        "refund": theirs.refunds.keys(),
        "dispute": theirs.disputes.keys(),
        "payout": theirs.payouts.keys(),
        "movement": theirs.movements.keys(),
    }
    found = differences(theirs, ours)
    return {(one.kind, one.object) for one in found if one.object is not None and one.object in listed[one.kind]}

"""What differs between Stripe and us, object by object. Pure."""

from collections.abc import Iterator
from typing import Final

from ledger.kit.ids import row_public
from ledger.kit.money import format_amount
from ledger.payments.fields import money_with_code
from ledger.payments.money.movements import CHARGE, Movement
from ledger.payments.money.payouts import ON_ITS_WAY
from ledger.payments.reconcile.advice import (
    ADVICE,
    AMOUNT,
    LATE,
    MISSING_HERE,
    MISSING_THERE,
    NOT_BOOKED,
    NOT_TIED,
    OTHER_AMOUNT,
    REFUNDED,
    STATUS,
)
from ledger.payments.reconcile.ours import Booked, Ours
from ledger.payments.reconcile.report import Difference, Kind
from ledger.payments.reconcile.theirs import Theirs

STATES: Final = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
"""The state of a refund here, by its status at Stripe. All else is pending."""

KINDS: Final[dict[str, Kind]] = {
    "charges": "charge",
    "refunds": "refund",
    "disputes": "dispute",
    "payouts": "payout",
    "balance_transactions": "movement",
}
"""What a difference is called, by the name of Stripe's list."""

Named = tuple[str, str]
"""A kind of object, and Stripe's id."""


def differences(theirs: Theirs, ours: Ours) -> list[Difference]:
    """All of them, each object under its first one."""
    reasons = {name: problem for name, _, problem in ours.problems}
    found = [
        *_charges(theirs, ours, reasons),
        *_refunds(theirs, ours, reasons),
        *_disputes(theirs, ours, reasons),
        *_payouts(theirs, ours, reasons),
        *_movements(theirs, ours, reasons),
        *_late(ours),
    ]
    told = {one.object for one in found}
    found += [
        _stated(kind, name, NOT_BOOKED, None, name, reason=problem)  # type: ignore[arg-type] # what `problems` keeps
        for name, kind, problem in ours.problems
        if name not in told
    ]
    return found


def missing_there(kind: str, name: str) -> Difference:
    """An object of ours that Stripe does not know."""
    return _stated(KINDS[kind], name, MISSING_THERE, name, None)


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


Reasons = dict[str, str]


def _charges(theirs: Theirs, ours: Ours, reasons: Reasons) -> Iterator[Difference]:
    for name, charge in theirs.charges.items():
        why, currency = reasons.get(name), charge["currency"]
        if name not in ours.paid:
            yield _by_amount("charge", name, MISSING_HERE, None, charge["amount_captured"], currency, reason=why)
            continue
        mine, paid, refunded = ours.paid[name]
        for problem, here, there in (
            (AMOUNT, paid, charge["amount_captured"]),
            (REFUNDED, refunded, charge["amount_refunded"]),
        ):
            if here != there:
                yield _by_amount("charge", name, problem, here, there, currency, ours=mine, reason=why)
                break


def _refunds(theirs: Theirs, ours: Ours, reasons: Reasons) -> Iterator[Difference]:
    for name, refund in theirs.refunds.items():
        state, why = STATES.get(refund["status"], "pending"), reasons.get(name)
        amount, currency = refund["amount"], refund["currency"]
        if name not in ours.refunds:
            if state != "failed":  # one that failed before it was heard of took nothing
                yield _by_amount("refund", name, MISSING_HERE, None, amount, currency, reason=why)
            continue
        mine, status, here = ours.refunds[name]
        if here != amount:
            yield _by_amount("refund", name, AMOUNT, here, amount, currency, ours=mine, reason=why)
        elif status != state:
            yield _stated("refund", name, STATUS, status, refund["status"], ours=mine, reason=why)


def _disputes(theirs: Theirs, ours: Ours, reasons: Reasons) -> Iterator[Difference]:
    for name, dispute in theirs.disputes.items():
        why = reasons.get(name)
        if name not in ours.disputes:
            amount, currency = dispute["amount"], dispute["currency"]
            yield _by_amount("dispute", name, MISSING_HERE, None, amount, currency, reason=why)
            continue
        mine, status = ours.disputes[name]
        if status != dispute["status"]:
            yield _stated("dispute", name, STATUS, status, dispute["status"], ours=mine, reason=why)


def _payouts(theirs: Theirs, ours: Ours, reasons: Reasons) -> Iterator[Difference]:
    for name, payout in theirs.payouts.items():
        why, amount, currency = reasons.get(name), payout["amount"], payout["currency"]
        if name not in ours.payouts:
            yield _by_amount("payout", name, MISSING_HERE, None, amount, currency, reason=why)
            continue
        status, here, tied, difference = ours.payouts[name]
        if here != amount:
            yield _by_amount("payout", name, AMOUNT, here, amount, currency, ours=name, reason=why)
        elif status != payout["status"]:
            yield _stated("payout", name, STATUS, status, payout["status"], ours=name, reason=why)
        elif payout["reconciliation_status"] == "completed" and not tied:
            parts = None if difference is None else amount + difference
            yield _by_amount("payout", name, NOT_TIED, parts, amount, currency, ours=name, reason=why)


def _movements(theirs: Theirs, ours: Ours, reasons: Reasons) -> Iterator[Difference]:
    for name, movement in theirs.movements.items():
        if _is_leaving(movement, theirs):
            continue
        booked, why, net = ours.movements.get(name), reasons.get(name), movement.net
        if booked is None or booked.cleared is None:
            why = why or f"it is of type {movement.type}"
            yield _by_amount("movement", name, NOT_BOOKED, None, net, movement.currency, reason=why)
        elif not _same(movement, booked):
            yield _by_amount("movement", name, AMOUNT, booked.net, net, booked.currency, ours=booked.ours, reason=why)
        elif booked.cleared != (there := _cleared(movement, booked)):
            here, currency = booked.cleared, booked.currency
            yield _by_amount("movement", name, OTHER_AMOUNT, here, there, currency, ours=booked.ours, reason=why)


def _is_leaving(movement: Movement, theirs: Theirs) -> bool:
    """Whether it is of a payout that has not arrived, and is booked when it has."""
    payout = theirs.payouts.get(movement.source or "")
    return payout is not None and payout["status"] in ON_ITS_WAY


def _same(movement: Movement, booked: Booked) -> bool:
    mine = (booked.amount, booked.fee, booked.net, booked.currency)
    return mine == (movement.amount, movement.fee, movement.net, movement.currency)


def _cleared(movement: Movement, booked: Booked) -> int:
    """What the transaction must have moved: of a charge only the fee, or, without a fee, the purchase itself."""
    assert booked.cleared is not None
    if movement.category != CHARGE or booked.cleared == movement.net:
        return movement.net
    return -movement.fee if movement.fee else booked.cleared


def _late(ours: Ours) -> Iterator[Difference]:
    for wallet_id, number, name, currency, amount, problem in ours.late:
        mine, here = row_public("rfd", wallet_id, number), money_with_code(amount, currency)
        yield _stated("refund", name, LATE, here, None, ours=mine, reason=problem or "Stripe gave no answer")


def _by_amount(
    kind: Kind,
    name: str,
    problem: str,
    here: int | None,
    there: int | None,
    currency: str,
    *,
    ours: str | None = None,
    reason: str | None = None,
) -> Difference:
    """One in an amount, which is in the smallest unit of the currency; None where there is nothing."""
    code = currency.upper()
    shown = [None if amount is None else money_with_code(amount, code) for amount in (here, there)]
    return Difference(
        kind=kind,
        object=name,
        ours=ours,
        problem=problem,
        reason=reason,
        here=shown[0],
        there=shown[1],
        amount=format_amount((here or 0) - (there or 0), code),
        currency=code,
        advice=ADVICE[problem],
    )


def _stated(
    kind: Kind,
    name: str | None,
    problem: str,
    here: str | None,
    there: str | None,
    *,
    ours: str | None = None,
    reason: str | None = None,
) -> Difference:
    """One in something else than an amount."""
    return Difference(
        kind=kind,
        object=name,
        ours=ours,
        problem=problem,
        reason=reason,
        here=here,
        there=there,
        advice=ADVICE[problem],
    )

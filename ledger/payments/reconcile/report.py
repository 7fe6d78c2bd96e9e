"""What a reconciliation says: how much was held against each other, and what differs, with the reason."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Decimal, Time

Kind = Literal["charge", "refund", "dispute", "payout", "movement", "clearing"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not the same here and at Stripe: what, where, how much, why, and what to do about it.

    ``here`` and ``there``: what each says, null for nothing; ``amount``: what is here less what is there, null where it
    is no matter of an amount.
    """

    kind: Kind
    object: Annotated[str | None, Meta(description="Stripe's id.", examples=["ch_3PgafT2eZvKYlo2C"])]
    ours: Annotated[str | None, Meta(description="Our id of it.", examples=["pay_0GJkz3mQx7B1a"])] = None
    problem: str
    reason: Annotated[str | None, Meta(description="Why, where that is known.")] = None
    here: str | None
    there: str | None
    amount: Decimal | None = None
    currency: str | None = None
    advice: Annotated[str, Meta(description="What to do about it.")]


class Clearing(msgspec.Struct, frozen=True, kw_only=True):
    """The money that Stripe holds: what the book has, what Stripe says, and what explains the distance.

    ``on_its_way``: payouts that have not arrived, and payments of which Stripe has no movement yet. ``unbooked``:
    movements that are not in the book; each is a difference of its own. ``difference`` is what nothing explains.
    """

    currency: str
    book: Decimal
    stripe: Decimal
    on_its_way: Decimal
    unbooked: Decimal
    difference: Decimal


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """How many objects of Stripe were looked at, and how many were booked only now (``mended``)."""

    charges: int
    refunds: int
    disputes: int
    payouts: int
    movements: int
    mended: int


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """What Stripe has since ``since``, held against what is here."""

    ok: bool
    at: Time
    since: Time
    checked: Checked
    clearing: Clearing
    differences: list[Difference]


def text_of(report: Reconciliation) -> str:
    """The report for people."""
    checked = report.checked
    counts = (
        f"{checked.charges:,} charges, {checked.refunds:,} refunds, {checked.disputes:,} disputes,"
        f" {checked.payouts:,} payouts, {checked.movements:,} movements"
    )
    clearing = report.clearing
    lines = [
        f"since {report.since}: {counts}; {checked.mended:,} booked now",
        f"Stripe has {clearing.stripe} {clearing.currency}, {clearing.on_its_way} are on their way, the book has"
        f" {clearing.book}",
    ]
    for one in report.differences:
        lines += _lines_of(one)
    lines.append("everything ties" if report.ok else "NOT OK")
    return "\n".join(lines)


def _lines_of(one: Difference) -> list[str]:
    named = " ".join(name for name in (one.kind, one.object, one.ours and f"({one.ours})") if name)
    why = "" if one.reason is None else f": {one.reason}"
    by = "" if one.amount is None else f": {one.amount} {one.currency}"
    sides = f"here {one.here or 'nothing'}, at Stripe {one.there or 'nothing'}){by}"
    return [f"{named}: {one.problem}{why} ({sides}", f"    → {one.advice}"]

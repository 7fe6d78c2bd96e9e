"""Reconciling: list what Stripe has, book what is not booked, and then say what still differs.

Webhooks and the poller are the fast ways; this is the one that does not depend on having been told. It looks at the
objects themselves, and once at the whole: the clearing account of all books has what Stripe holds, up to what is on its
way. On a service that is at work money moves meanwhile: where something differs, it looks again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from ledger.book.chart import STRIPE_CLEARING
from ledger.errors import NotFound
from ledger.kit import clock
from ledger.kit.db import Database
from ledger.kit.http.fields import shown
from ledger.kit.money import format_amount
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeRefused, id_of
from ledger.payments.money.opening import Opening, opening_of
from ledger.payments.money.work import CONVERGE
from ledger.payments.reconcile import compare, ours, theirs
from ledger.payments.reconcile.advice import ADVICE, UNEXPLAINED
from ledger.payments.reconcile.compare import Named
from ledger.payments.reconcile.ours import Ours
from ledger.payments.reconcile.report import Checked, Clearing, Difference, Reconciliation
from ledger.payments.reconcile.theirs import Theirs
from ledger.payments.tables import reconciliations

log = structlog.get_logger(__name__)

DAYS: Final = 7
KEPT_DAYS: Final = 400
"""How long a report is kept: over a year's end and its audit."""

ORDER: Final = ("charge", "refund", "dispute", "payout", "movement")
LOOKS: Final = 3
PAUSE_S: Final = 0.5

SettleIntent = Callable[[Desk, str], Awaitable[Any]]
"""Books the payment of a PaymentIntent, if it is one of ours."""


async def reconcile(
    desk: Desk, reading: Database, *, days: int = DAYS, settle: SettleIntent | None = None
) -> Reconciliation:
    """Hold what Stripe made in the last ``days`` against what is here. ``reading``: a database that may take long.

    Raises StripeAway, StripeRefused.
    """
    now, opening = await clock.now_of(desk.database), await opening_of(desk)
    since = now - timedelta(days=days)
    if opening is not None:
        since = max(since, opening.at)
    mended: set[Named] = set()
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(PAUSE_S)
        seen = await _look(desk, reading, since, opening, settle)
        mended |= seen.mended
        if not seen.differences:
            break
    report = Reconciliation(
        ok=not seen.differences,
        at=shown(now),
        since=shown(since),
        checked=_checked(seen.there, len(mended)),
        clearing=seen.clearing,
        differences=seen.differences,
    )
    await _keep(desk, now, report)
    return report


class _Seen(NamedTuple):
    """What one look at everything has found, after what could be booked was."""

    there: Theirs
    mended: set[Named]
    clearing: Clearing
    differences: list[Difference]


async def _look(
    desk: Desk, reading: Database, since: datetime, opening: Opening | None, settle: SettleIntent | None
) -> _Seen:
    there = await theirs.listed(desk, since)
    here = await _load(reading, there, since)
    before = compare.not_as_there(there, here)
    if before:
        await _mend(desk, there, before, settle)
        there = await theirs.listed(desk, since)
        here = await _load(reading, there, since)
    there = await theirs.without_older(desk, there, {*here.refunds, *here.disputes}, opening)
    clearing = await _clearing(desk, reading, opening)
    found = compare.differences(there, here)
    found += [one for kind, names in here.unseen.items() for one in await _unseen(desk, kind, names)]
    if clearing.difference != format_amount(0, desk.currency):
        found.append(_of_clearing(clearing))
    return _Seen(there, before - compare.not_as_there(there, here), clearing, found)


async def last(database: Database) -> bytes:
    """The newest report, as it was made. Raises NotFound where there is none."""
    newest = select(reconciliations.c.report).order_by(reconciliations.c.at.desc()).limit(1)
    async with database.transaction() as connection:
        found = (await connection.execute(newest)).scalar_one_or_none()
    if found is None:
        raise NotFound("nothing was reconciled with Stripe yet: run `credit-ledger reconcile`")
    return bytes(found)


async def _load(reading: Database, there: Theirs, since: datetime) -> Ours:
    names: dict[str, Collection[str]] = {
        "charges": there.charges,
        "refunds": there.refunds,
        "disputes": there.disputes,
        "payouts": there.payouts,
        "balance_transactions": there.movements,
    }
    return await ours.load(reading, names, since)


async def _mend(desk: Desk, there: Theirs, objects: set[Named], settle: SettleIntent | None) -> None:
    """Book what is not booked, purchases first."""
    for kind, name in sorted(objects, key=lambda one: (ORDER.index(one[0]), one[1])):
        converge: SettleIntent | None = CONVERGE[kind]
        if kind == "charge":
            intent = id_of(there.charges[name]["payment_intent"])
            converge, name = (settle, intent) if intent is not None else (None, name)
        try:
            if converge is not None:
                await converge(desk, name)
        except StripeRefused as refused:
            log.warning("reconcile.refused", object=name, problem=str(refused))


async def _unseen(desk: Desk, kind: str, names: list[str]) -> list[Difference]:
    """Of what Stripe did not list, what it does not know."""
    return [compare.missing_there(kind, name) for name in names if not await theirs.exists(desk, kind, name)]


async def _clearing(desk: Desk, reading: Database, opening: Opening | None) -> Clearing:
    held = await theirs.held(desk, opening)
    sums = await ours.sums(reading, desk.currency)
    on_its_way = held.on_its_way + sums.expected
    difference = sums.book + sums.unbooked - held.balance - on_its_way
    return Clearing(
        currency=desk.currency,
        book=format_amount(sums.book, desk.currency),
        stripe=format_amount(held.balance, desk.currency),
        on_its_way=format_amount(on_its_way, desk.currency),
        unbooked=format_amount(sums.unbooked, desk.currency),
        difference=format_amount(difference, desk.currency),
    )


def _of_clearing(clearing: Clearing) -> Difference:
    return Difference(
        kind="clearing",
        object=None,
        ours=STRIPE_CLEARING,
        problem=UNEXPLAINED,
        reason=f"{clearing.on_its_way} is on its way and {clearing.unbooked} is not booked, which explains no more",
        here=f"{clearing.book} {clearing.currency}",
        there=f"{clearing.stripe} {clearing.currency}",
        amount=clearing.difference,
        currency=clearing.currency,
        advice=ADVICE[UNEXPLAINED],
    )


def _checked(there: Theirs, mended: int) -> Checked:
    return Checked(
        charges=len(there.charges),
        refunds=len(there.refunds),
        disputes=len(there.disputes),
        payouts=len(there.payouts),
        movements=len(there.movements),
        mended=mended,
    )


async def _keep(desk: Desk, at: datetime, report: Reconciliation) -> None:
    row = insert(reconciliations).values(at=at, ok=report.ok, report=msgspec.json.encode(report))
    old = delete(reconciliations).where(reconciliations.c.at < at - timedelta(days=KEPT_DAYS))
    async with desk.database.transaction() as connection:
        await connection.execute(row.on_conflict_do_nothing())
        await connection.execute(old)
    for one in report.differences:
        log.error("reconcile.difference", **msgspec.to_builtins(one))

"""What to throw at the ledger: commands that are mostly possible, and often just not.

Amounts are small, so that lots run dry, holds overlap and debts arise within a few steps. All instants
that matter lie half an hour off the hours by which the clock is moved: what is due is never in doubt.
"""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ledger.book.commands import (
    BookDue,
    Capture,
    Command,
    Inflow,
    MoneyLine,
    PlaceHold,
    Release,
    Reverse,
    SetOverdraft,
    SetStatus,
    Transfer,
    Use,
    Withdraw,
)
from tests.model.model import Model

AMOUNTS = st.integers(1, 40) | st.sampled_from([1, 7, 60, 100])
SERVICES = st.sampled_from(["chat", "search"])
HALF_HOURS = st.sampled_from([1, 3, 11, 101])
GIVEN = st.sampled_from([("promotional", "grant"), ("earned", "earn"), ("adjustment", "adjustment")])
HOUR = timedelta(hours=1)

ADVANCES = st.sampled_from([1, 1, 2, 7, 25, 80])
"""Hours by which the clock moves."""


def when(now: datetime) -> st.SearchStrategy[datetime | None]:
    offsets = [-HOUR, -HOUR * 24 * 10, -HOUR * 24 * 40, timedelta(seconds=3), HOUR]
    given = st.sampled_from([now + offset for offset in offsets])
    return st.one_of(st.none(), st.none(), st.none(), given)


@st.composite
def inflows(draw: st.DrawFn, wallet_id: int, start: datetime, now: datetime) -> Inflow:
    past = int((now - start) / HOUR)
    half = draw(st.none() | HALF_HOURS)
    expires_at = None if half is None else start + HOUR * (past + half / 2)
    common: dict[str, Any] = {
        "wallet_id": wallet_id,
        "amount": draw(AMOUNTS),
        "expires_at": expires_at if draw(st.integers(0, 19)) else now - HOUR,
        "priority": draw(st.sampled_from([100, 100, 50])),
        "effective_at": draw(when(now)),
    }
    if draw(st.booleans()):
        source, kind = draw(GIVEN)
        return Inflow(**common, source=source, of_kind=kind, join=draw(st.sampled_from([True, True, False])))
    cost, currency = draw(st.integers(1, 50)), draw(st.sampled_from(["USD", "JPY"]))
    money = MoneyLine("stripe_clearing", "deferred_revenue", currency, cost)
    paid: dict[str, Any] = {"cost": cost, "currency": currency, "money": (money,), "join": False}
    return Inflow(**common, source="purchase", of_kind="purchase", **paid)


NEVER = 10_000
"""A number that no transaction gets. What a reversal names was there before its request: a number that
comes up meanwhile may or may not be found, and nobody could know it."""


@st.composite
def commands(draw: st.DrawFn, model: Model, wallet_ids: list[int], start: datetime, now: datetime) -> Command:
    """A command to one of the wallets; holds and transactions it names are mostly there."""
    wallet_id = draw(st.sampled_from(wallet_ids)) if draw(st.integers(0, 49)) else 7
    book = model.books.get(wallet_id)
    number = st.integers(1, book.next_number if book is not None else 1)
    open_holds = [] if book is None else [name for name, it in book.holds.items() if it["state"] == "open"]
    hold = st.sampled_from(open_holds) | number if open_holds else number
    if book is not None and book.holds:
        hold = hold | st.sampled_from(sorted(book.holds))
    at = draw(when(now))
    old = st.integers(1, len(book.journal)) if book is not None and book.journal else st.just(NEVER)
    some = st.none() | AMOUNTS
    base: dict[str, Any] = {"wallet_id": wallet_id, "effective_at": at}
    events = st.sampled_from([None, None, None, "e1", "e2"])
    match draw(st.sampled_from(KINDS)):
        case "inflow":
            return draw(inflows(wallet_id, start, now))
        case "use":
            return Use(**base, amount=draw(AMOUNTS), service=draw(SERVICES), event_id=draw(events))
        case "hold":
            seconds = draw(HALF_HOURS) * 1800
            return PlaceHold(**base, amount=draw(AMOUNTS), service=draw(SERVICES), expires_in_s=seconds)
        case "capture":
            service = draw(st.none() | SERVICES)
            final = draw(st.booleans())
            return Capture(**base, hold=draw(hold), amount=draw(some), final=final, service=service)
        case "release":
            return Release(**base, hold=draw(hold))
        case "transfer":
            return Transfer(**base, payee_id=draw(st.sampled_from(wallet_ids)), amount=draw(AMOUNTS))
        case "withdraw":
            return Withdraw(**base, amount=draw(AMOUNTS))
        case "reverse":
            refund = draw(st.sampled_from([False, False, True]))
            return Reverse(**base, number=draw(old | st.just(NEVER)), amount=draw(some), refund=refund)
        case "status":
            status = draw(st.sampled_from(["active", "active", "frozen", "closed"]))
            return SetStatus(wallet_id=wallet_id, status=status)
        case "overdraft":
            return SetOverdraft(wallet_id=wallet_id, limit=draw(st.sampled_from([0, 10, 50, 200])))
        case _:
            return BookDue(wallet_id=wallet_id)


KINDS = [
    *["inflow"] * 6,
    *["use"] * 5,
    *["hold"] * 3,
    *["capture"] * 3,
    *["release"] * 1,
    *["transfer"] * 3,
    *["withdraw"] * 1,
    *["reverse"] * 5,
    "status",
    "overdraft",
    "overdraft",
    "due",
]

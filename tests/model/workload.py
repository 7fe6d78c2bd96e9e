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
from tests.model.book import ModelBook
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


def ends(start: datetime, now: datetime) -> st.SearchStrategy[datetime | None]:
    """When credits expire, if they do: half an hour off."""
    past = int((now - start) / HOUR)
    return st.none() | HALF_HOURS.map(lambda half: start + HOUR * (past + half / 2))


@st.composite
def inflows(draw: st.DrawFn, wallet_id: int, start: datetime, now: datetime) -> Inflow:
    expires_at = draw(ends(start, now))
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


PICKS = st.tuples(st.integers(0, 3), st.integers(0, 59))


def pick(which: tuple[int, int], choices: list[list[int]]) -> int:
    """One of what there is, mostly of the first list that has something.

    What is drawn may not depend on how a race went (Hypothesis would find its own draws inconsistent),
    so a fixed number is drawn, and what it means depends on what there is."""
    there = [choice for choice in choices if choice]
    choice = there[which[0] % len(there) if which[0] == 3 else 0]
    return choice[which[1] % len(choice)]


NEVER = 10_000
"""A number that no transaction gets. What a reversal names was there before its request: a number that
comes up meanwhile may or may not be found, and nobody could know it."""


@st.composite
def commands(draw: st.DrawFn, model: Model, wallet_ids: list[int], start: datetime, now: datetime) -> Command:
    """A command to one of the wallets; holds and transactions it names are mostly there."""
    wallet_id = draw(st.sampled_from(wallet_ids)) if draw(st.integers(0, 49)) else 7
    book = model.books.get(wallet_id) or ModelBook(wallet_id)
    open_holds = [name for name, it in book.holds.items() if it["state"] == "open"]
    hold = pick(draw(PICKS), [open_holds, sorted(book.holds), [1, 2, 3]])
    old = pick(draw(PICKS), [list(range(1, len(book.journal) + 1)), [NEVER]])
    at = draw(when(now))
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
            return Capture(**base, hold=hold, amount=draw(some), final=final, service=service)
        case "release":
            return Release(**base, hold=hold)
        case "transfer":
            return Transfer(**base, payee_id=draw(st.sampled_from(wallet_ids)), amount=draw(AMOUNTS))
        case "withdraw":
            return Withdraw(**base, amount=draw(AMOUNTS))
        case "reverse":
            refund = draw(st.sampled_from([False, False, True]))
            return Reverse(**base, number=old, amount=draw(some), refund=refund)
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

"""What each command does to its book (or two): checks in a fixed order, then the lines.

Every function takes books as they stand, and either raises a refusal having changed nothing, or writes a
draft and returns it. ``now`` is the instant at which the transaction is recorded; ``at`` is when it counts.
"""

from datetime import datetime, timedelta
from typing import Final

from ledger.book.chart import DEFERRED_REVENUE, HELD, OWED, TRANSIT, WALLET
from ledger.book.commands import Capture, Entry, Inflow, PlaceHold, Release, Transfer, Withdraw
from ledger.book.rules.lines import LINES_MAX, Draft, check_lines, draw, too_many_lines
from ledger.book.rules.state import Book, Hold, Lot
from ledger.errors import (
    BalanceLimit,
    HoldNotOpen,
    InsufficientCredits,
    InvalidExpiry,
    NotFound,
)
from ledger.kit.ids import row_public
from ledger.kit.money import BALANCE_MAX, format_amount

Parts = list[tuple[Lot, int]]

HOLD_LOTS_MAX: Final = LINES_MAX * 2 // 5
"""Lots that one hold pins, at most: capturing it, releasing the rest and paying debt must fit one transaction."""


def inflow(book: Book, command: Inflow, now: datetime, at: datetime) -> tuple[Draft, Lot]:
    """Credits into one lot; then what is owed is paid; then the money that belongs to it."""
    if command.expires_at is not None and command.expires_at <= now:
        raise InvalidExpiry(f"expires_at must lie in the future; it is now {now.isoformat()}")
    must_fit(book, command.amount)
    draft = Draft(book)
    lot = book.new_lot(
        command.source,
        command.amount,
        command.priority,
        at,
        command.expires_at,
        command.cost,
        command.currency,
        join=command.join,
    )
    draft.move(f"issued:{command.source}", WALLET, command.amount, lot)
    draft.pay_debt()
    for line in command.money:
        draft.money(line.debit, line.credit, line.asset, line.amount)
    return draft, lot


def use(book: Book, service: str, amount: int) -> Draft:
    """Lot by lot; what they do not cover is owed, within the overdraft limit."""
    available = book.available
    if amount > available:
        raise _insufficient(available, amount)
    beyond = max(0, amount - book.wallet)
    parts = _draw(book, amount - beyond, 1 if beyond else 0)
    draft = Draft(book)
    _spend(draft, parts, beyond, f"used:{service}")
    return draft


def place_hold(book: Book, command: PlaceHold, now: datetime) -> tuple[Draft, Hold]:
    """Free credits of lots, pinned slice by slice. A hold never reserves overdraft."""
    parts = _draw_free(book, command.amount, "a hold reserves credits that are there, never overdraft")
    if len(parts) > HOLD_LOTS_MAX:
        raise too_many_lines(len(parts))
    expires_at = now + timedelta(seconds=command.expires_in_s)
    slices = {lot.lot: amount for lot, amount in parts}
    number = book.number + 1
    hold = Hold(number, command.amount, 0, 0, "open", command.service, now, expires_at, slices)
    hold.touched.update(slices)
    book.add_hold(hold)
    book.due_by(expires_at)
    draft = Draft(book)
    for lot, amount in parts:
        draft.move(WALLET, HELD, amount, lot, number)
    return draft, hold


def capture(book: Book, command: Capture) -> tuple[Draft, Hold]:
    """Use what is held; more than that out of the wallet, if it can pay; ``final`` releases the rest."""
    hold = _open_hold(book, command.hold)
    amount = hold.remaining if command.amount is None else command.amount
    within = min(amount, hold.remaining)
    beyond = amount - within
    available = book.available
    if beyond > available:
        raise _insufficient(available + within, amount)
    owed = max(0, beyond - book.wallet)
    parts = _draw(book, beyond - owed, 2 * len(hold.slices) + 2)
    account = f"used:{command.service or hold.service}"
    draft = Draft(book)
    draft.unpin(hold, within, account)
    hold.captured += within
    _spend(draft, parts, owed, account)
    if command.final and hold.remaining:
        rest = hold.remaining
        draft.unpin(hold, rest, WALLET)
        hold.released += rest
        draft.pay_debt()
    if hold.remaining == 0:
        hold.state = "captured"
    return draft, hold


def release(book: Book, command: Release) -> tuple[Draft, Hold]:
    """All that is left of the hold, back to the wallet."""
    hold = _open_hold(book, command.hold)
    return end_hold(book, hold, "released"), hold


def end_hold(book: Book, hold: Hold, state: str) -> Draft:
    """Give back what a hold still pins; it ends as ``state``."""
    rest = hold.remaining
    draft = Draft(book)
    draft.unpin(hold, rest, WALLET)
    hold.released += rest
    hold.state = state
    draft.pay_debt()
    return draft


def transfer(payer: Book, payee: Book, command: Transfer, at: datetime) -> tuple[Draft, Draft]:
    """Lot by lot into the other book, with their cost. Overdraft is never transferred."""
    parts = _draw_free(payer, command.amount, "a transfer moves credits that are there, never overdraft")
    must_fit(payee, command.amount)
    check_arrival(payee, parts)
    return hand_over(payer, payee, parts, at)


def check_arrival(taker: Book, parts: Parts) -> None:
    """Raise TooManyPostings where a book would get too many lines: lots, their costs, debt that is paid."""
    paid = sum(1 for lot, _ in parts if lot.cost)
    check_lines(len(parts) * (2 if taker.owed else 1) + paid)


def hand_over(giver: Book, taker: Book, parts: Parts, at: datetime) -> tuple[Draft, Draft]:
    """The lines of both books for credits that move from one to the other."""
    given, taken = Draft(giver), Draft(taker)
    costs: list[tuple[str, int]] = []
    for lot, amount in parts:
        share = lot.share(amount)
        given.move(WALLET, TRANSIT, amount, lot)
        arrived = taker.new_lot("transfer", amount, lot.priority, at, lot.expires_at, share, lot.currency)
        taken.move(TRANSIT, WALLET, amount, arrived)
        if share:
            assert lot.currency is not None
            costs.append((lot.currency, share))
    taken.pay_debt()
    for currency, share in costs:
        given.money(DEFERRED_REVENUE, TRANSIT, currency, share)
        taken.money(TRANSIT, DEFERRED_REVENUE, currency, share)
    return given, taken


def withdraw(book: Book, command: Withdraw) -> Draft:
    """Take credits back from what is free."""
    parts = _draw_free(book, command.amount, "only free credits can be withdrawn")
    draft = Draft(book)
    draft.take(parts, "withdrawn:adjustment")
    return draft


def entry(book: Book, command: Entry) -> Draft:
    """Money alone."""
    draft = Draft(book)
    for line in command.money:
        draft.money(line.debit, line.credit, line.asset, line.amount)
    return draft


def must_fit(book: Book, amount: int) -> None:
    """Raise BalanceLimit where a balance would outgrow its column."""
    if book.wallet + book.held + book.disputed + amount > BALANCE_MAX:
        raise BalanceLimit(
            f"the wallet can hold at most {format_amount(BALANCE_MAX)} credits",
            limit=format_amount(BALANCE_MAX),
        )


def _spend(draft: Draft, parts: Parts, owed: int, account: str) -> None:
    """What ``draw`` found, and what is ``owed`` beyond it."""
    draft.take(parts, account)
    if owed:
        draft.move(OWED, account, owed)


def _draw(book: Book, amount: int, others: int = 0) -> Parts:
    """What ``draw`` finds, where the transaction has room for it beside ``others`` lines."""
    parts = draw(book, amount)
    check_lines(len(parts) + others)
    return parts


def _draw_free(book: Book, amount: int, reason: str) -> Parts:
    if amount > book.wallet:
        error = _insufficient(book.wallet, amount)
        if book.limit:
            error.facts["reason"] = reason
        raise error
    return _draw(book, amount)


def _open_hold(book: Book, number: int) -> Hold:
    hold = book.holds.get(number)
    if hold is None:
        raise NotFound(f"there is no hold {row_public('hld', book.wallet_id, number)}")
    if hold.state != "open":
        raise HoldNotOpen(f"the hold was {hold.state} already", state=hold.state)
    return hold


def _insufficient(available: int, required: int) -> InsufficientCredits:
    return InsufficientCredits(
        f"{format_amount(required)} credits are needed and {format_amount(max(available, 0))} available",
        available=format_amount(available),
        required=format_amount(required),
        shortfall=format_amount(required - available),
    )

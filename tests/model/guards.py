"""The model's guards that look at a book and change nothing."""

from typing import Any

from ledger.book.commands import Capture, Inflow, PlaceHold, Reverse, Transfer, Use, Withdraw
from ledger.kit.money import BALANCE_MAX
from tests.model.book import ModelBook, Refusal

STOPPED = {
    "frozen": ("WALLET_FROZEN", Use | PlaceHold | Capture | Transfer),
    "closed": ("WALLET_CLOSED", Use | PlaceHold | Capture | Transfer | Withdraw | Inflow | Reverse),
}


def status(command: Any, books: list[ModelBook]) -> None:
    """The payer's wallet is looked at before the payee's."""
    reopens = isinstance(command, Inflow) and command.of_kind == "purchase"
    for book in books:
        code, stopped = STOPPED.get(book.status, ("", ()))
        if isinstance(command, stopped) and not reopens:
            raise Refusal(code)


def enough(required: int, available: int) -> None:
    if required > available:
        raise Refusal("INSUFFICIENT_CREDITS", available=available, required=required)


def limit(book: ModelBook, amount: int) -> None:
    if book.wallet + book.held + book.disputed + amount > BALANCE_MAX:
        raise Refusal("BALANCE_LIMIT")


def open_hold(book: ModelBook, name: int) -> tuple[dict[str, Any], int]:
    hold = book.holds.get(name)
    if hold is None:
        raise Refusal("NOT_FOUND")
    if hold["state"] != "open":
        raise Refusal("HOLD_NOT_OPEN", state=hold["state"])
    return hold, hold["amount"] - hold["captured"] - hold["released"]

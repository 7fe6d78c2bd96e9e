"""What can be asked to become of a payment: which test card makes it so, and what its holder does then."""

from collections.abc import Callable
from typing import Final, NamedTuple

from ledger.sandbox.errors import invalid
from ledger.sandbox.rules.cards import ACCOUNTS, BY_NAME, BY_NUMBER, CARDS, Instrument


class Outcome(NamedTuple):
    """What is to become of a payment.

    Attributes:
        does: in a few words, for people.
        number: of the card or account that makes it so.
        fits: whether another one makes it so, too.
        passes: whether the holder authenticates where the bank asks for it; None leaves that to the bank's page.
    """

    does: str
    number: str
    fits: Callable[[Instrument], bool]
    passes: bool | None = True


def _asks(one: Instrument) -> bool:
    return one.asks != "never"


def _for(reason: str) -> Callable[[Instrument], bool]:
    return lambda one: one.decline == reason


OUTCOMES: Final = {
    "success": Outcome("what the card does; its holder authenticates", CARDS[0].number, lambda one: True),
    "decline": Outcome("declined", "4000000000000002", lambda one: one.decline is not None and not one.bank),
    "authenticate": Outcome("the bank's page asks the holder", "4000002760003184", _asks, passes=None),
    "authenticate_complete": Outcome("the bank asks, the holder authenticates", "4000002760003184", _asks),
    "authenticate_fail": Outcome("the bank asks, the holder fails to", "4000002760003184", _asks, passes=False),
    "async_success": Outcome("a debit, paid some time later", ACCOUNTS[0].number, lambda one: one == ACCOUNTS[0]),
    "async_failure": Outcome("a debit, failed some time later", ACCOUNTS[1].number, lambda one: one in ACCOUNTS[1:4]),
    **{
        card.decline: Outcome(card.does, card.number, _for(card.decline))
        for card in reversed(CARDS)
        if card.decline is not None and not _asks(card)
    },
}
"""By name; reasons of declines are names, too."""

ALIASES: Final = {
    "paid": "success",
    "succeeded": "success",
    "declined": "decline",
    "failed": "decline",
    "failure": "decline",
    "3ds": "authenticate",
    "3ds_complete": "authenticate_complete",
    "3ds_success": "authenticate_complete",
    "3ds_fail": "authenticate_fail",
    "3ds_failure": "authenticate_fail",
    "async_fail": "async_failure",
}
"""Other names."""


def outcome(name: str) -> Outcome:
    """The outcome of this name, however it is written. Raises StripeError."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    found = OUTCOMES.get(ALIASES.get(plain, plain))
    if found is None:
        raise invalid(f"There is no outcome {name!r}: name one of {', '.join(OUTCOMES)}.", param="outcome")
    return found


def instrument(card: str, wanted: Outcome) -> Instrument:
    """The card or account of this number or name, if it leads there, or else one that does. Raises StripeError."""
    plain = card.replace(" ", "").replace("-", "")
    named = BY_NUMBER.get(plain or wanted.number) or BY_NAME.get(card)
    if named is None:
        raise invalid(f"{card!r} is no test card or account.", param="card")
    return named if wanted.fits(named) else BY_NUMBER[wanted.number]

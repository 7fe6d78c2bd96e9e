"""Stripe's test cards and test bank accounts: what each of them does.

A card is known by its number, on pages, and by the name of its payment method (``pm_card_…``) or token (``tok_…``),
in the API. It keeps doing what it does when it is attached to a customer and charged later.
"""

from typing import Final, NamedTuple

from ledger.sandbox.rules.declines import DECLINES, Decline


class Instrument(NamedTuple):
    """A test card, or a test bank account.

    Attributes:
        number: of the card, or of the account.
        names: after ``pm_card_`` or ``tok_`` (``pm_usBankAccount_`` of an account); the first one is told.
        does: in a few words, for people.
        decline: why payments fail, or None.
        attaches: whether it can be saved although payments fail.
        asks: when the holder must authenticate: never, unless_set_up, on_session, always.
        dispute: the reason of the dispute that follows a payment.
        inquiry: whether that is only an inquiry.
        refund: how a refund goes: succeeds, pending (and succeeds later), fails later.
        at_once: whether the money can be paid out at once.
        never: whether a debit stays in processing.
    """

    number: str
    names: tuple[str, ...]
    does: str
    brand: str = "visa"
    decline: str | None = None
    attaches: bool = True
    asks: str = "never"
    dispute: str | None = None
    inquiry: bool = False
    refund: str = "succeeds"
    at_once: bool = False
    never: bool = False
    bank: bool = False

    @property
    def why(self) -> Decline | None:
        """Why payments with it fail."""
        return None if self.decline is None else DECLINES[self.decline]

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declined(number: str, names: tuple[str, ...], reason: str) -> Instrument:
    return Instrument(number, names, f"declined: {reason}", decline=reason, attaches=False)


CARDS: Final = (
    Instrument("4242424242424242", ("visa",), "pays"),
    Instrument("4000056655665556", ("visa_debit",), "pays"),
    Instrument("5555555555554444", ("mastercard",), "pays", brand="mastercard"),
    Instrument("378282246310005", ("amex",), "pays", brand="amex"),
    Instrument("6011111111111117", ("discover",), "pays", brand="discover"),
    Instrument("4000000000000077", ("bypassPending",), "pays; the money is available at once", at_once=True),
    _declined("4000000000000002", ("visa_chargeDeclined", "chargeDeclined"), "generic_decline"),
    _declined(
        "4000000000009995",
        ("visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"),
        "insufficient_funds",
    ),
    _declined("4000000000009987", ("visa_chargeDeclinedLostCard", "chargeDeclinedLostCard"), "lost_card"),
    _declined("4000000000009979", ("visa_chargeDeclinedStolenCard", "chargeDeclinedStolenCard"), "stolen_card"),
    _declined("4000000000000069", ("chargeDeclinedExpiredCard",), "expired_card"),
    _declined("4000000000000127", ("chargeDeclinedIncorrectCvc",), "incorrect_cvc"),
    _declined("4000000000000119", ("chargeDeclinedProcessingError",), "processing_error"),
    _declined(
        "4000000000006975",
        ("visa_chargeDeclinedVelocityLimitExceeded", "chargeDeclinedVelocityLimitExceeded"),
        "card_velocity_exceeded",
    ),
    _declined("4100000000000019", ("radarBlock", "chargeDeclinedFraudulent"), "fraudulent"),
    Instrument(
        "4000000000000341",
        ("chargeCustomerFail",),
        "can be saved; every payment is declined",
        decline="generic_decline",
    ),
    Instrument(
        "4000002500003155",
        ("authenticationRequiredOnSetup",),
        "asks for authentication unless it was set up",
        asks="unless_set_up",
    ),
    Instrument("4000002760003184", ("authenticationRequired",), "always asks for authentication", asks="always"),
    Instrument(
        "4000003800000446",
        ("authenticationRequiredSetupForOffSession",),
        "asks when the buyer is there; pays without asking off-session",
        asks="on_session",
    ),
    Instrument(
        "4000008260003178",
        ("authenticationRequiredChargeDeclinedInsufficientFunds",),
        "asks for authentication, and is declined then: insufficient_funds",
        decline="insufficient_funds",
        asks="unless_set_up",
    ),
    Instrument("4000000000003220", ("threeDSecure2Required",), "asks for authentication (3D Secure 2)", asks="always"),
    Instrument("4000000000000259", ("createDispute",), "pays; a dispute follows", dispute="fraudulent"),
    Instrument(
        "4000000000002685",
        ("createDisputeProductNotReceived",),
        "pays; a dispute follows",
        dispute="product_not_received",
    ),
    Instrument(
        "4000000000001976",
        ("createDisputeInquiry",),
        "pays; an inquiry follows",
        dispute="fraudulent",
        inquiry=True,
    ),
    Instrument("4000000000007726", ("pendingRefund",), "pays; a refund is pending at first", refund="pending"),
    Instrument("4000000000005126", ("refundFail",), "pays; a refund succeeds, and fails later", refund="fails"),
)

ACCOUNTS: Final = (
    Instrument("000123456789", ("success",), "pays some time later", bank=True),
    Instrument("000111111113", ("accountClosed",), "fails some time later", decline="account_closed", bank=True),
    Instrument(
        "000222222227",
        ("insufficientFunds",),
        "fails some time later",
        decline="insufficient_bank_funds",
        bank=True,
    ),
    Instrument(
        "000333333335",
        ("debitNotAuthorized",),
        "fails some time later",
        decline="debit_not_authorized",
        bank=True,
    ),
    Instrument("000000000009", ("processing",), "stays in processing", never=True, bank=True),
)

BY_NUMBER: Final = {one.number: one for one in (*CARDS, *ACCOUNTS)}
BY_NAME: Final = {
    f"{prefix}_{name}": one
    for one in (*CARDS, *ACCOUNTS)
    for name in one.names
    for prefix in (("pm_usBankAccount",) if one.bank else ("pm_card", "tok"))
}
"""By the name of the payment method or the token."""


def is_card_number(digits: str) -> bool:
    """Whether it has the length and the check digit of a card's number."""
    if not (digits.isascii() and digits.isdecimal() and 12 <= len(digits) <= 19):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0

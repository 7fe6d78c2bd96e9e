"""What becomes of a payment or of the setting up of a card, and which statuses allow what."""

from typing import Final, NamedTuple

from ledger.sandbox.rules.cards import Instrument
from ledger.sandbox.rules.declines import DECLINES, Decline


class Attempt(NamedTuple):
    """A payment that is tried: with what, whether the buyer is there, has just authenticated, or did so at set-up."""

    instrument: Instrument
    off_session: bool = False
    authenticated: bool = False
    set_up: bool = False


class Verdict(NamedTuple):
    """``outcome`` is approved, declined (then ``decline`` says why), asks (for authentication) or processing."""

    outcome: str
    decline: Decline | None = None


_APPROVED: Final = Verdict("approved")
_ASKS: Final = Verdict("asks")
_PROCESSING: Final = Verdict("processing")


def pay(attempt: Attempt) -> Verdict:
    """The verdict on a payment. Authentication comes before a decline, unless the buyer is not there to give it."""
    if attempt.instrument.bank:
        return _PROCESSING
    if _asks(attempt):
        return Verdict("declined", DECLINES["authentication_required"]) if attempt.off_session else _ASKS
    why = attempt.instrument.why
    return _APPROVED if why is None else Verdict("declined", why)


def set_up(instrument: Instrument, *, authenticated: bool) -> Verdict:
    """The verdict on saving a card for later. Some cards can be saved although payments with them will fail."""
    if not instrument.attaches:
        return Verdict("declined", instrument.why)
    if instrument.asks in ("unless_set_up", "always") and not authenticated:
        return _ASKS
    return _APPROVED


def _asks(attempt: Attempt) -> bool:
    if attempt.authenticated:
        return False
    when = attempt.instrument.asks
    if when == "unless_set_up":
        return not (attempt.off_session and attempt.set_up)
    return when == "always" or (when == "on_session" and not attempt.off_session)


INTENT: Final = {
    "update": ("requires_payment_method", "requires_confirmation", "requires_action"),
    "confirm": ("requires_payment_method", "requires_confirmation", "requires_action"),
    "cancel": (
        "requires_payment_method",
        "requires_capture",
        "requires_confirmation",
        "requires_action",
        "processing",
    ),
    "capture": ("requires_capture",),
}
"""What may be done with a PaymentIntent in which statuses."""

SETUP: Final = {
    "update": ("requires_payment_method", "requires_confirmation", "requires_action"),
    "confirm": ("requires_payment_method", "requires_confirmation", "requires_action"),
    "cancel": ("requires_payment_method", "requires_confirmation", "requires_action"),
}
"""The same of a SetupIntent."""

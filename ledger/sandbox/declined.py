"""The error of a decline, as the answer has it and as an intent remembers it."""

from typing import Any

from ledger.sandbox.errors import Object
from ledger.sandbox.objects import public
from ledger.sandbox.rules.declines import Decline

DOCS = "https://docs.stripe.com/error-codes"


def facts(why: Decline) -> dict[str, Any]:
    """What the error says of the reason; what is not known is left out."""
    said = {
        "code": why.code,
        "message": why.message,
        "decline_code": why.decline_code,
        "advice_code": why.advice,
        "network_decline_code": why.network_code,
    }
    return {name: value for name, value in said.items() if value is not None}


def remembered(why: Decline, charge: str | None, method: Object) -> Object:
    """The ``last_payment_error`` of an intent."""
    kind = "card_error" if method["type"] == "card" else "invalid_request_error"
    docs = f"{DOCS}/{why.code.replace('_', '-')}"
    error = {**facts(why), "doc_url": docs, "payment_method": shown(method), "type": kind}
    return error if charge is None else {**error, "charge": charge}


def shown(method: Object) -> Object:
    """A payment method inside an error."""
    return dict(public(method))

"""What Stripe refuses, in Stripe's words: one exception, and a constructor for each kind of refusal.

``keeps`` tells what becomes of the effects before the refusal: a declined payment leaves a failed charge behind, a
wrong parameter leaves nothing.
"""

from typing import Any, Final

Object = dict[str, Any]
"""An object of the API as it is stored: what Stripe shows, and under ``_`` what it does not."""

_DOCS: Final = "https://docs.stripe.com/error-codes"
_LOGS: Final = "https://dashboard.stripe.com/test/logs"

_NAMES: Final = {
    "payment_method": "PaymentMethod",
    "setup_intent": "setupintent",
    "checkout.session": "checkout session",
    "webhook_endpoint": "webhook endpoint",
    "balance_transaction": "balance transaction",
    "payment_link": "payment link",
    "test_helpers.test_clock": "test clock",
}
"""How messages call an object, where that is not its own name."""


class StripeError(Exception):
    """A request that Stripe answers with an error.

    Attributes:
        status: of the answer.
        keeps: whether what was done before stays, and the answer is one to remember under the idempotency key.
        headers: further ones of the answer.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        keeps: bool = False,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.keeps = keeps
        self.headers = headers or {}
        self.error: Object = {**{name: value for name, value in more.items() if value is not None}, "message": message}
        self.error["type"] = kind

    def body(self, request_id: str) -> Object:
        """The answer's body."""
        more = {"request_log_url": f"{_LOGS}/{request_id}"}
        if "code" in self.error:
            more["doc_url"] = f"{_DOCS}/{self.error['code'].replace('_', '-')}"
        return {"error": dict(sorted({**self.error, **more}.items()))}


def invalid(message: str, *, param: str | None = None, code: str | None = None, **more: Any) -> StripeError:
    """400: the request cannot be done as it stands."""
    return StripeError(400, "invalid_request_error", message, param=param, code=code, **more)


def no_such(kind: str, named: str, param: str = "id") -> StripeError:
    """404 where an id in the path is unknown, and 400 where one in a parameter is."""
    message = f"No such {_NAMES.get(kind, kind)}: '{named}'"
    status = 404 if param == "id" else 400
    return StripeError(status, "invalid_request_error", message, code="resource_missing", param=param)


def unrecognized(method: str, path: str) -> StripeError:
    """404: no such place."""
    message = (
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing slash. "
        "If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code. "
        "Please see https://docs.stripe.com or we can help at https://support.stripe.com/."
    )
    return StripeError(404, "invalid_request_error", message)


def unexpected_state(kind: str, message: str, shown: Object) -> StripeError:
    """400: an intent is not in a status that allows it. ``shown`` is the intent."""
    more: dict[str, Any] = {kind: shown}
    return invalid(message, code=f"{kind}_unexpected_state", **more)


def api_error(message: str = "An unknown error occurred.") -> StripeError:
    """500: Stripe's own fault."""
    return StripeError(500, "api_error", message, keeps=True)

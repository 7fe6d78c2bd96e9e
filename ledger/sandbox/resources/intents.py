"""What PaymentIntents and SetupIntents share: which payment methods they take, from whom, and what is refused."""

from collections.abc import Mapping
from typing import Any, Final

from ledger.sandbox import declined
from ledger.sandbox.errors import Object, invalid, unexpected_state
from ledger.sandbox.objects import public
from ledger.sandbox.resources import payment_methods
from ledger.sandbox.resources.common import Params, living
from ledger.sandbox.world import World

TYPES: Final = ("card", "us_bank_account")
"""What the account has switched on. One that redirects is assumed to be, too: see ``require_return_url``."""
_OPTIONS: Final[Mapping[str, Mapping[str, Object]]] = {
    "payment_intent": {
        "card": {"network": None, "request_three_d_secure": "automatic", "setup_future_usage": None},
        "us_bank_account": {"setup_future_usage": None, "verification_method": "automatic"},
    },
    "setup_intent": {
        "card": {"network": None, "request_three_d_secure": "automatic"},
        "us_bank_account": {"verification_method": "automatic"},
    },
    "checkout.session": {
        "card": {"request_three_d_secure": "automatic", "setup_future_usage": None},
        "us_bank_account": {"setup_future_usage": None, "verification_method": "automatic"},
    },
}
"""What objects show of ``payment_method_options``: of the types that there are, and not what only requests say."""
_NAMES: Final = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}
_NOT_NOW: Final = (
    "You cannot {0} this {1} because it has a status of {status}. Only a {1} with one of the following statuses may be "
    "{2}: {statuses}."
)
_DONE: Final = {"cancel": "canceled", "capture": "captured", "confirm": "confirmed", "update": "updated"}
_STEERED: Final = (
    "You cannot confirm or cancel a {0} that was created by a Checkout Session. To cancel it, expire the Checkout "
    "Session instead."
)
_UNAUTHENTICATED: Final = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod "
    "to attempt to fulfill this {0} again."
)
_NO_METHOD: Final = (
    "You cannot confirm this {0} because it's missing a payment method. You can either update the {0} with a payment "
    "method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken."
)
_RETURN_URL: Final = (
    "This {0} is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods "
    "might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept "
    "redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
)


def taken(params: Params, currency: str = "usd") -> dict[str, Any]:
    """The members of an object that say which types of payment method it takes."""
    allowed = params.get("allowed_payment_method_types") or None
    excluded = params.get("excluded_payment_method_types") or None
    types = [kind for kind in allowed or TYPES if kind in TYPES and kind not in (excluded or ())]
    if currency != "usd":
        types = [kind for kind in types if kind == "card"]
    if not types:
        message = "No valid payment method types for this request. The sandbox has card and us_bank_account."
        raise invalid(message, param="allowed_payment_method_types")
    return {
        "allowed_payment_method_types": allowed,
        "excluded_payment_method_types": excluded,
        "payment_method_types": types,
    }


def options(kind: str, params: Params) -> Params:
    """The parameters, with the options of payment methods as objects of this kind show them."""
    asked = params.get("payment_method_options")
    if not asked:
        return params
    shown = {}
    for method, plain in _OPTIONS[kind].items():
        if asked.get(method):
            shown[method] = {name: asked[method].get(name, value) for name, value in plain.items()}
    return {**params, "payment_method_options": shown}


def terms(world: World, params: Params, currency: str = "usd") -> dict[str, Any]:
    """The members of a new intent that say who may pay with what. Raises StripeError."""
    if params.get("customer"):
        living(world, params["customer"], "customer")
    automatic = {"allow_redirects": "always", "enabled": True, **(params.get("automatic_payment_methods") or {})}
    return {"automatic_payment_methods": automatic, **taken(params, currency)}


def own(world: World, kind: str, named: str) -> Object:
    """An intent of the API's. Raises StripeError for one that a Checkout Session steers."""
    intent = world.get(kind, named)
    if "session" in intent["_"]:
        raise unexpected_state(kind, _STEERED.format(_NAMES[kind]), public(intent))
    return intent


def choose(world: World, intent: Object, params: Params, statuses: Mapping[str, tuple[str, ...]]) -> None:
    """Give the intent the payment method that a request names, if it names one. Raises StripeError."""
    method = chosen(world, intent, params)
    if method is not None:
        require(intent, "update", statuses)
        world.change(intent, payment_method=method["id"], status="requires_confirmation")


def confirmable(world: World, intent: Object, params: Params) -> Object:
    """The payment method to confirm with: the request's, or the intent's own. Raises StripeError."""
    method = chosen(world, intent, params)
    if method is None:
        if intent["payment_method"] is None:
            raise unexpected_state(intent["object"], _NO_METHOD.format(_NAMES[intent["object"]]), public(intent))
        method = world.get("payment_method", intent["payment_method"])
    _require_return_url(intent, params)
    return method


def unauthenticated(intent: Object, method: Object) -> Object:
    """The error that an intent remembers where the holder has failed to authenticate."""
    kind = intent["object"]
    return {
        "code": f"{kind}_authentication_failure",
        "doc_url": f"{declined.DOCS}/{kind.replace('_', '-')}-authentication-failure",
        "message": _UNAUTHENTICATED.format(_NAMES[kind]),
        "payment_method": declined.shown(method),
        "type": "invalid_request_error",
    }


def chosen(world: World, intent: Object, params: Params) -> Object | None:
    """The payment method that a request names or describes, which the intent must take. Raises StripeError."""
    if params.get("payment_method"):
        method = payment_methods.resolve(world, params["payment_method"])
    elif params.get("payment_method_data"):
        method = payment_methods.create(world, params["payment_method_data"])
    else:
        return None
    _require_owner(intent, method)
    payment_methods.require_unused(method)
    if method["type"] not in intent["payment_method_types"]:
        message = (
            f"The PaymentMethod provided ({method['type']}) is not allowed for this {_NAMES[intent['object']]}. Please "
            "attach a PaymentMethod of one of the following types: " + ", ".join(intent["payment_method_types"])
        )
        raise invalid(message + ".", param="payment_method")
    return method


def _require_owner(intent: Object, method: Object) -> None:
    owner, customer = method["customer"], intent["customer"]
    if owner is not None and customer is None:
        message = (
            "The payment method you provided is attached to a customer so for security purposes you must provide the "
            "customer in the request."
        )
        raise invalid(message, param="payment_method")
    if owner not in (None, customer):
        message = f"The PaymentMethod {method['id']} does not belong to the Customer you supplied {customer}."
        raise invalid(message, param="payment_method")


def _require_return_url(intent: Object, params: Params) -> None:
    """An account usually has payment methods that redirect: then there must be a way back. Raises StripeError."""
    settings = intent["automatic_payment_methods"]
    if intent["allowed_payment_method_types"] is not None or settings["allow_redirects"] == "never":
        return
    if not params.get("return_url") and not params.get("off_session") and not params.get("use_stripe_sdk"):
        raise invalid(_RETURN_URL.format(_NAMES[intent["object"]]), param="return_url")


def require(intent: Object, action: str, statuses: Mapping[str, tuple[str, ...]], message: str = "") -> None:
    """Raises StripeError where the status does not allow this. ``message`` has places for status and statuses."""
    if intent["status"] in statuses[action]:
        return
    kind = intent["object"]
    statuses_shown = ", ".join(statuses[action])
    names = (action, _NAMES[kind], _DONE[action])
    text = (message or _NOT_NOW).format(*names, status=intent["status"], statuses=statuses_shown)
    raise unexpected_state(kind, text, public(intent))

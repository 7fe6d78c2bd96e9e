"""Checkout Sessions: how long they are open, and where they lead."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ledger.sandbox.errors import invalid

MODES: Final = ("payment", "setup")
OPEN_S_MIN: Final = 30 * 60
OPEN_S_MAX: Final = 24 * 3600
_PLACE: Final = "{CHECKOUT_SESSION_ID}"

NOT_OPEN: Final = (
    'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of `{}`.'
)
NO_LOCATION: Final = (
    "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the "
    "Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' to save the "
    "address entered in Checkout to the Customer."
)


def expires_at(asked: int | None, now: int) -> int:
    """When a new session ends. Raises StripeError."""
    if asked is None:
        return now + OPEN_S_MAX
    said = "The `expires_at` timestamp must be {} from Checkout Session creation."
    if asked < now + OPEN_S_MIN:
        raise invalid(said.format("at least 30 minutes"), param="expires_at")
    if asked > now + OPEN_S_MAX:
        raise invalid(said.format("less than 24 hours"), param="expires_at")
    return asked


def require_sold(params: Mapping[str, Any]) -> None:
    """Raises StripeError for what is sold otherwise than once, or must be sent."""
    if params.get("subscription_data"):
        raise invalid("You can not pass `subscription_data` in `payment` mode.", param="subscription_data")
    if params.get("shipping_options"):
        raise invalid("The sandbox has no shipping rates.", param="shipping_options")


def is_url(text: str) -> bool:
    """Whether a browser can be sent there."""
    try:
        parts = urlsplit(text.replace(_PLACE, "id"))
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def landing(url: str, session_id: str) -> str:
    """Where the buyer goes after paying."""
    return url.replace(_PLACE, session_id)

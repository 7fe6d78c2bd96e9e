"""An event as Stripe told it: what of it is read here, and what it must be to be stored.

What an event says of its object was so when it was made; nothing is booked by it. It says which object to ask for.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
import stripe
from msgspec import Meta

_ID_MAX: Final = 255


class Data(msgspec.Struct, frozen=True):
    """``object`` as it was when the event was made."""

    object: dict[str, Any]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot event; Stripe's thin events are other objects. ``account``: of a connected account, not of ours."""

    id: Annotated[str, Meta(pattern=r"^evt_[A-Za-z0-9_]{1,250}$(?!\n)")]
    object: Literal["event"]
    type: Annotated[str, Meta(pattern=r"^[a-z0-9_.]{1,100}$(?!\n)")]
    created: Annotated[int, Meta(ge=0, le=253_402_300_799)]
    livemode: bool
    data: Data
    api_version: str | None = None
    account: str | None = None

    @property
    def about(self) -> str | None:
        """The id of its object, where that has one."""
        found = self.data.object.get("id")
        return found if isinstance(found, str) and found.isprintable() and 1 <= len(found) <= _ID_MAX else None

    @property
    def created_at(self) -> datetime:
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def is_of_our_version(self) -> bool:
        """Whether its shape is that of the major version of the API which the SDK is made for."""
        return major_of(self.api_version) == major_of(stripe.api_version)


_decode = msgspec.json.Decoder(Told).decode


def read(text: str) -> Told:
    """Raises ValueError where it is not an event."""
    try:
        return _decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def major_of(version: str | None) -> str | None:
    """``endive`` of ``2026-10-28.endive``; versions before these names are their own."""
    return None if version is None else version.partition(".")[2] or version

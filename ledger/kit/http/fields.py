"""Types of request and answer fields that all concepts share, and the instants in them."""

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Annotated, Final

import msgspec
from litestar.params import QueryParameter
from msgspec import Meta

from ledger.errors import InvalidRequest
from ledger.kit.http.strict import invalid

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

Amount = Annotated[
    str | int,
    Meta(
        description='A decimal string such as `"45.6"` (at most 6 decimals), or an integer; more than zero.',
        examples=["45.6"],
        extra_json_schema={
            "anyOf": [
                {"type": "string", "pattern": r"^(?!0(\.0+)?$)(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$"},
                {"type": "integer", "minimum": 1, "maximum": 10**12},
            ]
        },
    ),
]
"""An amount in a request: read by ``kit.money.parse_amount``."""

Decimal = Annotated[str, Meta(description="A decimal number.", examples=["45.6"])]
"""An amount in an answer."""

Time = Annotated[
    str,
    Meta(
        description="An instant in UTC, RFC 3339 with microseconds.",
        examples=["2026-01-31T12:00:00.000000Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
"""An instant in an answer."""

Instant = Annotated[datetime, Meta(tz=True, description="An instant, RFC 3339 with its offset.")]
"""An instant in a request."""

OwnerId = Annotated[str, Meta(min_length=1, max_length=255, description="The platform's own id of a user or team.")]
Service = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$(?!\n)",
        description="A service: lower-case letters, digits, `_`, `.`, `-`; at most 64.",
        examples=["code_completion"],
    ),
]
Reason = Annotated[str, Meta(min_length=1, max_length=500, description="Why, for whoever reads the books.")]

_INT64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Scalar = Annotated[str, Meta(max_length=500)] | _INT64 | bool
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Scalar],
    Meta(max_length=50, description="Up to 50 keys of 40 characters; text up to 500, integers, true, false."),
]

_INSTANT: Final = "an instant such as 2026-01-31T12:00:00Z"

TimeQuery = Annotated[
    str | None,
    QueryParameter(max_length=40, description="An instant, RFC 3339 with its offset (`2026-01-31T12:00:00Z`)."),
]


@lru_cache(maxsize=1024)
def shown(at: datetime) -> str:
    """An instant as answers show it; it must be in UTC. What is posted together shows the same one."""
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def shown_or_none(at: datetime | None) -> str | None:
    return None if at is None else shown(at)


def in_utc(at: datetime | None, path: str) -> datetime | None:
    """The same instant in UTC. Raises InvalidRequest where no calendar has it."""
    try:
        return None if at is None else at.astimezone(UTC)
    except OverflowError:
        raise _no_instant(path) from None


def queried_instant(text: str | None, path: str, wanted: str = _INSTANT) -> datetime | None:
    """The instant of a query parameter (a ``+`` of its offset may have come as a space). Raises InvalidRequest, which
    says what is ``wanted``."""
    if text is None:
        return None
    try:
        return in_utc(msgspec.convert(text.replace(" ", "+"), Instant), path)
    except msgspec.ValidationError:
        raise invalid(path, f"must be {wanted}") from None


def queried_day_or_instant(text: str | None, path: str, zone: tzinfo = UTC) -> datetime | None:
    """The instant of a query parameter; of a date its first one in ``zone``. Raises InvalidRequest."""
    if text is None or not _DATE.fullmatch(text):
        return queried_instant(text, path, "a date such as 2026-01-31, or an instant such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(path, "must be a date of the calendar, such as 2026-01-31") from None


def _no_instant(path: str) -> InvalidRequest:
    return invalid(path, f"must be {_INSTANT}")

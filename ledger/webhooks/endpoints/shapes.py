"""What requests and answers about webhook endpoints look like."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ledger.kit.egress.urls import URL_CHARACTERS_MAX
from ledger.kit.http.fields import Metadata, OwnerId, Time, shown, shown_or_none
from ledger.kit.ids import public, wallet_public

KIND: Final = "whe"

OVERLAP_S: Final = 86_400
OVERLAP_S_MAX: Final = 7 * 86_400

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=URL_CHARACTERS_MAX,
        description="`https://…`",
        examples=["https://example.com/hooks/credits"],
    ),
]
Events = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
    Meta(
        min_length=1,
        max_length=100,
        description="Types of events (`payment.completed`), all of a family (`payment.*`), or all (`*`).",
        examples=[["payment.*", "balance.low"]],
    ),
]
Description = Annotated[str, Meta(max_length=500)]
Secret = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description="`whsec_` and the base64 of 16 to 128 bytes, or other text of as many, used as its bytes.",
    ),
]
State = Literal["enabled", "disabled", "deleted"]


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint for the events of one owner's wallets, or of all. Without a secret, one is made."""

    url: Url
    events: Events
    owner_id: OwnerId | None = None
    description: Description | None = None
    metadata: Metadata = {}
    secret: Secret | None = None


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is not named stays. ``metadata`` is replaced as a whole. An endpoint that is enabled again
    starts anew: how it failed is forgotten."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class NewSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A secret in the place of those before it, which sign too for ``overlap_s``. Zero revokes them at once."""

    secret: Secret | None = None
    overlap_s: Annotated[int, Meta(ge=0, le=OVERLAP_S_MAX, description="Up to seven days.")] = OVERLAP_S


class LiveSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that signs, without what it is."""

    created_at: Time
    ends_at: Annotated[Time | None, Meta(description="When it signs no more; null for the newest.")]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint. ``failing_since``: the first of the failures in a row that it had last."""

    id: Annotated[str, Meta(examples=["whe_0GJkz3mQx7B"])]
    owner_id: Annotated[str | None, Meta(description="Whose events it hears of; null: everybody's.")]
    wallet_id: Annotated[
        str | None,
        Meta(description="The one wallet it hears of, where it is the `notification_webhook` of its auto-refill."),
    ]
    url: str
    description: str | None
    events: list[str]
    metadata: Metadata
    state: State
    disabled_for: Annotated[
        str | None,
        Meta(description="`request`, `gone` (it answered 410), or `failing` (for days); null where it is enabled."),
    ]
    disabled_at: Time | None
    failing_since: Time | None
    secrets: Annotated[list[LiveSecret], Meta(description="Those that sign, the newest first.")]
    created_at: Time
    updated_at: Time


class EndpointWithSecret(Endpoint, frozen=True, kw_only=True):
    """An endpoint, and the secret that was just made. It is never shown again."""

    secret: Annotated[
        str | None,
        Meta(
            description="Null in an answer that is repeated after the secret has ended.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ]


def endpoint(row: Any, secrets: Sequence[tuple[datetime, datetime | None]]) -> Endpoint:
    """``row``: of ``webhook_endpoints``; ``secrets``: from when until when each signs, the newest first."""
    return Endpoint(**_fields(row, secrets))


def with_secret(row: Any, secrets: Sequence[tuple[datetime, datetime | None]]) -> EndpointWithSecret:
    """The same with a place for the secret, which is filled when it is answered."""
    return EndpointWithSecret(**_fields(row, secrets), secret=None)


def _fields(row: Any, secrets: Sequence[tuple[datetime, datetime | None]]) -> dict[str, Any]:
    return {
        "id": public(KIND, row.endpoint),
        "owner_id": row.owner_id,
        "wallet_id": None if row.wallet_id is None else wallet_public(row.wallet_id),
        "url": row.url,
        "description": row.description,
        "events": row.events,
        "metadata": row.metadata,
        "state": row.state,
        "disabled_for": row.disabled_for,
        "disabled_at": shown_or_none(row.disabled_at),
        "failing_since": shown_or_none(row.failing_since),
        "secrets": [LiveSecret(created_at=shown(made), ends_at=shown_or_none(ends)) for made, ends in secrets],
        "created_at": shown(row.created_at),
        "updated_at": shown(row.updated_at),
    }

"""What requests and answers about notifications look like."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from ledger.kit.egress.urls import URL_CHARACTERS_MAX
from ledger.kit.http.fields import Time, shown, shown_or_none
from ledger.kit.ids import public, wallet_public
from ledger.kit.mail import ADDRESS_CHARACTERS_MAX
from ledger.notifications.rules import DEFAULT_EVENTS

KIND: Final = "chn"
CHANNELS_MAX: Final = 10

Kind = Literal["email", "slack"]
ChannelId = Annotated[str, Meta(examples=["chn_0GJkz3mQx7B"])]
Events = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
    Meta(
        min_length=1,
        max_length=100,
        description="Types of events (`balance.low`), all of a family (`balance.*`), or all (`*`).",
        examples=[["balance.*", "payment.failed"]],
    ),
]


class GivenChannel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel that a wallet is to have. ``address`` is of an ``email``, ``url`` of a ``slack``."""

    kind: Kind
    id: Annotated[ChannelId | None, Meta(description="Of a channel that is there: what is not given of it stays.")] = (
        None
    )
    address: Annotated[
        Annotated[str, Meta(min_length=3, max_length=ADDRESS_CHARACTERS_MAX)] | None,
        Meta(description="An e-mail address.", examples=["billing@example.com"]),
    ] = None
    url: Annotated[
        Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS_MAX)] | None,
        Meta(description="A Slack-compatible incoming webhook, `https://…`."),
    ] = None
    events: Events = DEFAULT_EVENTS
    enabled: bool = True


class GivenNotifications(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All channels that a wallet is to have: those that are not named are removed."""

    channels: Annotated[tuple[GivenChannel, ...], Meta(max_length=CHANNELS_MAX)]


class GivenTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which channel to test; without one, all."""

    channel_id: ChannelId | None = None


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel, and how it does. Of a URL only as much is shown as tells one from another: it is a secret."""

    id: ChannelId
    kind: Kind
    address: Annotated[str | None, Meta(description="Of an `email`.")]
    url: Annotated[str | None, Meta(description="Of a `slack`, masked.", examples=["https://hooks.slack.com/…9fQx"])]
    events: list[str]
    enabled: bool
    disabled_for: Annotated[
        str | None, Meta(description="`request`, or `gone` (it answered 404 or 410); null where it is enabled.")
    ]
    last_sent_at: Time | None
    problem: Annotated[str | None, Meta(description="Why the last attempt failed; null where it did not.")]
    problem_at: Time | None
    created_at: Time
    updated_at: Time


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet's channels."""

    wallet_id: Annotated[str, Meta(examples=["wal_0GJkz3mQx7B"])]
    channels: list[Channel]


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """How the test of a channel ended. ``detail``: why it was not sent."""

    channel_id: ChannelId
    kind: Kind
    sent: bool
    detail: str | None


class TestResults(msgspec.Struct, frozen=True, kw_only=True):
    """How the tests of channels ended."""

    results: list[Tested]


def notifications(wallet_id: int, rows: list[Any]) -> Notifications:
    """``rows``: of ``notification_channels``."""
    return Notifications(wallet_id=wallet_public(wallet_id), channels=[_channel(row) for row in rows])


def _channel(row: Any) -> Channel:
    return Channel(
        id=public(KIND, row.channel),
        kind=row.kind,
        address=row.shown if row.kind == "email" else None,
        url=row.shown if row.kind == "slack" else None,
        events=row.events,
        enabled=row.enabled,
        disabled_for=row.disabled_for,
        last_sent_at=shown_or_none(row.last_sent_at),
        problem=row.problem,
        problem_at=shown_or_none(row.problem_at),
        created_at=shown(row.created_at),
        updated_at=shown(row.updated_at),
    )

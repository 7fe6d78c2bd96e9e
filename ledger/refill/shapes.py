"""What requests and answers about auto-refill look like."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ledger.events.payloads import PauseReason
from ledger.kit.egress.urls import URL_CHARACTERS_MAX
from ledger.kit.http.fields import Amount, Decimal, Time, shown, shown_or_none
from ledger.kit.ids import wallet_public
from ledger.kit.money import format_amount
from ledger.payments.fields import Money
from ledger.refill.attempts import Attempt
from ledger.refill.rules.hours import DAY_MIN
from ledger.refill.store import Switched

TimeOfDay = Annotated[
    str,
    Meta(
        pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)",
        description="A time of the day in the time zone; `24:00` is its end.",
        examples=["09:00"],
    ),
]
Day = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)",
        description="A day.",
        examples=["2026-12-25"],
        extra_json_schema={"format": "date"},
    ),
]
AttemptState = Literal[
    "due", "charging", "processing", "waiting", "link_sent", "succeeded", "expired", "canceled", "unknown"
]
Holidays = Annotated[tuple[Day, ...], Meta(max_length=366, description="Days on which nothing is charged.")]


class BusinessHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when to when a card may be charged, each day that is open."""

    opens: TimeOfDay = "09:00"
    closes: TimeOfDay = "18:00"


class Consent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who agreed to be charged, as the platform knows them."""

    given_by: Annotated[str, Meta(min_length=1, max_length=255, examples=["ada@example.com"])]


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is refilled, and when. What is left out stays as it was; the first time, as is said here.

    One of ``amount_credits``, ``amount_usd`` (each refill is of so much) and ``up_to_credits`` (as much as is missing
    up to that). ``maximum_per_month``: 10. ``monthly_spend_cap``: that many times what one refill costs.
    ``cooldown_s``: 600. ``business_hours_only``: no, else 09:00 to 18:00. ``weekend_refill``: yes. ``smart_refill``:
    no. ``time_zone``: the wallet's.
    """

    threshold: Amount | UnsetType = UNSET
    amount_credits: Amount | UnsetType = UNSET
    amount_usd: Money | UnsetType = UNSET
    up_to_credits: Amount | UnsetType = UNSET
    maximum_per_month: Annotated[int, Meta(ge=1, le=1_000)] | UnsetType = UNSET
    monthly_spend_cap: Money | UnsetType = UNSET
    cooldown_s: Annotated[int, Meta(ge=60, le=30 * 86_400)] | UnsetType = UNSET
    business_hours_only: bool | UnsetType = UNSET
    business_hours: BusinessHours | UnsetType = UNSET
    weekend_refill: bool | UnsetType = UNSET
    holidays: Holidays | UnsetType = UNSET
    time_zone: Annotated[str, Meta(max_length=64, examples=["Europe/Berlin"])] | UnsetType = UNSET
    smart_refill: bool | UnsetType = UNSET


class Settings(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Auto-refill on or off. Switching it on, and every change while it is on, is a consent to be charged: ``consent``
    says whose; by default, whose API key it is. ``notification_webhook`` can be set while it is off, too."""

    enabled: bool
    consent: Consent | UnsetType = UNSET
    notification_webhook: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=URL_CHARACTERS_MAX,
                description="Where `auto_refill.*` of this wallet is told to, signed as any webhook; null: nowhere.",
                examples=["https://example.com/hooks/refills"],
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class ConsentShape(msgspec.Struct, frozen=True, kw_only=True):
    """Who agreed, when, and what was shown then."""

    given_by: str
    given_at: Time
    actor: str
    shown: dict[str, Any]


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is charged until a person resumes it."""

    reason: PauseReason
    since: Time


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What counts against the caps in this month of the time zone."""

    refills: int
    refills_left: int
    spent: Decimal
    left: Decimal
    ends_at: Time


class NextCharge(msgspec.Struct, frozen=True, kw_only=True):
    """What would be charged next; ``expected_at``: about when, by the forecast; null where none is known."""

    amount: Decimal
    credits: Decimal
    expected_at: Time | None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What is charged."""

    id: str
    type: str
    brand: str | None
    last_four: str | None
    expiry: Annotated[str | None, Meta(examples=["2030-12"])]
    verified: bool


class Notifying(msgspec.Struct, frozen=True, kw_only=True):
    """Where `auto_refill.*` is told to, as the wallet's notification channels and the owner's webhook endpoints say."""

    email_alerts: list[str]
    slack_channel: str | None
    webhook_url: Annotated[
        str | None,
        Meta(
            description="The `notification_webhook`, or without one the first endpoint of the owner that hears of it; "
            "masked for a key that could not set it. One that is disabled is not told."
        ),
    ]
    webhook_endpoint_id: Annotated[
        str | None, Meta(description="Which endpoint that is.", examples=["whe_0GJkz3mQx7B"])
    ]


class AutoRefillShape(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet's auto-refill. ``status``: ``off``, ``on``, ``paused``, or ``stopped`` (for the whole service). Amounts
    of what was never set are null."""

    wallet_id: str
    enabled: bool
    status: Literal["off", "on", "paused", "stopped"]
    paused: Paused | None
    threshold: Decimal | None
    credits_per_refill: Decimal | None
    up_to_credits: Decimal | None
    amount: Annotated[Decimal | None, Meta(description="What one refill costs, or costs at most.")]
    amount_usd: Decimal | None
    currency: str
    maximum_per_month: int | None
    monthly_spend_cap: Decimal | None
    cooldown_s: int | None
    business_hours_only: bool
    business_hours: BusinessHours | None
    weekend_refill: bool
    holidays: list[Day]
    time_zone: str | None
    smart_refill: bool
    this_month: Month | None
    under_way: Annotated[str | None, Meta(description="The attempt that is under way.")]
    payment_method: Card | None
    estimated_refills_per_month: Annotated[Decimal | None, Meta(description="Null where too little is known.")]
    estimated_monthly_cost: Decimal | None
    next_evaluation: Annotated[
        Time | None,
        Meta(description="When it is looked at although nothing moves; each entry of the wallet looks, too."),
    ]
    next_charge: NextCharge | None
    notification_webhook: Annotated[
        str | None, Meta(description="As it was set, disabled or not; masked for a key that could not set it.")
    ]
    notification_settings: Notifying
    consent: ConsentShape | None


class AutoRefillWithSecret(AutoRefillShape, frozen=True, kw_only=True):
    """A wallet's auto-refill after a change, and the secret of its webhook where that was just made."""

    notification_webhook_secret: Annotated[
        str | None,
        Meta(
            description="What `notification_webhook` is signed with, once: null unless this request made it.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ]


class AttemptShape(msgspec.Struct, frozen=True, kw_only=True):
    """One refill, from the decision to its end."""

    id: Annotated[str, Meta(examples=["arf_0GJkz3mQx7B1"])]
    wallet_id: str
    status: AttemptState
    cause: Literal["threshold", "forecast"]
    credits: Decimal
    amount: Decimal
    currency: str
    held_and_free: Annotated[Decimal, Meta(description="What the wallet had when it began.")]
    threshold: Decimal
    payment_id: str | None
    tries: int
    reason: str | None
    decline_code: str | None
    late: bool
    began_at: Time
    next_try_at: Time | None
    ended_at: Time | None


class Switch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The kill switch: while it is stopped, nothing is charged for anybody."""

    stopped: bool
    reason: Annotated[str, Meta(min_length=1, max_length=500)] | None = None


class SwitchShape(msgspec.Struct, frozen=True, kw_only=True):
    stopped: bool
    reason: str | None
    changed_by: str | None
    changed_at: Time


def attempt_shape(attempt: Attempt) -> AttemptShape:
    state: Any = attempt.state
    cause: Any = attempt.cause
    return AttemptShape(
        id=attempt.public,
        wallet_id=wallet_public(attempt.wallet_id),
        status=state,
        cause=cause,
        credits=format_amount(attempt.credits_micro),
        amount=format_amount(attempt.amount, attempt.currency),
        currency=attempt.currency,
        held_and_free=format_amount(attempt.position_micro),
        threshold=format_amount(attempt.threshold_micro),
        payment_id=attempt.payment_public,
        tries=attempt.tries,
        reason=attempt.reason,
        decline_code=attempt.decline_code,
        late=attempt.late,
        began_at=shown(attempt.began_at),
        next_try_at=shown_or_none(attempt.due_at) if attempt.state == "waiting" else None,
        ended_at=shown_or_none(attempt.ended_at),
    )


def switch_shape(found: Switched) -> SwitchShape:
    return SwitchShape(
        stopped=found.stopped, reason=found.reason, changed_by=found.actor, changed_at=shown(found.changed_at)
    )


def minutes_of(time_of_day: str) -> int:
    """Minutes of the day."""
    hours, _, minutes = time_of_day.partition(":")
    return int(hours) * 60 + int(minutes)


def time_of(minutes: int) -> str:
    """As it is written; the end of the day is ``24:00``."""
    return "24:00" if minutes == DAY_MIN else f"{minutes // 60:02d}:{minutes % 60:02d}"

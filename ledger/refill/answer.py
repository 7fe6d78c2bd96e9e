"""A wallet's auto-refill as it is answered: its settings, how it stands, and what is to be expected."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.tables import wallet_settings
from ledger.budgets.periods import period_of
from ledger.kit.egress.urls import masked
from ledger.kit.http.fields import shown, shown_or_none
from ledger.kit.ids import public, row_public, wallet_public
from ledger.kit.money import format_amount
from ledger.notifications.tables import notification_channels
from ledger.payments.methods.store import Method, default_of
from ledger.refill import store
from ledger.refill.participant import terms_in
from ledger.refill.rules.decide import price
from ledger.refill.shapes import (
    AutoRefillShape,
    BusinessHours,
    Card,
    ConsentShape,
    Month,
    NextCharge,
    Notifying,
    Paused,
    time_of,
)
from ledger.webhooks.endpoints.shapes import KIND as ENDPOINT
from ledger.webhooks.tables import webhook_endpoints

FORECAST_DAYS: Final = 30
FAMILY: Final = frozenset(["*", "auto_refill.*"])

_json: Final = msgspec.json.decode


class Told(NamedTuple):
    """Where events of auto-refill go: channels, the wallet's own endpoint, and the first of its owner's."""

    channels: list[Any]
    own: Any
    others: Any


class About(NamedTuple):
    """What a wallet's auto-refill is told with: a row of ``store.seen`` or None, and what is beside it."""

    seen: Any
    method: Method | None
    told: Told


async def about(connection: AsyncConnection, wallet_id: int) -> About:
    method = await default_of(connection, wallet_id)
    return About(await store.seen(connection, wallet_id), method, await _told(connection, wallet_id))


def card_of(method: Method | None) -> Card | None:
    if method is None:
        return None
    expiry = None if method.exp_year is None else f"{method.exp_year}-{method.exp_month:02d}"
    return Card(
        id=method.method,
        type=method.type,
        brand=method.brand,
        last_four=method.last4,
        expiry=expiry,
        verified=method.verified,
    )


def shape_of(wallet_id: int, found: About, currency: str, scopes: Collection[str]) -> AutoRefillShape:
    """The answer. ``currency``: of a wallet that never had settings; ``scopes``: of who asks: an address that they
    could not set is masked, since it may itself be a secret."""
    seen = found.seen
    common: dict[str, Any] = {
        "wallet_id": wallet_public(wallet_id),
        "payment_method": card_of(found.method),
        "notification_webhook": found.told.own and _address(found.told.own.url, "write" in scopes),
        "notification_settings": _notifying(found.told, scopes),
    }
    if seen is None:
        return AutoRefillShape(**common, **_NOTHING, currency=currency)
    own = seen.currency
    zone = ZoneInfo(seen.time_zone)
    expected = _expected(seen)
    return AutoRefillShape(
        **common,
        enabled=seen.enabled,
        status=_status(seen),
        paused=None if seen.paused_for is None else Paused(reason=seen.paused_for, since=shown(seen.paused_at)),
        threshold=format_amount(seen.threshold_micro),
        credits_per_refill=None if seen.up_to else format_amount(seen.credits_micro),
        up_to_credits=format_amount(seen.credits_micro) if seen.up_to else None,
        amount=format_amount(seen.amount, own),
        amount_usd=format_amount(seen.amount, own) if own == "USD" else None,
        currency=own,
        maximum_per_month=seen.maximum_per_month,
        monthly_spend_cap=format_amount(seen.monthly_spend_cap, own),
        cooldown_s=seen.cooldown_s,
        business_hours_only=seen.business_hours_only,
        business_hours=BusinessHours(opens=time_of(seen.opens_min), closes=time_of(seen.closes_min))
        if seen.business_hours_only
        else None,
        weekend_refill=seen.weekends,
        holidays=_json(seen.holidays),
        time_zone=seen.time_zone,
        smart_refill=seen.smart,
        this_month=Month(
            refills=seen.made,
            refills_left=max(0, seen.maximum_per_month - seen.made),
            spent=format_amount(seen.spent, own),
            left=format_amount(max(0, seen.monthly_spend_cap - seen.spent), own),
            ends_at=shown(period_of(seen.now, "month", zone).end),
        ),
        under_way=None if seen.under_way is None else row_public("arf", wallet_id, seen.under_way),
        estimated_refills_per_month=None if expected is None else str(expected[0]),
        estimated_monthly_cost=None if expected is None else format_amount(expected[1], own),
        next_evaluation=shown_or_none(seen.next_at) if seen.enabled else None,
        next_charge=_next_charge(seen),
        consent=None
        if seen.given_by is None
        else ConsentShape(
            given_by=seen.given_by, given_at=shown(seen.given_at), actor=seen.actor, shown=_json(seen.shown)
        ),
    )


_NOTHING: Final[dict[str, Any]] = {
    "enabled": False,
    "status": "off",
    "paused": None,
    "threshold": None,
    "credits_per_refill": None,
    "up_to_credits": None,
    "amount": None,
    "amount_usd": None,
    "maximum_per_month": None,
    "monthly_spend_cap": None,
    "cooldown_s": None,
    "business_hours_only": False,
    "business_hours": None,
    "weekend_refill": True,
    "holidays": [],
    "time_zone": None,
    "smart_refill": False,
    "this_month": None,
    "under_way": None,
    "estimated_refills_per_month": None,
    "estimated_monthly_cost": None,
    "next_evaluation": None,
    "next_charge": None,
    "consent": None,
}


def _status(seen: Any) -> Literal["off", "on", "paused", "stopped"]:
    if not seen.enabled:
        return "off"
    if seen.paused_for is not None:
        return "paused"
    return "stopped" if seen.stopped else "on"


def _expected(seen: Any) -> tuple[Decimal, int] | None:
    """Refills in 30 days with one decimal, and their cost, if all goes as forecast: never above the caps."""
    if seen.expected_micro is None:
        return None
    exact = Decimal(seen.expected_micro) / seen.credits_micro
    refills = min(exact, Decimal(seen.maximum_per_month))
    cost = min(int((refills * seen.amount).to_integral_value(ROUND_HALF_UP)), seen.monthly_spend_cap)
    return refills.quantize(Decimal("0.1")), cost


def _next_charge(seen: Any) -> NextCharge | None:
    """What is charged next, as things stand; nothing where it is off or paused."""
    if not seen.enabled or seen.paused_for is not None:
        return None
    terms = terms_in(seen)
    balance_micro = min(seen.position_micro - seen.owed_micro, terms.threshold_micro)
    credits_micro, amount = price(terms, balance_micro)
    return NextCharge(
        amount=format_amount(amount, seen.currency),
        credits=format_amount(credits_micro),
        expected_at=shown_or_none(_expected_at(seen)),
    )


def _expected_at(seen: Any) -> datetime | None:
    above = seen.position_micro - seen.threshold_micro
    if above < 0:
        return None  # it is needed already; what is in the way says until when
    if not seen.expected_micro:
        return None
    days = above * FORECAST_DAYS / seen.expected_micro
    if days > 366:
        return None
    at: datetime = seen.now + timedelta(days=days)
    return at


async def _told(connection: AsyncConnection, wallet_id: int) -> Told:
    c, e = notification_channels.c, webhook_endpoints.c
    channels = select(c.kind, c.shown, c.events).where(c.wallet_id == wallet_id, c.enabled).order_by(c.created_at)
    owner = select(wallet_settings.c.owner_id).where(wallet_settings.c.wallet_id == wallet_id).scalar_subquery()
    columns = select(e.endpoint, e.url, e.events, e.state)
    own = columns.where(e.wallet_id == wallet_id, e.state != "deleted")
    others = columns.where(e.owner_id == owner, e.wallet_id.is_(None), e.state == "enabled").order_by(e.created_at)
    return Told(
        [row for row in await connection.execute(channels) if _is_told(row.events)],
        (await connection.execute(own)).one_or_none(),
        next((row for row in await connection.execute(others) if _is_told(row.events)), None),
    )


def _notifying(told: Told, scopes: Collection[str]) -> Notifying:
    own = told.own if told.own is not None and told.own.state == "enabled" and _is_told(told.own.events) else None
    first = own or told.others
    return Notifying(
        email_alerts=[row.shown for row in told.channels if row.kind == "email"],
        slack_channel=next((row.shown for row in told.channels if row.kind == "slack"), None),
        webhook_url=first and _address(first.url, ("write" if own else "admin") in scopes),
        webhook_endpoint_id=first and public(ENDPOINT, first.endpoint),
    )


def _address(url: str, whole: bool) -> str:
    return url if whole else masked(url)


def _is_told(events: list[str]) -> bool:
    return any(event in FAMILY or event.startswith("auto_refill.") for event in events)

"""What requests and answers about budgets look like."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ledger.budgets.part import Spent
from ledger.budgets.periods import Period, window_of
from ledger.budgets.rules import ALERT_MAX, ALERTS, check
from ledger.budgets.store import Seen
from ledger.kit.http.fields import Amount, Decimal, OwnerId, Service, Time, shown
from ledger.kit.ids import wallet_public
from ledger.kit.money import format_amount

Alerts = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=ALERT_MAX)], ...],
    Meta(max_length=20, description="Percentages of the limit to tell, in any order; may be empty."),
]
Member = Annotated[OwnerId, Meta(description="A member: what uses name as `user_id` in their metadata.")]


class NewBudget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A budget of the whole wallet, of one service, or of one member. A hard one refuses what goes beyond it."""

    period: Period
    limit: Amount
    service: Service | None = None
    user_id: Member | None = None
    hard: bool = False
    alerts: Alerts = ALERTS


class BudgetChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is not named stays. For another period, service or member make another budget."""

    limit: Amount | UnsetType = UNSET
    hard: bool | UnsetType = UNSET
    alerts: Alerts | UnsetType = UNSET


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A budget in the period that is running. ``told``: the levels that were told in it."""

    id: Annotated[str, Meta(examples=["bud_0GJkz3mQx7B2"])]
    wallet_id: str
    service: str | None
    user_id: str | None
    period: Period
    limit: Decimal
    hard: bool
    alerts: list[int]
    time_zone: Annotated[str, Meta(description="Whose midnight the period that is running is of.")]
    next_time_zone: Annotated[str | None, Meta(description="From the next period on, where the wallet has moved.")]
    spent: Decimal
    left: Decimal
    told: list[int]
    period_start: Time
    period_end: Time
    created_at: Time


def budget(seen: Seen) -> Budget:
    kept, rule = seen.kept, seen.kept.rule
    window = window_of(seen.now, rule.period, kept.calendar)
    zone, later = kept.calendar.zone(seen.now), kept.calendar.zone(window.end)
    spent = seen.spent.get((seen.wallet_id, kept.number, window.start), Spent())
    return Budget(
        id=rule.id,
        wallet_id=wallet_public(seen.wallet_id),
        service=rule.of if rule.scope == "service" else None,
        user_id=rule.of if rule.scope == "member" else None,
        period=rule.period,
        limit=format_amount(rule.limit_micro),
        hard=rule.hard,
        alerts=list(rule.alerts),
        time_zone=zone.key,
        next_time_zone=None if later == zone else later.key,
        spent=format_amount(spent.micro),
        left=format_amount(check(rule, spent.micro, 0).left_micro),
        told=sorted(spent.told),
        period_start=shown(window.start),
        period_end=shown(window.end),
        created_at=shown(seen.created_at),
    )

"""Budgets: make, find, change, end. What is written goes through the door, under the wallet's lock.

Each is two steps: the change itself, and then a look of the participant at the wallet, which tells the levels that are
passed already. A look that does not come (the process died) is made up for by the wallet's next transaction.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import UnsetType
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.budgets import store
from ledger.budgets.part import Kept
from ledger.budgets.periods import Calendar, period_of
from ledger.budgets.rules import Budget, Scope
from ledger.budgets.shapes import BudgetChange, NewBudget
from ledger.budgets.store import BUDGETS_MAX, Seen
from ledger.errors import NotFound
from ledger.kit import clock
from ledger.kit.http.strict import invalid
from ledger.kit.ids import new_wallet_id, parse_row, row_public
from ledger.kit.money import parse_amount


class About(NamedTuple):
    """What a budget limits."""

    scope: Scope
    of: str | None


def number_of(namespace: str, key: str | None) -> int:
    """The number of a budget that is to be made: under a key always the same, so that it is made once."""
    if key is None:
        return new_wallet_id()
    digest = hashlib.sha256(f"budget\x00{namespace}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1 or 1


async def find(connection: AsyncConnection, wallet_id: int, number: int) -> Seen | None:
    """The wallet's budget of this number, if it is there."""
    seen = await store.budgets_of(connection, wallet_id)
    return next((each for each in seen if each.kept.number == number), None)


async def get(connection: AsyncConnection, wallet_id: int, budget_id: str) -> Seen:
    """The wallet's budget of this id. Raises NotFound."""
    owner, number = parse_row("bud", budget_id, "budget")
    seen = await find(connection, wallet_id, number) if owner == wallet_id else None
    if seen is None:
        raise NotFound(f"the wallet has no budget {budget_id}")
    return seen


async def plan_new(
    connection: AsyncConnection, wallet_id: int, zone: str, number: int, new: NewBudget
) -> tuple[Rider, ...]:
    """What makes a budget. Raises InvalidRequest, InvalidAmount."""
    about = about_of(new)
    if len(await store.budgets_of(connection, wallet_id)) >= BUDGETS_MAX:
        raise invalid("", f"the wallet has {BUDGETS_MAX} budgets, and can have no more")
    rule = Budget(
        id=row_public("bud", wallet_id, number),
        scope=about.scope,
        of=about.of,
        period=new.period,
        limit_micro=parse_amount(new.limit, path="limit"),
        hard=new.hard,
        alerts=rising(new.alerts),
    )
    at = ZoneInfo(zone)
    window = period_of(await clock.now(connection), new.period, at)
    before = await store.count(connection, wallet_id, about.scope, about.of, window)
    kept = Kept(number, rule, Calendar(at), window.start)
    return store.make_riders(wallet_id, kept, window, period_of(window.end, new.period, at), before)


def plan_change(wallet_id: int, old: Kept, change: BudgetChange) -> tuple[Rider, ...]:
    """What changes a budget. Raises InvalidAmount."""
    rule = old.rule
    limit_micro = rule.limit_micro if isinstance(change.limit, UnsetType) else parse_amount(change.limit, path="limit")
    hard = rule.hard if isinstance(change.hard, UnsetType) else change.hard
    alerts = rule.alerts if isinstance(change.alerts, UnsetType) else rising(change.alerts)
    return (store.change_rider(wallet_id, old, limit_micro, hard, alerts),)


async def plan_move(connection: AsyncConnection, wallet_id: int, zone: str) -> Rider:
    """What takes a wallet's budgets along when it moves to another time zone."""
    return store.move_rider(wallet_id, await store.budgets_of(connection, wallet_id), ZoneInfo(zone))


def about_of(new: NewBudget) -> About:
    """Raises InvalidRequest for a budget of a service and a member at once."""
    if new.service is not None and new.user_id is not None:
        raise invalid("user_id", "a budget is of a service or of a member, not of both")
    if new.service is not None:
        return About("service", new.service)
    return About("wallet", None) if new.user_id is None else About("member", new.user_id)


def rising(alerts: Sequence[int]) -> tuple[int, ...]:
    """Each level once, from the lowest."""
    return tuple(sorted(set(alerts)))

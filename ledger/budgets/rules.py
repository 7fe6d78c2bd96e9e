"""What a budget allows, and which of its alert levels were crossed. Pure.

Spending is what was used less what was refunded, in the period that the use counts in. All amounts are micro-credits.

**Alerts are edges.** A level is told when spending goes from below it to it or above, once per level and period. It is
re-armed when a refund brings spending below it again, and then told again when it is next crossed. Levels passed
before the budget was there are not told by the next use: whoever makes or changes one asks for the crossings from
zero, and tells at once. A new period starts with nothing told.
"""

from typing import Final, Literal

import msgspec

from ledger.budgets.periods import Period
from ledger.errors import CreditLimitExceeded
from ledger.kit.money import format_amount

Scope = Literal["wallet", "service", "member"]

ALERTS: Final = (50, 80, 90, 100)
"""Percentages of the limit that are told, unless the budget names its own."""

ALERT_MAX: Final = 1000
"""A soft budget may be overspent, and told of that, up to ten times its limit."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A limit on what is used in each period. Soft ones only alert; a hard one refuses what goes beyond it.

    ``of``: the service or member that it is for; None for the whole wallet. Raises ValueError for one that cannot be.
    """

    id: str
    scope: Scope
    of: str | None = None
    period: Period
    limit_micro: int
    hard: bool = False
    alerts: tuple[int, ...] = ALERTS

    def __post_init__(self) -> None:
        if (self.of is None) != (self.scope == "wallet"):
            raise ValueError(f"of names the service or member, and nothing else: {self.of!r} for a {self.scope}")
        if self.limit_micro <= 0:
            raise ValueError("limit must be more than zero")
        if list(self.alerts) != sorted(set(self.alerts)):
            raise ValueError("alerts must rise, each percentage once")
        if self.alerts and not 1 <= self.alerts[0] <= self.alerts[-1] <= ALERT_MAX:
            raise ValueError(f"alerts must be percentages from 1 to {ALERT_MAX}")


class Check(msgspec.Struct, frozen=True):
    """``left_micro``: what can still be used in the period before the limit is reached; never below zero."""

    allowed: bool
    left_micro: int


class Crossings(msgspec.Struct, frozen=True):
    """``reached``: the levels to tell, rising; ``told``: those that count as told from now on."""

    reached: tuple[int, ...]
    told: frozenset[int]


def check(budget: Budget, spent_micro: int, amount_micro: int) -> Check:
    """Whether ``amount_micro`` more may be used in a period that has used ``spent_micro``.

    What uses nothing or gives back is always allowed. The last credit of the limit can be used; not one micro more.
    """
    left = max(budget.limit_micro - spent_micro, 0)
    return Check(not budget.hard or amount_micro <= left, left)


def refusal(budget: Budget, spent_micro: int, amount_micro: int) -> CreditLimitExceeded:
    """The error for what ``check`` did not allow."""
    left = format_amount(check(budget, spent_micro, amount_micro).left_micro)
    whose = f"the {budget.scope}'s budget" if budget.of is None else f"the budget of {budget.scope} {budget.of}"
    return CreditLimitExceeded(
        f"{format_amount(amount_micro)} credits are asked for, and {whose} for this {budget.period} has {left} left",
        budget=budget.id,
        limit=format_amount(budget.limit_micro),
        spent=format_amount(spent_micro),
        left=left,
    )


def crossings(budget: Budget, before_micro: int, after_micro: int, told: frozenset[int] = frozenset()) -> Crossings:
    """What a change of spending from ``before_micro`` to ``after_micro`` means for the alert levels.

    ``told``: the levels that were told in this period and not re-armed since.
    """
    passed = frozenset(level for level in budget.alerts if _reaches(budget, after_micro, level))
    standing = told & passed
    reached = tuple(
        level
        for level in budget.alerts
        if level in passed and level not in standing and not _reaches(budget, before_micro, level)
    )
    return Crossings(reached, standing | frozenset(reached))


def _reaches(budget: Budget, spent_micro: int, level: int) -> bool:
    return 100 * spent_micro >= level * budget.limit_micro

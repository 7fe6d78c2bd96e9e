"""The model's budgets, written from docs/concepts/budgets.md alone: what is spent is added up from the journal each time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple


class Limit(NamedTuple):
    """A budget in UTC: of a ``service`` or of all, for what counts from ``since`` on."""

    service: str | None
    period: str
    micro: int
    hard: bool
    since: datetime

    def spent(self, journal: Sequence[dict[str, Any]], start: datetime) -> int:
        """What was used less what came back of it, in the period that begins at ``start``."""
        return sum(
            amount
            for at, service, amount in used(journal)
            if at >= self.since and self.service in (None, service) and start_of(at, self.period) == start
        )


def used(journal: Sequence[dict[str, Any]]) -> list[tuple[datetime, str, int]]:
    """(when it counts, service, amount), below zero where it came back."""
    found = []
    for transaction in journal:
        of = transaction if transaction["reverses"] is None else journal[transaction["reverses"] - 1]
        for _, debit, credit, _, amount, *_ in transaction["postings"]:
            for account, sign in ((credit, 1), (debit, -1)):
                if account.startswith("used:"):
                    found.append((of["effective_at"], account.removeprefix("used:"), sign * amount))
    return found


def start_of(at: datetime, period: str) -> datetime:
    """The midnight, in UTC, that the period begins with."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if period == "week" else day

"""Levels of a balance, and which change of level is worth telling. Pure."""

from typing import Final

from ledger.events.payloads import Level

OK: Final[Level] = "ok"
LOW: Final[Level] = "low"
CRITICAL: Final[Level] = "critical"
DEPLETED: Final[Level] = "depleted"

WORSE: Final = {OK: 0, LOW: 1, CRITICAL: 2, DEPLETED: 3}


def level_of(free: int, warning_at: int, critical_at: int) -> Level:
    """The level of what is free to use (overdraft not counted), all in micro-credits."""
    if free <= 0:
        return DEPLETED
    if free < critical_at:
        return CRITICAL
    return LOW if free < warning_at else OK


def event_of(before: Level | None, after: Level) -> str | None:
    """The event for a change of level; None where there is nothing to tell.

    A wallet that had no level yet (``before`` None) gets its first one silently.
    """
    if before is None or before == after:
        return None
    if WORSE[after] > WORSE[before]:
        return f"balance.{after}"
    return "balance.recovered" if after == OK else None

"""Payouts: when they are made."""

from typing import Final

DAY_S: Final = 86_400


def next_midnight(moment: float) -> float:
    """The next midnight in UTC after this moment."""
    return (int(moment) // DAY_S + 1) * float(DAY_S)

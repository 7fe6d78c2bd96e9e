"""Histories that are made: a weekday pattern, and what life does to it. The same for the same seed."""

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

from ledger.forecast.records import Used
from ledger.kit.money import MICRO

START: Final = date(2026, 1, 5)
"""A Monday."""

WEEK: Final = (130, 125, 120, 120, 110, 50, 45)
"""Credits of each weekday, Monday first: 100 on average."""

Shape = Callable[[random.Random, int], float]


def _noise(chance: random.Random, part: float) -> float:
    return 1 + part * chance.gauss(0, 1)


SHAPES: Final[dict[str, Shape]] = {
    "weekdays": lambda chance, day: WEEK[day % 7] * _noise(chance, 0.15),
    "growing": lambda chance, day: WEEK[day % 7] * (0.6 + 0.008 * day) * _noise(chance, 0.15),
    "noise": lambda chance, _: 100 * _noise(chance, 0.3),
    "workdays only": lambda chance, day: 100 * _noise(chance, 0.2) if day % 7 < 5 else 0,
    "level shift": lambda chance, day: WEEK[day % 7] * (0.5 if day < 90 else 1.5) * _noise(chance, 0.15),
    "intermittent": lambda chance, _: chance.expovariate(0.01) if chance.random() < 0.2 else 0,
    "spikes": lambda chance, day: WEEK[day % 7] * _noise(chance, 0.15) + (5_000 if chance.random() < 0.03 else 0),
    "constant": lambda _chance, _day: 100,
    "exact week": lambda _chance, day: WEEK[day % 7],
}


def credits_of(shape: str, days: int, seed: int = 7) -> list[int]:
    """Micro-credits of each day."""
    chance = random.Random(f"{shape} {seed}")
    return [max(round(SHAPES[shape](chance, day) * MICRO), 0) for day in range(days)]


def usage_of(micros: Sequence[int], start: date = START) -> list[Used]:
    """As a history that begins on a Monday."""
    return [Used(start + timedelta(day), micro) for day, micro in enumerate(micros)]

"""What can go wrong between an event and its endpoint, set under ``/_sim/webhooks``.

duplicate   the same event is sent twice
delay       it comes later than others
reorder     it comes shortly after what follows it
drop        it never comes
twin        the same happening makes two events with different ids

Each happens to the next so many, or with a probability, drawn from a generator with a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Final

import msgspec

KINDS: Final = ("duplicate", "delay", "reorder", "drop", "twin")


class Mishap(msgspec.Struct, forbid_unknown_fields=True):
    """How often one happens. ``times`` is counted down; delay and reorder have ``delay_s``, by the sandbox's clock."""

    times: int = 0
    probability: float = 0.0
    delay_s: float = 1.0


class Mishaps:
    """All of them, none at first. ``struck``: how often each has happened."""

    def __init__(self) -> None:
        self.struck: Counter[str] = Counter()
        self.set({})

    def set(self, wanted: dict[str, Mishap], seed: int = 0) -> None:
        """Have these from now on, and no others."""
        self.wanted = {kind: wanted.get(kind, Mishap()) for kind in KINDS}
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def strikes(self, kind: str) -> bool:
        """Whether it happens now."""
        happens = self._happens(self.wanted[kind])
        self.struck[kind] += happens
        return happens

    def _happens(self, mishap: Mishap) -> bool:
        if mishap.times > 0:
            mishap.times -= 1
            return True
        return mishap.probability > 0 and self._random.random() < mishap.probability

    def held_s(self) -> float:
        """How much later than at once something is sent."""
        return sum(self.wanted[kind].delay_s for kind in ("delay", "reorder") if self.strikes(kind))

"""Waiting for what other processes do: until it is so, or until there is no hope."""

import time
from collections.abc import Callable

PATIENCE_S = 60.0
EARLY_S = 0.01
"""A timer may ring this much before its time: loops count in whole milliseconds, and differences of floats are rounded."""


def until(holds: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as ``holds()``; fail saying ``what`` was waited for."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"after {patience_s:.0f} s still not: {what}"
        time.sleep(0.05)

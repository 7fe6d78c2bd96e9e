"""What this process has answered: how often, with which status, and how long it took.

Counted by route and status in plain numbers, so that an answer costs well under a microsecond for it; nothing is added
up before somebody asks. A method or a path that is not served has no row of its own: strangers cannot make any.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from litestar.handlers import BaseRouteHandler

BOUNDS_S: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the classes that durations are counted in; one more has all that took longer."""

_NONE: Final = [0.0] * (len(BOUNDS_S) + 2)


class Answers(NamedTuple):
    """Answers of one route with one status: how many took as long as each class, and all their seconds.

    ``method`` and ``route`` are empty where no route was found: refused before, or an unknown path.
    """

    method: str
    route: str
    status: int
    counts: list[int]
    total_s: float


class Served:
    """The answers of one process."""

    def __init__(self) -> None:
        self._rows: dict[tuple[BaseRouteHandler | None, int], list[float]] = {}

    def add(self, handler: BaseRouteHandler | None, status: int, took_s: float) -> None:
        """One more answer, of the route that ``handler`` serves."""
        row = self._rows.get((handler, status))
        if row is None:
            row = self._rows[handler, status] = _NONE.copy()
        row[bisect_left(BOUNDS_S, took_s)] += 1
        row[-1] += took_s

    def answers(self) -> Iterator[Answers]:
        """All there are, by route and status."""
        rows = [(*_named(handler), status, row) for (handler, status), row in self._rows.items()]
        for method, route, status, row in sorted(rows, key=lambda row: row[:3]):
            yield Answers(method, route, status, [int(count) for count in row[:-1]], row[-1])


def _named(handler: BaseRouteHandler | None) -> tuple[str, str]:
    if handler is None:
        return "", ""
    method = next(iter(getattr(handler, "http_methods", ())), "")
    return str(method), next(iter(sorted(handler.paths)), "").replace(":str}", "}")

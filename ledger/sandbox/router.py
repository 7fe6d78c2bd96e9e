"""Finds the route of a method and a path, in any table whose rows have both."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar
from urllib.parse import unquote


class Routed(Protocol):
    """A row of a table of routes."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...


R = TypeVar("R", bound=Routed)


class Router(Generic[R]):
    """A table of routes, looked up by method and number of parts; written parts come before ``{id}``."""

    def __init__(self, routes: Sequence[R]) -> None:
        self._routes: dict[tuple[str, int], list[tuple[list[str], R]]] = {}
        for route in sorted(routes, key=lambda route: route.path.count("{")):
            parts = route.path.split("/")
            self._routes.setdefault((route.method, len(parts)), []).append((parts, route))

    def find(self, method: str, path: str) -> tuple[R, list[str]] | None:
        """The route, and what stands in the places of its path."""
        parts = path.split("/")
        for wanted, route in self._routes.get((method, len(parts)), ()):
            found = _match(wanted, parts)
            if found is not None:
                return route, found
        return None


def _match(wanted: list[str], parts: list[str]) -> list[str] | None:
    found = []
    for want, part in zip(wanted, parts, strict=True):
        if want.startswith("{"):
            if not part:
                return None
            found.append(unquote(part))
        elif want != part:
            return None
    return found

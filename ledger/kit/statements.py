"""Statements with named placeholders, turned once into what the server takes.

The driver parses a statement's placeholders at every execution when it is long; ours are long and few. ``numbered``
does it once per text, and a raw cursor sends the result as it is.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")


@lru_cache(maxsize=1024)
def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """``%(name)s`` as ``$1``, ``$2`` …, and the names in that order; a name used twice is one parameter."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${names.setdefault(match[1], len(names) + 1)}"

    return _PLACEHOLDER.sub(number, sql), tuple(names)


def bound(sql: str, params: Mapping[str, Any]) -> tuple[str, list[Any] | None]:
    """What a raw cursor executes."""
    text, names = numbered(sql)
    return text, [params[name] for name in names] or None

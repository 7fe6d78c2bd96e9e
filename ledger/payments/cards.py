"""Card numbers have no place here: what looks like one is refused before it is kept or logged anywhere."""

import re
from collections.abc import Mapping
from typing import Final

from ledger.kit.http.strict import invalid

_DIGITS: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)", re.ASCII)


def looks_like_card(text: str) -> bool:
    """Whether 13 to 19 digits in it, with or without spaces, have the check digit of a card number."""
    return any(_adds_up(re.sub("[ -]", "", found)) for found in _DIGITS.findall(text))


def refuse_cards(metadata: Mapping[str, object], path: str = "metadata") -> None:
    """Raises InvalidRequest where a value looks like a card number."""
    for name, value in metadata.items():
        if isinstance(value, str | int) and looks_like_card(str(value)):
            raise invalid(f"{path}.{name}", "looks like the number of a card, which must not be kept here")


def _adds_up(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0

"""docs/concepts/sandbox-tests.md names what shows each endpoint and behaviour: it must be there, and complete."""

import re
from pathlib import Path

import pytest

from ledger.sandbox.routes import ROUTES

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "concepts" / "sandbox-tests.md"
BEHAVIOURS = 11


def rows() -> list[list[str]]:
    """The cells of the tables."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "`" in line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def named() -> list[str]:
    return sorted(set(re.findall(r"`(test_\w+\.py::\w+)`", PAGE.read_text())))


@pytest.mark.parametrize("name", named())
def test_what_is_named_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    assert re.search(rf"^def {function}\(", (HERE / file).read_text(), re.MULTILINE), name


def test_no_row_is_without_a_test() -> None:
    for row in rows():
        assert "::test_" in row[-1], row


def test_every_endpoint_is_named() -> None:
    """And no other."""
    told = {path for row in rows() for path in re.findall(r"`(/v1/[^`]+)`", row[0])}
    assert told == {route.path for route in ROUTES}


def test_every_behaviour_is_named() -> None:
    told = {int(row[0]) for row in rows() if row[0].isdecimal()}
    assert told == set(range(1, BEHAVIOURS + 1))

"""docs/events.md has every event there is, as the catalogue says it, with an example that could be one."""

import msgspec
import pytest

from ledger.events.catalogue import CATALOGUE, TYPES, Kind, checked
from tests.docs.catalogue import EXAMPLES, PAGE, payload, written
from tests.docs.pages import blocks, example, headings, section


def test_the_page_is_what_the_catalogue_makes() -> None:
    """`python -m tests.docs.catalogue` writes it."""
    assert written(PAGE.read_text()) == PAGE.read_text()
    assert [f"`{type_}`" for type_ in TYPES] == headings(PAGE, 3)
    assert set(TYPES) == set(EXAMPLES)


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.type)
def test_each_type_has_an_example_that_could_be_one(kind: Kind) -> None:
    checked(payload(kind))
    text = section(PAGE, f"`{kind.type}`")
    [shown] = [block for block in blocks(PAGE, "json") if block in text and f'"type": "{kind.type}"' in block]
    checked(msgspec.json.encode(example(shown)).decode())

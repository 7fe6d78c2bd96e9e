"""Whoever judges the tests is tested, too: what is no fault, or none of behaviour, kills nothing."""

from collections.abc import Iterator

import pytest

from tests.mutants.lane import Lane, wrong_with
from tests.mutants.mutant import Mutant, Stale

KEYS = "tests/book/test_rules.py::test_a_key_stands_for_one_request"
SHARES = "tests/book/test_rules.py::test_shares_of_a_cost_add_up_to_it"
TEXT = "if stored == given:"


def fold(new: str, *tests: str, old: str = TEXT) -> Mutant:
    return Mutant("made up", "", "ledger/book/rules/fold.py", old, new, tests)


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """For tests that need no database."""
    found = Lane(tmp_path_factory.mktemp("lane") / "0", {}, template="")
    yield found
    found.close()


def test_a_fault_is_found_by_the_test_that_looks_there_and_by_no_other(lane: Lane) -> None:
    fault = fold("if True:", KEYS, SHARES)
    assert wrong_with(fault, lane.run_mutant(fault)) == f"survives {SHARES}"
    assert wrong_with(fault, lane.run(fault.killed_by, {})).startswith("survives"), "the copy is whole again"


@pytest.mark.parametrize("new", ["if given == stored:", "if stored == givven:"], ids=["equivalent", "broken"])
def test_what_is_no_fault_of_behaviour_survives(lane: Lane, new: str) -> None:
    """The same said in other words, and a name that is not there."""
    mutant = fold(new, KEYS)
    assert wrong_with(mutant, lane.run_mutant(mutant)).startswith(f"survives {KEYS}")


def test_what_cannot_be_run_is_told(lane: Lane) -> None:
    with pytest.raises(SyntaxError):
        lane.run_mutant(fold("if stored ==:", KEYS))
    with pytest.raises(Stale, match="made up"):
        lane.run_mutant(fold("", KEYS, old="no such text"))

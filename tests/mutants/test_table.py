"""The table of mutants is up to date with the source. (Whether they are killed takes minutes: ``make mutants``.)"""

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.mutants.mutant import ROOT, Mutant, mutated
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_is_not_stale(mutant: Mutant) -> None:
    """Its text is there exactly once, what it becomes is something else, and its tests exist."""
    assert mutated(mutant) != (ROOT / mutant.file).read_text()
    assert mutant.killed_by
    for test in mutant.killed_by:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in functions(file), test


def test_names_are_unique() -> None:
    assert Counter(mutant.name for mutant in MUTANTS).most_common(1)[0][1] == 1


def test_a_mutant_is_wrong_by_what_it_does(tmp_path: Path) -> None:
    """A name that is not there, or text that is no Python, would fail every test and prove nothing."""
    for mutant in MUTANTS:
        if mutant.file.endswith(".py"):
            (tmp_path / f"{mutant.name.replace('-', '_')}.py").write_text(mutated(mutant))
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F82", "--target-version", "py311"]
    found = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


@cache
def functions(file: str) -> frozenset[str]:
    """The tests of a file, those of classes as ``Class::name``."""
    found = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + each.name for each in inside if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(found)

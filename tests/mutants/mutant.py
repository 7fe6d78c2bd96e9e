"""What a mutant is, and how its fault gets into a source text."""

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
"""The top of the source tree."""


class Mutant(NamedTuple):
    """``old`` stands exactly once in ``file`` and becomes ``new``; every test of ``killed_by`` must then fail."""

    name: str
    why: str
    """What it would cost."""
    file: str
    old: str
    new: str
    killed_by: tuple[str, ...]


class Stale(Exception):
    """The text that a mutant replaces is not there exactly once any more: it must be brought up to date."""


def mutated(mutant: Mutant, root: Path = ROOT) -> str:
    """The text of the mutant's file with its fault. Raises Stale."""
    path = root / mutant.file
    found = path.read_text().count(mutant.old) if path.exists() else 0
    if found != 1:
        raise Stale(f"{mutant.name}: found {found} times instead of once in {mutant.file}: {mutant.old!r}")
    return path.read_text().replace(mutant.old, mutant.new)

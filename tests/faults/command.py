"""What the programs of the fault runs share: a seed, a place for what they leave, a line for each thing that happens, and
exit code 1 where something was found.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

Say = Callable[[str], None]


class Report(Protocol):
    """What a run found; as text, a page to read."""

    @property
    def ok(self) -> bool: ...

    def write(self, path: Path) -> None: ...


R = TypeVar("R", bound=Report)


class Command:
    """``python -m tests.faults.<module>``: what it leaves is called ``name``."""

    def __init__(self, module: str, name: str, description: str) -> None:
        self._name = name
        self._parser = argparse.ArgumentParser(prog=f"python -m tests.faults.{module}", description=description)
        self._parser.add_argument("--seed", type=int, help="of what is drawn  [a new one]")
        self._parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help=f"where {name}.json goes")

    def takes(self, option: str, default: float, what: str) -> None:
        """A number that it may be given."""
        self._parser.add_argument(option, type=type(default), default=default, help=f"{what}  [{default:g}]")

    def run(self, work: Callable[[int, argparse.Namespace, Path, Say], R]) -> R:
        """``work`` is given the seed, what was asked for, a directory for logs, and who is told of its progress."""
        asked = self._parser.parse_args()
        seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
        sizes = {name: value for name, value in vars(asked).items() if name not in ("seed", "data")}
        print(f"seed {seed}, " + ", ".join(f"{value:,g} {name}" for name, value in sizes.items()), flush=True)
        began = time.monotonic()
        home = asked.data / self._name
        report = work(seed, asked, home, lambda line: print(f"  {time.monotonic() - began:6.1f} s  {line}", flush=True))
        report.write(asked.data / f"{self._name}.json")
        print(f"\n{report}")
        if not report.ok:
            print(f"  logs, and what else it left, are in {home}")
            sys.exit(1)
        return report

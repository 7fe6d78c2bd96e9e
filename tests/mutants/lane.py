"""A copy of the source, in which one mutant at a time is run against its tests."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.mutants.mutant import ROOT, Mutant, mutated

COPIED = ("ledger", "workers", "migrations", "tests", "docs", "pyproject.toml", "alembic.ini", "README.md")
_OPTIONS = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-o", "junit_family=xunit1", "--tb=short")
TOO_LONG = "too long"
ALL_LIMIT_S = 600
LIMIT_S = 120
"""A mutant that makes its tests hang is not killed by them: they should fail."""

NO_BEHAVIOUR = ("ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "NameError")
"""A test that fails by one of these says that the mutant is broken, not that the test is good."""


class Ran(NamedTuple):
    """``passed`` and ``failed``: the cases of each, as node ids; ``broken``: the message of each other one."""

    passed: frozenset[str]
    failed: frozenset[str]
    broken: dict[str, str]
    output: str


class Lane:
    """One copy, with the servers that its tests share with those of other lanes, and a database with the schema
    that most of them need."""

    def __init__(self, home: Path, environ: Mapping[str, str], template: str) -> None:
        self.home = home
        self.template = template
        self.tree = home / "tree"
        self.tree.mkdir(parents=True)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self.tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy2(source, self.tree / name)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self._environ = {**ours, **environ, "PYTHONPATH": str(self.tree)}
        self._age_s = 0
        self._forks = subprocess.Popen(
            [sys.executable, "-P", str(self.tree / "tests/mutants/forks.py")],
            cwd=self.tree,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def check_it_is_the_copy(self) -> None:
        """The tests must import from here and from nowhere else."""
        command = [sys.executable, "-c", "import ledger, workers; print(ledger.__file__, workers.__file__)"]
        found = subprocess.run(command, cwd=self.tree, env=self._environ, capture_output=True, text=True, check=True)
        assert found.stdout.count(str(self.tree)) == 2, found.stdout

    def run_mutant(self, mutant: Mutant) -> Ran:
        """Its tests, with its fault in the copy. Raises Stale, and SyntaxError where it is no Python any more."""
        text = mutated(mutant, self.tree)
        if mutant.file.endswith(".py"):
            compile(text, mutant.file, "exec")
        environ = {}
        if not mutant.file.startswith("migrations/"):
            environ["LEDGER_TEST_TEMPLATE"] = self.template  # the others make a schema of their own
        with self._changed(self.tree / mutant.file, text):
            return self.run(mutant.killed_by, environ)

    @contextmanager
    def _changed(self, path: Path, text: str) -> Iterator[None]:
        """The file with another text, and with a time that no byte code in the tree is of."""
        original, was = path.read_text(), path.stat()
        self._age_s += 10
        path.write_text(text)
        os.utime(path, (was.st_atime + self._age_s, was.st_mtime + self._age_s))
        try:
            yield
        finally:
            path.write_text(original)
            os.utime(path, (was.st_atime, was.st_mtime))

    def run(self, tests: Iterable[str], environ: Mapping[str, str]) -> Ran:
        """These tests on the copy as it is, in a fork. Raises TimeoutError."""
        report, output = self.home / "report.xml", self.home / "output.txt"
        report.unlink(missing_ok=True)
        args = [*_OPTIONS, f"--junitxml={report}", *sorted(set(tests))]
        job = {"args": args, "environ": dict(environ), "output": str(output), "limit_s": LIMIT_S}
        assert self._forks.stdin is not None and self._forks.stdout is not None
        self._forks.stdin.write(json.dumps(job) + "\n")
        self._forks.stdin.flush()
        answer = self._forks.stdout.readline().strip()
        if answer == TOO_LONG:
            raise TimeoutError(f"its tests did not end within {LIMIT_S} s")
        assert answer, "the process that forks is gone"
        return _read(report, output.read_text())

    def run_all(self, tests: Iterable[str], processes: int) -> Ran:
        """Many tests on the copy as it is, in several processes."""
        report = self.home / "report.xml"
        args = [*_OPTIONS, f"--junitxml={report}", "-n", str(processes), *sorted(set(tests))]
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *args],
            cwd=self.tree,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=ALL_LIMIT_S,
        )
        return _read(report, ran.stdout)

    def close(self) -> None:
        """End the process that forks."""
        with self._forks:
            assert self._forks.stdin is not None
            self._forks.stdin.close()


def _read(report: Path, output: str) -> Ran:
    if not report.exists():
        return Ran(frozenset(), frozenset(), {"pytest": "there is no report"}, output)
    passed: set[str] = set()
    failed: set[str] = set()
    broken: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        node = _node_of(case)
        problem = next(iter(case), None)
        failures = [found for found in case if found.tag == "failure"]
        if failures:
            message = failures[0].get("message", "")
            if message.startswith(NO_BEHAVIOUR):
                broken[node] = message
            else:
                failed.add(node)
        elif problem is not None and problem.tag in ("error", "skipped"):
            broken[node] = problem.get("message", problem.tag)
        else:
            passed.add(node)
    return Ran(frozenset(passed), frozenset(failed), broken, output)


def _node_of(case: ElementTree.Element) -> str:
    """``tests/x.py::Class::name[param]`` of a case."""
    file = case.get("file", "")
    module = file.removesuffix(".py").replace("/", ".")
    inside = case.get("classname", "").removeprefix(module).strip(".")
    return "::".join(part for part in (file, *inside.split("."), case.get("name", "")) if part)


def named(cases: Iterable[str], test: str) -> bool:
    """Whether a named test is among the cases; one without parameters is so with any of its."""
    return any(case == test or case.startswith(f"{test}[") for case in cases)


def wrong_with(mutant: Mutant, ran: Ran) -> str:
    """Which of its tests did not find the mutant, and what went wrong besides; empty where it is killed."""
    survived = [test for test in mutant.killed_by if not named(ran.failed, test)]
    if not survived:
        return ""
    broken = "".join(f"\n  {case}: {message}" for case, message in ran.broken.items())
    return f"survives {', '.join(survived)}{broken}"

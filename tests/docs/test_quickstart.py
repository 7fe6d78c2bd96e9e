"""What the pages tell their readers to paste is pasted, and answers what they show."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.kit.secret_keys import new_key
from tests.docs.pages import ROOT, Step, differences, named, pages, steps
from tests.support.sandbox import KEY, SandboxAt, sandbox_served
from tests.support.serving import served

README = ROOT / "README.md"
ADDRESS = "http://127.0.0.1:8400"
"""Where the pages say that the API is."""
MARK = "-- end of step"
PATIENCE_S = 30

RUNNABLE = [page for page in pages() if steps(page)]


class Reader(NamedTuple):
    """Somebody in a directory as ``credit-ledger up`` leaves it, with the API at this address."""

    api: str
    home: Path


@pytest.fixture(scope="module")
def reader(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    home = tmp_path_factory.mktemp("reader")
    with sandbox_served() as sandbox, served(database_url, home, **_environ(sandbox)) as service:
        up = {
            "api": service.api,
            "key": service.key,
            "sandbox": sandbox.base,
            "database_url": database_url,
            "pid": service.pid,
        }
        (home / ".credit-ledger").mkdir()
        (home / ".credit-ledger" / "up.json").write_text(json.dumps(up))
        (home / ".venv").mkdir()
        (home / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
        yield Reader(service.api, home)


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
@pytest.mark.parametrize("page", RUNNABLE, ids=named)
def test_a_page_answers_what_it_shows(reader: Reader, page: Path) -> None:
    """Every block of a page, pasted line by line after the quickstart's first one, answers what stands below it."""
    todo = [*([] if page == README else steps(README)[:1]), *steps(page)]
    said = _paste(reader, todo)
    for step, (status, told) in zip(todo, said, strict=True):
        at = f"{named(page)}, line {step.line}"
        assert status == 0, f"{at} ended with {status}:\n{told}"
        found = None if step.answer is None else differences(step.answer, told, step.kind)
        assert found is None, f"{at}: {found}"


def test_there_is_a_quickstart() -> None:
    """The README has more than its first block to run."""
    assert len(steps(README)) > 5


@pytest.mark.parametrize(
    ("shown", "told", "fits"),
    [
        ('{"a": 1, …}', '{"a": 1, "b": 2}', True),
        ('{"a": 1}', '{"a": 1, "b": 2}', False),
        ('{"a": 2, …}', '{"a": 1, "b": 2}', False),
        ('{"a": [1, …]}', '{"a": [1, 2, 3]}', True),
        ('{"a": [1, …, 3]}', '{"a": [1, 2]}', False),
        ('{"a": "x…"}', '{"a": "xyz"}', True),
        ('{"a": "wal_9ZWKcg49iae"}', '{"a": "wal_0GJkz3mQx7B"}', True),
        ('{"a": "2026-11-21T01:13:21.019908Z"}', '{"a": "2030-01-01T00:00:00.000000Z"}', True),
        ('{"a": 1}\n{"b": 2}', '{"a": 1}', False),
    ],
)
def test_answers_are_compared_as_shown(shown: str, told: str, fits: bool) -> None:
    """What is left out by … may be anything; what is shown may not; of ids and times the form counts."""
    assert (differences(shown, told, "json") is None) == fits


def _environ(sandbox: SandboxAt) -> dict[str, str]:
    """What ``up`` sets, too."""
    return {
        "LEDGER_SECRET_KEYS": new_key(),
        "LEDGER_STRIPE_API_KEY": KEY,
        "LEDGER_STRIPE_API_BASE": sandbox.base,
    }


def _paste(reader: Reader, todo: list[Step]) -> list[tuple[int, str]]:
    """Exit status and output of each step, all in one bash."""
    script = "".join(f"{step.commands}\nprintf '\\n{MARK} %d\\n' $?\n" for step in todo)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc"],
        input=script.replace(ADDRESS, reader.api),
        env={name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")},
        cwd=reader.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    said, rest = [], done.stdout
    while f"\n{MARK} " in rest:
        told, _, rest = rest.partition(f"\n{MARK} ")
        status, _, rest = rest.partition("\n")
        said.append((int(status), told))
    assert len(said) == len(todo), done.stdout
    return said

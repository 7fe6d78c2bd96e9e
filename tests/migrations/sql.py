"""Migrations as SQL, revision by revision, as `credit-ledger migrate --sql` prints them; and what squawk says of it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from ledger.cli import migrate

ROOT = Path(__file__).parent.parent.parent
REVISIONS = Path(__file__).parent / "revisions"
"""Revisions of the tests' own, behind the newest one: a change of a table in use, as it should be made."""

SQUAWK = Path(sys.executable).with_name("squawk")


def steps(versions: Sequence[Path] = ()) -> list[tuple[str, str]]:
    """(from, to) of every revision, the oldest first."""
    scripts = ScriptDirectory.from_config(migrate._config("", versions))
    found = [(script.down_revision or "base", script.revision) for script in scripts.walk_revisions()]
    return [(str(before), revision) for before, revision in reversed(found)]


def sql_of(step: tuple[str, str], versions: Sequence[Path] = ()) -> str:
    config = migrate._config("", versions)
    config.output_buffer = io.StringIO()
    command.upgrade(config, ":".join(step), sql=True)
    return config.output_buffer.getvalue()


def squawk(sql: str) -> list[str]:
    """The rules that this SQL breaks, under the project's own settings."""
    done = subprocess.run(
        [str(SQUAWK), "--config", str(ROOT / ".squawk.toml"), "--reporter", "json"],
        input=sql,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    found = [f"{one['rule_name']} (line {one['line'] + 1}): {one['message']}" for one in json.loads(done.stdout)]
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return found

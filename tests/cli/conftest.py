"""The command line on the tests' database."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ledger import settings
from ledger.cli import main
from tests.cli.running import Run


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command line in a directory of its own, with no setting but the database and those given."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)

    def invoke(*arguments: str, input: str | None = None, **environ: str) -> Result:
        settings.load.cache_clear()
        return CliRunner().invoke(
            main, list(arguments), env={"LEDGER_DATABASE_URL": database_url} | environ, input=input
        )

    yield invoke
    settings.load.cache_clear()

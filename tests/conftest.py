"""What all tests share: one asynchronous backend, one seed that is shown, and real servers."""

from __future__ import annotations

import os
import random
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.support import servers

SEED_VARIABLE = "LEDGER_TEST_SEED"
"""The seed of a run, for random and Hypothesis alike: set it to repeat a run."""

_OWN_MARK = uuid.uuid4().hex
"""Of a run in one process; one in several has a mark from xdist."""

_kept = DirectoryBasedExampleDatabase(".hypothesis/examples")
_shared = {
    "deadline": None,
    "print_blob": True,
    "database": _kept,
    "suppress_health_check": [HealthCheck.too_slow],
}
# Spelled out, because Hypothesis changes its own defaults where the variable CI is set.
_random = _shared | {"derandomize": False}
settings.register_profile("dev", max_examples=20, **_random)
# No shrinking in CI: a failing example of the model takes minutes to shrink, and is shrunk at a desk.
_fixed = _shared | {"database": None, "derandomize": True, "phases": [Phase.explicit, Phase.generate]}
settings.register_profile("ci", max_examples=50, **_fixed)
settings.register_profile("fuzz", max_examples=int(os.environ.get("FUZZ", "10000")), **_random)

PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
"""The same examples in every run of CI; others each time at a desk, where a new finding does not block anybody."""
settings.load_profile(PROFILE)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed once, in the process that starts the others, and give it to Hypothesis."""
    seed = os.environ.setdefault(SEED_VARIABLE, str(random.SystemRandom().randrange(2**32)))
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = seed


def pytest_report_header() -> str:
    """Show what is needed to run the same again."""
    return f"seed: {SEED_VARIABLE}={os.environ[SEED_VARIABLE]} (Hypothesis profile: {PROFILE})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the seed again where a failed run ends, as a quiet run has no header."""
    terminalreporter.write_line(pytest_report_header())


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of this run share. The keeper removes it.

    Not one of pytest's, which only their owner may enter: as root, PostgreSQL is another user.
    """
    if all(os.environ.get(name) for name in ("LEDGER_TEST_DATABASE_URL", "LEDGER_TEST_REDIS_URL")):
        base = tmp_path_factory.getbasetemp()  # no keeper, which would tidy up
        return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home = Path(tempfile.gettempdir(), f"credit-ledger-tests-{_run_mark()}")
    home.mkdir(exist_ok=True)
    home.chmod(0o755)  # whatever the umask says
    return home


@pytest.fixture(scope="session")
def _servers(_home: Path) -> dict[str, str]:
    given = {
        "postgres_url": os.environ.get("LEDGER_TEST_DATABASE_URL", ""),
        "redis_url": os.environ.get("LEDGER_TEST_REDIS_URL", ""),
    }
    if all(given.values()):
        _home.mkdir(parents=True, exist_ok=True)
        return given
    watch = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    started = servers.servers(_home, watch)
    return {name: given[name] or started[name] for name in given}


@pytest.fixture(scope="session")
def postgres_url(_servers: dict[str, str]) -> str:
    """A PostgreSQL server (the address of its database `postgres`)."""
    return _servers["postgres_url"]


@pytest.fixture(scope="session")
def redis_url(_servers: dict[str, str]) -> str:
    """A Redis or Valkey server."""
    return _servers["redis_url"]


@pytest.fixture(scope="session")
def template_database(postgres_url: str, _home: Path) -> str:
    """The name of a database with the newest schema and nothing in it: a template for others."""
    if given := os.environ.get("LEDGER_TEST_TEMPLATE"):
        return given
    return servers.migrated_template(postgres_url, _home, f"template_{_run_mark()}")


@pytest.fixture(scope="module")
def database_url(postgres_url: str, template_database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database for this module alone, with the newest schema."""
    name = f"t_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{uuid.uuid4().hex[:12]}"
    yield servers.create_database(postgres_url, name, template=template_database)
    servers.drop_database(postgres_url, name)


@pytest.fixture(scope="module")
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A database for this module alone, without any table."""
    name = f"e_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{uuid.uuid4().hex[:12]}"
    yield servers.create_database(postgres_url, name)
    servers.drop_database(postgres_url, name)


def _run_mark() -> str:
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", _OWN_MARK)[:12]

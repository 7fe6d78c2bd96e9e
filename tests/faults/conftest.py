"""What fault tests share: a stack of their own per module, a journal per test, and the seed in their names."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.kit.secret_keys import new_key
from tests.conftest import SEED_VARIABLE
from tests.faults.crew import Broker, Crew, Work
from tests.faults.journal import Journal
from tests.faults.scene import Scene
from tests.faults.stack import Stack, new_home
from tests.faults.street import Street, environ


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """PostgreSQL, Valkey and the API; a module's ``THROUGH`` names the proxies, ``PARTS`` what else runs, ``SETTINGS``
    the settings that differ."""
    module = request.module
    parts = getattr(module, "PARTS", ("api",))
    with Stack(
        new_home(), *parts, through=getattr(module, "THROUGH", ()), settings=getattr(module, "SETTINGS", {})
    ) as made:
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal.jsonl")
    yield made
    made.close()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Of this test alone, by the seed of the run."""
    return random.Random(f"{os.environ[SEED_VARIABLE]} {request.node.name}")


@pytest.fixture
def scene(stack: Stack, journal: Journal) -> Iterator[Scene]:
    made = Scene(stack, journal)
    yield made
    made.heal()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    found = Broker(tmp_path / "broker")
    yield found
    found.kill()


@pytest.fixture
def crew(database_url: str, broker: Broker, tmp_path: Path) -> Iterator[Crew]:
    """Not started yet."""
    found = Crew(database_url, broker.url, tmp_path / "crew")
    yield found
    found.stop()


@pytest.fixture
def work(database_url: str) -> Work:
    return Work(database_url)


@pytest.fixture
def street() -> Iterator[Street]:
    with Street().open() as found:
        yield found


@pytest.fixture
def keys(crew: Crew) -> str:
    """The crew's key for secrets; it may call this machine, and its tasks run longer than a receiver may take."""
    made = new_key()
    crew.environ |= environ(made)
    return made

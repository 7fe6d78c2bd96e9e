"""A broker and a crew for the tests of workers under fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.crew import Broker, Crew, Work


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

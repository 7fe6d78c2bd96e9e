"""An inbox with nothing in it for each test."""

from collections.abc import Iterator

import pytest

from tests.support.api import run_sql


@pytest.fixture
def empty(database_url: str) -> Iterator[None]:
    run_sql(database_url, "TRUNCATE stripe_events, stripe_cursors")
    yield

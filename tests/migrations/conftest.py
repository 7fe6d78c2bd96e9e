"""Databases of one test each: here the schema itself changes."""

import uuid
from collections.abc import Iterator

import pytest

from tests.support.servers import create_database, drop_database


@pytest.fixture
def url(postgres_url: str, template_database: str) -> Iterator[str]:
    """With the newest schema."""
    name = f"m_{uuid.uuid4().hex[:12]}"
    yield create_database(postgres_url, name, template=template_database)
    drop_database(postgres_url, name)


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    """Without any table."""
    name = f"m_{uuid.uuid4().hex[:12]}"
    yield create_database(postgres_url, name)
    drop_database(postgres_url, name)

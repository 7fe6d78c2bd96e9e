"""The servers that the tests run on."""

from __future__ import annotations

import psycopg
import redis
from hypothesis import given
from hypothesis import strategies as st


def test_postgres_is_the_version_that_ships(postgres_url: str) -> None:
    """The embedded server is PostgreSQL 18, or the given one is 16 or newer."""
    with psycopg.connect(postgres_url) as connection:
        assert connection.info.server_version >= 160000


def test_a_module_has_a_database_of_its_own(database_url: str, empty_database_url: str) -> None:
    """Two databases, and neither is the server's."""
    names = set()
    for url in (database_url, empty_database_url):
        with psycopg.connect(url) as connection:
            names.add(connection.info.dbname)

    assert len(names) == 2
    assert "postgres" not in names


def test_valkey_loses_no_key_to_make_room(redis_url: str) -> None:
    """The broker must never evict a queue."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


@given(st.integers())
def test_hypothesis_runs(number: int) -> None:
    """Property tests run under the profile and the seed that the header shows."""
    assert number == int(str(number))

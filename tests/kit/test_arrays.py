"""Array literals say to PostgreSQL what the list says here."""

from datetime import UTC, datetime, timedelta, timezone

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from ledger.kit.arrays import binaries, flags, numbers, texts, times, uuids, words
from tests.support.book import session

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))

SPECIAL = ['"', 'a"b', "\\", '\\"', "a\\", "{}", ",", '","', "NULL", "null", "", " ", "'", "%(name)s", "$1", None]


def test_every_kind_of_list_is_read_back(postgres_url: str) -> None:
    with session(postgres_url) as connection:

        def read(literal: str, kind: str) -> object:
            row = connection.execute(f"SELECT %s::{kind}[]", [literal]).fetchone()
            assert row is not None
            return row[0]

        @given(st.lists(TEXT | st.none()))
        def check_texts(values: list[str | None]) -> None:
            assert values == read(texts(values), "text")
            assert values == read(texts(tuple(values)), "text")

        @given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.none()))
        def check_numbers(values: list[int | None]) -> None:
            assert values == read(numbers(values), "bigint")
            assert values == read(numbers(tuple(values)), "bigint")

        @given(st.lists(st.binary()))
        def check_binaries(values: list[bytes]) -> None:
            assert values == read(binaries(values), "bytea")

        check_texts()
        assert read(texts(SPECIAL), "text") == SPECIAL
        check_numbers()
        check_binaries()
        assert read(flags([True, False]), "boolean") == [True, False]
        [found] = read(uuids([bytes(range(16))]), "uuid")  # type: ignore[misc]
        assert bytes(range(16)) == found.bytes
        at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        moved = at.astimezone(timezone(timedelta(hours=5)))
        assert [at, None, at] == read(times([at, None, moved]), "timestamptz")
        for kind, make, alike in (
            ("bigint", numbers, [(7, 7, 7), (None, None), (0,), (0, None)]),
            ("text", texts, [(*['a"b'] * 3,), (None, None), ("",), ("", "")]),
            ("text", words, [("usage", "usage"), (None, None), ("a", "b")]),
            ("timestamptz", times, [(at, at, at), (None, None), (at, moved)]),
        ):
            for column in alike:
                assert list(column) == read(make(column), kind)


def test_psycopg_is_the_binary_build_that_the_timings_are_of() -> None:
    assert psycopg.pq.__impl__ == "binary"

"""What the database itself refuses: anchors and their leaves only grow."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from ledger.kit.db import SERVICE_ROLE
from tests.support.book import session

Connection = psycopg.Connection[Any]

LEAF = "INSERT INTO anchor_leaves VALUES (%s, %s, 5, %s, sha256('x'))"
ANCHOR = """INSERT INTO anchors VALUES (%s, sha256('p'), sha256('r'), %s, now(), sha256('k'), sha256('h'),
    sha512('s'))"""
TABLES = ["anchors", "anchor_leaves"]
CHANGES = ["UPDATE {table} SET hash = hash", "DELETE FROM {table}"]


@pytest.fixture
def owner(database_url: str) -> Iterator[Connection]:
    with session(database_url) as connection, connection.transaction(force_rollback=True):
        connection.execute(LEAF, [1, 0, 1])
        connection.execute(ANCHOR, [1, 1])
        yield connection


@pytest.fixture
def service(database_url: str) -> Iterator[Connection]:
    with session(database_url, role=SERVICE_ROLE) as connection:
        yield connection


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", [*CHANGES, "TRUNCATE {table}"])
def test_the_owner_cannot_change_them(owner: Connection, table: str, change: str) -> None:
    with pytest.raises(errors.RestrictViolation, match="append-only"):
        owner.execute(change.format(table=table))  # type: ignore[call-overload]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", [*CHANGES, "TRUNCATE {table}", "ALTER TABLE {table} DISABLE TRIGGER ALL"])
def test_the_service_has_no_right_to(service: Connection, table: str, change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        service.execute(change.format(table=table))  # type: ignore[call-overload]


@pytest.mark.parametrize("sql", ["DELETE FROM sealing", "INSERT INTO sealing (one) VALUES (true)", "TRUNCATE sealing"])
def test_there_is_always_one_open_anchor(service: Connection, sql: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        service.execute(sql)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("sql", "error", "rule"),
    [
        ("INSERT INTO anchor_leaves VALUES (1, 0, 6, 1, sha256('x'))", errors.UniqueViolation, "anchor_leaves_pkey"),
        ("INSERT INTO anchor_leaves VALUES (2, 0, 5, 1, sha256('x'))", errors.UniqueViolation, "wallet_id_number"),
        ("INSERT INTO anchor_leaves VALUES (1, 1, 5, 2, 'short')", errors.CheckViolation, "anchor_leaves_hash_check"),
        ("INSERT INTO anchor_leaves VALUES (1, -1, 5, 2, sha256('x'))", errors.CheckViolation, "numbers_check"),
        ("INSERT INTO anchor_leaves VALUES (1, 1, 5, 0, sha256('x'))", errors.CheckViolation, "numbers_check"),
        (
            "INSERT INTO anchors SELECT 0, previous, root, leaves, sealed_at, public_key, hash, signature FROM anchors",
            errors.CheckViolation,
            "anchors_numbers_check",
        ),
        (
            "INSERT INTO anchors SELECT 2, previous, root, leaves, sealed_at, public_key, hash, hash FROM anchors",
            errors.CheckViolation,
            "anchors_bytes_check",
        ),
        ("INSERT INTO anchors SELECT * FROM anchors", errors.UniqueViolation, "anchors_pkey"),
        ("UPDATE sealing SET leaves = 3", errors.CheckViolation, "sealing_peaks_check"),
        ("UPDATE sealing SET leaves = 3, peaks = sha256('x')", errors.CheckViolation, "sealing_peaks_check"),
        ("UPDATE sealing SET anchor = 0", errors.CheckViolation, "sealing_numbers_check"),
    ],
)
def test_rows_keep_their_rules(owner: Connection, sql: str, error: type[psycopg.Error], rule: str) -> None:
    with pytest.raises(error, match=rule):
        owner.execute(sql)  # type: ignore[call-overload]

"""What the database refuses of refills, whoever asks: two under way, more than the caps, ends that are none."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.support.book import session

Connection = psycopg.Connection[Any]

ATTEMPT = {
    "wallet_id": 1,
    "attempt": 1,
    "state": "charging",
    "cause": "threshold",
    "position_micro": 0,
    "threshold_micro": 1,
    "credits_micro": 1,
    "amount": 1_000,
    "currency": "USD",
    "consent": 1,
    "month": "2026-01-01",
    "began_at": "2026-01-02Z",
}
MONTH = {"wallet_id": 1, "month": "2026-01-01", "count": 2, "spent": 2_000, "count_max": 2, "spent_max": 2_000}
SETTINGS = {
    "wallet_id": 1,
    "enabled": True,
    "threshold_micro": 100,
    "credits_micro": 500,
    "amount": 5_000,
    "currency": "USD",
    "least": 1_000,
    "up_to": False,
    "maximum_per_month": 2,
    "monthly_spend_cap": 10_000,
    "cooldown_s": 600,
    "time_zone": "UTC",
    "opens_min": 0,
    "closes_min": 1_440,
    "business_hours_only": False,
    "weekends": True,
    "smart": False,
    "consent": 1,
    "attempt": 3,
}


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """In a transaction that is rolled back."""
    with session(database_url) as found:
        found.autocommit = False
        yield found
        found.rollback()


def add(connection: Connection, table: str, row: dict[str, Any], **changed: Any) -> None:
    row = row | changed
    names = ", ".join(row)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values()))


def test_of_a_wallet_only_one_is_under_way(connection: Connection) -> None:
    add(connection, "refill_attempts", ATTEMPT)
    add(connection, "refill_attempts", ATTEMPT, wallet_id=2)
    add(connection, "refill_attempts", ATTEMPT, attempt=2, state="succeeded", ended_at="2026-01-02Z")
    with pytest.raises(errors.UniqueViolation):
        add(connection, "refill_attempts", ATTEMPT, attempt=3, state="link_sent")


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "succeeded"},
        {"ended_at": "2026-01-02Z"},
        {"state": "failed", "ended_at": "2026-01-02Z", "due_at": "2026-01-02Z"},
        {"state": "lost"},
        {"state": "unknown"},
        {"amount": 0},
    ],
)
def test_an_attempt_has_ended_or_has_not(connection: Connection, changed: dict[str, Any]) -> None:
    with pytest.raises(errors.CheckViolation):
        add(connection, "refill_attempts", ATTEMPT, **changed)


@pytest.mark.parametrize(
    "changed", ["count = count + 1", "spent = spent + 1", "count = -1", "spent = -1", "count_max = 1"]
)
def test_a_month_is_never_above_its_caps(connection: Connection, changed: str) -> None:
    add(connection, "refill_months", MONTH)
    with pytest.raises(errors.CheckViolation):
        connection.execute(f"UPDATE refill_months SET {changed}")


def test_what_comes_beyond_the_caps_counts_apart(connection: Connection) -> None:
    add(connection, "refill_months", MONTH)
    connection.execute("UPDATE refill_months SET more_count = 1, more_spent = 1000")


@pytest.mark.parametrize(
    "changed",
    [
        {"under_way": 2},
        {"monthly_spend_cap": 4_999},
        {"maximum_per_month": 0},
        {"up_to": True, "credits_micro": 100},
        {"paused_for": "failures"},
        {"paused_for": "boredom", "paused_at": "2026-01-02Z"},
    ],
)
def test_settings_that_cannot_be(connection: Connection, changed: dict[str, Any]) -> None:
    with pytest.raises(errors.CheckViolation):
        add(connection, "refills", SETTINGS, **changed)


def test_a_consent_stands(connection: Connection) -> None:
    """The service adds what was agreed to, and can neither change nor delete it."""
    consent = {"wallet_id": 1, "consent": 1, "given_by": "Ada", "actor": "key_1", "shown": "{}"}
    connection.execute("SET ROLE ledger_service")
    add(connection, "refill_consents", consent)
    for statement in ("UPDATE refill_consents SET shown = '[]'", "DELETE FROM refill_consents"):
        with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
            connection.execute(statement)

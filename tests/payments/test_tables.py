"""What the database refuses of payments, whoever asks: rows that say more than was paid, and objects that come twice."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from tests.support.book import session

Connection = psycopg.Connection[Any]

PAYMENT = {
    "wallet_id": 1,
    "origin": "link",
    "state": "paid",
    "amount": 5_000,
    "currency": "USD",
    "credits_micro": 500,
    "actor": "key_test",
    "number": 1,
    "paid": 5_400,
    "tax": 400,
    "fee": 175,
}
REFUND = {
    "wallet_id": 1,
    "payment": 1,
    "state": "pending",
    "amount": 1_000,
    "currency": "USD",
    "credits_micro": 100,
    "lost": 0,
    "actor": "key_test",
}
DISPUTE = {
    "wallet_id": 1,
    "payment": 1,
    "status": "lost",
    "reason": "fraudulent",
    "amount": 1_000,
    "currency": "USD",
    "number": 2,
    "settled_number": 3,
    "created_at": "2026-01-02Z",
}
MOVEMENT = {
    "type": "charge",
    "amount": 5_000,
    "fee": 175,
    "net": 4_825,
    "currency": "USD",
    "created_at": "2026-01-02Z",
    "wallet_id": 1,
    "number": 2,
}
EVENT = {"type": "charge.updated", "created_at": "2026-01-02Z", "payload": "{}", "via": "webhook"}
KEYS = {
    "payments": ("payment", 1),
    "payment_refunds": ("number", 1),
    "payment_disputes": ("dispute", "du_1"),
    "stripe_movements": ("movement", "txn_1"),
    "stripe_events": ("event", "evt_1"),
}
ROWS: dict[str, dict[str, Any]] = {
    "payments": PAYMENT,
    "payment_refunds": REFUND,
    "payment_disputes": DISPUTE,
    "stripe_movements": MOVEMENT,
    "stripe_events": EVENT,
}


@pytest.fixture
def owner(database_url: str) -> Iterator[Connection]:
    with session(database_url) as connection:
        yield connection
        connection.execute(f"TRUNCATE {', '.join(ROWS)}")  # type: ignore[call-overload]


def store(owner: Connection, table: str, key: Any = None, **more: Any) -> None:
    name, usual = KEYS[table]
    row = {name: usual if key is None else key} | ROWS[table] | more
    if table == "payments":
        row |= {"token": uuid4()}
    values = ", ".join(f"%({column})s" for column in row)
    owner.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})", row)  # type: ignore[call-overload]


@pytest.mark.parametrize("table", ROWS)
def test_a_row_stands_once(owner: Connection, table: str) -> None:
    """A payment, a refund of a posting, a dispute, a movement, an event."""
    store(owner, table)
    with pytest.raises(errors.UniqueViolation):
        store(owner, table)


@pytest.mark.parametrize(
    ("table", "wrong", "constraint"),
    [
        ("payments", {"refunded": 5_401}, "refunded"),
        ("payments", {"refunded": -1}, "refunded"),
        ("payments", {"disputed": 5_401}, "disputed"),
        ("payments", {"disputed": -1}, "disputed"),
        ("payments", {"tax": 5_401}, "paid"),
        ("payments", {"tax": -1}, "paid"),
        ("payments", {"fee": -1}, "paid"),
        ("payments", {"amount": 0}, "amounts"),
        ("payments", {"credits_micro": 0}, "amounts"),
        ("payments", {"number": None}, "booked"),
        ("payments", {"state": "open"}, "booked"),
        ("payment_refunds", {"amount": 0}, "amounts"),
        ("payment_refunds", {"credits_micro": -1}, "amounts"),
        ("payment_refunds", {"lost": 1_001}, "amounts"),
        ("payment_disputes", {"amount": 0}, "amounts"),
        ("payment_disputes", {"number": None}, "amounts"),
        ("stripe_movements", {"net": 5_000}, "net"),
        ("stripe_events", {"state": "lost"}, "state"),
    ],
)
def test_a_row_keeps_its_rules(owner: Connection, table: str, wrong: dict[str, Any], constraint: str) -> None:
    store(owner, table)
    with pytest.raises(errors.CheckViolation) as refused:
        store(owner, table, key=2 if table in ("payments", "payment_refunds") else "x_2", **wrong)
    assert f"{table}_{constraint}_check" == refused.value.diag.constraint_name

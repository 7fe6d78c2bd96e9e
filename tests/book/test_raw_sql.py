"""What the database itself refuses, whoever asks: the journal only grows, and rows keep the rules."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from ledger.book.hashing import genesis
from ledger.kit.db import SERVICE_ROLE
from tests.support.book import new_wallets, session

Connection = psycopg.Connection[Any]

TRANSACTION = """
INSERT INTO transactions (wallet_id, number, kind, key_hash, fingerprint, actor, effective_at, recorded_at,
    reverses, link_wallet_id, link_number, wallet_after, held_after, disputed_after, owed_after, limit_after,
    notes_digest, hash)
VALUES (%(wallet_id)s, %(number)s, 'grant', %(key)s, gen_random_uuid(), 'key_test', %(effective_at)s,
    '2026-01-02Z', %(reverses)s, %(link_wallet_id)s, %(link_number)s, %(wallet_after)s, 0, 0,
    %(owed_after)s, 0, %(hash)s, %(hash)s)"""

POSTING = """
INSERT INTO postings (wallet_id, number, line, debit, credit, asset, amount, lot, lot_after, balance_after)
VALUES (%(wallet_id)s, %(number)s, %(line)s, %(debit)s, 'wallet', 'CREDIT', %(amount)s, %(lot)s,
    %(lot_after)s, 5)"""

LOT = """
INSERT INTO lots (wallet_id, lot, source, amount, remaining, pinned, open, paid, priority, effective_at,
    expires_at, cost, currency)
VALUES (%(wallet_id)s, %(lot)s, %(source)s, %(amount)s, %(remaining)s, %(pinned)s, %(open)s, %(paid)s,
    %(priority)s, '2026-01-02Z', %(expires_at)s, %(cost)s, %(currency)s)"""

HOLD = """
INSERT INTO holds (wallet_id, hold, amount, captured, released, state, service, placed_at, expires_at)
VALUES (%(wallet_id)s, 1, 5, %(captured)s, %(released)s, %(state)s, 'chat', '2026-01-02Z', %(expires_at)s)"""


@pytest.fixture
def owner(database_url: str) -> Iterator[Connection]:
    with session(database_url) as connection:
        yield connection


@pytest.fixture
def service(database_url: str) -> Iterator[Connection]:
    with session(database_url, role=SERVICE_ROLE) as connection:
        yield connection


@pytest.fixture
def wallet_id(database_url: str) -> int:
    return new_wallets(database_url)[0]


def transaction(wallet_id: int, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "wallet_id": wallet_id,
        "number": number,
        "key": f"00000000-0000-0000-0000-{number:012d}",
        "effective_at": "2026-01-02Z",
        "reverses": None,
        "link_wallet_id": None,
        "link_number": None,
        "wallet_after": 5,
        "owed_after": 0,
        "hash": b"\x00" * 32,
        **more,
    }


def posting(wallet_id: int, number: int = 1, **more: Any) -> dict[str, Any]:
    line = {"line": 1, "debit": "issued:promotional", "amount": 5, "lot": 1, "lot_after": 5}
    return {"wallet_id": wallet_id, "number": number, **line, **more}


def lot(wallet_id: int, **more: Any) -> dict[str, Any]:
    row = {
        "lot": 1,
        "source": "promotional",
        "amount": 5,
        "remaining": 5,
        "pinned": 0,
        "open": True,
        "paid": False,
        "priority": 100,
        "expires_at": None,
        "cost": 0,
        "currency": None,
    }
    return {"wallet_id": wallet_id, **row, **more}


def write_one(connection: Connection, wallet_id: int) -> None:
    with connection.transaction():
        connection.execute(TRANSACTION, transaction(wallet_id))
        connection.execute(POSTING, posting(wallet_id))


CHANGES = [
    "UPDATE {table} SET number = number + 1 WHERE wallet_id = %(wallet_id)s",
    "UPDATE {table} SET wallet_id = wallet_id WHERE wallet_id = %(wallet_id)s",
    "DELETE FROM {table} WHERE wallet_id = %(wallet_id)s",
]


@pytest.mark.parametrize("table", ["transactions", "postings"])
class TestAppendOnly:
    @pytest.mark.parametrize("change", CHANGES)
    def test_the_owner_cannot_change_the_journal(
        self, owner: Connection, wallet_id: int, table: str, change: str
    ) -> None:
        """A trigger refuses it, and says what to do instead."""
        write_one(owner, wallet_id)
        with pytest.raises(errors.RestrictViolation, match="append-only"):
            owner.execute(change.format(table=table), {"wallet_id": wallet_id})

    @pytest.mark.parametrize("change", CHANGES)
    def test_the_service_has_no_right_to(self, service: Connection, wallet_id: int, table: str, change: str) -> None:
        """The role that the service works as lacks the privilege, even where no row matches."""
        with pytest.raises(errors.InsufficientPrivilege):
            service.execute(change.format(table=table), {"wallet_id": wallet_id})

    def test_nobody_truncates_it(self, owner: Connection, service: Connection, table: str) -> None:
        with pytest.raises(errors.RestrictViolation, match="append-only"):
            owner.execute(f"TRUNCATE {table}")
        with pytest.raises(errors.InsufficientPrivilege):
            service.execute(f"TRUNCATE {table}")

    def test_the_service_cannot_lift_the_guard(self, service: Connection, table: str) -> None:
        """Neither by the table's triggers nor by the session's."""
        with pytest.raises(errors.InsufficientPrivilege):
            service.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        with pytest.raises(errors.InsufficientPrivilege):
            service.execute(f"DROP TABLE {table}")


class TestPostings:
    def test_go_in_with_their_transaction(self, service: Connection, wallet_id: int) -> None:
        write_one(service, wallet_id)
        found = service.execute("SELECT amount FROM postings WHERE wallet_id = %s", [wallet_id]).fetchall()
        assert found == [(5,)]

    def test_cannot_be_added_to_an_old_transaction(self, service: Connection, wallet_id: int) -> None:
        write_one(service, wallet_id)
        with pytest.raises(errors.RestrictViolation, match="together with its transaction"):
            service.execute(POSTING, posting(wallet_id, line=2))

    def test_cannot_stand_alone(self, service: Connection, wallet_id: int) -> None:
        with pytest.raises(errors.RestrictViolation, match="together with its transaction"):
            service.execute(POSTING, posting(wallet_id))

    def test_a_savepoint_is_the_same_transaction(self, service: Connection, wallet_id: int) -> None:
        """The writer may use savepoints: what counts is the top transaction."""
        with service.transaction():
            service.execute(TRANSACTION, transaction(wallet_id))
            with service.transaction():
                service.execute(POSTING, posting(wallet_id))
            service.execute(POSTING, posting(wallet_id, line=2))

    @pytest.mark.parametrize(
        ("wrong", "check"),
        [
            ({"amount": 0}, "postings_amount_check"),
            ({"amount": -5}, "postings_amount_check"),
            ({"debit": "wallet"}, "postings_two_accounts_check"),
            ({"lot": None}, "postings_lot_check"),
            ({"lot_after": None}, "postings_lot_check"),
            ({"lot_after": -1}, "postings_lot_check"),
        ],
    )
    def test_keep_their_rules(self, service: Connection, wallet_id: int, wrong: dict[str, Any], check: str) -> None:
        with pytest.raises(errors.CheckViolation, match=check), service.transaction():
            service.execute(TRANSACTION, transaction(wallet_id))
            service.execute(POSTING, posting(wallet_id, **wrong))


class TestTransactions:
    @pytest.mark.parametrize(
        ("wrong", "check"),
        [
            ({"number": 0}, "transactions_number_check"),
            ({"effective_at": "2026-01-03Z"}, "transactions_effective_at_check"),
            ({"reverses": 1}, "transactions_reverses_check"),
            ({"wallet_after": -1}, "transactions_not_negative_check"),
            ({"owed_after": -1}, "transactions_not_negative_check"),
            ({"link_wallet_id": 7}, "transactions_link_check"),
            ({"hash": b"short"}, "transactions_hashes_check"),
        ],
    )
    def test_keep_their_rules(self, service: Connection, wallet_id: int, wrong: dict[str, Any], check: str) -> None:
        with pytest.raises(errors.CheckViolation, match=check):
            service.execute(TRANSACTION, transaction(wallet_id, **wrong))

    def test_a_link_goes_to_another_book(self, service: Connection, wallet_id: int) -> None:
        wrong = transaction(wallet_id, link_wallet_id=wallet_id, link_number=1)
        with pytest.raises(errors.CheckViolation, match="link_other"):
            service.execute(TRANSACTION, wrong)

    def test_a_number_a_key_and_a_fact_stand_once(self, service: Connection, wallet_id: int) -> None:
        service.execute(TRANSACTION, transaction(wallet_id))
        with pytest.raises(errors.UniqueViolation, match="transactions_pkey"):
            service.execute(TRANSACTION, transaction(wallet_id))
        same_key = transaction(wallet_id, 2) | {"key": transaction(wallet_id)["key"]}
        with pytest.raises(errors.UniqueViolation, match="transactions_key_key"):
            service.execute(TRANSACTION, same_key)
        with_event = TRANSACTION.replace("notes_digest", "event_hash, notes_digest", 1).replace(
            "%(hash)s, %(hash)s", "'00000000-0000-0000-0000-000000000001', %(hash)s, %(hash)s"
        )
        service.execute(with_event, transaction(wallet_id, 2))
        with pytest.raises(errors.UniqueViolation, match="transactions_event_key"):
            service.execute(with_event, transaction(wallet_id, 3))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("wallet = -1", "wallets_not_negative_check"),
        ("held = -1", "wallets_not_negative_check"),
        ("disputed = -1", "wallets_not_negative_check"),
        ("owed = -1", "wallets_not_negative_check"),
        ("wallet = 1, owed = 1", "wallets_debt_first_check"),
        ("overdraft_limit = -1", "wallets_limit_check"),
        ("number = -1", "wallets_numbers_check"),
        ("status = 'gone'", "wallets_status_check"),
        ("head_hash = '\\x00'", "wallets_head_hash_check"),
    ],
)
def test_a_wallet_keeps_its_rules(service: Connection, wallet_id: int, change: str, check: str) -> None:
    with pytest.raises(errors.CheckViolation, match=check):
        service.execute(f"UPDATE wallets SET {change} WHERE wallet_id = %s", [wallet_id])


def test_a_balance_ends_where_bigint_ends(service: Connection, wallet_id: int) -> None:
    """An overflow is an error, never a wrapped number."""
    service.execute("UPDATE wallets SET wallet = 9223372036854775807 WHERE wallet_id = %s", [wallet_id])
    with pytest.raises(errors.NumericValueOutOfRange):
        service.execute("UPDATE wallets SET wallet = wallet + 1 WHERE wallet_id = %s", [wallet_id])


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({"amount": 0, "remaining": 0, "open": False}, "lots_remaining_check"),
        ({"remaining": 6}, "lots_remaining_check"),
        ({"remaining": -1, "open": False}, "lots_(pinned|remaining)_check"),
        ({"pinned": 6}, "lots_pinned_check"),
        ({"pinned": -1}, "lots_pinned_check"),
        ({"open": False}, "lots_open_check"),
        ({"cost": 1}, "lots_cost_check"),
        ({"paid": True}, "lots_cost_check"),
        ({"cost": 1, "paid": True}, "lots_cost_check"),
        ({"priority": 1001}, "lots_priority_check"),
        ({"expires_at": "2026-01-02Z"}, "lots_expires_at_check"),
        ({"source": "thin air"}, "lots_source_check"),
    ],
)
def test_a_lot_keeps_its_rules(service: Connection, wallet_id: int, wrong: dict[str, Any], check: str) -> None:
    with pytest.raises(errors.CheckViolation, match=check):
        service.execute(LOT, lot(wallet_id, **wrong))


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({"captured": 6, "state": "captured"}, "holds_covered_check"),
        ({"captured": -1}, "holds_amounts_check"),
        ({"captured": 5}, "holds_open_check"),
        ({"state": "released"}, "holds_open_check"),
        ({"state": "lost", "captured": 5}, "holds_state_check"),
        ({"expires_at": "2026-01-02Z"}, "holds_expires_at_check"),
    ],
)
def test_a_hold_keeps_its_rules(service: Connection, wallet_id: int, wrong: dict[str, Any], check: str) -> None:
    row = {"captured": 0, "released": 0, "state": "open", "expires_at": "2026-01-03Z"}
    with pytest.raises(errors.CheckViolation, match=check):
        service.execute(HOLD, {"wallet_id": wallet_id, **row, **wrong})


def test_only_the_owner_moves_the_clock(owner: Connection, service: Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        service.execute("UPDATE clock SET ahead_us = 1")
    with pytest.raises(errors.UniqueViolation):
        owner.execute("INSERT INTO clock (ahead_us) VALUES (5)")
    with pytest.raises(errors.CheckViolation, match="clock_single"):
        owner.execute("INSERT INTO clock (one) VALUES (false)")


def test_a_wallet_has_a_positive_id(service: Connection) -> None:
    with pytest.raises(errors.CheckViolation, match="wallets_id_check"):
        service.execute("INSERT INTO wallets (wallet_id, head_hash) VALUES (0, %s)", [genesis(0)])

"""The kinds of fault that verify knows and test_verify's story cannot show: debt, overdraft, a lot that was joined.

Tampered with as the owner, triggers switched off, and constraints, too, where one is in the way.
"""

from typing import Any

import pytest

from ledger.book.commands import Command, Inflow, Posted, SetOverdraft, Transfer, Use
from ledger.book.door import Door
from ledger.book.verify import verify_now
from tests.support.book import attempt, check, new_wallets, session

pytestmark = pytest.mark.anyio

HERE = "WHERE wallet_id = %(wallet)s AND number = "
LINE = "WHERE wallet_id = %(wallet)s AND line = 1 AND number = "
NUMBERS = {"grant": 1, "join": 2, "use": 3, "other use": 4, "over": 5}
"""100 and 50 come into one lot, 30 and 10 are used, and then 150: 40 more than there is."""

TAMPERINGS: dict[str, tuple[str, str, str]] = {
    "counts after it was recorded": (
        "ALTER TABLE transactions DROP CONSTRAINT IF EXISTS transactions_effective_at_check;"
        f"UPDATE transactions SET effective_at = recorded_at + interval '1 hour' {HERE} %(use)s",
        "effective_at",
        "use",
    ),
    "event charged twice": (
        "DROP INDEX IF EXISTS transactions_event_key;"
        f"UPDATE transactions SET event_hash = (SELECT event_hash FROM transactions {HERE} %(use)s)"
        f" {HERE} %(other use)s",
        "event_id",
        "other use",
    ),
    "transaction without postings": (f"DELETE FROM postings {HERE} %(join)s", "empty", "join"),
    "usage that went elsewhere": (f"UPDATE postings SET credit = 'expired' {LINE} %(use)s", "shape", "use"),
    "overdraft beyond its limit": (f"UPDATE transactions SET limit_after = 39 {HERE} %(over)s", "overdraft", "over"),
    "debt beside credits": (
        f"UPDATE postings SET debit = 'owed', lot = NULL, lot_after = NULL {LINE} %(use)s",
        "debt_first",
        "use",
    ),
    "more than there was": (f"UPDATE postings SET amount = amount + 1000 {LINE} %(use)s", "negative", "use"),
    "more than was in the lot": (f"UPDATE postings SET amount = amount + 1000 {LINE} %(use)s", "lot_range", "use"),
    "lot out of order": (f"UPDATE postings SET lot = 7 {LINE} %(grant)s", "lot_number", "grant"),
    "lot that nobody made": (f"UPDATE postings SET lot = 7 {LINE} %(use)s", "terms", "use"),
    "line without its lot": (f"UPDATE postings SET lot = NULL, lot_after = NULL {LINE} %(use)s", "lots_total", ""),
    "lot that had expired": (
        "UPDATE lots SET expires_at = effective_at + interval '1 microsecond' WHERE wallet_id = %(wallet)s",
        "expiry",
        "join",
    ),
    "paid lot that grew": (
        "UPDATE lots SET cost = 5, paid = true, currency = 'USD' WHERE wallet_id = %(wallet)s",
        "lot_joined",
        "join",
    ),
    "number of the wallet": ("UPDATE wallets SET number = number + 1 WHERE wallet_id = %(wallet)s", "head", "over"),
    "last lot of the wallet": ("UPDATE wallets SET last_lot = 2 WHERE wallet_id = %(wallet)s", "head", ""),
    "last time of the wallet": (
        "UPDATE wallets SET last_at = last_at - interval '1 hour' WHERE wallet_id = %(wallet)s",
        "head",
        "over",
    ),
    "notes without a transaction": ("INSERT INTO notes VALUES (%(wallet)s, 77, '\\x00', '{}')", "notes", "77"),
    "hold without a transaction": (
        "INSERT INTO holds VALUES (%(wallet)s, 77, 5, 0, 0, 'open', 'chat', 'epoch', '2089-01-01Z')",
        "hold",
        "77",
    ),
}
"""What is done, the kind of fault that shows it, and the transaction where it begins."""


async def written(door: Door, url: str) -> int:
    """A wallet with the story of NUMBERS."""
    [wallet] = new_wallets(url)
    story: list[Command] = [
        Inflow(wallet_id=wallet, amount=100, source="promotional"),
        Inflow(wallet_id=wallet, amount=50, source="promotional"),
        Use(wallet_id=wallet, amount=30, service="chat", event_id="an event"),
        Use(wallet_id=wallet, amount=10, service="chat"),
        SetOverdraft(wallet_id=wallet, limit=40),
        Use(wallet_id=wallet, amount=150, service="chat"),
    ]
    outcomes = [outcome for command in story for outcome in await door.submit([attempt(command)])]
    posted = [outcome.transaction.number for outcome in outcomes if isinstance(outcome, Posted)]
    assert posted == list(NUMBERS.values())
    check(url, [wallet])
    return wallet


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_tampering_is_found(door: Door, database_url: str, name: str) -> None:
    sql, kind, place = TAMPERINGS[name]
    wallet = await written(door, database_url)
    params: dict[str, Any] = {"wallet": wallet, **NUMBERS}
    with session(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in sql.split(";"):
            assert connection.execute(statement, params).rowcount != 0, statement
    report = verify_now(database_url, [wallet])
    faults = {fault.kind: fault for fault in report.faults}
    assert kind in faults, report.to_json()
    assert faults[kind].number == (int(place) if place.isdigit() else NUMBERS.get(place)), report.to_json()


async def test_legs_that_are_linked_across_are_found(door: Door, database_url: str) -> None:
    """Two transfers alike, of which each names the other leg of the other one."""
    a, b = new_wallets(database_url, 2)
    move = Transfer(wallet_id=a, payee_id=b, amount=5)
    for command in (Inflow(wallet_id=a, amount=10, source="promotional"), move, move):
        await door.submit([attempt(command)])
    check(database_url, [a, b])
    with session(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE transactions SET link_number = 4 - number WHERE wallet_id = %s AND number > 1", [a])
    faults = {(fault.kind, fault.wallet_id, fault.number) for fault in verify_now(database_url, [a, b]).faults}
    assert ("transit", a, 2) in faults


async def test_overdraft_is_judged_by_the_limit_of_its_time(door: Door, database_url: str) -> None:
    """Sound: a limit that was lowered to what is owed makes no fault of what was allowed."""
    wallet = await written(door, database_url)
    await door.submit(
        [
            attempt(Inflow(wallet_id=wallet, amount=30, source="promotional")),
            attempt(SetOverdraft(wallet_id=wallet, limit=10)),
            attempt(Inflow(wallet_id=wallet, amount=1, source="promotional")),
        ]
    )
    check(database_url, [wallet])

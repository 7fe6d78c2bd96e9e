"""The drivers: the same attempts, given to different faces of the ledger.

A driver answers attempts and shows the state of wallets as plain dictionaries, in the model's words.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import psycopg

from ledger.alerts.participant import BalanceLevels
from ledger.book.commands import Attempt, Changed, Command, Outcome, Posted, Refused
from ledger.book.door import Door
from ledger.book.participants import Participant
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.money import parse_amount
from tests.support.book import check, new_wallets

State = dict[int, dict[str, Any]]


Answer = dict[str, Any]
"""An answer in the model's words: as much of it as the face shows."""


class Driver(Protocol):
    """Every driver is used by one machine at a time, in one event loop."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def submit(self, attempts: Sequence[Attempt], *, atomic: bool = False) -> list[Answer]: ...
    def adapt(self, command: Command, *, in_batch: bool) -> Command:
        """The command as this face can say it."""

    actor: str
    keys_once: bool
    """Whether a batch with one key twice is refused as a whole."""

    def new_wallets(self, count: int) -> list[int]: ...
    def reset(self) -> None:
        """Begin an example: no closed period, the clock at the real time."""

    def now(self) -> datetime: ...
    def advance(self, hours: int) -> None: ...
    def close_period(self, ends_at: datetime) -> None: ...
    def state(self, wallet_ids: Sequence[int]) -> State: ...
    def check(self, wallet_ids: Sequence[int]) -> None: ...


class DoorDriver:
    """The door on PostgreSQL, in as many instances as there are processes of the service."""

    def __init__(self, url: str, *, doors: int = 2) -> None:
        self.url = url
        self.databases = [Database(url, pool_size=6, role=SERVICE_ROLE) for _ in range(doors)]
        self.doors = [Door(database, participants=self.participants(database)) for database in self.databases]
        self.turn = 0
        self.actor = "key_model"
        self.keys_once = False
        self.owner: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)

    def participants(self, database: Database) -> list[Participant]:
        """Of one door: as a process has them."""
        return [BalanceLevels()]

    async def start(self) -> None:
        for door in self.doors:
            await door.start()

    async def stop(self) -> None:
        for door in self.doors:
            await door.stop()
        for database in self.databases:
            await database.dispose()
        self.owner.close()

    async def submit(self, attempts: Sequence[Attempt], *, atomic: bool = False) -> list[Answer]:
        self.turn += 1
        outcomes = await self.doors[self.turn % len(self.doors)].submit(attempts, atomic=atomic)
        return [answer_of(outcome) for outcome in outcomes]

    def adapt(self, command: Command, *, in_batch: bool) -> Command:
        return command

    def new_wallets(self, count: int) -> list[int]:
        return new_wallets(self.url, count)

    def reset(self) -> None:
        self.owner.execute("DELETE FROM periods")
        self.owner.execute("UPDATE clock SET ahead_us = 0")

    def now(self) -> datetime:
        row = self.owner.execute("SELECT ledger_now()").fetchone()
        assert row is not None
        at: datetime = row[0]
        return at

    def advance(self, hours: int) -> None:
        self.owner.execute("UPDATE clock SET ahead_us = ahead_us + %s", [hours * 3_600_000_000])

    def close_period(self, ends_at: datetime) -> None:
        self.owner.execute(
            "INSERT INTO periods (period, ends_at, state) VALUES (%s, %s, 'closed')",
            [ends_at.isoformat(), ends_at],
        )

    def check(self, wallet_ids: Sequence[int]) -> None:
        check(self.url, wallet_ids)

    def state(self, wallet_ids: Sequence[int]) -> State:
        return read_state(self.owner, wallet_ids)


def answer_of(outcome: Outcome) -> Answer:
    """What the door answered."""
    match outcome:
        case Refused():
            return refusal(outcome.error.code, outcome.error.facts, replayed=outcome.replayed)
        case Posted():
            transaction = outcome.transaction
            number, wallet_id = transaction.number, transaction.wallet_id
            return {"number": number, "wallet_id": wallet_id, "replayed": outcome.replayed}
        case Changed():
            own = outcome.balances
            balances = (own.wallet, own.held, own.disputed, own.owed, own.limit)
            return {"status": outcome.status, "limit": own.limit, "balances": balances}


def refusal(code: str, facts: Mapping[str, Any], *, replayed: bool) -> Answer:
    """A refusal with those of its facts that the model predicts, in micro-credits."""
    predicted = ("available", "required", "reversible", "state", "spent", "left")
    known = {name: _amount(facts[name]) for name in predicted if name in facts}
    return {"code": code, "facts": known, "replayed": replayed}


def _amount(value: Any) -> Any:
    if not isinstance(value, str) or not value.replace(".", "").isdigit():
        return value
    return 0 if value == "0" else parse_amount(value)


def read_state(connection: psycopg.Connection[Any], wallet_ids: Sequence[int]) -> State:
    """Everything stored of these wallets, in the model's words."""
    ids = [list(wallet_ids)]
    state: State = {wallet_id: {"journal": [], "lots": {}, "holds": {}} for wallet_id in wallet_ids}
    lines: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for wallet_id, number, *line in connection.execute(
        "SELECT wallet_id, number, line, debit, credit, asset, amount, lot, lot_after, hold, balance_after"
        " FROM postings WHERE wallet_id = ANY(%s) ORDER BY wallet_id, number, line",
        ids,
    ):
        lines.setdefault((wallet_id, number), []).append(tuple(line))
    for row in connection.execute(
        "SELECT wallet_id, number, kind, effective_at, recorded_at, reverses, link_wallet_id, link_number,"
        " event_hash, actor, key_hash, fingerprint, wallet_after, held_after, disputed_after, owed_after,"
        " limit_after FROM transactions WHERE wallet_id = ANY(%s) ORDER BY wallet_id, number",
        ids,
    ):
        wallet_id, number, kind, effective_at, recorded_at, reverses, *link = row[:8]
        event_hash, actor, key_hash, fingerprint, *after = row[8:]
        state[wallet_id]["journal"].append(
            {
                "number": number,
                "kind": kind,
                "effective_at": effective_at,
                "recorded_at": recorded_at,
                "reverses": reverses,
                "link": tuple(link) if link[0] else None,
                "event_hash": event_hash and event_hash.bytes,
                "actor": actor,
                "key_hash": key_hash.bytes,
                "fingerprint": fingerprint.bytes,
                "after": tuple(after),
                "postings": tuple(lines.get((wallet_id, number), ())),
            }
        )
    for wallet_id, lot, *facts in connection.execute(
        "SELECT wallet_id, lot, source, amount, remaining, pinned, priority, effective_at, expires_at, cost,"
        " currency FROM lots WHERE wallet_id = ANY(%s)",
        ids,
    ):
        names = [
            "source",
            "amount",
            "remaining",
            "pinned",
            "priority",
            "effective_at",
            "expires_at",
            "cost",
            "currency",
        ]
        state[wallet_id]["lots"][lot] = dict(zip(names, facts, strict=True))
    for wallet_id, hold, *facts in connection.execute(
        "SELECT wallet_id, hold, amount, captured, released, state, service, placed_at, expires_at FROM holds"
        " WHERE wallet_id = ANY(%s)",
        ids,
    ):
        names = ["amount", "captured", "released", "state", "service", "placed_at", "expires_at"]
        state[wallet_id]["holds"][hold] = dict(zip(names, facts, strict=True)) | {"slices": {}}
    for wallet_id, hold, lot, pinned in connection.execute(
        "SELECT wallet_id, hold, lot, pinned FROM hold_slices WHERE wallet_id = ANY(%s) AND pinned > 0", ids
    ):
        state[wallet_id]["holds"][hold]["slices"][lot] = pinned
    for wallet_id, status, *balances in connection.execute(
        "SELECT wallet_id, status, wallet, held, disputed, owed, overdraft_limit FROM wallets"
        " WHERE wallet_id = ANY(%s)",
        ids,
    ):
        state[wallet_id] |= {"status": status, "balances": tuple(balances)}
    return state

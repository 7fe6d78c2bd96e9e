"""For tests of the book: fresh wallets, attempts in one line, a raw session, and verify at the end."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from ledger.alerts.participant import BalanceLevels
from ledger.book.commands import Attempt, Command, Outcome, Posted, Refused, Tell
from ledger.book.door import Door
from ledger.book.hashing import genesis
from ledger.book.verify import Report, verify_now
from ledger.budgets.verify import verify_budgets
from ledger.events.catalogue import checked
from ledger.events.payloads import MethodExpiring
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import new_wallet_id
from ledger.rates.verify import verify_usage
from ledger.rollups.verify import verify_rollups

CREDIT = 1_000_000
"""One credit."""

_keys = itertools.count(1)


@contextmanager
def session(url: str, *, role: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """A raw session of the owner, or of ``role``, that commits statement by statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        if role is not None:
            connection.execute(f"SET ROLE {role}")  # type: ignore[call-overload]
        yield connection


def new_wallets(url: str, count: int = 1) -> list[int]:
    """Fresh wallets with settings, as the service makes them; ascending, so that lock order is list order."""
    wallet_ids = sorted(new_wallet_id() for _ in range(count))
    with session(url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO wallets (wallet_id, head_hash) VALUES (%s, %s)",
            [(wallet_id, genesis(wallet_id)) for wallet_id in wallet_ids],
        )
        cursor.executemany(
            "INSERT INTO wallet_settings (wallet_id, owner_id) VALUES (%s, %s)",
            [(wallet_id, f"owner {wallet_id}") for wallet_id in wallet_ids],
        )
    return wallet_ids


def attempt(command: Command, key: str | None = None, **more: Any) -> Attempt:
    """An attempt under a key of its own, unless one is given."""
    name = f"test {next(_keys)}" if key is None else key
    return Attempt(command=command, key=name, namespace="client:test", actor="key_test", **more)


def telling(wallet_id: int) -> Tell:
    """A command that does nothing but cause an event in this wallet."""
    card = MethodExpiring(
        payment_method_id="pm_1", brand=None, last4=None, exp_month=None, exp_year=None, is_default=True
    )
    return Tell(wallet_id=wallet_id, of_type="payment_method.expiring", data=card)


def codes(outcomes: Sequence[Outcome]) -> list[str]:
    """``posted``, ``replayed``, ``changed`` or the refusal's code, per outcome."""
    return [code(outcome) for outcome in outcomes]


def code(outcome: Outcome) -> str:
    match outcome:
        case Posted():
            return "replayed" if outcome.replayed else "posted"
        case Refused():
            return outcome.error.code
        case _:
            return "changed"


def check(url: str, wallet_ids: Sequence[int]) -> Report:
    """Verify these wallets, and fail with what is wrong. Their events are what the catalogue says."""
    report = verify_now(url, wallet_ids)
    verify_budgets(url, report, wallet_ids)
    verify_usage(url, report, wallet_ids)
    verify_rollups(url, report, wallet_ids)
    assert report.ok, "\n".join(str(fault) for fault in report.faults)
    assert report.checked["wallets"] == len(set(wallet_ids))
    with session(url) as connection:
        for (payload,) in connection.execute(
            "SELECT payload FROM outbox WHERE wallet_id = ANY(%s)", [list(wallet_ids)]
        ):
            checked(payload)
    return report


def submit(url: str, *attempts: Attempt) -> list[Outcome]:
    """Through a door of the test's own, straight to the database."""

    async def run() -> list[Outcome]:
        database = Database(url, role=SERVICE_ROLE)
        door = Door(database, participants=[BalanceLevels()])
        await door.start()
        try:
            return await door.submit(attempts)
        finally:
            await door.stop()
            await database.dispose()

    return asyncio.run(run())

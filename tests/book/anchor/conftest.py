"""Books to seal, and the key to seal them with."""

from collections.abc import Sequence

import pytest

from ledger.book.anchor.keys import SigningKey
from ledger.book.commands import Command, Inflow, Use
from ledger.book.door import Door
from ledger.book.verify import Report, verify_now
from tests.support.book import attempt, codes, session


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return SigningKey(bytes(range(32)))


async def grant(door: Door, wallet_ids: Sequence[int], amount: int = 1_000) -> None:
    """A first transaction in each of these books."""
    commands: list[Command] = [Inflow(wallet_id=w, amount=amount, source="promotional") for w in wallet_ids]
    assert set(codes(await door.submit([attempt(command) for command in commands]))) == {"posted"}


async def use(door: Door, wallet_ids: Sequence[int]) -> None:
    """One transaction more."""
    commands: list[Command] = [Use(wallet_id=w, amount=1, service="chat") for w in wallet_ids]
    assert set(codes(await door.submit([attempt(command) for command in commands]))) == {"posted"}


def leaves(url: str, anchor: int) -> list[tuple[int, int]]:
    """(wallet, number) of an anchor's leaves, in the order of the tree."""
    with session(url) as connection:
        found = connection.execute(
            "SELECT wallet_id, number FROM anchor_leaves WHERE anchor = %s ORDER BY position", [anchor]
        )
        return found.fetchall()


def check_all(url: str, key: SigningKey) -> Report:
    """Verify everything with this key alone, and fail with what is wrong."""
    report = verify_now(url, trusted={key.public})
    assert report.ok, "\n".join(str(fault) for fault in report.faults)
    return report

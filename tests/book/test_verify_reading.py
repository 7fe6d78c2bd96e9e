"""The quick reading of verify says what the careful one says, or nothing; and several processes say what one does."""

from collections.abc import Sequence

import pytest

from ledger.book.commands import Capture, Command, Inflow, PlaceHold, Posted, Reverse, Transfer, Use
from ledger.book.door import Door
from ledger.book.verify import quick, verify_now
from ledger.book.verify.check import read_quickly, read_with_care
from ledger.book.verify.report import Report
from ledger.book.verify.rows import IN_LIST, connect, snapshot
from tests.support.book import attempt, new_wallets, session

pytestmark = pytest.mark.anyio

DUST = 30
"""Lots that one use goes through, a line each."""


@pytest.fixture(params=[1, 3, 2_000])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a page: few make every row wait for another."""
    monkeypatch.setattr(quick, "PAGE", request.param)


@pytest.fixture
async def wallet_ids(door: Door, database_url: str) -> list[int]:
    """Two books with something of everything."""
    payer, payee = new_wallets(database_url, 2)

    async def post(*commands: Command) -> list[int]:
        outcomes = await door.submit([attempt(command) for command in commands])
        assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes
        return [outcome.transaction.number for outcome in outcomes if isinstance(outcome, Posted)]

    await post(
        *(Inflow(wallet_id=payer, amount=10, source="promotional", join=False) for _ in range(DUST)),
        Inflow(wallet_id=payer, amount=1_000, source="promotional", priority=900),
        *(Inflow(wallet_id=payee, amount=100, source="promotional") for _ in range(3)),
    )
    (use, hold, *_) = await post(
        Use(wallet_id=payer, amount=10 * DUST, service="chat", event_id="a fact"),
        PlaceHold(wallet_id=payer, amount=50, service="chat", expires_in_s=3_600),
        Transfer(wallet_id=payer, payee_id=payee, amount=40),
        Use(wallet_id=payer, amount=2, service="chat"),
    )
    await post(
        Capture(wallet_id=payer, hold=hold, amount=20),
        Reverse(wallet_id=payer, number=use, refund=True),
        Use(wallet_id=payee, amount=2, service="chat", event_id="another"),
    )
    return [payer, payee]


def both(url: str, wallet_ids: Sequence[int]) -> tuple[Report | None, Report]:
    """What the quick and the careful reading say."""
    params = {"ids": list(wallet_ids)}
    with connect(url) as connection, snapshot(connection):
        return read_quickly(connection, IN_LIST, params), read_with_care(connection, IN_LIST, params)


@pytest.mark.usefixtures("page")
async def test_sound_books_are_read_once(wallet_ids: list[int], database_url: str) -> None:
    quickly, carefully = both(database_url, wallet_ids)
    assert carefully.ok
    assert carefully.checked["postings"] > 2 * DUST
    assert quickly == carefully


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    "moved",
    [
        "UPDATE postings SET amount = amount WHERE wallet_id = ANY(%(ids)s) AND line %% 3 = 1",
        "UPDATE transactions SET kind = kind WHERE wallet_id = ANY(%(ids)s) AND number %% 2 = 1",
        "UPDATE notes SET salt = salt WHERE wallet_id = ANY(%(ids)s) AND number %% 2 = 1",
        "DELETE FROM notes WHERE wallet_id = ANY(%(ids)s) AND number %% 2 = 1",
    ],
)
async def test_rows_may_lie_in_any_order(wallet_ids: list[int], database_url: str, moved: str) -> None:
    """Lines after their transaction, numbers that go back, notes elsewhere or erased."""
    with session(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(moved, {"ids": wallet_ids}).rowcount > 1
    quickly, carefully = both(database_url, wallet_ids)
    assert carefully.ok
    assert quickly == carefully


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    ("tampered", "kind"),
    [
        ("DELETE FROM transactions WHERE wallet_id = %(payer)s AND number = 5", "number"),
        ("DELETE FROM postings WHERE wallet_id = %(payer)s AND number = 32 AND line = 30", "hash"),
        ("DELETE FROM postings WHERE wallet_id = %(payer)s AND number = 5", "hash"),
        ("DELETE FROM holds WHERE wallet_id = %(payer)s", "hold"),
        (
            "INSERT INTO holds SELECT wallet_id, 2, amount, captured, released, state, service, placed_at, expires_at"
            " FROM holds WHERE wallet_id = %(payer)s",
            "hold",
        ),
        (
            "INSERT INTO postings SELECT wallet_id, number, 31, debit, credit, asset, amount, lot, lot_after, hold,"
            " balance_after FROM postings WHERE wallet_id = %(payer)s AND number = 32 AND line = 1",
            "hash",
        ),
        ("INSERT INTO notes SELECT wallet_id, 99, salt, body FROM notes WHERE wallet_id = %(payer)s LIMIT 1", "notes"),
        ("UPDATE notes SET body = '{}' WHERE wallet_id = %(payer)s AND number = 5", "notes"),
    ],
)
async def test_the_quick_reading_passes_nothing_over(
    wallet_ids: list[int], database_url: str, tampered: str, kind: str
) -> None:
    """It stops, whatever the order in which the rows lie, and the careful one says why."""
    with session(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(tampered, {"payer": wallet_ids[0]}).rowcount > 0
    quickly, carefully = both(database_url, wallet_ids)
    assert quickly is None
    assert kind in {fault.kind for fault in carefully.faults}


def test_no_row_stands_for_another(database_url: str) -> None:
    """Two first lines of one transaction, or two notes of it, where a primary key was gone."""
    with connect(database_url) as connection:
        journal = quick.Journal(connection, IN_LIST, {"ids": []}, {}, lambda _: None)
        with pytest.raises(quick.Irregular, match="line"):
            journal.read_lines([(1, 1, 1), (1, 1, 1)])
        with pytest.raises(quick.Irregular, match="notes"):
            journal.read_notes([(1, 1, b"a"), (1, 1, b"b")])


async def test_processes_say_what_one_says(wallet_ids: list[int], database_url: str) -> None:
    """Each takes a chunk; the reports are joined in the order of the wallets."""
    with session(database_url) as connection:
        connection.execute("UPDATE wallets SET wallet = wallet + 1 WHERE wallet_id = ANY(%s)", [wallet_ids])
    alone, together = verify_now(database_url), verify_now(database_url, jobs=2)
    assert not alone.ok
    assert (together.checked, together.faults, together.counts) == (alone.checked, alone.faults, alone.counts)

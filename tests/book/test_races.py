"""Many at once, at several doors, on a real database: what must come out does, and verify agrees.

Nothing here waits for a time to pass: racers start together, and whoever must wait is awaited.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable

import psycopg
import pytest

from ledger.book.commands import (
    Attempt,
    Command,
    Inflow,
    Outcome,
    PlaceHold,
    Posted,
    Refused,
    Reverse,
    Rider,
    Transfer,
    Use,
)
from ledger.book.door import Door
from ledger.errors import LedgerError
from tests.book.conftest import OpenDoor
from tests.support.book import attempt, check, code, codes, new_wallets

pytestmark = pytest.mark.anyio

RACERS = 40
ROUNDS = 25


def grant(wallet_id: int, amount: int) -> Command:
    return Inflow(wallet_id=wallet_id, amount=amount, source="promotional")


async def race(doors: list[Door], attempts: Iterable[Attempt]) -> list[Outcome]:
    """Each attempt in a request of its own, in turn at the doors, all at once."""
    requests = [doors[i % len(doors)].submit([one]) for i, one in enumerate(attempts)]
    return [outcome for (outcome,) in await asyncio.gather(*requests)]


async def clients(doors: list[Door], attempts: list[Attempt], count: int) -> list[Outcome]:
    """The same by so many clients, of whom each waits for one answer before it asks again."""
    todo = deque(enumerate(attempts))
    outcomes: dict[int, Outcome] = {}

    async def client() -> None:
        while todo:
            place, one = todo.popleft()
            (outcomes[place],) = await doors[place % len(doors)].submit([one])

    await asyncio.gather(*(client() for _ in range(count)))
    return [outcomes[place] for place in range(len(attempts))]


async def test_no_credit_is_spent_twice(open_door: OpenDoor, database_url: str) -> None:
    """Forty racers spend 30 of 100, over and over: each time three of them win."""
    doors = [await open_door() for _ in range(3)]
    wallet_ids = new_wallets(database_url, ROUNDS)
    for wallet_id in wallet_ids:
        await doors[0].submit([attempt(grant(wallet_id, 100))])
        spends = [attempt(Use(wallet_id=wallet_id, amount=30, service="chat")) for _ in range(RACERS)]
        outcomes = await race(doors, spends)
        assert Counter(codes(outcomes)) == {"posted": 3, "INSUFFICIENT_CREDITS": RACERS - 3}
    report = check(database_url, wallet_ids)
    assert report.checked["transactions"] == 4 * ROUNDS


async def test_opposite_transfers_pass_each_other(open_door: OpenDoor, database_url: str) -> None:
    """A to B and B to A at four doors: no deadlock, nothing is lost, nothing made."""
    doors = [await open_door() for _ in range(4)]
    first, second, third = new_wallets(database_url, 3)
    await doors[0].submit([attempt(grant(wallet_id, 1_000)) for wallet_id in (first, second, third)])
    deadlocks = _deadlocks(database_url)
    ways = [(first, second), (second, first), (third, first), (second, third)]
    transfers = [
        attempt(Transfer(wallet_id=payer, payee_id=payee, amount=1 + i % 7)) for i in range(75) for payer, payee in ways
    ]
    outcomes = await race(doors, transfers)
    assert codes(outcomes) == ["posted"] * len(transfers)
    assert _deadlocks(database_url) == deadlocks
    check(database_url, [first, second, third])
    with psycopg.connect(database_url) as connection:
        query = "SELECT sum(wallet) FROM wallets WHERE wallet_id = ANY(%s)"
        assert connection.execute(query, [[first, second, third]]).fetchall() == [(3_000,)]


def _deadlocks(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("enough", [True, False], ids=["posted", "refused"])
async def test_a_storm_of_one_key_is_one_answer(open_door: OpenDoor, database_url: str, enough: bool) -> None:
    """The same attempt a hundred times: one posting or one refusal, and every answer is that."""
    doors = [await open_door() for _ in range(3)]
    wallet_ids = new_wallets(database_url, 5)
    for wallet_id in wallet_ids:
        if enough:
            await doors[0].submit([attempt(grant(wallet_id, 1_000))])
        one = attempt(Use(wallet_id=wallet_id, amount=10, service="chat"))
        outcomes = await race(doors, [one] * 100)
        fresh = "posted" if enough else "INSUFFICIENT_CREDITS"
        assert len({_content(outcome) for outcome in outcomes}) == 1
        assert Counter(map(_replayed, outcomes)) == {False: 1, True: 99}
        assert {code(outcome) for outcome in outcomes if not _replayed(outcome)} == {fresh}
        other = attempt(Use(wallet_id=wallet_id, amount=11, service="chat"), one.key)
        assert codes(await race(doors, [other])) == ["IDEMPOTENCY_CONFLICT"]
    report = check(database_url, wallet_ids)
    assert report.checked["transactions"] == (10 if enough else 0)


def _replayed(outcome: Outcome) -> bool:
    assert isinstance(outcome, Posted | Refused)
    return outcome.replayed


def _content(outcome: Outcome) -> str:
    """An answer without the mark that says whether it was given before."""
    if isinstance(outcome, Posted):
        return repr((outcome.transaction, outcome.payee, outcome.lot, outcome.hold))
    assert isinstance(outcome, Refused)
    return repr((outcome.error.code, outcome.error.detail, outcome.error.facts))


async def test_a_held_row_stalls_no_stranger(open_door: OpenDoor, database_url: str) -> None:
    """Another session holds a wallet's row: two hundred strangers are served before it lets go."""
    doors = [await open_door() for _ in range(2)]
    held, *strangers = new_wallets(database_url, 201)
    await race(doors, [attempt(grant(wallet_id, 100)) for wallet_id in (held, *strangers)])
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE", [held])
        waiting = asyncio.create_task(race(doors, [attempt(Use(wallet_id=held, amount=1, service="chat"))]))
        outcomes = await race(doors, [attempt(Use(wallet_id=w, amount=1, service="chat")) for w in strangers])
        assert codes(outcomes) == ["posted"] * len(strangers)
        assert not waiting.done()
        holder.commit()
    assert codes(await waiting) == ["posted"]
    check(database_url, [held, *strangers])


POISONS = {
    "bad statement": Rider(sql="SELECT no_such_column FROM wallets", params={}),
    "broken rule": Rider(sql="UPDATE wallets SET held = -1 WHERE wallet_id = %(id)s", params={"id": 0}),
    "not as expected": Rider(sql="UPDATE wallets SET held = 0 WHERE wallet_id = -1", params={}),
}


@pytest.mark.parametrize("poison", POISONS, ids=str)
async def test_one_poisoned_command_spoils_no_other(door: Door, database_url: str, poison: str) -> None:
    """Two hundred requests in one unit of work, one of them impossible: the others are posted."""
    wallet_ids = new_wallets(database_url, 20)
    rider = POISONS[poison]
    bad = 117
    attempts = [attempt(grant(wallet_ids[i % 20], 5)) for i in range(200)]
    params = {"id": wallet_ids[0]} if rider.params else {}
    attempts[bad] = attempt(grant(wallet_ids[bad % 20], 5), riders=(Rider(sql=rider.sql, params=params, expect=1),))
    outcomes = await asyncio.gather(*(door.submit([one]) for one in attempts), return_exceptions=True)
    said = [
        outcome.code if isinstance(outcome, LedgerError) else codes(outcome)[0]  # type: ignore[arg-type]
        for outcome in outcomes
    ]
    culprit = "STATE_CHANGED" if poison == "not as expected" else "INTERNAL_ERROR"
    assert said == ["posted"] * bad + [culprit] + ["posted"] * (199 - bad)
    report = check(database_url, wallet_ids)
    assert report.checked["transactions"] == 199


async def test_each_transaction_is_reversed_once(open_door: OpenDoor, database_url: str) -> None:
    """Five hundred transactions, each reversed twice at once: five hundred succeed, and as many do not."""
    doors = [await open_door() for _ in range(3)]
    wallet_ids = new_wallets(database_url, 10)
    await race(doors, [attempt(grant(wallet_id, 10_000)) for wallet_id in wallet_ids])
    uses = [attempt(Use(wallet_id=w, amount=3, service="chat")) for w in wallet_ids for _ in range(50)]
    posted = await race(doors, uses)
    reversals = []
    for outcome in posted:
        assert isinstance(outcome, Posted)
        transaction = outcome.transaction
        for refund in (True, False):
            command = Reverse(wallet_id=transaction.wallet_id, number=transaction.number, refund=refund)
            reversals.append(attempt(command))
    outcomes = await clients(doors, reversals, 64)
    pairs = [sorted(codes(outcomes[i : i + 2])) for i in range(0, 1_000, 2)]
    assert pairs == [["REVERSAL_EXCEEDS_ORIGINAL", "posted"]] * 500
    check(database_url, wallet_ids)
    with psycopg.connect(database_url) as connection:
        query = "SELECT DISTINCT wallet FROM wallets WHERE wallet_id = ANY(%s)"
        assert connection.execute(query, [wallet_ids]).fetchall() == [(10_000,)]


async def test_partial_refunds_stop_at_the_whole(open_door: OpenDoor, database_url: str) -> None:
    """Thirty refunds of 7 of a use of 100: fourteen fit."""
    doors = [await open_door() for _ in range(3)]
    (wallet_id,) = new_wallets(database_url)
    await doors[0].submit([attempt(grant(wallet_id, 100))])
    (used,) = await doors[0].submit([attempt(Use(wallet_id=wallet_id, amount=100, service="chat"))])
    assert isinstance(used, Posted)
    command = Reverse(wallet_id=wallet_id, number=used.transaction.number, amount=7, refund=True)
    outcomes = await race(doors, [attempt(command) for _ in range(30)])
    assert Counter(codes(outcomes)) == {"posted": 14, "REVERSAL_EXCEEDS_ORIGINAL": 16}
    check(database_url, [wallet_id])


async def test_exactly_a_thousand_uses_of_a_thousand(open_door: OpenDoor, database_url: str) -> None:
    """Sixty-four clients race for credits that last for a thousand uses. Refusals can be repeated; after
    a grant the refused facts are charged under new keys, each once."""
    doors = [await open_door() for _ in range(2)]
    (wallet_id,) = new_wallets(database_url)
    await doors[0].submit([attempt(grant(wallet_id, 3_000))])
    facts = [Use(wallet_id=wallet_id, amount=3, service="chat", event_id=f"event {i}") for i in range(1_280)]
    attempts = [attempt(use) for use in facts]
    first = await clients(doors, attempts, 64)
    assert Counter(codes(first)) == {"posted": 1_000, "INSUFFICIENT_CREDITS": 280}
    again = await clients(doors, attempts, 64)
    assert all(map(_replayed, again))
    assert list(map(_content, again)) == list(map(_content, first))
    await doors[0].submit([attempt(grant(wallet_id, 10_000))])
    new_keys = await clients(doors, [attempt(use) for use in facts], 64)
    assert Counter(codes(new_keys)) == {"ALREADY_POSTED": 1_000, "posted": 280}
    report = check(database_url, [wallet_id])
    assert report.checked["transactions"] == 1_282


async def test_holds_never_reserve_more_than_there_is(open_door: OpenDoor, database_url: str) -> None:
    """Holds and uses race for the same credits: what is reserved and what is used is what there was."""
    doors = [await open_door() for _ in range(2)]
    (wallet_id,) = new_wallets(database_url)
    await doors[0].submit([attempt(grant(wallet_id, 100))])
    racers: list[Command] = []
    for _ in range(20):
        racers.append(PlaceHold(wallet_id=wallet_id, amount=9, service="chat", expires_in_s=600))
        racers.append(Use(wallet_id=wallet_id, amount=9, service="chat"))
    outcomes = await race(doors, [attempt(command) for command in racers])
    assert Counter(codes(outcomes)) == {"posted": 11, "INSUFFICIENT_CREDITS": 29}
    check(database_url, [wallet_id])


@pytest.mark.parametrize("what", ["replays", "reversals"])
async def test_a_thousand_wait_their_turn(open_door: OpenDoor, database_url: str, what: str) -> None:
    """More requests at once than there are connections: they wait together, as uses do."""
    door = await open_door()
    (wallet_id,) = new_wallets(database_url)
    await door.submit([attempt(grant(wallet_id, 1_000))])
    use = attempt(Use(wallet_id=wallet_id, amount=1_000, service="chat"))
    await door.submit([use])
    reverse = Reverse(wallet_id=wallet_id, number=2, amount=1)
    storm = [use] * 1_000 if what == "replays" else [attempt(reverse) for _ in range(1_000)]
    expected = "replayed" if what == "replays" else "posted"
    assert set(codes(await race([door], storm))) == {expected}
    check(database_url, [wallet_id])

"""T12: callers that are cancelled, time out or are shut down at any point where they wait.

Whatever is cut, no connection keeps a transaction or a lock, each posting is there wholly or not at all, and the same
key gives the one result.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from os import urandom

import pytest

from ledger.alerts.participant import BalanceLevels
from ledger.book.commands import Attempt, Command, Inflow, PlaceHold, Posted, Transfer, Use
from ledger.book.door import Door
from ledger.book.unit import Request, run_unit
from ledger.book.writer import Writer
from ledger.context import Services
from ledger.errors import DatabaseUnavailable
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.http.edge import EdgedLitestar
from tests.faults.cutting import Waits, cut_at, forgive
from tests.faults.sessions import nothing_left_open
from tests.faults.sizes import scaled
from tests.support.api import Api, make_key, run_sql, running
from tests.support.book import CREDIT, attempt, check, code, new_wallets

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

CUTS = scaled(600)
AT_ONCE = 12
"""Callers at a time: units hold attempts of callers that stay beside those of callers that go."""

WAITS_MAX = {"door": 4, "unit": 6, "http": 30}
"""Cuts are aimed up to here, somewhat beyond what a run that is left alone waits."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, pool_size=5, role=SERVICE_ROLE)
    yield found
    await found.dispose()


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    found = Door(database, participants=[BalanceLevels()])
    await found.start()
    yield found
    await found.stop()


def some_command(chance: random.Random, wallets: list[int]) -> Command:
    one, other = chance.sample(wallets, 2)
    commands: list[Command] = [
        Use(wallet_id=one, amount=chance.randint(1, 9), service="chat"),
        Transfer(wallet_id=one, payee_id=other, amount=chance.randint(1, 9)),
        PlaceHold(wallet_id=one, amount=chance.randint(1, 9), service="chat", expires_in_s=600),
        Inflow(wallet_id=one, amount=chance.randint(1, 9), source="promotional"),
    ]
    return chance.choice(commands)


async def funded(door: Door, url: str, count: int) -> list[int]:
    """Wallets with credits enough for everything."""
    wallets = new_wallets(url, count)
    await door.submit([attempt(Inflow(wallet_id=w, amount=CREDIT, source="promotional")) for w in wallets])
    return wallets


async def retried_once_each(door: Door, url: str, wallets: list[int], asked: list[Attempt]) -> Counter[str]:
    """Ask for every one again under its key: posted now, or replayed; and the books hold each once."""
    outcomes = [(await door.submit([one]))[0] for one in asked]
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    transfers = sum(isinstance(one.command, Transfer) for one in asked)
    report = check(url, wallets)
    assert report.checked["transactions"] == len(wallets) + len(asked) + transfers
    return Counter(code(outcome) for outcome in outcomes)


async def test_a_caller_cut_anywhere_gets_the_one_result_when_it_asks_again(
    door: Door, database_url: str, chance: random.Random
) -> None:
    """The caller goes away; the unit that holds its attempt goes on, for itself and for the others in it."""
    wallets = await funded(door, database_url, 8)
    asked: list[Attempt] = []
    cuts: Counter[str] = Counter()

    async def caller() -> None:
        while len(asked) < CUTS:
            one = attempt(some_command(chance, wallets))
            asked.append(one)
            try:
                if chance.random() < 0.5:
                    async with asyncio.timeout(chance.uniform(0, 0.01)):
                        await door.submit([one])
                else:
                    await cut_at(door.submit([one]), chance.randint(1, WAITS_MAX["door"]), Waits())
                cuts["not in time"] += 1
            except TimeoutError:
                cuts["timed out"] += 1
            except asyncio.CancelledError:
                forgive()
                cuts["cancelled"] += 1

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    nothing_left_open(database_url)
    retries = await retried_once_each(door, database_url, wallets, asked)
    assert min(cuts["cancelled"], cuts["timed out"]) > CUTS // 10, cuts
    assert retries["replayed"] > 0, retries


async def test_a_unit_cut_anywhere_leaves_no_transaction_open(
    door: Door, database: Database, database_url: str, chance: random.Random
) -> None:
    """A lane itself is cancelled, as when an event loop is torn down: all of its unit is there, or nothing."""
    wallets = await funded(door, database_url, 8)
    asked: list[Attempt] = []
    cuts: Counter[int] = Counter()
    writer = Writer(database)
    for _ in range(CUTS // 2):
        chosen = [attempt(some_command(chance, wallets)) for _ in range(chance.randint(1, 3))]
        asked += chosen
        loop = asyncio.get_running_loop()
        requests = [Request([one], False, loop.create_future()) for one in chosen]
        unit = run_unit(writer, requests, [BalanceLevels()], urandom(16), wait=True)
        waits = Waits()
        try:
            await cut_at(unit, chance.randint(1, WAITS_MAX["unit"]), waits)
        except asyncio.CancelledError:
            forgive()
            cuts[waits.count] += 1
        nothing_left_open(database_url)
    await writer.close()
    await retried_once_each(door, database_url, wallets, asked)
    assert len(cuts) >= 3 and cuts.total() >= CUTS // 8, f"units were cut seldom, or at few places: {cuts}"


async def test_a_door_that_stops_among_cut_callers_answers_the_others(
    database: Database, door: Door, database_url: str, chance: random.Random
) -> None:
    """Shutdown at a random moment: whoever stays is answered with a result or 503, and nothing hangs."""
    wallets = await funded(door, database_url, 8)
    asked: list[Attempt] = []
    stopped: Counter[str] = Counter()
    for _ in range(CUTS // 20):
        closing = Door(database, participants=[BalanceLevels()])
        await closing.start()
        chosen = [attempt(some_command(chance, wallets)) for _ in range(20)]
        callers = [asyncio.create_task(closing.submit([one])) for one in chosen]
        for _ in range(chance.randint(0, 60)):
            await asyncio.sleep(0)
        for caller in chance.sample(callers, 5):
            caller.cancel()
        async with asyncio.timeout(30):
            await closing.stop()
            outcomes = await asyncio.gather(*callers, return_exceptions=True)
        assert all(isinstance(o, list | DatabaseUnavailable | asyncio.CancelledError) for o in outcomes), outcomes
        stopped.update(type(outcome).__name__ for outcome in outcomes)
        nothing_left_open(database_url)
        asked += chosen
    await retried_once_each(door, database_url, wallets, asked)
    assert stopped["list"] and stopped["CancelledError"], stopped


async def test_whole_requests_cut_anywhere_leave_nothing_behind(database_url: str, chance: random.Random) -> None:
    """From the edge to the answer: authentication, opening a wallet, posting, reading, streaming a file."""
    asked: list[tuple[str, dict[str, object], str]] = []
    cuts: Counter[str] = Counter()
    async with running(database_url) as app:
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        wallets = [await api.wallet("1000") for _ in range(6)]

        async def client() -> None:
            while sum(cuts.values()) < CUTS:
                path, body = some_request(chance, wallets)
                key = f"cut-{len(asked)}"
                if body is not None:
                    asked.append((path, body, key))
                call = api.get(path) if body is None else api.post(path, body, key=key)
                waits = Waits()
                try:
                    if chance.random() < 0.2:
                        async with asyncio.timeout(chance.uniform(0, 0.02)):
                            answer = await call
                    else:
                        answer = await cut_at(call, chance.randint(1, WAITS_MAX["http"]), waits)
                    assert answer.status_code < 500, answer.text
                    cuts["not in time"] += 1
                except TimeoutError:
                    cuts["timed out"] += 1
                except asyncio.CancelledError:
                    forgive()
                    cuts[f"cancelled at {waits.count}"] += 1

        await asyncio.gather(*(client() for _ in range(AT_ONCE)))
        nothing_left_open(database_url)
        pool_is_whole(app)
        for path, body, key in asked:
            first, again = await api.post(path, body, key=key), await api.post(path, body, key=key)
            assert (first.status_code, first.content) == (201, again.content), first.text
            assert again.headers["idempotency-replayed"] == "true"
        nothing_left_open(database_url)
        await api.client.aclose()
    keys = Counter(row[0] for row in run_sql(database_url, "SELECT body::jsonb ->> 'key' FROM notes"))
    moved = [key for path, _, key in asked if path != "/v1/wallets"]
    assert [keys[key] for key in moved] == [1] * len(moved)
    check(database_url, [row[0] for row in run_sql(database_url, "SELECT wallet_id FROM wallets")])
    assert len([place for place in cuts if place.startswith("cancelled")]) >= 8, cuts


def some_request(chance: random.Random, wallets: list[str]) -> tuple[str, dict[str, object] | None]:
    """A path, and the body where it is written to."""
    one, other = chance.sample(wallets, 2)
    owner = f"cut-owner-{chance.randint(1, 10**9)}"
    requests: list[tuple[str, dict[str, object] | None]] = [
        (f"/v1/wallets/{one}/usage", {"service": "chat", "credits": "0.5"}),
        (f"/v1/wallets/user:{owner}/credits", {"amount": "5", "source": "promotional", "reason": "a gift"}),
        ("/v1/wallets", {"owner_id": owner}),
        (f"/v1/wallets/{one}/holds", {"amount": "1", "expires_in_s": 600, "service": "chat"}),
        ("/v1/transfers", {"from_wallet_id": one, "to_wallet_id": other, "amount": "1", "reason": "shared"}),
        (f"/v1/wallets/{one}/balance", None),
        (f"/v1/wallets/{one}/transactions", None),
        ("/v1/finance/journal.csv", None),
    ]
    return chance.choice(requests)


def pool_is_whole(app: EdgedLitestar) -> None:
    """No connection is out of the pool when nobody works."""
    services: Services = app.state.services
    assert services.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]

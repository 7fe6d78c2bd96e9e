"""The door on a real database: what a unit costs, what it shares, and what it does when something is in the way."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from ledger.alerts.participant import BalanceLevels
from ledger.book.commands import (
    Attempt,
    BookDue,
    Capture,
    Changed,
    Command,
    Inflow,
    MoneyLine,
    PlaceHold,
    Posted,
    Refused,
    Reverse,
    Rider,
    SetOverdraft,
    SetStatus,
    Transfer,
    Use,
)
from ledger.book.door import Door
from ledger.book.read import Reader
from ledger.book.unit import Request, run_unit
from ledger.book.writer import Writer
from ledger.kit.db import SERVICE_ROLE, Database
from tests.book.conftest import Clock
from tests.support.book import CREDIT, attempt, check, code, codes, new_wallets, session
from tests.support.proxy import counting_proxy

pytestmark = pytest.mark.anyio


async def one(door: Door, command: Command, key: str | None = None, **more: Any) -> Posted:
    """Submit one attempt that must be posted."""
    [outcome] = await door.submit([attempt(command, key, **more)])
    assert isinstance(outcome, Posted), outcome
    return outcome


def lines(posted: Posted) -> list[tuple[str, str, int]]:
    return [(p.debit, p.credit, p.amount) for p in posted.transaction.postings]


async def test_a_unit_takes_at_most_six_round_trips_whatever_the_batch(
    door: Door, database_url: str, clock: Clock
) -> None:
    """Counted on the wire, by a relay in front of the server."""
    a, b = new_wallets(database_url, 2)
    later = clock.now() + timedelta(days=1)
    await door.submit(
        [
            attempt(Inflow(wallet_id=a, amount=CREDIT, source="promotional", expires_at=later + timedelta(seconds=at)))
            for at in range(60)
        ]
    )
    held = await one(door, PlaceHold(wallet_id=a, amount=CREDIT, service="gpu", expires_in_s=60))
    await one(door, Use(wallet_id=a, amount=5, service="chat"))
    use = Use(wallet_id=a, amount=1, service="chat", event_id="round-trips")
    mixed: list[Command] = [
        use,
        Use(wallet_id=a, amount=45 * CREDIT, service="chat"),
        Transfer(wallet_id=a, payee_id=b, amount=5),
        Capture(wallet_id=a, hold=held.transaction.number, amount=1),
        Reverse(wallet_id=a, number=62, amount=1),
        Inflow(wallet_id=b, amount=3, source="earned", of_kind="earn"),
        Use(wallet_id=b, amount=10**15, service="chat"),
    ]
    async with counting_proxy(database_url) as proxy:
        counted = Database(proxy.url, role=SERVICE_ROLE)
        lane = Writer(counted)
        for batch in ([use], mixed, [Use(wallet_id=a, amount=1, service="chat"), *mixed[5:]] * 100):
            # The second run of a batch is measured: by then its statements are prepared.
            for _ in range(2):
                request = Request([attempt(command) for command in batch], False, asyncio.Future())
                proxy.trips = 0
                await run_unit(lane, [request], [BalanceLevels()], bytes(16), wait=False)
                assert request.finish()
            assert proxy.trips <= (2 if len(batch) == 1 else 4), (len(batch), proxy.trips)
        await lane.close()
        await counted.dispose()
    check(database_url, [a, b])


async def test_requests_that_wait_share_a_commit(door: Door, database_url: str) -> None:
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))

    outcomes = await asyncio.gather(
        *(door.submit([attempt(Use(wallet_id=wallet, amount=1, service="chat"))]) for _ in range(200))
    )

    assert codes([outcome for [outcome] in outcomes]) == ["posted"] * 200
    with session(database_url) as connection:
        row = connection.execute(
            "SELECT count(DISTINCT xid::text) FROM transactions WHERE wallet_id = %s", [wallet]
        ).fetchone()
    assert row is not None
    assert row[0] <= 4, "200 waiting requests took more than a few commits"
    check(database_url, [wallet])


async def test_a_replay_gives_the_record_that_was_given_first(door: Door, database_url: str, clock: Clock) -> None:
    """For every kind: what is read back from what is stored equals what the rules gave."""
    a, b = new_wallets(database_url, 2)
    later = clock.now() + timedelta(days=3)
    first: list[tuple[Attempt, Posted]] = []

    async def post(command: Command) -> Posted:
        made = attempt(command, facts_key(command))
        [outcome] = await door.submit([made])
        assert isinstance(outcome, Posted), outcome
        first.append((made, outcome))
        return outcome

    def facts_key(command: Command) -> str:
        return f"{type(command).__name__}-{len(first)}"

    await post(Inflow(wallet_id=a, amount=9 * CREDIT, source="promotional", expires_at=later, description="hello"))
    await post(Inflow(wallet_id=a, amount=9 * CREDIT, source="earned", of_kind="earn", metadata={"b": 1, "a": "ü"}))
    used = await post(Use(wallet_id=a, amount=10 * CREDIT, service="chat", event_id="replays-1"))
    held = await post(PlaceHold(wallet_id=a, amount=3 * CREDIT, service="gpu", expires_in_s=60))
    await post(Capture(wallet_id=a, hold=held.transaction.number, amount=CREDIT, final=False))
    await post(Capture(wallet_id=a, hold=held.transaction.number, amount=CREDIT))
    moved = await post(Transfer(wallet_id=a, payee_id=b, amount=2 * CREDIT))
    await post(Reverse(wallet_id=a, number=moved.transaction.number, amount=CREDIT))
    await post(Reverse(wallet_id=a, number=used.transaction.number, refund=True))

    for made, outcome in first:
        [again] = await door.submit([made])
        assert msgspec.structs.replace(outcome, replayed=True) == again, made.command
    assert check(database_url, [a, b]).checked["transactions"] - 2 == 9
    assert moved.payee is not None


async def test_a_locked_wallet_stalls_no_stranger(door: Door, database_url: str) -> None:
    held, free = new_wallets(database_url, 2)
    await one(door, Inflow(wallet_id=held, amount=CREDIT, source="promotional"))
    await one(door, Inflow(wallet_id=free, amount=CREDIT, source="promotional"))

    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM wallets WHERE wallet_id = %s FOR UPDATE", [held])
        stuck = asyncio.create_task(door.submit([attempt(Use(wallet_id=held, amount=1, service="chat"))]))
        for _ in range(20):
            await one(door, Use(wallet_id=free, amount=1, service="chat"))
        assert not stuck.done()
        other.rollback()
        [outcome] = await stuck

    assert code(outcome) == "posted"
    check(database_url, [held, free])


async def test_only_the_culprit_of_a_failing_batch_fails(door: Door, database_url: str) -> None:
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))
    poison = Rider(sql="SELECT 1 / 0", params={})
    requests = [[attempt(Use(wallet_id=wallet, amount=1, service="chat"))] for _ in range(100)]
    requests[37] = [attempt(Use(wallet_id=wallet, amount=1, service="chat"), riders=(poison,))]

    outcomes = await asyncio.gather(*(door.submit(request) for request in requests), return_exceptions=True)

    failed = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, BaseException)]
    assert failed == [37]
    assert getattr(outcomes[37], "code", None) == "INTERNAL_ERROR"
    assert check(database_url, [wallet]).checked["transactions"] == 100


async def test_a_rider_stands_or_falls_with_its_posting(door: Door, database_url: str) -> None:
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))
    rename = (
        "UPDATE wallet_settings SET purpose = %(to)s WHERE wallet_id = %(w)s AND purpose IS NOT DISTINCT FROM %(was)s"
    )

    def renamed(to: str, was: str | None) -> Rider:
        return Rider(sql=rename, params={"w": wallet, "to": to, "was": was})

    use = Use(wallet_id=wallet, amount=1, service="chat")
    outcomes = await door.submit(
        [
            attempt(use, "rider-1", riders=(renamed("first", None),)),
            attempt(use, "rider-2", riders=(renamed("third", "second"),)),
            attempt(use, "rider-3", riders=(renamed("second", "first"),)),
        ]
    )
    again = await door.submit([attempt(use, "rider-1", riders=(renamed("first", None),))])

    assert codes(outcomes) == ["posted", "STATE_CHANGED", "posted"]
    assert codes(again) == ["replayed"]
    with session(database_url) as connection:
        row = connection.execute("SELECT purpose FROM wallet_settings WHERE wallet_id = %s", [wallet]).fetchone()
    assert row == ("second",)
    check(database_url, [wallet])


async def test_a_large_unit_that_is_written_ahead_is_whole_or_nothing(door: Door, database_url: str) -> None:
    """Its first transactions are sent to the server before the last are decided: nothing of it shows but by COMMIT."""
    wallets = new_wallets(database_url, 3)
    await door.submit([attempt(Inflow(wallet_id=w, amount=300, source="promotional")) for w in wallets])
    uses = [attempt(Use(wallet_id=wallets[n % 3], amount=1, service="chat"), f"ahead-{n}") for n in range(1_000)]
    never = Rider(sql="DELETE FROM purposes WHERE wallet_id = %(w)s", params={"w": wallets[0]})
    late = attempt(Use(wallet_id=wallets[0], amount=1, service="chat"), "ahead-late", riders=(never,))
    spoilt = [*uses[:700], late, *uses[701:]]

    outcomes = await door.submit(spoilt)
    atomic = await door.submit(
        [attempt(Use(wallet_id=w, amount=1, service="chat")) for w in wallets * 200], atomic=True
    )
    again = await door.submit(uses)

    assert {"posted": 900, "INSUFFICIENT_CREDITS": 99, "STATE_CHANGED": 1} == dict(Counter(codes(outcomes)))
    assert {"BATCH_REFUSED": 599, "INSUFFICIENT_CREDITS": 1} == dict(Counter(codes(atomic)))
    assert {"replayed": 900, "INSUFFICIENT_CREDITS": 100} == dict(Counter(codes(again)))
    assert 903 == check(database_url, wallets).checked["transactions"]


async def test_an_atomic_request_is_posted_whole_or_not_at_all(door: Door, database_url: str) -> None:
    a, b = new_wallets(database_url, 2)
    await one(door, Inflow(wallet_id=a, amount=10, source="promotional"))
    good = attempt(Use(wallet_id=a, amount=4, service="chat", event_id="atomic-1"), "atomic-1")
    moved = attempt(Transfer(wallet_id=a, payee_id=b, amount=4), "atomic-2")
    bad = attempt(Use(wallet_id=b, amount=5, service="chat"), "atomic-3")

    refused = await door.submit([good, moved, bad], atomic=True)
    assert codes(refused) == ["BATCH_REFUSED", "BATCH_REFUSED", "INSUFFICIENT_CREDITS"]
    assert check(database_url, [a, b]).checked["transactions"] == 1

    await one(door, Inflow(wallet_id=b, amount=1, source="promotional"))
    posted = await door.submit([good, moved, bad], atomic=True)
    assert codes(posted) == ["posted"] * 3, "an atomic batch that was refused leaves its keys free"
    check(database_url, [a, b])


async def test_a_hundred_lots_are_burned_in_order(door: Door, reader: Reader, database_url: str, clock: Clock) -> None:
    """More lots than one page: the second look finds the rest, still in burn-down order."""
    [wallet] = new_wallets(database_url)
    now = clock.now()
    await door.submit(
        [
            attempt(
                Inflow(wallet_id=wallet, amount=1, source="promotional", expires_at=now + timedelta(days=200 - day))
            )
            for day in range(100)
        ]
    )

    used = await one(door, Use(wallet_id=wallet, amount=90, service="chat"))

    assert list(range(100, 10, -1)) == [p.lot for p in used.transaction.postings]
    assert (await reader.balance(wallet)).balances.wallet == 10
    check(database_url, [wallet])


async def test_what_is_spread_over_too_many_lots_is_refused(door: Door, database_url: str, clock: Clock) -> None:
    [wallet] = new_wallets(database_url)
    now = clock.now() + timedelta(days=1)
    inflows = [
        attempt(Inflow(wallet_id=wallet, amount=1, source="promotional", expires_at=now + timedelta(seconds=at)))
        for at in range(1001)
    ]
    await door.submit(inflows)

    outcomes = await door.submit(
        [attempt(Use(wallet_id=wallet, amount=amount, service="chat")) for amount in (1001, 999, 2)]
    )

    assert codes(outcomes) == ["TOO_MANY_POSTINGS", "posted", "posted"]
    check(database_url, [wallet])


async def test_more_due_than_one_unit_books_is_booked_in_bites(
    door: Door, reader: Reader, database_url: str, clock: Clock
) -> None:
    [wallet] = new_wallets(database_url)
    soon = clock.now() + timedelta(minutes=5)
    await door.submit(
        [
            attempt(
                Inflow(
                    wallet_id=wallet,
                    amount=2,
                    source="promotional",
                    expires_at=soon + timedelta(seconds=at % 7),
                    priority=at % 900,
                )
            )
            for at in range(2500)
        ]
    )
    await one(door, Inflow(wallet_id=wallet, amount=50, source="earned", of_kind="earn"))
    clock.advance(timedelta(hours=1))

    assert (await reader.balance(wallet)).balances.wallet == 50
    outcomes = await door.submit([attempt(Use(wallet_id=wallet, amount=amount, service="chat")) for amount in (51, 50)])

    assert codes(outcomes) == ["INSUFFICIENT_CREDITS", "posted"]
    check(database_url, [wallet])


async def test_a_paid_lot_takes_its_cost_along(door: Door, database_url: str) -> None:
    """A third each of a lot of 3 credits that cost 1.00 USD: the shares add up to what was paid."""
    a, b = new_wallets(database_url, 2)
    paid = (MoneyLine("stripe_clearing", "deferred_revenue", "USD", 100),)
    await one(
        door,
        Inflow(
            wallet_id=a,
            amount=3,
            source="purchase",
            of_kind="purchase",
            cost=100,
            currency="USD",
            money=paid,
            join=False,
        ),
    )
    moves = [await one(door, Transfer(wallet_id=a, payee_id=b, amount=1)) for _ in range(3)]
    back = await one(door, Reverse(wallet_id=a, number=moves[1].transaction.number))

    shares = [p.amount for move in moves for p in move.transaction.postings if p.asset == "USD"]
    assert shares == [33, 33, 34]
    assert lines(back) == [("transit", "wallet", 1), ("transit", "deferred_revenue", 33)]
    with session(database_url) as connection:
        lots = connection.execute(
            "SELECT wallet_id = %s, cost, remaining FROM lots WHERE wallet_id IN (%s, %s) ORDER BY wallet_id = %s, lot",
            [a, a, b, a],
        ).fetchall()
    assert lots == [(False, 33, 1), (False, 33, 0), (False, 34, 1), (True, 100, 0), (True, 33, 1)]
    check(database_url, [a, b])


async def test_closed_periods_take_nothing_but_late_usage(door: Door, database_url: str, clock: Clock) -> None:
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))
    now = clock.now()
    closed_to = now - timedelta(days=2)
    with session(database_url) as connection:
        connection.execute(
            "INSERT INTO periods VALUES ('2026-01', %s, 'closing'), ('2025-12', %s, 'closed')",
            [closed_to, closed_to - timedelta(days=31)],
        )
    try:
        before = closed_to - timedelta(days=1)
        [refused] = await door.submit(
            [attempt(Inflow(wallet_id=wallet, amount=1, source="promotional", effective_at=before))]
        )
        used = await one(door, Use(wallet_id=wallet, amount=1, service="chat", effective_at=before))
        late = await one(door, Use(wallet_id=wallet, amount=1, service="chat", effective_at=now - timedelta(days=1)))
    finally:
        with session(database_url) as connection:
            connection.execute("DELETE FROM periods")

    assert code(refused) == "PERIOD_CLOSED"
    assert isinstance(refused, Refused)
    assert {"open_from": closed_to.isoformat()} == refused.error.facts
    assert closed_to == used.transaction.effective_at
    assert now - timedelta(days=1) == late.transaction.effective_at
    check(database_url, [wallet])


async def test_levels_are_told_once_with_the_posting_that_crosses_them(door: Door, database_url: str) -> None:
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=150 * CREDIT, source="promotional"))
    for amount in (40, 20, 5, 70, 14):
        await one(door, Use(wallet_id=wallet, amount=amount * CREDIT, service="chat"))
    await door.submit([attempt(Use(wallet_id=wallet, amount=CREDIT, service="chat")) for _ in range(3)])
    await one(door, Inflow(wallet_id=wallet, amount=150 * CREDIT, source="promotional"))

    with session(database_url) as connection:
        events = connection.execute(
            "SELECT event, type, payload FROM outbox WHERE wallet_id = %s ORDER BY event", [wallet]
        ).fetchall()
    told = [(event, type_) for event, type_, _ in events]
    assert told == [
        (1, "balance.low"),
        (2, "balance.critical"),
        (3, "balance.depleted"),
        (4, "balance.recovered"),
    ]
    payload = msgspec.json.decode(events[0][2])
    assert payload["data"] == {"level": "low", "previous_level": "ok", "free": "90", "threshold": "100"}
    assert payload["number"] == 1
    check(database_url, [wallet])


async def test_a_refusal_is_remembered_for_a_day(door: Door, database_url: str, clock: Clock) -> None:
    [wallet] = new_wallets(database_url)
    use = attempt(Use(wallet_id=wallet, amount=5, service="chat"), "remembered")

    [first] = await door.submit([use])
    await one(door, Inflow(wallet_id=wallet, amount=5, source="promotional"))
    [second] = await door.submit([use])
    [other] = await door.submit([attempt(Use(wallet_id=wallet, amount=4, service="chat"), "remembered")])
    clock.advance(timedelta(hours=23))
    [third] = await door.submit([use])
    clock.advance(timedelta(hours=1, seconds=1))
    [fourth] = await door.submit([use])

    assert codes([first, second, other, third, fourth]) == ["INSUFFICIENT_CREDITS"] * 2 + [
        "IDEMPOTENCY_CONFLICT",
        "INSUFFICIENT_CREDITS",
        "posted",
    ]
    assert isinstance(second, Refused)
    assert second.replayed
    assert isinstance(first, Refused)
    assert (first.error.detail, first.error.facts) == (second.error.detail, second.error.facts)
    check(database_url, [wallet])


async def test_status_and_limits_change_under_the_same_lock(door: Door, database_url: str) -> None:
    [wallet] = new_wallets(database_url)
    outcomes = await door.submit(
        [
            attempt(SetOverdraft(wallet_id=wallet, limit=10)),
            attempt(Use(wallet_id=wallet, amount=7, service="chat")),
            attempt(SetOverdraft(wallet_id=wallet, limit=6)),
            attempt(SetStatus(wallet_id=wallet, status="frozen")),
            attempt(Use(wallet_id=wallet, amount=1, service="chat")),
            attempt(SetStatus(wallet_id=wallet, status="closed")),
            attempt(Inflow(wallet_id=wallet, amount=7, source="adjustment", of_kind="adjustment")),
            attempt(SetStatus(wallet_id=wallet, status="closed")),
            attempt(Inflow(wallet_id=wallet, amount=7, source="promotional")),
            attempt(SetStatus(wallet_id=wallet, status="active")),
            attempt(Inflow(wallet_id=wallet, amount=7, source="purchase", of_kind="purchase", join=False)),
            attempt(BookDue(wallet_id=wallet)),
        ]
    )

    assert codes(outcomes) == [
        "changed",
        "posted",
        "LIMIT_BELOW_OWED",
        "changed",
        "WALLET_FROZEN",
        "WALLET_NOT_EMPTY",
        "posted",
        "changed",
        "WALLET_CLOSED",
        "WALLET_CLOSED",
        "posted",
        "changed",
    ]
    last = outcomes[-1]
    assert isinstance(last, Changed)
    assert (last.status, last.balances.wallet) == ("active", 7)
    check(database_url, [wallet])

"""Customers' lives, end to end over HTTP, with golden pages that double as documentation."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ledger.kit.ids import parse_wallet
from tests.book.conftest import Clock
from tests.stories.page import Page
from tests.support.api import Api, make_key, running
from tests.support.book import check, session

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with running(database_url) as app:
        found = Api(app, make_key(database_url, "admin")[1], database_url)
        yield found
        await found.client.aclose()


@pytest.fixture
def clock(database_url: str) -> AsyncIterator[Clock]:
    yield Clock(database_url)
    with session(database_url) as connection:
        connection.execute("UPDATE clock SET ahead_us = 0")


async def test_a_customers_first_weeks(api: Api, clock: Clock) -> None:
    page = Page(
        api,
        "A customer's first weeks",
        "Grants that expire, usage, a job that is paid from a hold, a failed job, a retry, an overdraft: every line below"
        " is what the service answered.",
    )
    ada = await page.open("Ada", overdraft_limit="20")
    wallet = f"/v1/wallets/{ada}"
    soon = (clock.now() + timedelta(days=10)).isoformat()
    await page.step(
        "Ada is given 100 credits that expire in ten days, and earns 30 by a challenge.",
        f"{wallet}/credits",
        {"amount": "100", "source": "promotional", "reason": "welcome", "expires_at": soon},
    )
    await page.step(
        "The earned ones do not expire.",
        f"{wallet}/credits",
        {"amount": "30", "source": "earned", "reason": "beginner challenge"},
    )
    used = await page.step(
        "A completion costs 45.6: what expires first burns first.",
        f"{wallet}/usage",
        {"service": "code_completion", "credits": "45.6", "event_id": "job-1"},
        key="job-1-attempt-1",
    )
    await page.step(
        "The answer was lost, so the service asks again under the same key: the same transaction, charged once.",
        f"{wallet}/usage",
        {"service": "code_completion", "credits": "45.6", "event_id": "job-1"},
        key="job-1-attempt-1",
    )
    await page.step(
        "Another attempt at the same event is told that it was charged.",
        f"{wallet}/usage",
        {"service": "code_completion", "credits": "45.6", "event_id": "job-1"},
        key="job-1-attempt-2",
    )
    held = await page.step(
        "A training job is about to run: 60 credits are reserved, out of both lots.",
        f"{wallet}/holds",
        {"amount": "60", "service": "training", "expires_in_s": 3600},
    )
    await page.balances(ada)
    await page.step(
        "What is held cannot be spent twice.", f"{wallet}/usage", {"service": "code_completion", "credits": "50"}
    )
    await page.step(
        "The job took 52.5; the rest of the hold is released.",
        f"/v1/holds/{held['hold']['id']}/capture",
        {"amount": "52.5"},
    )
    await page.step(
        "The first completion had failed: 45.6 come back, into the lot they came from.",
        f"/v1/transactions/{used['transaction']['id']}/refund",
        {"reason": "the job failed"},
    )
    await page.balances(ada)
    clock.advance(timedelta(days=11))
    page.say("Eleven days later what was left of the gift has expired. Nobody ran a job: reads and writes both know.")
    await page.balances(ada)
    await page.step(
        "The next posting books the expiry first, so its number is one later than one might think. It goes 10 into the"
        " overdraft.",
        f"{wallet}/usage",
        {"service": "code_completion", "credits": "40"},
    )
    await page.step(
        "New credits pay what is owed first.",
        f"{wallet}/credits",
        {"amount": "25", "source": "promotional", "reason": "sorry for the failed job"},
    )
    await page.balances(ada)
    check(api.database_url, [parse_wallet(ada)])
    page.end("a-customers-first-weeks")


async def test_two_wallets_and_a_mistake(api: Api) -> None:
    page = Page(
        api,
        "Two wallets and a mistake",
        "A transfer is two transactions, one in each book, linked; `transit` stands between them and is zero in total.",
    )
    team, bob = await page.open("Team"), await page.open("Bob")
    await page.step(
        "The team is given 50 credits.",
        f"/v1/wallets/{team}/credits",
        {"amount": "50", "source": "promotional", "reason": "trial"},
    )
    moved = await page.step(
        "It passes 20 on to Bob.",
        "/v1/transfers",
        {"from_wallet_id": team, "to_wallet_id": bob, "amount": "20", "reason": "for the demo"},
    )
    await page.step("Bob uses 15.", f"/v1/wallets/{bob}/usage", {"service": "search", "credits": "15"})
    await page.step(
        "The transfer was a mistake. What Bob has spent cannot be taken back:",
        f"/v1/transactions/{moved['transaction_id']}/reverse",
        {"reason": "wrong Bob"},
    )
    undone = await page.step(
        "what is left can.",
        f"/v1/transactions/{moved['transaction_id']}/reverse",
        {"amount": "5", "reason": "wrong Bob"},
    )
    await page.step(
        "A reversal is final.",
        f"/v1/transactions/{undone.get('transaction', undone)['id']}/reverse",
        {"reason": "right Bob after all"},
    )
    await page.balances(team, bob)
    check(api.database_url, [parse_wallet(team), parse_wallet(bob)])
    page.end("two-wallets-and-a-mistake")


async def test_sixty_four_clients_race_for_a_thousand_credits(api: Api) -> None:
    """Exactly a thousand uses are posted; every reply is repeatable; refused facts go through after a grant."""
    wallet = await api.wallet("1000")
    path = f"/v1/wallets/{wallet}/usage"

    async def use(client: int, at: int, attempt: str) -> tuple[int, bytes]:
        body = {"service": "chat", "credits": "1", "event_id": f"race-{client}-{at}"}
        answer = await api.post(path, body, key=f"race-{client}-{at}-{attempt}")
        return answer.status_code, answer.content

    async def client(number: int, attempt: str) -> list[tuple[int, bytes]]:
        return [await use(number, at, attempt) for at in range(20)]

    first = await asyncio.gather(*(client(number, "a") for number in range(64)))
    flat = [reply for replies in first for reply in replies]
    assert {status: sum(s == status for s, _ in flat) for status, _ in flat} == {201: 1000, 402: 280}
    assert first == await asyncio.gather(*(client(number, "a") for number in range(64)))

    await api.grant(wallet, "280")
    assert first == await asyncio.gather(*(client(number, "a") for number in range(64)))
    second = [reply for replies in await asyncio.gather(*(client(n, "b") for n in range(64))) for reply in replies]
    assert {status: sum(s == status for s, _ in second) for status, _ in second} == {201: 280, 409: 1000}
    assert await api.available(wallet) == "0"
    check(api.database_url, [parse_wallet(wallet)])

"""T3: many requests under one key at the same moment, from one tenant and from two."""

import asyncio
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from tests.faults import asks
from tests.faults.asks import CREDIT, Ask
from tests.faults.client import Answer, Client, told_of
from tests.faults.scene import Scene
from tests.faults.sizes import scaled
from tests.support.api import make_key

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

STORMS = scaled(20)
REQUESTS = 100
SETTLED_BY_RETRY = frozenset(("IDEMPOTENCY_IN_FLIGHT", "WALLET_BUSY"))


async def storm(scene: Scene, asked: list[tuple[Client, Ask]]) -> list[Answer]:
    """All of them at once; each again until it is settled."""
    gate = asyncio.Event()

    async def one(client: Client, ask: Ask) -> Answer:
        await scene.journal.keep(ask.items)
        await gate.wait()
        while True:
            answer = await client.request("POST", ask.path, ask.body, ask.key)
            await scene.journal.keep(told_of(ask, answer))
            if answer.status < 300 or answer.json["code"] not in SETTLED_BY_RETRY:
                return answer

    tasks = [asyncio.create_task(one(client, ask)) for client, ask in asked]
    await asyncio.sleep(0)
    gate.set()
    return await asyncio.gather(*tasks)


def same(answers: list[Answer]) -> None:
    """The same bytes, the first of them new and all others repeated."""
    assert 1 == len({answer.body for answer in answers})
    replays = Counter(answer.headers.get("idempotency-replayed", "no") for answer in answers)
    assert Counter({"no": 1, "true": len(answers) - 1}) == replays


async def test_one_key_sent_many_times_at_once_posts_once_and_all_hear_the_same(scene: Scene) -> None:
    [wallet, payee] = await scene.open(2)
    clients = scene.clients(REQUESTS)
    for number in range(STORMS):
        key = scene.key()
        kinds = [
            asks.usage(wallet, CREDIT, key),
            asks.transfer(wallet, payee, CREDIT, key),
            asks.hold(wallet, CREDIT, key),
            asks.grant(wallet, CREDIT, key),
        ]
        answers = await storm(scene, [(client, kinds[number % len(kinds)]) for client in clients])
        assert {201} == {answer.status for answer in answers}
        same(answers)
    for client in clients:
        client.close()
    found = scene.judged(f"{STORMS} storms of {REQUESTS} under one key")
    assert STORMS * (REQUESTS - 1) == found.absorbed


async def test_a_key_is_taken_by_one_request_and_every_other_is_told_so(scene: Scene) -> None:
    """Another body under the key is a conflict, whoever comes first; exactly one of the bodies is posted."""
    [wallet] = await scene.open(1)
    clients = scene.clients(REQUESTS)
    for _ in range(STORMS):
        key = scene.key()
        # The judge takes the last intent under a key for its facts: there is none for the amount, which may be either.
        bodies = [_of_any_amount(asks.usage(wallet, amount * CREDIT, key)) for amount in (1, 2)]
        answers = await storm(scene, [(client, bodies[place % 2]) for place, client in enumerate(clients)])
        posted = [answer for answer in answers if answer.status == 201]
        others = [answer for answer in answers if answer.status != 201]
        same(posted)
        assert REQUESTS // 2 == len(posted) == len(others)
        assert {(422, "IDEMPOTENCY_CONFLICT")} == {(answer.status, answer.json["code"]) for answer in others}
    for client in clients:
        client.close()
    scene.forget("IDEMPOTENCY_CONFLICT")
    scene.judged(f"{STORMS} storms of two bodies under one key")


async def test_a_refusal_is_the_same_for_all_and_stays_though_credits_come(scene: Scene) -> None:
    [wallet] = await scene.open(1, credits=1)
    clients = scene.clients(REQUESTS)
    client = scene.client()
    key = scene.key()
    refused = await storm(scene, [(one, asks.usage(wallet, 5 * CREDIT, key)) for one in clients])
    assert {402} == {answer.status for answer in refused}
    await client.settle(asks.grant(wallet, 100 * CREDIT, scene.key()))
    refused += await storm(scene, [(one, asks.usage(wallet, 5 * CREDIT, key)) for one in clients])
    same(refused)
    for one in [client, *clients]:
        one.close()
    scene.judged(f"{2 * REQUESTS} under one key that is refused")


async def test_tenants_do_not_meet_in_a_key(scene: Scene) -> None:
    """The same key, wallet and body from two clients are two postings, and neither hears the other's."""
    [wallet] = await scene.open(1)
    _, text = make_key(scene.stack.url, "write", client="other")
    own = scene.clients(REQUESTS // 2)
    others = [Client(scene.stack.api_url, text, scene.journal) for _ in range(REQUESTS // 2)]
    for _ in range(STORMS):
        ask = asks.usage(wallet, CREDIT, scene.key())
        theirs = replace(ask, items=(msgspec.structs.replace(ask.items[0], client="other"),))
        answers = await storm(scene, [(one, ask) for one in own] + [(one, theirs) for one in others])
        same(answers[: len(own)])
        same(answers[len(own) :])
        assert answers[0].body != answers[-1].body
    for one in [*own, *others]:
        one.close()
    scene.judged(f"{STORMS} storms of two tenants")


def _of_any_amount(ask: Ask) -> Ask:
    return replace(ask, items=(msgspec.structs.replace(ask.items[0], amount=None),))

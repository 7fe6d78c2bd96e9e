"""T4: everything undone twice at once, by two keys: exactly one of them may."""

import random
from collections.abc import Callable

import pytest

from tests.faults import asks
from tests.faults.asks import CREDIT, Ask
from tests.faults.client import settle_all
from tests.faults.journal import Told
from tests.faults.scene import Scene
from tests.faults.sizes import scaled

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

CLIENTS = 20
TRANSACTIONS = scaled(100)
USES = scaled(500)
SHARES = 4


async def posted(scene: Scene, wanted: list[Ask]) -> list[str]:
    """Ask for these, all of which can be posted; their transactions."""
    clients = scene.clients(CLIENTS)
    told = [one for [one] in await settle_all(clients, wanted)]
    for client in clients:
        client.close()
    assert {"posted"} == {one.outcome for one in told}, told
    return [str(one.transaction) for one in told]


async def each_twice(scene: Scene, asked: list[tuple[Ask, Ask]]) -> list[tuple[Told, Told]]:
    """Both of a pair at about the same moment: neighbours in line, taken by two clients."""
    clients = scene.clients(CLIENTS)
    told = [one for [one] in await settle_all(clients, [ask for pair in asked for ask in pair])]
    for client in clients:
        client.close()
    return list(zip(told[::2], told[1::2], strict=True))


@pytest.mark.parametrize("kind", ["usage", "grant", "transfer", "refund"])
async def test_of_two_that_undo_the_same_exactly_one_does(scene: Scene, chance: random.Random, kind: str) -> None:
    wallets = await scene.open(8)
    make: dict[str, Callable[[], Ask]] = {
        "usage": lambda: asks.usage(chance.choice(wallets), CREDIT, scene.key()),
        "refund": lambda: asks.usage(chance.choice(wallets), CREDIT, scene.key()),
        "grant": lambda: asks.grant(chance.choice(wallets), CREDIT, scene.key()),
        "transfer": lambda: asks.transfer(wallets[0], chance.choice(wallets[1:]), CREDIT, scene.key()),
    }
    count = USES if kind == "usage" else TRANSACTIONS
    transactions = await posted(scene, [make[kind]() for _ in range(count)])

    def undo(transaction: str) -> Ask:
        return asks.reverse(transaction, None, scene.key(), refund=kind == "refund")

    pairs = await each_twice(scene, [(undo(transaction), undo(transaction)) for transaction in transactions])
    outcomes = [sorted(one.outcome for one in pair) for pair in pairs]
    assert [["posted", "refused"]] * count == outcomes
    assert {422} == {one.status for pair in pairs for one in pair if one.outcome == "refused"}
    scene.judged(f"{count} × {kind} undone twice")


async def test_a_hold_ends_once(scene: Scene, chance: random.Random) -> None:
    """Captured by one and released by another, at once."""
    wallets = await scene.open(8)
    holds = await posted(scene, [asks.hold(chance.choice(wallets), CREDIT, scene.key()) for _ in range(TRANSACTIONS)])
    pairs = await each_twice(
        scene, [(asks.capture(hold, None, scene.key()), asks.release(hold, scene.key())) for hold in holds]
    )
    assert [["posted", "refused"]] * TRANSACTIONS == [sorted(one.outcome for one in pair) for pair in pairs]
    assert {"HOLD_NOT_OPEN"} == {one.code for pair in pairs for one in pair if one.outcome == "refused"}
    scene.judged(f"{TRANSACTIONS} holds ended twice")


async def test_refunds_in_parts_never_exceed_what_was_used(scene: Scene, chance: random.Random) -> None:
    """Four times three of ten: three fit."""
    wallets = await scene.open(8)
    uses = [asks.usage(chance.choice(wallets), 10 * CREDIT, scene.key()) for _ in range(TRANSACTIONS // 4)]
    parts = [
        asks.reverse(use, 3 * CREDIT, scene.key(), refund=True)
        for use in await posted(scene, uses)
        for _ in range(SHARES)
    ]
    clients = scene.clients(CLIENTS)
    told = [one for [one] in await settle_all(clients, parts)]
    for client in clients:
        client.close()
    for start in range(0, len(told), SHARES):
        of_one = told[start : start + SHARES]
        assert ["posted"] * 3 + ["refused"] == sorted(one.outcome for one in of_one)
        assert {"REVERSAL_EXCEEDS_ORIGINAL"} == {one.code for one in of_one if one.outcome == "refused"}
    scene.judged(f"{len(parts)} refunds in parts")

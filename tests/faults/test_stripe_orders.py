"""T16: seven events of one story, heard in any of their 7! orders: the same balances at the end.

An event is heard of as soon as it has happened or later, so what is heard tells of an object as it is by then. Nothing
that was early or late may be lost, and nothing booked twice.
"""

import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ledger.kit.http.answers import encode
from ledger.payments import rows
from ledger.payments.inbox.effects import EFFECTS, jobs_of
from ledger.payments.inbox.told import Told, read
from ledger.payments.money.work import look_again
from ledger.payments.rows import Payment
from tests.faults.sizes import scaled
from tests.payments.api import selling
from tests.payments.buying import Shop
from tests.support.api import Api, run_sql
from tests.support.desk import desk_at
from tests.support.sandbox import SandboxAt, sandbox_served
from tests.support.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.anyio]

STAGES = (
    ("checkout.session.completed", "charge.updated"),
    ("refund.created",),
    ("charge.dispute.created", "charge.dispute.funds_withdrawn"),
)
"""What happens at Stripe, one after the other, and the events that tell of it. Then the bank decides:"""

ENDS = {
    "won": ("charge.dispute.closed", "charge.dispute.funds_reinstated"),
    "lost": ("charge.dispute.closed", "refund.updated"),
}
"""A verdict, and what is told at the same time."""


class End(NamedTuple):
    """What is left of it all."""

    money: dict[str, int]
    credits: tuple[int, int, int]
    sums: tuple[int, int, int | None]
    kinds: list[str]


class Story:
    """One payment, to which happens what the stages say; ``hear`` is told of it."""

    def __init__(self, shop: Shop, api: Api, end: str) -> None:
        self._shop = shop
        self._api = api
        self._end = end
        self._told: list[Told] = []
        self._objects: set[str] = set()
        self._charge = ""
        self._case = ""
        self.payment: Payment

    async def begin(self) -> None:
        """A link that can be paid."""
        wallet = await self._api.wallet()
        link = (await self._api.post(f"/v1/wallets/{wallet}/payment-links", {"amount": "50.00"})).json()
        page = await self._api.get("/pay/" + link["payment_url"].rpartition("/")[2])
        self._session = re.findall(r"cs_test_\w+", page.headers["location"])[0]
        async with self._shop.desk.database.transaction() as connection:
            self.payment = await rows.find(connection, link["payment_id"])
        self._shop.wallets.append(self.payment.wallet_id)

    async def hear(self, event: int) -> None:
        """Of this event, as the inbox does; it must have happened before."""
        while len(self._told) <= event:
            self._happen()
        for job in jobs_of(self._told[event], EFFECTS):
            await job.does(self._shop.desk, job.about)

    async def ended(self) -> End:
        shop, now = self._shop, await self._shop.again(self.payment)
        kinds = sorted(shop.kinds(now))
        return End(shop.money(now), shop.credits(now), (now.refunded, now.disputed, now.fee), kinds)

    def _happen(self) -> None:
        """The next stage, and the events of it."""
        sandbox, client = self._shop.sandbox, self._shop.stripe
        stage = {0: 0, 2: 1, 3: 2, 5: 3}[len(self._told)]
        if stage == 0:
            intent = sandbox.pay(self._session)["intent"]
            self._charge = intent["latest_charge"]
            self._objects = {self._session, self._charge}
        elif stage == 1:
            self._objects.add(client.v1.refunds.create({"charge": self._charge, "amount": 1_234}).id)
        elif stage == 2:
            self._case = sandbox.tell(f"/dispute/{self._charge}")["id"]
            self._objects.add(self._case)
        else:
            sandbox.tell(f"/dispute/{self._case}", outcome=self._end)
        kinds = ENDS[self._end] if stage == 3 else STAGES[stage]
        self._told += [self._event(kind) for kind in kinds]

    def _event(self, kind: str) -> Told:
        """The newest event of this type that is of this story; it may come a moment later."""
        found: list[Any] = []

        def came() -> bool:
            listed = self._shop.sandbox.events(kind)
            found[:] = [one for one in listed if one["data"]["object"]["id"] in self._objects]
            return bool(found)

        until(came, f"{kind} of {self._objects}")
        return read(encode(found[0]).decode())


async def told(shop: Shop, api: Api, end: str, order: tuple[int, ...]) -> End:
    """The story, heard in this order; what came too early is looked at again."""
    story = Story(shop, api, end)
    await story.begin()
    for event in order:
        await story.hear(event)
    while run_sql(shop.url, "UPDATE stripe_problems SET due_at = ledger_now() RETURNING object"):
        await look_again(shop.desk)
    return await story.ended()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxAt]:
    with sandbox_served() as at:
        at.tell("/config", fee_known_after_s=0, refund_after_s=0, dispute_after_s=0, verdict_after_s=0)
        yield at


@pytest.mark.parametrize(("end", "orders"), [("won", scaled(40)), ("lost", scaled(10))])
async def test_every_order_ends_the_same(
    database_url: str, sandbox: SandboxAt, chance: random.Random, end: str, orders: int
) -> None:
    every = list(itertools.permutations(range(7)))
    async with selling(database_url, sandbox) as api, desk_at(database_url, sandbox) as desk:
        shop = Shop(database_url, desk, sandbox)
        right = await told(shop, api, end, tuple(range(7)))
        assert {"won": (376, 0, 0), "lost": (0, 0, 0)}[end] == right.credits
        assert {"purchase": 1, "fee": 1, "payment_refund": 1, "refund_paid": 1, "dispute": 1, f"dispute_{end}": 1} == (
            Counter(right.kinds)
        )
        for order in chance.sample(every, min(orders, len(every))):
            assert right == await told(shop, api, end, order), order
    shop.check()

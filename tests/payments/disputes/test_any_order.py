"""Whatever is heard of a dispute, in whatever order, however often and by how many at once: the same balances.

Two payments with the same life at Stripe. Of one everything is heard at once and in order; the other's objects are
converged in a random order, doubled and together, at each stage or not until later, with uses and refunds in between.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.book.commands import Use
from ledger.payments.desk import Desk
from ledger.payments.disputes.converge import converge_dispute
from ledger.payments.money.charges import book_charge
from ledger.payments.refunds.converge import converge_refund
from ledger.payments.rows import Payment
from tests.payments.buying import Shop
from tests.support.book import CREDIT, attempt
from tests.support.desk import desk_at
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio


class Life(NamedTuple):
    """What happens at Stripe: how much is disputed and how it ends, what is refunded before, what is used when."""

    inquiry: bool
    disputed: int
    outcome: Literal["won", "lost", "none"]
    refunded: int
    used: tuple[int, int]


LIVES = st.builds(
    Life,
    st.booleans(),
    st.sampled_from([1, 999, 2_500, 5_000]),
    st.sampled_from(["won", "lost", "none"]),
    st.sampled_from([0, 0, 1_234]),
    st.tuples(st.sampled_from([0, 400]), st.sampled_from([0, 77])),
)
HEARD = st.lists(st.lists(st.sampled_from(["charge", "dispute", "refund"]), max_size=4), min_size=3, max_size=3)
"""At each of three stages: what is heard of, at the same time. At the end all is heard of once."""


async def live(shop: Shop, life: Life, heard: list[list[str]], *, punctual: bool, uses: Sequence[int] = ()) -> Payment:
    """A payment that lives this life; ``punctual``: everything is heard of at once, besides. ``uses``: credits that are
    used at the same time as something is heard of."""
    left = list(uses)
    payment = await shop.buy(fee=False)
    await shop.settled(str(payment.charge))
    names: dict[str, str] = {"charge": str(payment.charge)}
    converge: dict[str, Callable[[Desk, str], Coroutine[Any, Any, None]]] = {
        "charge": book_charge,
        "dispute": converge_dispute,
        "refund": converge_refund,
    }

    async def use(credits: int) -> None:
        if credits:
            command = Use(wallet_id=payment.wallet_id, amount=credits * CREDIT, service="jobs")
            await shop.desk.door.submit([attempt(command)])

    async def hear(of: list[str]) -> None:
        of = [*of, *(["charge", "refund", "dispute"] if punctual else [])]
        known = [(converge[kind], names[kind]) for kind in of if kind in names]
        if punctual:
            for book, name in known:
                await book(shop.desk, name)
        else:
            await asyncio.gather(*(book(shop.desk, name) for book, name in known), use(left.pop() if left else 0))

    if life.refunded:
        refund = shop.stripe.v1.refunds.create({"charge": str(payment.charge), "amount": life.refunded})
        names["refund"] = refund.id
    await hear(heard[0])
    made = shop.sandbox.tell(
        f"/dispute/{payment.charge}", outcome="inquiry" if life.inquiry else "open", amount=life.disputed
    )
    names["dispute"] = made["id"]
    await hear(heard[1])
    if life.outcome != "none":
        if life.inquiry:
            shop.sandbox.tell(f"/dispute/{made['id']}", outcome="escalated")
        shop.sandbox.tell(f"/dispute/{made['id']}", outcome=life.outcome)
    await hear(heard[2])
    await hear(["charge", "dispute", "refund"])
    return payment


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(life=LIVES, heard=HEARD)
def test_a_disputes_end_is_the_same_whatever_was_heard_of_it(
    database_url: str, sandbox: SandboxAt, life: Life, heard: list[list[str]]
) -> None:
    async def run() -> None:
        async with desk_at(database_url, sandbox) as desk:
            shop = Shop(database_url, desk, sandbox)
            plain = await live(shop, life, [[], [], []], punctual=True)
            other = await live(shop, life, heard, punctual=False)
            assert shop.money(plain) == shop.money(other)
            assert shop.credits(plain) == shop.credits(other)
            one, two = await shop.again(plain), await shop.again(other)
            assert (one.refunded, one.disputed, one.fee) == (two.refunded, two.disputed, two.fee)
            assert sorted(shop.kinds(plain)) == sorted(shop.kinds(other))
            shop.check()

    asyncio.run(run())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(life=LIVES, heard=HEARD)
def test_uses_in_between_change_who_owes_and_never_what_there_is(
    database_url: str, sandbox: SandboxAt, life: Life, heard: list[list[str]]
) -> None:
    """The customer goes on using while it is disputed: what is used, set aside, owed and gone is what was bought."""

    async def run() -> None:
        async with desk_at(database_url, sandbox) as desk:
            shop = Shop(database_url, desk, sandbox)
            payment = await live(shop, life, heard, punctual=False, uses=[*life.used])
            free, disputed, owed = shop.credits(payment)
            assert (disputed == 0) or life.outcome == "none"
            assert free >= 0
            assert owed == 0 or free == 0
            money = shop.money(payment)
            assert (5_000 - life.refunded if disputed else 5_000) >= money.get("dispute_receivable", 0) >= 0
            assert life.outcome == "none" or "dispute_receivable" not in money
            shop.check()

    asyncio.run(run())

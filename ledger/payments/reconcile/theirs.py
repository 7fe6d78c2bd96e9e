"""What Stripe has: lists of objects by the time they were made, and its balance."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import stripe

from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeRefused, id_of, plain
from ledger.payments.money.movements import Movement, movement_of
from ledger.payments.money.older import is_older
from ledger.payments.money.opening import Opening
from ledger.payments.money.payouts import ON_ITS_WAY

Object = dict[str, Any]


class Theirs(NamedTuple):
    """All that Stripe made since an instant, by id; of charges those that are paid."""

    charges: dict[str, Object]
    refunds: dict[str, Object]
    disputes: dict[str, Object]
    payouts: dict[str, Object]
    movements: dict[str, Movement]


class Held(NamedTuple):
    """What Stripe holds for us, and what of it has left for the bank and not arrived there."""

    balance: int
    on_its_way: int


async def listed(desk: Desk, since: datetime) -> Theirs:
    """Raises StripeAway or StripeRefused."""
    found = {name: await _all(desk, name, created={"gte": int(since.timestamp())}) for name in _LISTS}
    charges = {name: one for name, one in found["charges"].items() if one["paid"] and one["captured"]}
    movements = {name: movement_of(one) for name, one in found["balance_transactions"].items()}
    return Theirs(charges, found["refunds"], found["disputes"], found["payouts"], movements)


async def without_older(desk: Desk, theirs: Theirs, known: Collection[str], opening: Opening | None) -> Theirs:
    """Without refunds and disputes, besides those that are ``known`` here, of charges from before the books."""
    if opening is None:
        return theirs

    async def kept(some: dict[str, Object]) -> dict[str, Object]:
        return {name: one for name, one in some.items() if name in known or not await of_older(id_of(one["charge"]))}

    async def of_older(charge: str | None) -> bool:
        return charge not in theirs.charges and await is_older(desk, charge, opening)

    return theirs._replace(refunds=await kept(theirs.refunds), disputes=await kept(theirs.disputes))


async def held(desk: Desk, opening: Opening | None) -> Held:
    """In the settlement currency; without what left before the books. Raises StripeAway or StripeRefused."""
    balance = plain(await desk.stripe.call(lambda client: client.v1.balance.retrieve()))
    parts = [part for status in ("available", "pending") for part in balance[status]]
    total = sum(part["amount"] for part in parts if part["currency"].upper() == desk.currency)
    since = {} if opening is None else {"created": {"gte": int(opening.at.timestamp())}}
    leaving = [await _all(desk, "payouts", status=status, **since) for status in ON_ITS_WAY]
    payouts = [payout for some in leaving for payout in some.values() if payout["currency"].upper() == desk.currency]
    return Held(total, sum(payout["amount"] for payout in payouts))


async def exists(desk: Desk, kind: str, name: str) -> bool:
    """Whether Stripe has an object that was not listed: it may be older than it seems. Raises StripeAway."""

    def ask(client: stripe.StripeClient) -> Any:
        return getattr(client.v1, kind).retrieve(name)

    try:
        await desk.stripe.call(ask)
    except StripeRefused as refused:
        if refused.status == 404:
            return False
        raise
    return True


_LISTS = ("charges", "refunds", "disputes", "payouts", "balance_transactions")


async def _all(desk: Desk, kind: str, **of: Any) -> dict[str, Object]:
    def ask(client: stripe.StripeClient) -> dict[str, Object]:
        pages = getattr(client.v1, kind).list({**of, "limit": 100}).auto_paging_iter()
        return {one.id: plain(one) for one in pages}

    return await desk.stripe.call(ask)

"""The account's balance: every movement of money is a balance transaction in the settlement currency."""

from typing import Any, Final

from ledger.sandbox.errors import Object
from ledger.sandbox.resources.common import Params
from ledger.sandbox.resources.listing import Condition
from ledger.sandbox.rules import money
from ledger.sandbox.shapes import funds
from ledger.sandbox.world import World

_REPORTED: Final = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failure",
    "payment_failure_refund": "refund_failure",
    "payout": "payout",
    "payout_failure": "payout_reversal",
    "payout_cancel": "payout_reversal",
    "stripe_fee": "fee",
}
"""The reporting category of a type; an adjustment says its own."""


def move(
    world: World,
    kind: str,
    amount: int,
    currency: str,
    source: str,
    *,
    fee: int = 0,
    fee_name: str = "",
    available_on: int | None = None,
    **given: Any,
) -> Object:
    """Money that comes or goes. ``amount`` is in ``currency``, ``fee`` in that of the balance."""
    config = world.config
    settled = money.exchanged(amount, currency, config.settlement_currency, config.exchange_rates)
    rate = money.rate(currency, config.settlement_currency, config.exchange_rates)
    when = world.now if available_on is None else max(world.now, available_on)
    transaction = funds.balance_transaction(
        world.now,
        amount=settled,
        available_on=when,
        currency=config.settlement_currency,
        exchange_rate=None if currency == config.settlement_currency else float(rate),
        fee=fee,
        fee_details=funds.fee_details(fee, config.settlement_currency, fee_name),
        net=settled - fee,
        source=source,
        status="available" if when <= world.now else "pending",
        type=kind,
        **{"reporting_category": _REPORTED.get(kind, kind), **given},
    )
    if when > world.now:
        world.later(when - world.moment, "available", transaction=transaction["id"])
    return world.add(transaction)


def of_payout(payout: str) -> Condition:
    """Of what an automatic payout is made of, and of its own movement, as Stripe lists them."""
    return "json_extract(body, '$._.payout') = ?", [payout]


def in_settlement(world: World, cents: int) -> int:
    """US cents in the smallest units of the balance."""
    return money.exchanged(cents, "usd", world.config.settlement_currency, world.config.exchange_rates)


def becomes_available(world: World, transaction: str) -> None:
    """Money can be paid out from now on."""
    world.change(world.get("balance_transaction", transaction), status="available")


def retrieve(world: World, params: Params, /, *path: str) -> Object:
    """What is there, and what is on its way."""
    sums = {status: _sums(world, status) for status in ("available", "pending")}
    return {
        "object": "balance",
        "livemode": False,
        **sums,
        "refund_and_dispute_prefunding": {"available": [], "pending": []},
    }


def total(world: World, status: str) -> int:
    """The balance of this status in the settlement currency."""
    named = world.config.settlement_currency
    return sum(one["amount"] for one in _sums(world, status) if one["currency"] == named)


def _sums(world: World, status: str) -> list[Object]:
    amounts: dict[str, int] = {world.config.settlement_currency: 0}
    for currency, net, _ in world.objects.sums("balance_transaction", "currency", "net", status=status):
        amounts[currency] = net
    return [{"amount": net, "currency": currency, "source_types": {"card": net}} for currency, net in amounts.items()]


def by_type(world: World) -> dict[str, Object]:
    """Of each type of movement: how many there were, and their sums."""
    sums = {name: world.objects.sums("balance_transaction", "type", name) for name in ("amount", "fee", "net")}
    counts = {kind: {"count": count} for kind, _, count in sums["net"]}
    return {kind: {**counts[kind], **{name: dict(_pairs(sums[name]))[kind] for name in sums}} for kind in counts}


def _pairs(sums: list[tuple[Any, int, int]]) -> list[tuple[str, int]]:
    return [(kind, total) for kind, total, _ in sums]

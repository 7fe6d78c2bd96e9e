"""Charges: their balance transaction, which comes some time after the money."""

from typing import Final

from ledger.sandbox.errors import Object
from ledger.sandbox.resources import balance, payment_methods
from ledger.sandbox.resources.common import Params, updated
from ledger.sandbox.rules import money
from ledger.sandbox.world import World

_FEE: Final = "Stripe processing fees"


def update(world: World, params: Params, /, *path: str) -> Object:
    """Change notes and description."""
    return updated(world, world.get("charge", path[0]), params, "charge.updated")


def book_fee(world: World, charge: str) -> None:
    """The fee is known: the charge gets its balance transaction, if it was not given one ahead of its time."""
    paid = world.get("charge", charge)
    if paid["balance_transaction"] is not None:
        return
    config, amount, currency = world.config, paid["amount_captured"], paid["currency"]
    settled = money.exchanged(amount, currency, config.settlement_currency, config.exchange_rates)
    fee = money.fee(settled, config.fee_percent, balance.in_settlement(world, config.fee_fixed_cents))
    method = world.get("payment_method", paid["payment_method"])
    at_once = payment_methods.instrument_of(method).at_once
    transaction = balance.move(
        world,
        "payment" if paid["id"].startswith("py") else "charge",
        amount,
        currency,
        paid["id"],
        fee=fee,
        fee_name=_FEE,
        available_on=None if at_once else paid["created"] + int(config.available_after_s),
        description=paid["description"],
    )
    world.change(paid, "charge.updated", balance_transaction=transaction["id"])

"""What can be set of the simulation: prices, delays, how webhooks are tried. Changed under ``/_sim/config``."""

from __future__ import annotations

from decimal import Decimal

import msgspec

DAY_S = 86_400


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account and its surroundings. Seconds are of the sandbox's clock; money is in smallest units.

    Attributes:
        merchant: whom buyers pay.
        settlement_currency: of the balance; what is charged in another one is exchanged into it.
        exchange_rates: units of the currency for one US dollar.
        fee_percent, fee_fixed_cents: of a payment; the fixed part is in US cents.
        dispute_fee_cents: of a dispute when its money is withdrawn, never given back.
        countered_fee_cents: of evidence against a dispute, given back when it is won.
        tax_percent: what automatic tax adds; Stripe collects nothing where nothing is registered.
        fee_known_after_s: until a charge has its balance transaction.
        available_after_s: until money of a charge can be paid out.
        debit_after_s: until a bank debit is paid or fails.
        refund_after_s: until a refund has a reference, or fails if it is one that does.
        dispute_after_s: until a card that disputes does so.
        verdict_after_s: until the bank decides on evidence.
        payout_daily: whether what is available is paid out every midnight.
        payout_arrives_after_s: until a payout is paid, and reconciled.
        events_kept_s: how long events can be read.
        webhook_timeout_s: how long an endpoint may take to answer, in real time.
        webhook_retry_s: pauses before an endpoint is tried again.
    """

    merchant: str = "Sandbox"
    settlement_currency: str = "usd"
    exchange_rates: dict[str, Decimal] = msgspec.field(default_factory=lambda: dict(_RATES))
    fee_percent: Decimal = Decimal("2.9")
    fee_fixed_cents: int = 30
    dispute_fee_cents: int = 1500
    countered_fee_cents: int = 0
    tax_percent: Decimal = Decimal(0)
    fee_known_after_s: float = 1.0
    available_after_s: float = 2.0 * DAY_S
    debit_after_s: float = 5.0
    refund_after_s: float = 2.0
    dispute_after_s: float = 1.0
    verdict_after_s: float = 2.0
    payout_daily: bool = True
    payout_arrives_after_s: float = 1.0 * DAY_S
    events_kept_s: float = 30.0 * DAY_S
    webhook_timeout_s: float = 10.0
    webhook_retry_s: tuple[float, ...] = (1.0, 5.0, 30.0, 300.0, 3600.0, 6.0 * 3600)


_RATES: dict[str, Decimal] = {
    name: Decimal(rate)
    for name, rate in [
        ("usd", "1"),
        ("eur", "0.92"),
        ("gbp", "0.79"),
        ("cad", "1.36"),
        ("aud", "1.52"),
        ("jpy", "150"),
        ("kwd", "0.307"),
    ]
}


def changed(config: Config, changes: dict[str, object]) -> Config:
    """The configuration with these changes. Raises msgspec.ValidationError."""
    return msgspec.convert({**msgspec.to_builtins(config), **changes}, Config, strict=False)

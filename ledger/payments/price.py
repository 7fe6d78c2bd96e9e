"""What credits cost, and what money buys, at the rate of a currency. Pure; never a float."""

from decimal import ROUND_DOWN, Decimal

from ledger.errors import CurrencyNotTaken, InvalidAmount
from ledger.kit.money import MICRO, format_amount, scale_of
from ledger.settings import Settings


def credits_of(amount: int, currency: str, settings: Settings) -> int:
    """What an amount buys, in micro-credits. Raises CurrencyNotTaken."""
    credits = Decimal(amount).scaleb(-scale_of(currency)) * _rate(currency, settings)
    return int((credits * MICRO).to_integral_value(ROUND_DOWN))


def amount_of(credits_micro: int, currency: str, settings: Settings, path: str) -> int:
    """What so many credits cost, in the smallest unit. Raises CurrencyNotTaken, and InvalidAmount where that is no
    whole number of it."""
    exact = (Decimal(credits_micro) / MICRO / _rate(currency, settings)).scaleb(scale_of(currency))
    amount = int(exact.to_integral_value(ROUND_DOWN))
    if amount != exact:
        buys = format_amount(credits_of(amount, currency, settings))
        message = f"does not cost a whole amount in {currency}; {buys} do"
        raise InvalidAmount(f"{path}: {message}", errors=[{"path": path, "message": message}])
    return amount


def _rate(currency: str, settings: Settings) -> Decimal:
    """Credits for one unit of a currency."""
    rate = settings.rates.get(currency)
    if rate is None:
        raise CurrencyNotTaken(f"there is no rate of credits per {currency}", currency=currency)
    return Decimal(rate)

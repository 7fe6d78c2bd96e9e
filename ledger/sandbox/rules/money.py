"""Currencies and amounts: what may be charged, how amounts are shown, exchanged, and what the fee is."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from ledger.kit.money import scale_of

AMOUNT_MAX: Final = 99_999_999

_ALL: Final = (
    "aed aud bgn bhd bif brl cad chf clp cny cop czk djf dkk egp eur gbp gnf hkd huf idr ils inr isk jod jpy kes kmf "
    "krw kwd mad mga mxn myr ngn nok nzd omr pen php pkr pln pyg qar ron rwf sar sek sgd thb tnd try twd tzs uah ugx "
    "usd uyu vnd vuv xaf xof xpf zar"
)
CURRENCIES: Final = frozenset(_ALL.split())
"""What can be charged in. Others are refused, as Stripe does with what it does not know."""

_LEAST: Final = {
    "usd": 50,
    "eur": 50,
    "gbp": 30,
    "cad": 50,
    "aud": 50,
    "chf": 50,
    "jpy": 50,
    "mxn": 1000,
    "hkd": 400,
    "inr": 50,
    "nok": 300,
    "sek": 300,
    "dkk": 250,
    "pln": 200,
    "sgd": 50,
    "nzd": 50,
}
_SIGNS: Final = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def step(currency: str) -> int:
    """Amounts are multiples of so many smallest units: of three decimals the last one is 0."""
    return 10 if scale(currency) == 3 else 1


def least(currency: str) -> int:
    """The smallest amount of a payment."""
    return _LEAST.get(currency, 1)


def scale(currency: str) -> int:
    """Decimals of a currency as Stripe has them."""
    return scale_of(currency.upper())


def shown(amount: int, currency: str) -> str:
    """An amount for people: ``$10.50``."""
    decimals = scale(currency)
    number = f"{Decimal(abs(amount)).scaleb(-decimals):,.{decimals}f}"
    sign = _SIGNS.get(currency)
    text = f"{sign}{number}" if sign else f"{number} {currency.upper()}"
    return f"-{text}" if amount < 0 else text


def exchanged(amount: int, source: str, target: str, rates: dict[str, Decimal]) -> int:
    """An amount in smallest units of another currency."""
    if source == target:
        return amount
    return rounded(Decimal(amount) * rate(source, target, rates))


def rate(source: str, target: str, rates: dict[str, Decimal]) -> Decimal:
    """Smallest units of the target for one smallest unit of the source."""
    return (
        rates.get(target, Decimal(1)) / rates.get(source, Decimal(1)) * Decimal(10) ** (scale(target) - scale(source))
    )


def fee(amount: int, percent: Decimal, fixed: int) -> int:
    """What Stripe takes of a payment."""
    return rounded(Decimal(amount) * percent / 100) + fixed


def rounded(value: Decimal) -> int:
    """The nearest whole number, halves up."""
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))

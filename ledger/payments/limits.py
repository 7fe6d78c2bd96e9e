"""What a payment or refund can be of: limits in the settlement currency, and amounts that Stripe can move. Pure."""

from ledger.errors import AmountTooHigh, AmountTooLow, InvalidAmount
from ledger.kit.money import THREE_DECIMAL, format_amount
from ledger.settings import Settings


def check_payment(amount: int, settings: Settings, path: str) -> None:
    """Raises AmountTooLow, AmountTooHigh or InvalidAmount."""
    currency, (least_of, most_of) = settings.settlement_currency, settings.limits
    at = "" if path == "amount" else f"{path}: "  # of several which one
    if amount < least_of:
        least = format_amount(int(least_of), currency)
        raise AmountTooLow(f"{at}a payment is of {least} {currency} at least", least=least, currency=currency)
    if amount > most_of:
        most = format_amount(int(most_of), currency)
        raise AmountTooHigh(f"{at}a payment is of {most} {currency} at most", most=most, currency=currency)
    check_movable(amount, currency, path)


def step_of(currency: str) -> int:
    """Stripe moves multiples of so many smallest units: of currencies with three decimals the last one must be 0."""
    return 10 if currency in THREE_DECIMAL else 1


def check_movable(amount: int, currency: str, path: str) -> None:
    """Raises InvalidAmount where Stripe cannot move exactly this much."""
    if amount % step_of(currency):
        message = f"of an amount in {currency} the last of the three decimals must be 0"
        raise InvalidAmount(f"{path}: {message}", errors=[{"path": path, "message": message}])

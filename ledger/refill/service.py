"""Settings of auto-refill: what is wanted becomes what is kept, with the consent of a person.

What is left out of a request stays as it was. Amount and credits are fixed here, at the rate of now: what was shown is
what is charged.
"""

from datetime import date
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from ledger.errors import CurrencyNotTaken
from ledger.kit.http.strict import invalid
from ledger.kit.money import format_amount, parse_amount
from ledger.payments.limits import check_payment
from ledger.payments.price import amount_of, credits_of
from ledger.refill.rules.hours import DAY_MIN
from ledger.refill.shapes import BusinessHours, Terms, minutes_of
from ledger.refill.store import Wanted
from ledger.settings import Settings as Service
from ledger.wallets.service import check_time_zone

MAXIMUM: Final = 10
COOLDOWN_S: Final = 600
_AMOUNTS: Final = ("amount_credits", "amount_usd", "up_to_credits")


def wanted_of(given: Terms, kept: Any, zone: str, service: Service) -> Wanted:
    """The settings that a request leads to; ``kept``: those of before, as a row of ``refills``, or None.

    ``zone``: the wallet's. Raises InvalidRequest, InvalidAmount, CurrencyNotTaken, AmountTooLow, AmountTooHigh.
    """
    currency = service.settlement_currency
    # Amounts of a currency that is not taken any more say nothing.
    priced = kept if kept is not None and kept.currency == currency else None
    credits_micro, amount, up_to = _priced(given, priced, service)
    threshold_micro = _threshold(given, kept)
    if up_to and credits_micro <= threshold_micro:
        raise invalid("up_to_credits", "must be above the threshold")
    maximum = _or_kept(given.maximum_per_month, kept, "maximum_per_month", MAXIMUM)
    cap, cap_given = _cap(given, priced, amount, maximum, currency)
    opens_min, closes_min, only = _hours(given, kept)
    time_zone = _or_kept(given.time_zone, kept, "time_zone", zone)
    check_time_zone(time_zone)
    holidays = _or_kept(given.holidays, kept, "holidays", ())
    return Wanted(
        threshold_micro=threshold_micro,
        credits_micro=credits_micro,
        amount=amount,
        currency=currency,
        least=int(service.limits[0]),
        up_to=up_to,
        maximum_per_month=maximum,
        monthly_spend_cap=cap,
        cap_given=cap_given,
        cooldown_s=_or_kept(given.cooldown_s, kept, "cooldown_s", COOLDOWN_S),
        time_zone=time_zone,
        opens_min=opens_min,
        closes_min=closes_min,
        business_hours_only=only,
        weekends=_or_kept(given.weekend_refill, kept, "weekends", default=True),
        holidays=holidays if isinstance(holidays, str) else _days(holidays),
        smart=_or_kept(given.smart_refill, kept, "smart", default=False),
    )


def shown_of(wanted: Wanted, card: dict[str, Any] | None) -> str:
    """What is shown to whoever agrees, as JSON."""
    what = "up_to_credits" if wanted.up_to else "credits"
    shown = {
        "amount" if not wanted.up_to else "amount_at_most": format_amount(wanted.amount, wanted.currency),
        "currency": wanted.currency,
        what: format_amount(wanted.credits_micro),
        "threshold": format_amount(wanted.threshold_micro),
        "maximum_per_month": wanted.maximum_per_month,
        "monthly_spend_cap": format_amount(wanted.monthly_spend_cap, wanted.currency),
        "card": card,
    }
    return msgspec.json.encode(shown).decode()


def _priced(given: Terms, kept: Any, service: Service) -> tuple[int, int, bool]:
    """Micro-credits of a refill, what they cost, and whether it is of what is missing up to them."""
    named = [name for name in _AMOUNTS if getattr(given, name) is not UNSET]
    if len(named) > 1:
        raise invalid(named[1], f"give one of {', '.join(_AMOUNTS)}")
    if not named:
        if kept is None:
            raise invalid("", f"one of {', '.join(_AMOUNTS)} is needed")
        return kept.credits_micro, kept.amount, kept.up_to
    [path] = named
    currency = service.settlement_currency
    value = getattr(given, path)
    if path == "amount_usd":
        if currency != "USD":
            raise CurrencyNotTaken(
                f"payments are taken in {currency} alone; give amount_credits",
                currency="USD",
                settlement_currency=currency,
            )
        amount = parse_amount(value, currency, path=path)
        credits_micro = credits_of(amount, currency, service)
    else:
        credits_micro = parse_amount(value, path=path)
        amount = amount_of(credits_micro, currency, service, path)
    check_payment(amount, service, path)
    return credits_micro, amount, path == "up_to_credits"


def _threshold(given: Terms, kept: Any) -> int:
    if not isinstance(given.threshold, UnsetType):
        return parse_amount(given.threshold, path="threshold")
    if kept is None:
        raise invalid("threshold", "is needed: below it a refill begins")
    threshold: int = kept.threshold_micro
    return threshold


def _cap(given: Terms, kept: Any, amount: int, maximum: int, currency: str) -> tuple[int, bool]:
    """The most that is spent in a month, and whether a person has named it."""
    if not isinstance(given.monthly_spend_cap, UnsetType):
        cap = parse_amount(given.monthly_spend_cap, currency, path="monthly_spend_cap")
        if cap < amount:
            raise invalid("monthly_spend_cap", f"is below what one refill costs, {format_amount(amount, currency)}")
        return cap, True
    # One that was given stays, unless no refill fits in it any more; one that was worked out is worked out anew.
    if kept is not None and kept.cap_given:
        if kept.monthly_spend_cap < amount:
            raise invalid(
                "monthly_spend_cap",
                f"{format_amount(kept.monthly_spend_cap, currency)}, as it was set before, is below what one refill "
                f"costs, {format_amount(amount, currency)}: give another one",
            )
        return int(kept.monthly_spend_cap), True
    return amount * maximum, False


def _hours(given: Terms, kept: Any) -> tuple[int, int, bool]:
    """From when to when it is open, and whether that is asked for."""
    only = _or_kept(given.business_hours_only, kept, "business_hours_only", default=False)
    if isinstance(given.business_hours, BusinessHours):
        opens, closes = minutes_of(given.business_hours.opens), minutes_of(given.business_hours.closes)
        if opens >= closes:
            raise invalid("business_hours.closes", "must be after opens, on the same day")
        if not only:
            raise invalid("business_hours", "goes with business_hours_only: true")
        return opens, closes, True
    if not only:
        return 0, DAY_MIN, False
    if kept is not None and kept.business_hours_only:
        return kept.opens_min, kept.closes_min, True
    plain = BusinessHours()
    return minutes_of(plain.opens), minutes_of(plain.closes), True


def _days(holidays: tuple[str, ...]) -> str:
    for place, day in enumerate(holidays):
        try:
            date.fromisoformat(day)
        except ValueError:
            raise invalid(f"holidays[{place}]", "there is no such day") from None
    return msgspec.json.encode(sorted(set(holidays))).decode()


def _or_kept(value: Any, kept: Any, name: str, default: Any) -> Any:
    if value is not UNSET:
        return value
    return default if kept is None else getattr(kept, name)

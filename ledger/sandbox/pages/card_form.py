"""The part of the checkout page that asks for a card or a bank account: written, and read again."""

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ledger.sandbox.errors import Object
from ledger.sandbox.pages.html import field, text
from ledger.sandbox.resources.checkout_paying import Buyer
from ledger.sandbox.rules.cards import BY_NUMBER, Instrument, is_card_number

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_EXPIRY: Final = re.compile(r"(\d{1,2})\s*/?\s*(\d{2}|\d{4})", re.ASCII)
_CVC: Final = re.compile(r"\d{3,4}", re.ASCII)
_NOT_A_TEST: Final = "Your card was declined. Your request was in test mode, but used a non test card."


class Choice(NamedTuple):
    """How somebody wants to pay: with a new instrument, or with a payment method that is saved."""

    buyer: Buyer
    instrument: Instrument | None = None
    expiry: tuple[int, int] | None = None
    saved: str | None = None


def read(form: dict[str, str], now: float, *, emailed: str | None) -> Choice:
    """What was chosen. Raises ValueError, which says what is wrong, for the buyer."""
    email = form.get("email", "").strip() if emailed is None else emailed
    if emailed is None and not _EMAIL.fullmatch(email):
        raise ValueError("Enter your e-mail address.")
    buyer = Buyer(email, form.get("name", "").strip() or None, save=form.get("save") == "yes")
    method = form.get("method", "card")
    if method.startswith("pm_"):
        return Choice(buyer, saved=method)
    if method == "us_bank_account":
        return Choice(buyer, _account(form.get("account", "")))
    instrument = _card(re.sub(r"[\s-]", "", form.get("number", "")))
    expiry = _expiry(form.get("expiry", ""), now)
    if not _CVC.fullmatch(form.get("cvc", "").strip()):
        raise ValueError("Your card's security code is incomplete.")
    return Choice(buyer, instrument, expiry)


def write(types: list[str], saved: list[Object], form: dict[str, str], *, savable: bool = False) -> str:
    """The fields: the style shows those of what is chosen. Number and security code are never written back."""
    chosen = form.get("method") or (saved[0]["id"] if saved else types[0])
    parts = [_radio(one["id"], _named(one), chosen) for one in saved]
    for kind in types:
        name = "Card" if kind == "card" else "US bank account"
        parts.append(
            f'<div class="method">{_radio(kind, name, chosen)}<div class="fields">{_fields(kind, form)}</div></div>'
        )
    if savable:
        parts.append('<label class="choice"><input type="checkbox" name="save" value="yes"> Save for next time</label>')
    inside = "\n".join(parts)
    return f"<fieldset>\n<legend>Payment method</legend>\n{inside}\n</fieldset>"


def _fields(kind: str, form: dict[str, str]) -> str:
    if kind == "us_bank_account":
        return field("account", "Account number", hint="000123456789", digits=True)
    return (
        field("number", "Card number", hint="4242 4242 4242 4242", fill="cc-number", digits=True)
        + '<div class="pair">'
        + field("expiry", "Expiry (MM / YY)", form.get("expiry", ""), hint="12 / 34", fill="cc-exp")
        + field("cvc", "Security code", hint="123", fill="cc-csc", digits=True)
        + "</div>"
        + field("name", "Name on card", form.get("name", ""), fill="cc-name")
    )


def _radio(value: str, label: str, chosen: str) -> str:
    checked = " checked" if value == chosen else ""
    return (
        f'<label class="choice"><input type="radio" name="method" value="{text(value)}"{checked}> {text(label)}</label>'
    )


def _named(method: Object) -> str:
    if method["type"] == "card":
        return f"{method['card']['brand'].capitalize()} ending in {method['card']['last4']}"
    return f"Bank account ending in {method['us_bank_account']['last4']}"


def _card(digits: str) -> Instrument:
    if not is_card_number(digits):
        raise ValueError("Your card number is invalid." if digits else "Enter your card number.")
    if digits not in BY_NUMBER:
        raise ValueError(_NOT_A_TEST)
    return BY_NUMBER[digits]


def _account(number: str) -> Instrument:
    found = BY_NUMBER.get(number.strip())
    if found is None or not found.bank:
        raise ValueError("Enter the number of a test bank account.")
    return found


def _expiry(written: str, now: float) -> tuple[int, int]:
    match = _EXPIRY.fullmatch(written.strip())
    if match is None or not 1 <= int(match[1]) <= 12:
        raise ValueError("Your card's expiration date is incomplete.")
    month, year = int(match[1]), int(match[2]) % 100 + 2000
    today = datetime.fromtimestamp(now, UTC)
    if (year, month) < (today.year, today.month):
        raise ValueError("Your card's expiration date is in the past.")
    return month, year

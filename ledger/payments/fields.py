"""Types of fields that requests and answers about payments share."""

from typing import Annotated

from msgspec import Meta

from ledger.kit.http.strict import patterned
from ledger.kit.money import format_amount

Money = Annotated[
    str | int,
    Meta(
        description='A decimal string such as `"50.00"` with at most the decimals of the currency, or an integer.',
        examples=["50.00"],
        extra_json_schema={
            "anyOf": [
                {"type": "string", "pattern": r"^(?!0(\.0+)?$)(0|[1-9][0-9]{0,8})(\.[0-9]{1,3})?$"},
                {"type": "integer", "minimum": 1, "maximum": 10**9},
            ]
        },
    ),
]

Currency = Annotated[
    str,
    patterned(
        r"^[A-Z]{3}$(?!\n)",
        "must be a currency by its ISO code, in capitals, such as USD",
        description="An ISO code.",
        examples=["USD"],
    ),
]
Url = Annotated[
    str,
    patterned(
        r"^https?://[!-~]+$(?!\n)",
        "must be an address that begins with https:// or http://, in visible ASCII characters",
        max_length=2_000,
        examples=["https://example.com/thanks"],
    ),
]


def money(amount: int | None, currency: str) -> str | None:
    """An amount in an answer, where there is one."""
    return None if amount is None else format_amount(amount, currency)


def money_with_code(amount: int, currency: str) -> str:
    """An amount in a sentence: ``50.00 USD``; the code in capitals or, as Stripe has it, not."""
    return f"{format_amount(amount, currency.upper())} {currency.upper()}"

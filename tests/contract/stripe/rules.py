"""What annotations do not say, as tables: lengths, metadata, currencies, errors.

Each is from Stripe's documentation, or from the descriptions that stand beside the SDK's annotations.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from tests.contract.stripe.sources import NotUnderstood, Scope, read

TEXT_MAX = 5000
"""Characters of any text of which nothing else is said."""

LONG_TEXTS = dict.fromkeys(
    (
        "access_activity_log",
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "duplicate_charge_explanation",
        "product_description",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
        "uncategorized_text",
    ),
    20_000,
)
"""Fields of a dispute's evidence that may be longer."""

METADATA: dict[str, Any] = {
    "type": "object",
    "maxProperties": 50,
    "propertyNames": {"maxLength": 40, "pattern": r"^[^\[\]]+$"},
    "additionalProperties": {"type": "string", "maxLength": 500},
}

CURRENCY = {"type": "string", "pattern": "^[a-z]{3}$"}
"""ISO 4217, in lowercase."""

PAGE: dict[str, Any] = {"limit": {"type": "integer", "minimum": 1, "maximum": 100}}
"""Of methods that list."""

ERROR_TYPES = ("api_error", "card_error", "idempotency_error", "invalid_request_error")
"""The SDK says so in the description of ``ErrorObject.type``."""

ADVICE_CODES = ("confirm_card_data", "do_not_try_again", "try_again_later")

NEWER_CODES = ("payment_method_types_no_longer_supported",)
"""Error codes that the API answers and the SDK's list lacks."""

NOT_ONLY_AN_ID_WHEN_DELETED = ("stripe._discount:Discount",)
"""What is deleted answers with its id and ``deleted`` alone, but these keep their fields."""

_LENGTHS = (
    r"may be up to \*?([\d,]+) characters",
    r"can be up to ([\d,]+) characters in length",
    r"[Aa]t most ([\d,]+) characters long",
    r"[Mm]aximum length is ([\d,]+) characters",
    r"^\s*Maximum ([\d,]+) characters",
)

_VALUES = re.compile(
    r"(?:[Oo]ne of(?: the following)?:?|[Cc]an be(?: one of)?|[Pp]ossible values(?: of)? are:?|either|status of the payout:)"
    r"\s+((?:`[a-z_0-9]+`(?:,? (?:or|and) |, )?){2,})"
)


def closed(schema: dict[str, Any], description: str) -> dict[str, Any]:
    """The schema of a text, with the values that its description counts: *either `available` or `pending`*.

    Older fields are annotated as plain text, and among them are the states of refunds, payouts and balances.
    """
    said = _VALUES.search(" ".join(description.split()))
    values = re.findall(r"`(\w+)`", said[1]) if said else []
    match schema:
        case {"type": "string"} if values:
            return {"enum": values}
        case {"anyOf": [{"type": "string"}, {"type": "null"}]} if values and "expandable" not in schema:
            return {"enum": [*values, None]}
    return schema


def refined(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """The schema of a field of this name, with what else is known of it."""
    if name == "metadata":
        return _replaced(schema, "object", METADATA)
    if name == "currency":
        return _replaced(schema, "string", CURRENCY)
    return limited(schema, LONG_TEXTS.get(name) or length_max(description))


def length_max(description: str) -> int:
    """The most characters that a description allows its field."""
    found = [match for pattern in _LENGTHS for match in re.findall(pattern, description)]
    return min((int(number.replace(",", "")) for number in found), default=TEXT_MAX)


def limited(schema: dict[str, Any], most: int) -> dict[str, Any]:
    """The schema, with a limit on the length of every text in it, one value or each of a list."""
    if schema == {"type": "string"}:
        return {"type": "string", "maxLength": most}
    schema = dict(schema)
    if "anyOf" in schema:
        schema["anyOf"] = [limited(branch, most) for branch in schema["anyOf"]]
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = limited(schema[key], most)
    return schema


def error(schema: dict[str, Any]) -> dict[str, Any]:
    """An error's schema: the API leaves out what it has not, so nothing is null; and codes are known ones."""
    fields = {name: _without_null(field) for name, field in schema["properties"].items()}
    fields["type"] = {"enum": list(ERROR_TYPES)}
    fields["message"] = {"type": "string"}  # the limit is for what is sent: a message may count all that is allowed
    fields["code"] = {"enum": error_codes()}
    fields["advice_code"] = {"enum": list(ADVICE_CODES)}
    return schema | {"properties": fields}


def error_codes() -> list[str]:
    """All codes of errors that the API has, which the SDK lists where a PaymentIntent keeps its last error."""
    inside = Scope(read("stripe._payment_intent")).find("PaymentIntent").inner("LastPaymentError")
    codes: list[str] = []
    for name, annotation, _ in inside.fields() if inside else ():
        if name == "code":
            codes = re.findall(r"'(\w+)'", ast.unparse(annotation))
    if len(codes) < 100:
        raise NotUnderstood("PaymentIntent.LastPaymentError no longer lists the codes of errors")
    return [*codes, *NEWER_CODES]


def _replaced(schema: dict[str, Any], kind: str, by: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == kind:
        return by
    if "anyOf" in schema:
        return schema | {"anyOf": [_replaced(branch, kind, by) for branch in schema["anyOf"]]}
    return schema


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    branches = [branch for branch in schema.get("anyOf", ()) if branch != {"type": "null"}]
    return branches[0] if len(branches) == 1 else schema

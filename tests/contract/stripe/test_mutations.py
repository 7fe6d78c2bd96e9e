"""Small lies about each object are found, and where they are is said."""

import json
from typing import Any

import pytest

from tests.contract.stripe.more_samples import SAMPLES
from tests.contract.stripe.schemas import of_resource
from tests.contract.stripe.validate import problems

GONE = object()

LIES: tuple[tuple[str, str, Any, str], ...] = (
    # what, where, the lie, what is said
    ("customer", "id", GONE, "is missing"),
    ("customer", "id", 7, "7 is not of type 'string'"),
    ("customer", "credits", 100, "the API knows no such field"),
    ("customer", "metadata.note", "x" * 501, "has 501 characters, of at most 500"),
    ("customer", "metadata." + "k" * 41, "x", ""),
    ("customer", "metadata.a[b]", "x", ""),
    ("customer", "metadata.seats", 3, "3 is not of type 'string'"),
    ("customer", "metadata", {f"key{at}": "x" for at in range(51)}, ""),
    ("customer", "description", "x" * 5001, "has 5001 characters, of at most 5000"),
    ("customer", "invoice_settings.colour", "red", "the API knows no such field"),
    ("customer", "object", "client", "'client' is none of 'customer'"),
    ("payment_intent", "status", "paid", "'paid' is none of 'canceled', 'processing'"),
    ("payment_intent", "amount", "10500", "'10500' is not of type 'integer'"),
    ("payment_intent", "amount", 105.0, "105.0 is not of type 'integer'"),
    ("payment_intent", "amount", None, "None is not of type 'integer'"),
    ("payment_intent", "amount", True, "True is not of type 'integer'"),
    ("payment_intent", "currency", "USD", "'USD' does not match"),
    ("payment_intent", "charges", {"object": "list"}, "the API knows no such field"),
    ("payment_intent", "invoice", "in_1", "the API knows no such field"),
    ("payment_intent", "latest_charge", 7, "7 is not"),
    ("payment_intent", "payment_method_options.card.request_three_d_secure", "always", "'always' is none of"),
    ("payment_intent", "payment_method_options.card.colour", "red", "the API knows no such field"),
    ("checkout.session", "url", True, "True is not string or null"),
    ("checkout.session", "mode", "buy", "'buy' is none of 'payment', 'setup', 'subscription'"),
    ("checkout.session", "ui_mode", "hosted", "'hosted' is none of"),
    ("checkout.session", "total_details.amount_fee", 1, "the API knows no such field"),
    ("checkout.session", "payment_method_types.0", 4, "4 is not of type 'string'"),
    ("checkout.session", "expires_at", "2026-10-28T00:00:00Z", "is not of type 'integer'"),
    ("charge", "invoice", "in_1", "the API knows no such field"),
    ("charge", "outcome.network_status", "approved", "'approved' is none of"),
    ("charge", "outcome.type", None, "None is none of"),
    ("charge", "payment_method_details.card.brand", 4, "4 is none of"),
    ("charge", "status", "paid", "'paid' is none of"),
    ("balance_transaction", "fee_details.0.type", "fee", ""),
    ("balance_transaction", "fee_details.0.amount", GONE, "is missing"),
    ("balance_transaction", "status", "done", ""),
    ("refund", "charge", {"object": "charge", "id": "ch_1"}, ""),
    ("refund", "status", "done", "'done' is none of 'pending', 'requires_action', 'succeeded'"),
    ("dispute", "status", "open", "'open' is none of"),
    ("dispute", "balance_transactions.0.net", GONE, "is missing"),
    ("dispute", "evidence.uncategorized_text", "x" * 20_001, "has 20001 characters, of at most 20000"),
    ("price", "unit_amount_decimal", 10500, "10500 is not"),
    ("price", "unit_amount_decimal", "10,500", "'10,500' does not match"),
    ("price", "type", "single", "'single' is none of 'one_time', 'recurring'"),
    ("payment_method", "card.last4", 4242, "4242 is not of type 'string'"),
    ("payment_method", "card.number", "4242424242424242", "the API knows no such field"),
    ("setup_intent", "usage", GONE, "is missing"),
    ("event", "type", "charge.exploded", "'charge.exploded' is none of"),
    ("event", "data.object", GONE, "is missing"),
    ("webhook_endpoint", "status", "on", ""),
    ("invoice", "subscription", "sub_1", "the API knows no such field"),
    ("invoice", "lines.total_count", 0, "the API knows no such field"),
    ("payout", "status", "sent", "'sent' is none of"),
)


def lied(sample: dict[str, Any], where: str, lie: Any) -> dict[str, Any]:
    """The sample, but for one field."""
    changed: Any = json.loads(json.dumps(sample))
    *way, last = where.split(".", where.count(".") if not where.startswith("metadata.") else 1)
    at: Any = changed
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if lie is GONE:
        del at[last]
    elif isinstance(at, list):
        at[int(last)] = lie
    else:
        at[last] = lie
    return dict(changed)


@pytest.mark.parametrize(
    ("what", "where", "lie", "said"), LIES, ids=[f"{lie[0]}-{lie[1][:40]}-{at}" for at, lie in enumerate(LIES)]
)
def test_a_lie_is_found(what: str, where: str, lie: Any, said: str) -> None:
    found = problems(lied(SAMPLES[what], where, lie), of_resource(what))
    assert 1 <= len(found)
    assert all(said in each.what for each in found), found
    assert all(each.path.startswith(where.partition("metadata.")[1].rstrip(".") or where) for each in found), found


@pytest.mark.parametrize("what", SAMPLES)
def test_nothing_can_be_invented_in_any_object(what: str) -> None:
    """Nowhere in it, however deep, but where Stripe itself says nothing: in metadata and in an event's object."""
    for where in sorted(objects(SAMPLES[what])):
        if not where.startswith(("metadata", "data.object")):
            lie = lied(SAMPLES[what], f"{where}.invented".strip("."), 1)
            expected = [f"{where}.invented".strip(".")]
            assert expected == [each.path for each in problems(lie, of_resource(what))]


def objects(value: Any, path: str = "") -> set[str]:
    """The paths of all objects in a value."""
    match value:
        case dict():
            return {path} | {
                each for name, inner in value.items() for each in objects(inner, f"{path}.{name}".strip("."))
            }
        case list():
            return {each for at, inner in enumerate(value) for each in objects(inner, f"{path}.{at}")}
    return set()

"""Forms mean what the SDK meant by them, and parameters that the API does not take are found."""

from typing import Any
from urllib.parse import urlencode

import pytest
from stripe._encode import _api_encode

from tests.contract.stripe import forms
from tests.contract.stripe.operations import find
from tests.contract.stripe.validate import problems

LINE = {
    "quantity": 1,
    "price_data": {"currency": "usd", "unit_amount": 10_500, "product_data": {"name": "1000 credits"}},
}
CHECKOUT: dict[str, Any] = {
    "mode": "payment",
    "success_url": "https://example.com/paid?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://example.com/cancel?why=[none]&more=1",
    "expires_at": 1_793_086_400,
    "client_reference_id": "0195d4a2",
    "customer": "cus_1",
    "metadata": {"payment_id": "0195d4a2", "note": "50 % & more"},
    "line_items": [LINE],
    "payment_intent_data": {"metadata": {"payment_id": "0195d4a2"}, "setup_future_usage": "off_session"},
    "allowed_payment_method_types": ["card"],
    "adaptive_pricing": {"enabled": False},
    "expand": ["line_items"],
}
REFILL: dict[str, Any] = {
    "amount": 10_500,
    "currency": "usd",
    "customer": "cus_1",
    "payment_method": "pm_1",
    "off_session": True,
    "confirm": True,
    "description": "1000 credits",
    "metadata": {"refill_attempt_id": "7"},
    "expand": ["latest_charge"],
}

RIGHT: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("post", "/v1/checkout/sessions", CHECKOUT),
    ("post", "/v1/checkout/sessions", {"mode": "setup", "currency": "usd", "customer": "cus_1"}),
    ("post", "/v1/checkout/sessions/cs_1/expire", {}),
    ("get", "/v1/checkout/sessions/cs_1/line_items", {"limit": 100}),
    ("post", "/v1/payment_intents", REFILL),
    ("post", "/v1/payment_intents", REFILL | {"off_session": "recurring"}),
    ("post", "/v1/payment_intents/pi_1/confirm", {"payment_method": "pm_1", "off_session": False}),
    ("post", "/v1/payment_intents/pi_1/cancel", {"cancellation_reason": "abandoned"}),
    ("post", "/v1/customers", {"email": "ada@example.com", "metadata": {"account_id": "user-42"}}),
    ("post", "/v1/customers/cus_1", {"metadata": "", "invoice_settings": {"default_payment_method": "pm_1"}}),
    ("post", "/v1/customers/cus_1", {"address": ""}),
    ("delete", "/v1/customers/cus_1", {}),
    ("get", "/v1/customers/cus_1/payment_methods", {"type": "card", "limit": 3}),
    ("post", "/v1/payment_methods/pm_1/attach", {"customer": "cus_1"}),
    ("post", "/v1/payment_methods/pm_1/detach", {}),
    (
        "post",
        "/v1/setup_intents",
        {"customer": "cus_1", "usage": "off_session", "confirm": True, "payment_method": "pm_1"},
    ),
    ("post", "/v1/refunds", {"payment_intent": "pi_1", "amount": 5_250, "reason": "requested_by_customer"}),
    ("get", "/v1/refunds", {"created": {"gte": 1, "lt": 2}, "limit": 100}),
    ("get", "/v1/refunds", {"created": 1_793_000_000}),
    ("get", "/v1/balance_transactions", {"payout": "po_1", "expand": ["data.source"]}),
    ("get", "/v1/balance", {}),
    ("get", "/v1/events", {"types": ["charge.updated", "refund.failed"], "delivery_success": False}),
    ("post", "/v1/disputes/du_1", {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True}),
    (
        "post",
        "/v1/webhook_endpoints",
        {"url": "https://example.com", "enabled_events": ["*"], "api_version": "2026-10-28.endive"},
    ),
    ("post", "/v1/prices", {"currency": "usd", "unit_amount_decimal": "10.5", "product_data": {"name": "credit"}}),
    ("post", "/v1/payment_links", {"line_items": [LINE], "restrictions": {"completed_sessions": {"limit": 1}}}),
    ("post", "/v1/billing_portal/sessions", {"customer": "cus_1", "return_url": "https://example.com"}),
    ("post", "/v1/test_helpers/test_clocks/clock_1/advance", {"frozen_time": 1_793_000_000}),
)

WRONG: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("post", "/v1/checkout/sessions", CHECKOUT | {"payment_method_types": ["card"]}, "payment_method_types: the API knows"),
    ("post", "/v1/payment_intents", REFILL | {"payment_method_types": ["card"]}, "payment_method_types: the API knows"),
    ("post", "/v1/setup_intents", {"payment_method_types": ["card"]}, "payment_method_types: the API knows"),
    ("post", "/v1/checkout/sessions", CHECKOUT | {"allowed_payment_method_types": ["cash"]}, "allowed_payment_method_types.0:"),
    ("post", "/v1/checkout/sessions", CHECKOUT | {"ui_mode": "hosted"}, "ui_mode: 'hosted' is none of"),
    ("post", "/v1/checkout/sessions", CHECKOUT | {"expires_at": "tomorrow"}, "expires_at: 'tomorrow' is not of type 'integer'"),
    ("post", "/v1/checkout/sessions", CHECKOUT | {"metadata": {"k" * 41: "x"}}, "metadata:"),
    ("post", "/v1/checkout/sessions", CHECKOUT | {"metadata": {"note": "x" * 501}}, "metadata.note: has 501 characters"),
    ("post", "/v1/checkout/sessions", CHECKOUT | {"line_items": [LINE | {"amount": 1}]}, "line_items.0.amount: the API knows"),
    ("post", "/v1/checkout/sessions", CHECKOUT | {"line_items": [{"price_data": {"unit_amount": 1}}]}, "line_items.0.price_data.currency: is missing"),
    ("post", "/v1/checkout/sessions", CHECKOUT | {"idempotency_key": "k"}, "idempotency_key: the API knows"),
    ("post", "/v1/payment_intents", {"currency": "usd"}, "amount: is missing"),
    ("post", "/v1/payment_intents", REFILL | {"amount": "105.00"}, "amount: '105.00' is not of type 'integer'"),
    ("post", "/v1/payment_intents", REFILL | {"currency": "USD"}, "currency: 'USD' does not match"),
    ("post", "/v1/payment_intents", REFILL | {"off_session": "yes"}, "off_session:"),
    ("post", "/v1/payment_intents", REFILL | {"confirm": "yes"}, "confirm: 'yes' is not of type 'boolean'"),
    ("post", "/v1/customers", {"name": "x" * 5001}, "name: has 5001 characters"),
    ("post", "/v1/customers", {"business_name": "x" * 151}, "business_name: has 151 characters, of at most 150"),
    ("get", "/v1/refunds", {"limit": 101}, "limit: 101 is greater than the maximum of 100"),
    ("get", "/v1/refunds", {"created": {"since": 1}}, "created.since: the API knows"),
    ("post", "/v1/refunds", {"payment_intent": "pi_1", "reason": "regret"}, "reason: 'regret' is none of"),
    ("post", "/v1/webhook_endpoints", {"url": "https://example.com", "enabled_events": ["charge.exploded"]}, "enabled_events.0:"),
    ("delete", "/v1/customers/cus_1", {"force": True}, "force: the API knows"),
)  # fmt: skip


def asked(method: str, path: str, parameters: dict[str, Any]) -> list[str]:
    """What is wrong with the parameters, after they travelled as the SDK sends them."""
    operation = find(method, path)
    assert operation, path
    form = urlencode(list(_api_encode(parameters)))
    if method == "post":
        form = form.replace("%5B", "[").replace("%5D", "]")  # the SDK does so
    return [str(each) for each in problems(forms.typed(forms.decode(form), operation.request), operation.request)]


@pytest.mark.parametrize(("method", "path", "parameters"), RIGHT)
def test_what_we_ask_for_is_taken(method: str, path: str, parameters: dict[str, Any]) -> None:
    assert [] == asked(method, path, parameters)


@pytest.mark.parametrize(("method", "path", "parameters", "said"), WRONG)
def test_what_the_api_does_not_take_is_found(method: str, path: str, parameters: dict[str, Any], said: str) -> None:
    found = asked(method, path, parameters)
    assert len(found) == 1 and found[0].startswith(said), found


def test_a_form_comes_back_as_it_was_sent() -> None:
    operation = find("post", "/v1/checkout/sessions")
    assert operation
    assert CHECKOUT == forms.typed(forms.decode(urlencode(list(_api_encode(CHECKOUT)))), operation.request)


@pytest.mark.parametrize(
    ("form", "tree"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("expand[]=x&expand[]=y", {"expand": {"0": "x", "1": "y"}}),
        ("a[b][0][c]=1&a[b][0][d]=2", {"a": {"b": {"0": {"c": "1", "d": "2"}}}}),
        ("created%5Bgte%5D=5", {"created": {"gte": "5"}}),
        ("a=%26+%3D", {"a": "& ="}),
    ],
)
def test_names_with_brackets_are_trees(form: str, tree: dict[str, Any]) -> None:
    assert tree == forms.decode(form)


@pytest.mark.parametrize("form", ["a=1&a=2", "a=1&a[b]=2", "a[b=1", "a]b[=1", "[a]=1", "a[b]c=1", "plain"])
def test_forms_that_mean_nothing_are_refused(form: str) -> None:
    with pytest.raises(ValueError):
        forms.decode(form)

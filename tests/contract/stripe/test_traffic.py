"""Whole exchanges are judged: what was asked, what was answered, and whether the two go together."""

import json
from typing import Any

import pytest

from tests.contract.stripe.more_samples import WITHDRAWN
from tests.contract.stripe.samples import CHARGE, CUSTOMER, DECLINED, PAYMENT_INTENT, REFUND, error, event, page
from tests.contract.stripe.traffic import Exchange, judged

URL = "http://127.0.0.1:8600"
VERSION = "2026-10-28.endive"
SENT = {"Stripe-Version": VERSION, "Idempotency-Key": "k1"}
RECEIVED = {
    "request-id": "req_1",
    "Stripe-Version": VERSION,
    "Idempotency-Key": "k1",
    "Content-Type": "application/json",
}
REFILL = "amount=10500&currency=usd&customer=cus_1&confirm=true&off_session=true"


def post(path: str, form: str, answer: Any, status: int = 200, **received: Any) -> Exchange:
    return Exchange("post", URL + path, form, SENT, status, json.dumps(answer), RECEIVED | received)


def get(path: str, answer: Any, status: int = 200) -> Exchange:
    return Exchange("get", URL + path, "", SENT, status, json.dumps(answer), RECEIVED)


RIGHT = (
    post("/v1/payment_intents", REFILL, PAYMENT_INTENT),
    post("/v1/payment_intents", REFILL + "&expand[0]=latest_charge", PAYMENT_INTENT | {"latest_charge": CHARGE}),
    post("/v1/payment_intents", REFILL, {"error": DECLINED | {"payment_intent": PAYMENT_INTENT}}, 402),
    post("/v1/payment_methods", "type=card", error("invalid_request_error"), 402),
    post("/v1/refunds", "oops=1", error("invalid_request_error", message="must be one of" + 2000 * " ..."), 400),
    post("/v1/refunds", "charge=ch_1&expand[]=balance_transaction", REFUND | {"balance_transaction": WITHDRAWN}),
    post("/v1/refunds", "oops=1", error("invalid_request_error", code="parameter_unknown", param="oops"), 400),
    get("/v1/charges?limit=1&created%5Bgte%5D=5", page("/v1/charges", CHARGE)),
    get("/v1/charges/ch_1?expand[0]=payment_intent", CHARGE | {"payment_intent": PAYMENT_INTENT}),
    get("/v1/events?type=charge.updated", page("/v1/events", event("charge.updated", CHARGE))),
    get("/v1/customers/cus_1", {"id": "cus_1", "object": "customer", "deleted": True}),
    get("/v1/customers/cus_x", error("invalid_request_error", code="resource_missing", param="id"), 404),
    get("/v1/nothing", error("invalid_request_error"), 404),
    get("/v1/balance", error("api_error"), 500),
    get("/v1/balance", error("invalid_request_error", code="rate_limit"), 429),
)

WRONG = (
    (post("/v1/payment_intents", REFILL, CHARGE), "response: object: 'charge' is none of 'payment_intent'"),
    (post("/v1/payment_intents", REFILL, PAYMENT_INTENT | {"fee": 1}), "response: fee: the API knows no such field"),
    (post("/v1/payment_intents", REFILL, PAYMENT_INTENT, 201), "response: (the whole): a success has the status 200"),
    (post("/v1/payment_intents", "payment_method_types[0]=card&amount=1&currency=usd", PAYMENT_INTENT), "request: payment_method_types"),
    (post("/v1/payment_intents", "amount=1&amount=2", PAYMENT_INTENT), "request: (the whole): 'amount' is said twice"),
    (post("/v1/payment_intents", REFILL + "&expand[0]=latest_charge", PAYMENT_INTENT), "response: latest_charge: the id, where"),
    (post("/v1/payment_intents", REFILL, PAYMENT_INTENT | {"latest_charge": CHARGE}), "response: latest_charge: the object, where"),
    (post("/v1/payment_intents", REFILL + "&expand[0]=charges", PAYMENT_INTENT), "request: expand: the answer has no charges"),
    (post("/v1/payment_intents", REFILL, {"error": DECLINED}, 400), "response: error.type: card_error does not come with the status 400"),
    (post("/v1/payment_intents", REFILL, error("invalid_request_error"), 402), "response: error.type: invalid_request_error does not come"),
    (post("/v1/payment_intents", REFILL, {"error": DECLINED | {"param": None}}, 402), "response: error.param: None is not of type"),
    (post("/v1/payment_intents", REFILL, {"detail": "no"}, 400), "response: detail: the API knows no such field"),
    (post("/v1/payment_intents", REFILL, PAYMENT_INTENT, **{"request-id": ""}), "response: Request-Id: an answer names its request"),
    (post("/v1/payment_intents", REFILL, PAYMENT_INTENT, **{"Idempotency-Key": "k2"}), "response: Idempotency-Key: is sent back as 'k2'"),
    (get("/v1/charges", page("/v1/charges", CHARGE | {"paid": "yes"})), "response: data.0.paid: 'yes' is not of type 'boolean'"),
    (get("/v1/charges", page("/v1/charges") | {"total_count": 0}), "response: total_count: the API knows no such field"),
    (get("/v1/charges?page=2", page("/v1/charges")), "request: page: the API knows no such field"),
    (get("/v1/events", page("/v1/events", event("charge.updated", REFUND))), "response: data.0.data.object.object: charge.updated carries"),
    (get("/v1/events/evt_1", event("charge.updated", REFUND)), "response: data.object.object: charge.updated carries"),
    (get("/v1/wallets", CUSTOMER), "request: (the whole): the API has no GET /v1/wallets"),
    (Exchange("get", f"{URL}/v1/balance", "", SENT, 200, "<html>", RECEIVED), "response: (the whole): is no JSON"),
    (Exchange("get", f"{URL}/v1/balance", "", SENT, 502, "<html>", RECEIVED), "response: (the whole): an error is no JSON"),
)  # fmt: skip


@pytest.mark.parametrize("exchange", RIGHT, ids=str)
def test_right_exchanges(exchange: Exchange) -> None:
    assert [] == judged(exchange).broken


@pytest.mark.parametrize(("exchange", "said"), WRONG, ids=[f"{each[0]}-{at}" for at, each in enumerate(WRONG)])
def test_wrong_exchanges(exchange: Exchange, said: str) -> None:
    broken = judged(exchange).broken
    assert any(each.startswith(f"{exchange}: {said}") for each in broken), broken
    assert len(broken) <= 4, "one lie, and no page of complaints"


def test_a_wrong_request_that_was_refused_is_told_apart() -> None:
    """The server did right; whether we should have asked is for the test of our code to say."""
    verdict = judged(RIGHT[6])
    assert verdict.refused and ["oops: the API knows no such field"] == list(map(str, verdict.request))

"""The control plane as programs outside rely on it: its paths, its words, JSON and forms."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.asking import charge_params, charged, refused, session_params
from tests.support.receiver import Receiver, receiving
from tests.support.sandbox import SandboxAt

JSON = {"Accept": "application/json"}
ASKS = "4000002760003184"


@pytest.fixture
def session(client: stripe.StripeClient, sandbox: SandboxAt) -> str:
    """An open one."""
    return client.v1.checkout.sessions.create(session_params()).id


@pytest.fixture
def alone(sandbox: SandboxAt) -> Iterator[SandboxAt]:
    """A sandbox with nothing in it."""
    sandbox.tell("/reset")
    sandbox.tell("/config", fee_known_after_s=0, refund_after_s=0, dispute_after_s=0, debit_after_s=60)
    yield sandbox


@pytest.mark.parametrize(
    ("outcome", "status", "payment"),
    [
        ("success", "complete", "paid"),
        ("decline", "open", "unpaid"),
        ("insufficient_funds", "open", "unpaid"),
        ("authenticate", "open", "unpaid"),
        ("authenticate-complete", "complete", "paid"),
        ("3DS fail", "open", "unpaid"),
        ("async_success", "complete", "unpaid"),
        ("async_failure", "complete", "unpaid"),
    ],
)
def test_a_session_comes_to_what_is_wished(
    sandbox: SandboxAt, session: str, outcome: str, status: str, payment: str
) -> None:
    told = sandbox.pay(session, outcome=outcome)
    assert (status, payment) == (told["session"]["status"], told["session"]["payment_status"])


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"card": "4000 0000 0000 9995", "outcome": "decline"}, "insufficient_funds"),
        ({"card": "4242424242424242", "outcome": "decline"}, "generic_decline"),
        ({"card": "4242424242424242", "outcome": "lost_card"}, "lost_card"),
        ({"card": "4000000000000002"}, "generic_decline"),
        ({"card": "pm_card_chargeDeclinedExpiredCard"}, "expired_card"),
    ],
)
def test_a_card_that_fits_the_wish_is_taken(sandbox: SandboxAt, session: str, form: dict[str, str], code: str) -> None:
    """And another one where it does not."""
    assert code == sandbox.pay(session, **form)["error"]["decline_code"]


def test_a_form_is_answered_as_the_page_does(client: stripe.StripeClient, sandbox: SandboxAt, session: str) -> None:
    """Declined on the same page, then to the bank, then to the shop."""
    page = f"{sandbox.base}/_sim/pay/{session}"
    assert 'name="card"' in httpx.get(page).text
    declined = httpx.post(page, data={"outcome": "decline"})
    assert (402, True) == (declined.status_code, "Your card was declined." in declined.text)
    asked = httpx.post(page, data={"card": ASKS, "outcome": "authenticate"})
    assert 303 == asked.status_code
    assert "3D Secure authentication" in httpx.get(sandbox.base + asked.headers["Location"]).text
    paid = httpx.post(page, data={"card": "4242424242424242", "outcome": "success"})
    assert (303, f"https://shop.example/paid?session={session}") == (paid.status_code, paid.headers["Location"])
    assert "paid" == client.v1.checkout.sessions.retrieve(session).payment_status
    assert "all done here" in httpx.post(page, data={}).text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"outcome": "maybe"}, "There is no outcome 'maybe'"),
        ({"card": "4111111111111111"}, "'4111111111111111' is no test card"),
        ({"amount": "5"}, "unknown field `amount`"),
        ({"payment_method": "pm_x"}, "No such PaymentMethod"),
    ],
)
def test_what_cannot_be_wished_is_refused(sandbox: SandboxAt, session: str, form: dict[str, str], said: str) -> None:
    """On the page and in JSON; the session is still open."""
    for headers in ({}, JSON):
        answer = httpx.post(f"{sandbox.base}/_sim/pay/{session}", data=form, headers=headers)
        assert (400, True) == (answer.status_code, said in answer.text.replace("&#x27;", "'")), answer.text
    assert "complete" == sandbox.pay(session)["session"]["status"]


@pytest.mark.parametrize(("named", "status"), [("cs_x", 404), ("", 400)])
def test_a_session_that_is_not_open_is_told(sandbox: SandboxAt, session: str, named: str, status: int) -> None:
    sandbox.pay(session)
    answer = httpx.post(f"{sandbox.base}/_sim/pay/{named or session}", headers=JSON)
    assert (status, True) == (answer.status_code, "is no open session" in answer.json()["error"])


@pytest.mark.parametrize(
    ("outcome", "status", "events"),
    [
        ("open", "needs_response", ["created", "funds_withdrawn"]),
        ("won", "won", ["created", "funds_withdrawn", "closed", "funds_reinstated"]),
        ("lost", "lost", ["created", "funds_withdrawn", "closed"]),
        ("inquiry", "warning_needs_response", ["created"]),
        ("warning_closed", "warning_closed", ["created", "closed"]),
    ],
)
def test_a_charge_is_disputed(
    client: stripe.StripeClient, sandbox: SandboxAt, outcome: str, status: str, events: list[str]
) -> None:
    """Opened, and settled where that is said."""
    made = sandbox.tell(f"/dispute/{charged(client).id}", outcome=outcome)
    assert status == made["status"]
    listed = client.v1.events.list({"limit": 20}).data
    told = [event.type for event in reversed(listed) if event.data.object["id"] == made["id"]]
    assert [f"charge.dispute.{event}" for event in events] == told


def test_a_dispute_is_settled_later(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """By the charge, its payment or the dispute itself; an inquiry becomes a dispute on the way; and once."""
    charge = charged(client)
    made = sandbox.tell(f"/dispute/{charge.payment_intent}", outcome="inquiry", amount=400)
    with pytest.raises(AssertionError, match="is disputed already"):
        sandbox.tell(f"/dispute/{charge.id}")
    won = sandbox.tell(f"/dispute/{charge.id}", outcome="won")
    assert (made["id"], "won", [-400, 400]) == (
        won["id"],
        won["status"],
        [one["amount"] for one in won["balance_transactions"]],
    )
    for named in (charge.id, made["id"]):
        with pytest.raises(AssertionError):
            sandbox.tell(f"/dispute/{named}", outcome="lost")


@pytest.mark.parametrize("outcome", ["warning_closed", "escalated", "forgiven"])
def test_what_no_dispute_comes_to_is_refused(client: stripe.StripeClient, sandbox: SandboxAt, outcome: str) -> None:
    charge = charged(client)
    sandbox.tell(f"/dispute/{charge.id}")
    with pytest.raises(AssertionError, match=r"is no inquiry|must be one of"):
        sandbox.tell(f"/dispute/{charge.id}", outcome=outcome)


def test_all_that_is_held_is_paid_out(client: stripe.StripeClient, alone: SandboxAt) -> None:
    """At once, what is pending too; the entries are those of the payout, and nothing is booked twice."""
    assert None is alone.tell("/payout")["payout"]
    alone.tell("/config", fee_known_after_s=60)
    client.v1.payment_intents.create(charge_params())
    made = alone.tell("/payout", outcome="paid")["payout"]
    assert (941, "paid", "completed") == (made["amount"], made["status"], made["reconciliation_status"])
    alone.pass_time(3 * 86_400)
    held = alone.ask("/money")
    assert (0, 0, 0) == (held["total"], held["available"], held["pending"])
    assert {"charge": 1, "payout": 1} == {kind: sums["count"] for kind, sums in held["by_type"].items()}


def test_the_clock_takes_forms_too(sandbox: SandboxAt) -> None:
    before = sandbox.ask("/clock")["now"]
    assert httpx.post(f"{sandbox.base}/_sim/clock", data={"advance_s": "3600"}).json()["now"] >= before + 3600
    assert httpx.post(f"{sandbox.base}/_sim/clock", content='{"advance_s": 1}').json()["now"] >= before + 3601


def test_faults_have_other_names(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """The status that comes of them."""
    assert "error_before" == sandbox.tell("/faults", kind=500, path="/v1/products")[0]["kind"]
    refused(lambda: client.v1.products.create({"name": "Credits"}), stripe.APIError)
    sandbox.tell("/faults", kind="429", times=2, path="/v1/products")
    for _ in range(2):
        refused(lambda: client.v1.products.create({"name": "Credits"}), stripe.RateLimitError)
    client.v1.products.create({"name": "Credits"})


@pytest.mark.parametrize(
    ("wanted", "kind", "expected"),
    [
        ({"duplicate": True}, "duplicate", (0, 1.0, 1.0)),
        ({"duplicate": "true"}, "duplicate", (0, 1.0, 1.0)),
        ({"drop": "2"}, "drop", (2, 0.0, 1.0)),
        ({"reorder": 0.5}, "reorder", (0, 0.5, 1.0)),
        ({"reorder": {"times": 1, "delay_s": 3}}, "reorder", (1, 0.0, 3.0)),
        ({"delay_s": 5}, "delay", (0, 1.0, 5.0)),
        ({"delay_s": "5", "delay": "1"}, "delay", (1, 0.0, 5.0)),
        ({"duplicate": False}, "duplicate", (0, 0.0, 1.0)),
    ],
)
def test_mishaps_are_written_in_short(sandbox: SandboxAt, wanted: Any, kind: str, expected: tuple[Any, ...]) -> None:
    told = sandbox.tell("/webhooks", **wanted)[kind]
    assert expected == (told["times"], told["probability"], told["delay_s"])
    assert {0} == {one["times"] for one in sandbox.tell("/webhooks").values()}


def placed(sandbox: SandboxAt, receiver: Receiver) -> Any:
    return sandbox.tell("/webhook-endpoint", url=receiver.url, secret=receiver.secret)


def test_an_endpoint_is_placed_with_its_secret(client: stripe.StripeClient, alone: SandboxAt) -> None:
    """Once, however often it is said; and it is still there when everything is forgotten."""
    with receiving() as receiver:
        receiver.secret = "whsec_known_before"
        made = placed(alone, receiver)
        assert (receiver.secret, ["*"], "enabled") == (made["secret"], made["enabled_events"], made["status"])
        assert made["id"] == placed(alone, receiver)["id"]
        client.v1.products.create({"name": "Credits"})
        receiver.wait_for("product.created")
        alone.tell("/reset")
        receiver.forget()
        client.v1.customers.create({})
        receiver.wait_for("customer.created")
        assert [made["id"]] == [one.id for one in client.v1.webhook_endpoints.list().data]
        client.v1.webhook_endpoints.delete(made["id"])


def test_an_endpoint_moves_with_its_secret(client: stripe.StripeClient, alone: SandboxAt) -> None:
    """So that nobody is told at an address of yesterday; events are chosen, and checked."""
    first = alone.tell("/webhook-endpoint", url="http://127.0.0.1:9/a", secret="whsec_a")
    second = alone.tell("/webhook-endpoint", url="http://127.0.0.1:9/b", secret="whsec_a", enabled_events="payout.paid")
    assert (first["id"], ["payout.paid"]) == (second["id"], second["enabled_events"])
    third = alone.tell("/webhook-endpoint", url="http://127.0.0.1:9/b", secret="whsec_b")
    assert (first["id"], "whsec_b") == (third["id"], third["secret"])
    with pytest.raises(AssertionError, match="enabled_events"):
        alone.tell("/webhook-endpoint", url="http://127.0.0.1:9/b", enabled_events=["payment.done"])
    client.v1.webhook_endpoints.delete(first["id"])


def test_steps_that_are_not_there(sandbox: SandboxAt) -> None:
    answer = httpx.get(f"{sandbox.base}/_sim/weather")
    assert (404, {"error": "there is no GET /_sim/weather"}) == (answer.status_code, answer.json())

"""The pages for buyers, as a browser without JavaScript sees them."""

import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.asking import charge_params, charged, session_params
from tests.support.sandbox import SandboxAt

CARD = {"method": "card", "email": "ada@example.com", "expiry": "12 / 39", "cvc": "123", "name": "Ada"}


class Form(HTMLParser):
    """Inputs of a page by name, and the words of its labels."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inputs: dict[str, str] = {}
        self.labelled: set[str] = set()
        self.action = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.action = found["action"] or ""
        if tag == "input":
            self.inputs[found["name"] or ""] = found.get("value") or ""
        if tag == "label" and "for" in found:
            self.labelled.add(found["for"] or "")


@pytest.fixture
def page(client: stripe.StripeClient, sandbox: SandboxAt) -> str:
    """The address of a session's page."""
    return str(client.v1.checkout.sessions.create(session_params()).url)


def test_the_page_says_what_is_sold(page: str) -> None:
    """To whom, how much, what, that nothing is real; every field has a label."""
    answer = httpx.get(page)
    for words in ("Sandbox", "$10.50", "Credits × 1", "Test mode", "4242424242424242", "Cancel and go back"):
        assert words in answer.text
    form = Form(answer.text)
    assert {"email", "number", "expiry", "cvc", "name", "account"} <= form.labelled
    assert page.endswith(form.action)
    assert "script" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_paying_leads_back_to_the_shop(client: stripe.StripeClient, page: str) -> None:
    answer = httpx.post(page, data=CARD | {"number": "4242 4242 4242 4242"})
    session = page.rsplit("/", 1)[1]
    assert (303, f"https://shop.example/paid?session={session}") == (answer.status_code, answer.headers["Location"])
    done = client.v1.checkout.sessions.retrieve(session)
    assert done.customer_details is not None
    assert ("paid", "ada@example.com", "Ada") == (
        done.payment_status,
        done.customer_details.email,
        done.customer_details.name,
    )
    assert "all done here" in httpx.get(page).text


def test_who_clicks_twice_pays_once(client: stripe.StripeClient, page: str) -> None:
    """On the checkout page and on that of the bank; the second click leads to where the first one did."""
    first = httpx.post(page, data=CARD | {"number": "4000002760003184"})
    bank = httpx.URL(page).join(first.headers["Location"])
    ends = [httpx.post(bank, data={"result": "complete"}) for _ in range(2)]
    ends.append(httpx.post(page, data=CARD | {"number": "4242 4242 4242 4242"}))
    session = page.rsplit("/", 1)[1]
    shop = f"https://shop.example/paid?session={session}"
    assert [(303, shop)] * 3 == [(end.status_code, end.headers["Location"]) for end in ends]
    intent = client.v1.checkout.sessions.retrieve(session).payment_intent
    assert 1 == len(client.v1.charges.list({"payment_intent": str(intent)}).data)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"number": "4000000000000002"}, "Your card was declined."),
        ({"number": "4000000000009995"}, "insufficient funds"),
        ({"number": "4242424242424241"}, "card number is invalid"),
        ({"number": "4012888888881881"}, "non test card"),
        ({"number": "4242424242424242", "expiry": "01/20"}, "in the past"),
        ({"number": "4242424242424242", "expiry": "soon"}, "expiration date is incomplete"),
        ({"number": "4242424242424242", "cvc": "1"}, "security code is incomplete"),
        ({"number": "4242424242424242", "email": "ada"}, "e-mail address"),
        ({"method": "us_bank_account", "account": "1"}, "test bank account"),
    ],
)
def test_what_is_wrong_is_said_on_the_page(page: str, form: dict[str, str], said: str) -> None:
    """And the session stays open; what was written stays, but for the card."""
    answer = httpx.post(page, data=CARD | form)
    assert answer.status_code in (400, 402)
    alert = re.search(r'role="alert">(.*?)</p>', answer.text)
    assert alert is not None and said in alert[1]
    filled = Form(answer.text).inputs
    assert ("", "") == (filled["number"], filled["cvc"])
    assert "Pay $10.50" in httpx.get(page).text


@pytest.mark.parametrize(("result", "status"), [("complete", "paid"), ("fail", "unpaid")])
def test_a_card_asks_for_its_holder(client: stripe.StripeClient, page: str, result: str, status: str) -> None:
    """On a page of the bank, and back to the shop or to the checkout from there."""
    with httpx.Client() as browser:
        answer = browser.post(page, data=CARD | {"number": "4000002760003184"})
        there = httpx.URL(page).join(answer.headers["Location"])
        assert "3D Secure authentication" in browser.get(there).text
        answer = browser.post(there, data={"result": result})
    session = client.v1.checkout.sessions.retrieve(page.rsplit("/", 1)[1])
    assert status == session.payment_status
    back = answer.headers["Location"]
    if result == "complete":
        assert back.startswith("https://shop.example/paid")
    else:
        shown = httpx.get(httpx.URL(page).join(back)).text
        assert "unable to authenticate your payment method" in shown
        filled = Form(shown).inputs
        assert ("ada@example.com", "Ada", "") == (filled["email"], filled["name"], filled["number"])


def test_authentication_of_an_intent_of_the_api_leads_back(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    params = charge_params("pm_card_threeDSecure2Required", return_url="https://shop.example/back?x=1")
    intent: Any = client.v1.payment_intents.create(params)
    answer = httpx.post(intent.next_action.redirect_to_url.url, data={"result": "complete"})
    assert answer.headers["Location"].startswith(f"https://shop.example/back?x=1&payment_intent={intent.id}")


def test_an_expired_session_cannot_be_paid(client: stripe.StripeClient, page: str) -> None:
    client.v1.checkout.sessions.expire(page.rsplit("/", 1)[1])
    for answer in (httpx.get(page), httpx.post(page, data=CARD | {"number": "4242424242424242"})):
        assert (410, True) == (answer.status_code, "expired" in answer.text)


def test_saved_cards_are_offered_again(client: stripe.StripeClient, sandbox: SandboxAt, customer: str) -> None:
    """If the buyer wanted that; and pay without being written again."""
    options: Any = {"payment_method_save": "enabled"}
    params = session_params(customer=customer, saved_payment_method_options=options)
    first = client.v1.checkout.sessions.create(params)
    assert "Save for next time" in httpx.get(str(first.url)).text
    httpx.post(str(first.url), data=CARD | {"number": "4242424242424242", "save": "yes"})
    second = client.v1.checkout.sessions.create(params)
    shown = httpx.get(str(second.url)).text
    assert "Visa ending in 4242" in shown
    (saved,) = client.v1.customers.payment_methods.list(customer).data
    assert "always" == saved.allow_redisplay
    assert 303 == httpx.post(str(second.url), data={"method": saved.id}).status_code


def test_what_comes_from_outside_is_escaped(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """In the page, and in what is written back."""
    evil = "<script>alert(1)</script>\"'&"
    price: Any = {"currency": "usd", "unit_amount": 500, "product_data": {"name": evil}}
    session = client.v1.checkout.sessions.create(
        session_params(
            line_items=[{"price_data": price, "quantity": 1}],
            cancel_url='https://shop.example/"><script>',
            payment_intent_data={"description": evil},
        )
    )
    answers = [httpx.get(str(session.url)), httpx.post(str(session.url), data=CARD | {"number": "1", "name": evil})]
    for answer in answers:
        assert "<script" not in answer.text
        assert "&lt;script&gt;" in answer.text


def test_a_charge_has_a_receipt(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    charge = charged(client, description="Hundred credits")
    answer = httpx.get(str(charge.receipt_url))
    for words in ("Hundred credits", "$10.00", "Visa ending in 4242", "succeeded"):
        assert words in answer.text


@pytest.mark.parametrize("path", ["/", "/c/pay/cs_x", "/3ds/pi_x", "/receipts/ch_x", "/invoices/in_x", "/pl/x"])
def test_pages_that_are_not_there(sandbox: SandboxAt, path: str) -> None:
    assert 404 == httpx.get(sandbox.base + path).status_code

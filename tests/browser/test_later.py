"""What takes its time, and what is over before the customer pays."""

from tests.browser.buyer import PAYS
from tests.browser.customer import CHECKOUT, Customer

PAY = "Pay $50.00"
OVER = "This session has expired"
DEBIT_S = 5
WEEK_S = 7 * 86_400
BANK_PAYS = "000123456789"
BANK_FAILS = "000222222227"


def test_a_debit_is_credited_when_the_bank_has_paid(customer: Customer) -> None:
    """Until then the page says that it is on its way."""
    link = customer.opened()
    customer.buyer.bank_account(BANK_PAYS)
    customer.buyer.click(PAY, "Thank you")
    assert "The payment is on its way." in customer.buyer.text
    assert ("processing", "0") == (customer.status(link), customer.balance()["balance"])

    customer.product.pass_time(DEBIT_S)
    customer.is_credited("500")
    customer.buyer.reload("Thank you")
    assert "the credits are in your account" in customer.buyer.text
    customer.paid_once()


def test_a_debit_that_fails_leaves_the_link_to_be_paid(customer: Customer) -> None:
    """By a card, at the same address."""
    link = customer.opened()
    customer.buyer.bank_account(BANK_FAILS)
    customer.buyer.click(PAY, "Thank you")
    customer.product.pass_time(DEBIT_S)
    customer.becomes(link, "failed")
    customer.buyer.open(link["payment_url"], CHECKOUT)
    customer.buyer.pay(PAYS)
    customer.paid_once()


def test_a_link_that_is_called_off_while_its_page_is_open(customer: Customer) -> None:
    """Paying leads to a page that says so; nothing is charged."""
    link = customer.opened()
    assert customer.product.post(f"/v1/payment-links/{link['payment_id']}/cancel").is_success
    customer.buyer.pay(PAYS, OVER, status=410)
    customer.buyer.click("Go back", "No longer needed", status=410)
    assert "Nothing was charged." in customer.buyer.text
    customer.paid_nothing()


def test_a_session_that_ends_while_its_page_is_open(customer: Customer) -> None:
    """The way back leads on to another one, as the link lasts."""
    customer.opened()
    customer.product.expire_at_stripe(customer.buyer.address.rpartition("/")[2])
    customer.buyer.pay(PAYS, OVER, status=410)
    customer.buyer.click("Go back", "Not paid yet")
    customer.buyer.click("Go on", CHECKOUT)
    customer.buyer.pay(PAYS)
    customer.paid_once()


def test_a_link_that_expires_while_its_page_is_open(customer: Customer) -> None:
    """After a week, in which Stripe has also paid out what it held."""
    link = customer.opened()
    customer.product.pass_time(WEEK_S)
    customer.becomes(link, "expired")
    customer.buyer.pay(PAYS, OVER, status=410)
    customer.buyer.click("Go back", "Expired", status=410)
    assert "Ask for a new one" in customer.buyer.text
    customer.paid_nothing()

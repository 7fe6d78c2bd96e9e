"""A customer pays for credits in a browser: by the whole product, up to the books."""

from tests.browser.buyer import ASKS, DECLINED, PAYS
from tests.browser.customer import CHECKOUT, Customer

BANK = "3D Secure authentication"


def test_a_link_is_paid(customer: Customer) -> None:
    """From the call that makes it to the credits, the fee and the receipt; opened again it says that it is paid."""
    link = customer.opened()
    assert "500 credits" in customer.buyer.text
    customer.buyer.pay(PAYS)
    assert f"{link['payment_url']}/done" == customer.buyer.address.partition("?")[0]
    assert "The payment was made, and the credits are in your account." in customer.buyer.text
    assert "paid" == customer.status(link)
    customer.paid_once()

    customer.buyer.open(link["payment_url"], "Thank you")
    [payment] = customer.payments()
    assert ("1.75", "4242") == (payment["fee"], payment["method"]["last4"])
    customer.buyer.open(payment["receipt_url"], "Receipt")
    assert "$50.00" in customer.buyer.text


def test_a_declined_card_and_another(customer: Customer) -> None:
    """Who turns back is told that nothing was charged, and may go on. The page says what is wrong with a card, and takes
    the next one; nothing is booked of the first."""
    link = customer.opened()
    customer.buyer.click("Cancel and go back", "Not paid yet")
    assert "Nothing was charged." in customer.buyer.text
    customer.buyer.click("Go on", CHECKOUT)
    customer.buyer.pay(DECLINED, CHECKOUT, status=402)
    assert "Your card was declined." == customer.buyer.alert
    assert ("open", "0") == (customer.status(link), customer.balance()["balance"])
    customer.buyer.pay(PAYS)
    customer.paid_once()


def test_the_bank_asks_the_holder(customer: Customer) -> None:
    """Who fails has not paid, is told so in words of people, and may try again. Who passes has paid, once."""
    link = customer.opened()
    customer.buyer.pay(ASKS, BANK)
    assert "$50.00" in customer.buyer.text
    customer.buyer.click("Fail", CHECKOUT)
    assert customer.buyer.alert.startswith("We are unable to authenticate your payment method.")
    assert ("open", "0") == (customer.status(link), customer.balance()["balance"])
    customer.buyer.pay(ASKS, BANK)
    customer.buyer.click("Complete", "Thank you", twice=True)
    customer.paid_once()


def test_two_clicks_and_back_in_the_browser_pay_once(customer: Customer) -> None:
    """The second click leads to where the first one does. Back again, the browser shows the form that it has kept, or
    that there is nothing more to pay: both lead on."""
    customer.opened()
    customer.buyer.pay(PAYS, twice=True)
    customer.buyer.back()
    if customer.buyer.sees("Pay $50.00"):
        customer.buyer.pay(PAYS)
    else:
        customer.buyer.click("Go on", "Thank you")
    customer.paid_once()


def test_a_reusable_link_is_paid_by_several(customer: Customer) -> None:
    """Each buys 500 credits, until it is called off."""
    link = customer.opened(reusable=True)
    customer.buyer.pay(PAYS, "Thanks for your payment")
    customer.buyer.open(link["payment_url"], CHECKOUT)
    customer.buyer.pay(PAYS, "Thanks for your payment")
    customer.is_credited("1000")
    assert [5000, 5000] == [charge["amount"] for charge in customer.product.charges(customer.wallet)]
    customer.books_become(stripe_clearing="96.50", stripe_fees="3.50", deferred_revenue="-100")

    assert customer.product.post(f"/v1/payment-links/{link['payment_id']}/cancel").is_success
    customer.buyer.open(link["payment_url"], "No longer needed", status=410)
    customer.product.tie()

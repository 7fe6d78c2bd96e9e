"""A customer: a wallet, the links that it is charged by, and the browser that pays them."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from tests.browser.buyer import Buyer
from tests.browser.product import Product
from tests.support.waiting import until

CHECKOUT = "Sandbox – Checkout"


class Customer:
    """Buys 500 credits for $50 at a time."""

    def __init__(self, product: Product, buyer: Buyer) -> None:
        self.product = product
        self.buyer = buyer
        self.wallet = str(self._made("/v1/wallets", owner_id=f"customer-{uuid4().hex}")["id"])

    def link(self, **more: Any) -> dict[str, Any]:
        """A link to pay."""
        made = self._made(f"/v1/wallets/{self.wallet}/payment-links", amount="50.00", **more)
        assert ("500", "open") == (made["credits_to_receive"], made["status"])
        return made

    def opened(self, **more: Any) -> dict[str, Any]:
        """The same, with the checkout page of it in the browser."""
        made = self.link(**more)
        self.buyer.open(made["payment_url"], CHECKOUT)
        assert self.buyer.address.startswith(f"{self.product.sandbox.base}/c/pay/cs_")
        return made

    def bought(self, card: str) -> str:
        """The id of a payment that was made in the browser, with its fee in the books."""
        made = self.opened()
        self.buyer.pay(card)
        assert ("paid", "500") == (self.status(made), self.balance()["balance"])
        self.books_become(stripe_clearing="48.25", stripe_fees="1.75", deferred_revenue="-50")
        return str(made["payment_id"])

    def status(self, link: dict[str, Any]) -> str:
        return str(self.product.get(f"/v1/payment-links/{link['payment_id']}")["status"])

    def becomes(self, link: dict[str, Any], status: str) -> None:
        until(lambda: self.status(link) == status, f"the link is {status}")

    def balance(self) -> dict[str, Any]:
        found: dict[str, Any] = self.product.get(f"/v1/wallets/{self.wallet}/balance")
        return found

    def payments(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.product.get(f"/v1/wallets/{self.wallet}/payments")["items"]
        return found

    def uses(self, credits: str) -> None:
        self._made(f"/v1/wallets/{self.wallet}/usage", service="jobs", credits=credits)

    def is_credited(self, credits: str) -> None:
        """So many credits are there, or will be."""
        until(lambda: self.balance()["balance"] == credits, f"{credits} credits")

    def books_become(self, **accounts: str) -> None:
        """Nothing but this stands in the accounts in money of this customer's book, now or soon."""
        expected = {name.replace("loss_", "loss:"): Decimal(amount) for name, amount in accounts.items()}
        until(lambda: expected == self.product.books(self.wallet), f"{expected} in the book")

    def paid_once(self) -> None:
        """Stripe has one charge, the wallet one purchase, and the books are right."""
        assert [5000] == [charge["amount_captured"] for charge in self.product.charges(self.wallet)]
        assert ["paid"] == [payment["status"] for payment in self.payments()]
        assert "500" == self.balance()["balance"]
        self.books_become(stripe_clearing="48.25", stripe_fees="1.75", deferred_revenue="-50")
        self.product.tie()

    def paid_nothing(self) -> None:
        """Nobody took any money, and the books are right."""
        assert [] == self.product.charges(self.wallet)
        assert "0" == self.balance()["balance"]
        self.books_become()
        self.product.tie()

    def decide(self, outcome: str) -> None:
        """The bank disputes the payment, or decides so."""
        [charge] = self.product.charges(self.wallet)
        self.product.sandbox.tell(f"/dispute/{charge['id']}", outcome=outcome)

    def is_set_aside(self, balance: str, *, owed: str) -> None:
        """The bank has the money: what it bought cannot be used, and what of it is spent is owed."""
        expected = {"balance": balance, "owed": owed}
        until(lambda: expected == {name: self.balance()[name] for name in expected}, f"{expected} credits")

    def _made(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.product.post(path, **body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

"""The rules one by one, in memory: each by the smallest book that shows it.

The machine of tests/model finds what nobody thought of; this says by name what was thought of.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from ledger.book.commands import (
    BookDue,
    Capture,
    Command,
    Inflow,
    MoneyLine,
    PlaceHold,
    Release,
    Reverse,
    SetOverdraft,
    SetStatus,
    Transfer,
    Use,
)
from tests.model.driver import Answer
from tests.model.pure import PureDriver
from tests.support.book import attempt


class Pages:
    """Two empty books, ``a`` and ``b``, and what is done to them."""

    def __init__(self) -> None:
        self.driver = PureDriver()
        self.a, self.b = self.driver.new_wallets(2)

    def do(self, command: Command, key: str | None = None) -> Answer:
        return self.all([command], key)[0]

    def all(self, commands: Sequence[Command], key: str | None = None) -> list[Answer]:
        """In one request."""
        return asyncio.run(self.driver.submit([attempt(command, key) for command in commands]))

    def said(self, command: Command) -> str:
        """``posted``, ``changed`` or the code of the refusal."""
        answer = self.do(command)
        return str(answer.get("code") or ("posted" if "number" in answer else "changed"))

    def grant(self, amount: int, **terms: Any) -> Answer:
        return self.do(Inflow(wallet_id=self.a, amount=amount, **{"source": "promotional", **terms}))

    def use(self, amount: int) -> Use:
        return Use(wallet_id=self.a, amount=amount, service="chat")

    def balances(self, wallet_id: int | None = None) -> tuple[int, ...]:
        """Free, held, disputed, owed."""
        return tuple(self.driver.state([wallet_id or self.a])[wallet_id or self.a]["balances"][:4])

    def lots(self) -> list[int]:
        """What remains in each lot, by number."""
        found = self.driver.state([self.a])[self.a]["lots"]
        return [found[number]["remaining"] for number in sorted(found)]

    def last(self, wallet_id: int | None = None) -> list[tuple[str, str, int]]:
        """The lines of the last transaction."""
        row = self.driver.state([wallet_id or self.a])[wallet_id or self.a]["journal"][-1]
        return [(debit, credit, amount) for _, debit, credit, _, amount, *_ in row["postings"]]


@pytest.fixture
def book() -> Pages:
    return Pages()


def test_new_credits_pay_what_is_owed_first(book: Pages) -> None:
    book.do(SetOverdraft(wallet_id=book.a, limit=10))
    book.do(book.use(7))
    book.grant(10)
    assert book.last() == [("issued:promotional", "wallet", 10), ("wallet", "owed", 7)]
    assert book.balances() == (3, 0, 0, 0)


def test_released_credits_pay_what_is_owed_first(book: Pages) -> None:
    book.do(SetOverdraft(wallet_id=book.a, limit=10))
    book.grant(5)
    hold = book.do(PlaceHold(wallet_id=book.a, amount=5, service="gpu", expires_in_s=60))
    book.do(book.use(4))
    book.do(Release(wallet_id=book.a, hold=hold["number"]))
    assert book.balances() == (1, 0, 0, 0)


def test_overdraft_ends_at_its_limit(book: Pages) -> None:
    book.do(SetOverdraft(wallet_id=book.a, limit=10))
    book.grant(5)
    assert book.said(book.use(16)) == "INSUFFICIENT_CREDITS"
    assert book.said(book.use(15)) == "posted"
    assert book.said(book.use(1)) == "INSUFFICIENT_CREDITS"


@pytest.mark.parametrize("what", ["hold", "transfer"])
def test_overdraft_is_neither_held_nor_transferred(book: Pages, what: str) -> None:
    book.do(SetOverdraft(wallet_id=book.a, limit=100))
    book.grant(5)
    command: Command = PlaceHold(wallet_id=book.a, amount=6, service="gpu", expires_in_s=60)
    if what == "transfer":
        command = Transfer(wallet_id=book.a, payee_id=book.b, amount=6)
    assert book.said(command) == "INSUFFICIENT_CREDITS"
    assert book.balances() == (5, 0, 0, 0)


def test_a_capture_beyond_the_hold_is_taken_from_the_wallet_if_it_can_pay(book: Pages) -> None:
    book.grant(10)
    hold = book.do(PlaceHold(wallet_id=book.a, amount=4, service="gpu", expires_in_s=60))
    assert book.said(Capture(wallet_id=book.a, hold=hold["number"], amount=11)) == "INSUFFICIENT_CREDITS"
    assert book.balances() == (6, 4, 0, 0)
    book.do(Capture(wallet_id=book.a, hold=hold["number"], amount=9))
    assert book.last() == [("held", "used:gpu", 4), ("wallet", "used:gpu", 5)]
    assert book.balances() == (1, 0, 0, 0)


def test_a_hold_ends_at_its_instant_and_gives_its_credits_back(book: Pages) -> None:
    book.grant(10)
    hold = book.do(PlaceHold(wallet_id=book.a, amount=4, service="gpu", expires_in_s=60))
    book.driver.at += timedelta(seconds=60) - timedelta(milliseconds=1)
    assert book.said(Capture(wallet_id=book.a, hold=hold["number"])) == "HOLD_NOT_OPEN"
    assert book.balances() == (10, 0, 0, 0)


def test_a_lot_ends_at_its_instant(book: Pages) -> None:
    """Not a microsecond later: what is asked for at that very instant is refused."""
    book.grant(10, expires_at=book.driver.now() + timedelta(hours=1))
    book.driver.at += timedelta(hours=1) - timedelta(milliseconds=3)
    assert book.said(book.use(1)) == "posted"
    assert book.said(book.use(1)) == "INSUFFICIENT_CREDITS"
    assert book.balances() == (0, 0, 0, 0)


def test_what_a_hold_pins_does_not_expire_with_the_rest_of_its_lot(book: Pages) -> None:
    book.grant(10, expires_at=book.driver.now() + timedelta(hours=1))
    hold = book.do(PlaceHold(wallet_id=book.a, amount=4, service="gpu", expires_in_s=7200))
    book.driver.advance(1)
    book.do(BookDue(wallet_id=book.a))
    assert book.balances() == (0, 4, 0, 0)
    assert book.said(Capture(wallet_id=book.a, hold=hold["number"], amount=3)) == "posted"
    assert book.last() == [("wallet", "expired", 1)], "what the capture freed had expired"
    assert book.balances() == (0, 0, 0, 0)


ORDERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "priority": ({"priority": 5}, {"priority": 4}),
    "expiry": ({"expires_in": 9}, {"expires_in": 8}),
    "some expiry": ({}, {"expires_in": 8}),
    "given before paid": ({"cost": 100}, {}),
    "priority before expiry": ({"expires_in": 8}, {"priority": 4}),
    "expiry before price": ({"expires_in": 9}, {"expires_in": 8, "cost": 100}),
}
"""The terms of the lot that is made first and burns last, and those of the other."""


def terms(book: Pages, *, expires_in: int | None = None, cost: int = 0, priority: int = 9) -> dict[str, Any]:
    found: dict[str, Any] = {"priority": priority}
    if expires_in is not None:
        found["expires_at"] = book.driver.now() + timedelta(hours=expires_in)
    if cost:
        money = (MoneyLine("stripe_clearing", "deferred_revenue", "USD", cost),)
        found |= {"source": "purchase", "of_kind": "purchase", "cost": cost, "currency": "USD", "money": money}
        found["join"] = False
    return found


@pytest.mark.parametrize("by", ORDERS)
def test_lots_burn_in_order(book: Pages, by: str) -> None:
    for lot in ORDERS[by]:
        book.grant(10, **terms(book, **lot))
    book.do(book.use(7))
    assert book.lots() == [10, 3]


def test_lots_that_are_alike_burn_the_oldest_first(book: Pages) -> None:
    for _ in range(3):
        book.grant(10, join=False)
    book.do(book.use(13))
    assert book.lots() == [0, 7, 10]


UNLIKE: dict[str, dict[str, Any]] = {
    "source": {"source": "earned"},
    "priority": {"priority": 8},
    "expiry": {"expires_in": 8},
    "cost": {"cost": 100},
}


@pytest.mark.parametrize("by", UNLIKE)
def test_credits_join_a_lot_only_if_it_is_alike(book: Pages, by: str) -> None:
    book.grant(10, **terms(book))
    book.grant(10, **terms(book))
    assert book.lots() == [20]
    given = dict(UNLIKE[by])
    source = given.pop("source", None)
    other = terms(book, **given) | ({"source": source} if source else {})
    book.grant(10, **other)
    assert book.lots() == [20, 10]
    book.do(book.use(30))
    book.grant(10, **terms(book))
    assert book.lots() == [0, 0, 10], "a lot that was used up is not opened again"


def test_shares_of_a_cost_add_up_to_it(book: Pages) -> None:
    """Three credits for 1.00: 33, 33 and 34 cents move, in any steps."""
    book.grant(3, **terms(book, cost=100))
    shares = []
    for _ in range(3):
        book.do(Transfer(wallet_id=book.a, payee_id=book.b, amount=1))
        shares += [amount for _, credit, amount in book.last() if credit == "transit"][1:]
    assert shares == [33, 33, 34]


@pytest.mark.parametrize("refund", [False, True], ids=["reverse", "refund"])
def test_reversals_stop_at_the_whole(book: Pages, refund: bool) -> None:
    book.grant(10)
    number = book.do(book.use(7))["number"]

    def back(amount: int | None) -> str:
        return book.said(Reverse(wallet_id=book.a, number=number, amount=amount, refund=refund))

    said = [back(8), back(4), back(4), back(3), back(1), back(None)]
    over = "REVERSAL_EXCEEDS_ORIGINAL"
    assert said == [over, "posted", over, "posted", over, over]
    assert book.balances() == (10, 0, 0, 0)


def test_reversals_of_one_request_stop_at_the_whole(book: Pages) -> None:
    """Also where the lot would have room for more."""
    book.grant(20)
    number = book.do(book.use(7))["number"]
    book.do(book.use(7))
    answers = book.all([Reverse(wallet_id=book.a, number=number, amount=4, refund=True)] * 2)
    assert [answer.get("code") for answer in answers] == [None, "REVERSAL_EXCEEDS_ORIGINAL"]
    assert book.balances() == (10, 0, 0, 0)


def test_both_legs_of_a_transfer_share_what_is_left_to_reverse(book: Pages) -> None:
    """In one request, too, where nothing of it is stored yet."""
    book.grant(10)
    book.do(Transfer(wallet_id=book.a, payee_id=book.b, amount=10))
    book.do(Inflow(wallet_id=book.b, amount=10, source="earned"))
    legs: list[Command] = [Reverse(wallet_id=book.b, number=1, amount=6), Reverse(wallet_id=book.a, number=2, amount=6)]
    first, second = book.all(legs)
    assert ("number" in first, second.get("code")) == (True, "REVERSAL_EXCEEDS_ORIGINAL")
    assert (book.balances(), book.balances(book.b)) == ((6, 0, 0, 0), (14, 0, 0, 0))


def test_a_frozen_wallet_refuses_what_its_customer_starts(book: Pages) -> None:
    """Either side of a transfer; credits still come in, and a hold can be released."""
    book.grant(10)
    hold = book.do(PlaceHold(wallet_id=book.a, amount=4, service="gpu", expires_in_s=60))["number"]
    book.do(Inflow(wallet_id=book.b, amount=10, source="earned"))
    book.do(SetStatus(wallet_id=book.a, status="frozen"))
    refused: list[Command] = [
        book.use(1),
        PlaceHold(wallet_id=book.a, amount=1, service="gpu", expires_in_s=60),
        Capture(wallet_id=book.a, hold=hold),
        Transfer(wallet_id=book.a, payee_id=book.b, amount=1),
        Transfer(wallet_id=book.b, payee_id=book.a, amount=1),
    ]
    assert [book.said(command) for command in refused] == ["WALLET_FROZEN"] * len(refused)
    assert book.said(Inflow(wallet_id=book.a, amount=1, source="earned")) == "posted"
    assert book.balances() == (7, 4, 0, 0)


def test_a_key_stands_for_one_request(book: Pages) -> None:
    book.grant(10)
    assert book.do(book.use(3), "a key")["replayed"] is False
    assert book.do(book.use(3), "a key")["replayed"] is True
    assert book.do(book.use(4), "a key")["code"] == "IDEMPOTENCY_CONFLICT"
    assert book.balances() == (7, 0, 0, 0)


def test_a_transfer_takes_its_key_in_the_payers_book_alone(book: Pages) -> None:
    """Whoever uses the same word as a key of the payee's wallet gets what was asked for, not the transfer."""
    book.grant(10)
    book.do(Transfer(wallet_id=book.a, payee_id=book.b, amount=6), "a key")
    answer = book.do(Use(wallet_id=book.b, amount=2, service="chat"), "a key")
    assert (answer.get("number"), answer["replayed"]) == (2, False)
    assert book.balances(book.b) == (4, 0, 0, 0)


def test_an_event_is_charged_once_under_whatever_key(book: Pages) -> None:
    book.grant(10)
    event = Use(wallet_id=book.a, amount=3, service="chat", event_id="job 7")
    assert [answer.get("code") for answer in book.all([event, event])] == [None, "ALREADY_POSTED"]
    assert book.said(event) == "ALREADY_POSTED"
    assert book.balances() == (7, 0, 0, 0)

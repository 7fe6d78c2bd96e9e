"""The machine with payments: purchases with their tax, fees, refunds, failed refunds and disputes among all else.

At the end the money is added up besides: what was paid for a wallet's credits is what became of it.
"""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from ledger.book.commands import (
    Command,
    Entry,
    Inflow,
    MoneyLine,
    OpenDispute,
    RefundPayment,
    SettleDispute,
    UndoRefund,
)
from tests.model import workload
from tests.model.book import ModelBook
from tests.model.machine import LedgerMachine
from tests.model.paid import PaidModel, lot_of
from tests.model.workload import AMOUNTS, NEVER, PICKS, ends, pick

FEE = 3
KINDS = [
    *["other"] * 6,
    *["purchase"] * 3,
    *["refund"] * 4,
    *["undo"] * 2,
    *["dispute"] * 3,
    *["settle"] * 3,
    "fee",
]


class PaidMachine(LedgerMachine):
    """``driver`` and ``runner`` are set by the test that runs it; they outlive the examples."""

    make_model = PaidModel

    def commands(self, now: datetime) -> st.SearchStrategy[Command]:
        return paid_commands(self, now)

    def teardown(self) -> None:
        super().teardown()
        for book in self.model.books.values():
            adds_up(book)


@st.composite
def paid_commands(draw: st.DrawFn, machine: PaidMachine, now: datetime) -> Command:
    """A command to one of the wallets; what it is about is mostly there."""
    kind = draw(st.sampled_from(KINDS))
    if kind == "other":
        return draw(workload.commands(machine.model, machine.wallet_ids, machine.start, now))
    wallet_id = draw(st.sampled_from(machine.wallet_ids))
    book = machine.model.books[wallet_id]
    picks = draw(PICKS)
    if kind == "purchase":
        return draw(purchases(wallet_id, machine.start, now))
    if kind == "refund":
        number = named(book, picks, "purchase")
        by, amount, force = draw(st.sampled_from(["credits", "money"])), draw(AMOUNTS), draw(st.booleans())
        return refund(book, number, by, amount, force=force)
    if kind == "undo":
        return UndoRefund(wallet_id=wallet_id, number=named(book, picks, "payment_refund"))
    if kind == "dispute":
        return dispute(book, named(book, picks, "purchase"), draw(st.integers(1, 10)))
    if kind == "settle":
        return settle(book, named(book, picks, "dispute"), draw(st.booleans()))
    fee = MoneyLine("stripe_fees", "stripe_clearing", "USD", FEE)
    return Entry(wallet_id=wallet_id, of_kind="fee", money=(fee,))


@st.composite
def purchases(draw: st.DrawFn, wallet_id: int, start: datetime, now: datetime) -> Inflow:
    """Prices that credits do not divide by, with and without tax; credits that end and such that do not."""
    net, tax, currency = draw(st.integers(1, 50)), draw(st.integers(0, 9)), draw(st.sampled_from(["USD", "JPY"]))
    money = [MoneyLine("stripe_clearing", "deferred_revenue", currency, net)]
    if tax:
        money.append(MoneyLine("stripe_clearing", "tax_payable", currency, tax))
    paid: dict[str, Any] = {"cost": net, "currency": currency, "money": tuple(money), "join": False}
    common: dict[str, Any] = {"wallet_id": wallet_id, "amount": draw(AMOUNTS), "expires_at": draw(ends(start, now))}
    return Inflow(**common, source="purchase", of_kind="purchase", **paid)


def refund(book: ModelBook, number: int, by: str, amount: int, *, force: bool) -> RefundPayment:
    """Of something: whoever asks for credits that cost less than the smallest unit of money is refused before."""
    paid = paid_of(book, number)
    lot = purchased(book, number)
    if lot is not None and by == "credits":
        amount = max(amount, -(-lot["amount"] // paid))
    return RefundPayment(wallet_id=book.wallet_id, number=number, paid=paid, force=force, **{by: amount})


def dispute(book: ModelBook, number: int, tenths: int) -> OpenDispute:
    """Of so many tenths of what was paid, at least of something; and a fee."""
    paid = paid_of(book, number)
    withdrawn = max(1, paid * tenths // 10)
    lot = purchased(book, number) or {"currency": "USD", "amount": 10}
    asset = lot["currency"]
    money = (
        MoneyLine("dispute_receivable", "stripe_clearing", asset, withdrawn),
        MoneyLine("dispute_fees", "stripe_clearing", asset, FEE),
    )
    amount = withdrawn * lot["amount"] // paid
    return OpenDispute(wallet_id=book.wallet_id, number=number, amount=amount, money=money)


def settle(book: ModelBook, number: int, won: bool) -> SettleDispute:
    """As Stripe does: all that was withdrawn comes back, or nothing."""
    withdrawn, currency, paid = 1, "USD", 10
    if 0 < number <= len(book.journal):
        for _, debit, _, asset, amount, lot, *_ in book.journal[number - 1]["postings"]:
            if debit == "dispute_receivable":
                withdrawn, currency = amount, asset
            bought = [it["number"] for it in book.journal if it["kind"] == "purchase" and lot_of(it) == lot]
            paid = paid_of(book, bought[0]) if bought and debit == "wallet" else paid
    back = (MoneyLine("stripe_clearing", "dispute_receivable", currency, withdrawn),) if won else ()
    return SettleDispute(
        wallet_id=book.wallet_id,
        number=number,
        won=won,
        withdrawn=withdrawn,
        paid=paid,
        currency=currency,
        money=back,
    )


def named(book: ModelBook, picks: tuple[int, int], kind: str) -> int:
    """A transaction of this kind, mostly."""
    there = [it["number"] for it in book.journal if it["kind"] == kind]
    return pick(picks, [there, list(range(1, len(book.journal) + 1)), [NEVER]])


def purchased(book: ModelBook, number: int) -> dict[str, Any] | None:
    """The lot of a purchase."""
    if not 0 < number <= len(book.journal) or book.journal[number - 1]["kind"] != "purchase":
        return None
    return book.lots[lot_of(book.journal[number - 1])]


def paid_of(book: ModelBook, number: int) -> int:
    """What was paid for a purchase, tax included."""
    if not 0 < number <= len(book.journal):
        return 10
    lines = book.journal[number - 1]["postings"]
    return sum(line[4] for line in lines if line[1] == "stripe_clearing") or 10


def adds_up(book: ModelBook) -> None:
    """No dispute that is over is waited for, and no credit is disputed by it; what is open is there to the cent."""
    settled = {it["reverses"] for it in book.journal if it["kind"] in ("dispute_won", "dispute_lost")}
    open_ = [it for it in book.journal if it["kind"] == "dispute" and it["number"] not in settled]
    lines = [line for it in open_ for line in it["postings"]]
    assert book.disputed == sum(line[4] for line in lines if line[2] == "disputed")
    waited = sum(line[4] for line in lines if line[1] == "dispute_receivable")
    assert waited == standing(book, "dispute_receivable")
    failed = {it["reverses"] for it in book.journal if it["kind"] == "refund_failed"}
    refunds = [it for it in book.journal if it["kind"] == "payment_refund" and it["number"] not in failed]
    due = sum(_of(line, "refund_payable") for it in refunds for line in it["postings"])
    assert due == standing(book, "refund_payable")


def standing(book: ModelBook, account: str) -> int:
    """What stands in an account, debit above zero, in whatever currency."""
    return sum(_of(line, account) for it in book.journal for line in it["postings"])


def _of(line: Any, account: str) -> int:
    return int(line[4] * ((line[1] == account) - (line[2] == account)))

"""The model with payments: what becomes of a purchase when its money goes back, is disputed, or both.

Written from docs/decisions/0009. What a part of a purchase costs is looked up, credit by credit, instead of worked out.
"""

from collections.abc import Mapping
from typing import Any

from ledger.book.commands import Entry, OpenDispute, RefundPayment, SettleDispute, UndoRefund
from tests.model import guards
from tests.model.book import ModelBook, Refusal, share
from tests.model.model import HANDLERS, Model

HANDLERS_PAID: dict[type, str] = HANDLERS | {
    RefundPayment: "refund_payment",
    UndoRefund: "undo_refund",
    OpenDispute: "open_dispute",
    SettleDispute: "settle_dispute",
    Entry: "entry",
}

ENDS = ("refund_failed", "dispute_won", "dispute_lost")


class PaidModel(Model):
    """All that the book can do, and payments."""

    def handlers(self) -> Mapping[type, str]:
        return HANDLERS_PAID

    def refund_payment(self, book: ModelBook, command: RefundPayment, facts: dict[str, Any]) -> None:
        lot = lot_of(earlier(book, command.number, "purchase"))
        it, free = book.lots[lot], book.free(lot)
        gone = it["amount"] - it["remaining"]

        def worth(credits: int) -> tuple[int, int]:
            """What was paid for the next credits that leave the lot: in all, and without tax."""
            return (
                share(command.paid, it["amount"], gone, gone + credits),
                share(it["cost"], it["amount"], gone, gone + credits),
            )

        if command.credits is not None:
            asked, taken = command.credits, min(command.credits, free)
            money = max(worth(taken)[0], command.paid * asked // it["amount"])
        else:
            assert command.money is not None
            money = command.money
            enough = [credits for credits in range(free + 1) if worth(credits)[0] >= money]
            asked = taken = enough[0] if enough else free
            if enough and worth(taken)[0] > money:
                taken -= 1
            asked = asked if enough else free + 1
        gross, net = worth(taken)
        beyond = money - gross
        if (beyond or asked > free) and not command.force:
            raise Refusal("REFUND_EXCEEDS_UNSPENT")
        if taken:
            book.leave(lot, taken)
            book.post("wallet", "withdrawn:refund", taken, lot)
        tax = (command.paid - it["cost"]) * beyond // command.paid
        owe(book, "refund_payable", it["currency"], net, gross - net + tax, ("loss:refund", beyond - tax))
        book.commit("payment_refund", **facts)

    def undo_refund(self, book: ModelBook, command: UndoRefund, facts: dict[str, Any]) -> None:
        refund = earlier(book, command.number, "payment_refund")
        lines = refund["postings"]
        guards.limit(book, sum(line[4] for line in lines if line[3] == "CREDIT"))
        for _, debit, credit, asset, amount, lot, _, _, _ in lines:
            if lot is not None:
                book.lots[lot]["remaining"] += amount
            book.post(credit, debit, amount, lot, asset=asset)
        book.pay_debt()
        book.commit("refund_failed", **{**facts, "reverses": command.number})

    def open_dispute(self, book: ModelBook, command: OpenDispute, facts: dict[str, Any]) -> None:
        lot = lot_of(earlier(book, command.number, "purchase"))
        guards.limit(book, command.amount)
        aside = min(command.amount, book.free(lot))
        if aside:
            book.lots[lot]["pinned"] += aside
            book.post("wallet", "disputed", aside, lot)
        if command.amount > aside:
            book.post("owed", "disputed", command.amount - aside)
        book.pay_debt()
        post_money(book, command.money)
        book.commit("dispute", **facts)

    def settle_dispute(self, book: ModelBook, command: SettleDispute, facts: dict[str, Any]) -> None:
        dispute = earlier(book, command.number, "dispute")
        set_aside = [line for line in dispute["postings"] if line[2] == "disputed"]
        aside = [(line[5], line[4]) for line in set_aside if line[5] is not None]
        owed = sum(line[4] for line in set_aside if line[5] is None)
        if command.won:
            for lot, part in aside:
                book.lots[lot]["pinned"] -= part
                book.post("disputed", "wallet", part, lot)
            still = min(owed, book.owed)
            if still:
                book.post("disputed", "owed", still)
            if owed > still:
                book.post("disputed", "withdrawn:dispute", owed - still)
                fresh = book.new_lot("refund", owed - still, at=facts["effective_at"], join=False)
                book.post("issued:refund", "wallet", owed - still, fresh)
            book.pay_debt()
            post_money(book, command.money)
        else:
            gross = net = 0
            for lot, part in aside:
                it = book.lots[lot]
                gone = it["amount"] - it["remaining"]
                gross = share(command.paid, it["amount"], gone, gone + part)
                it["pinned"] -= part
                net = book.leave(lot, part)
                book.post("disputed", "withdrawn:dispute", part, lot)
            if owed:
                book.post("disputed", "withdrawn:dispute", owed)
            assert gross <= command.withdrawn
            lost = ("loss:dispute", command.withdrawn - gross)
            owe(book, "dispute_receivable", command.currency, net, gross - net, lost)
        book.commit("dispute_won" if command.won else "dispute_lost", **{**facts, "reverses": command.number})

    def entry(self, book: ModelBook, command: Entry, facts: dict[str, Any]) -> None:
        post_money(book, command.money)
        book.commit(command.of_kind, **facts)


def earlier(book: ModelBook, number: int, kind: str) -> dict[str, Any]:
    """A transaction of this kind that stands."""
    if not 0 < number <= len(book.journal):
        raise Refusal("NOT_FOUND")
    over = any(later["reverses"] == number and later["kind"] in ENDS for later in book.journal)
    if book.journal[number - 1]["kind"] != kind or over:
        raise Refusal("NOT_REVERSIBLE")
    return book.journal[number - 1]


def lot_of(purchase: dict[str, Any]) -> int:
    """The lot that a purchase went into."""
    return next(int(line[5]) for line in purchase["postings"] if line[5] is not None)


def owe(book: ModelBook, credit: str, currency: str, net: int, tax: int, lost: tuple[str, int]) -> None:
    """Lines of money; those below nothing go the other way."""
    for account, amount in (("deferred_revenue", net), ("tax_payable", tax), lost):
        if amount:
            debit, other = (account, credit) if amount > 0 else (credit, account)
            book.post(debit, other, abs(amount), asset=currency)


def post_money(book: ModelBook, lines: Any) -> None:
    for line in lines:
        book.post(line.debit, line.credit, line.amount, asset=line.asset)

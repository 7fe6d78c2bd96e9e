"""A transaction in one sentence, for people who ask why a balance is what it is. Pure."""

from ledger.book.chart import DISPUTE_RECEIVABLE, HELD, OWED, REFUND_PAYABLE, WALLET
from ledger.book.commands import Posted, Transaction
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import CREDIT, format_amount
from ledger.rates.line import ChargeLine
from ledger.transactions.parts import before
from ledger.transactions.shapes import amount_of, service_of


def summary(posted: Posted, line: ChargeLine | None, undid: str | None) -> str:
    """What happened, and what it made of the balance. ``line``: how a use was priced; ``undid``: the kind of what it
    reverses."""
    t = posted.transaction
    was, became = format_amount(before(t).balance), format_amount(t.after.balance)
    balance = f"the balance stayed {was}" if was == became else f"the balance went from {was} to {became}"
    owed, paid = _sum(t, OWED, "used:"), _sum(t, WALLET, OWED)
    more = f", {format_amount(owed)} of them owed" if owed else ""
    more += f", {format_amount(paid)} of them to pay what was owed" if paid else ""
    return f"{_happened(posted, line, undid)}{more}; {balance}."


def _happened(posted: Posted, line: ChargeLine | None, undid: str | None) -> str:
    t = posted.transaction
    credits = _credits(amount_of(t))
    match t.kind:
        case "usage":
            return _used(t, line)
        case "hold":
            assert posted.hold is not None
            return f"A hold for {posted.hold.service} set {credits} aside"
        case "capture":
            return _captured(t)
        case "release":
            ended = "it expired" if t.actor == "system" else "it was released"
            return f"A hold gave {credits} free again when {ended}"
        case "expiry":
            return f"{credits} expired unused"
        case "usage_refund":
            return f"{credits} came back for a job that failed"
        case "void":
            return f"{credits} came back: the use was voided, as if it had not been reported"
        case "reversal":
            return f"A reversal undid {credits} of a transaction of kind {undid}"
        case "purchase":
            return f"{_money(t, 'stripe_clearing')} bought {credits}"
        case "payment_refund":
            return f"{_money(t, REFUND_PAYABLE)} of a payment are refunded, for {credits} that were unspent"
        case "refund_failed":
            return f"{credits} came back, as the refund of {_money(t, REFUND_PAYABLE)} failed"
        case "dispute":
            return f"{_money(t, DISPUTE_RECEIVABLE)} of a payment are disputed: {credits} were set aside or are owed"
        case "dispute_won" | "dispute_lost":
            return f"The dispute about {_money(t, DISPUTE_RECEIVABLE)} was {t.kind.removeprefix('dispute_')}"
        case _ if all(p.asset != CREDIT for p in t.postings):
            moved = t.postings[0]
            return f"{_amount(moved.amount, moved.asset)} went from {moved.debit} to {moved.credit} ({t.kind})"
        case _:
            return _moved(t, credits)


def _money(t: Transaction, account: str) -> str:
    """What a transaction moved in or out of an account of money."""
    moved = {p.asset: 0 for p in t.postings if p.asset != CREDIT}
    for p in t.postings:
        if p.asset != CREDIT and account in (p.debit, p.credit):
            moved[p.asset] += p.amount if p.debit == account else -p.amount
    return " and ".join(_amount(abs(amount), asset) for asset, amount in moved.items())


def _amount(amount: int, currency: str) -> str:
    return f"{format_amount(amount, currency)} {currency}"


def _moved(t: Transaction, credits: str) -> str:
    """What comes in, goes out, or goes to another wallet."""
    if t.link_wallet_id is not None:
        way = "came from" if before(t).balance < t.after.balance else "went to"
        return f"{credits} {way} the wallet {wallet_public(t.link_wallet_id)} ({t.kind})"
    source = next((p.debit.partition(":")[2] for p in t.postings if p.debit.startswith("issued:")), None)
    return f"{credits} left the wallet ({t.kind})" if source is None else f"{credits} came in as {source} ({t.kind})"


def _used(t: Transaction, line: ChargeLine | None) -> str:
    credits = _credits(amount_of(t))
    if line is None:
        return f"{service_of(t)} used {credits}"
    free = "" if line.free == "0" else f" ({line.free} of it free)"
    return (
        f"{line.service} used {line.quantity} {line.meter}{free} for {credits}, by version {line.version} of the price"
    )


def _captured(t: Transaction) -> str:
    hold = next(p.hold for p in t.postings if p.hold is not None)
    freed = _sum(t, HELD, WALLET)
    rest = f" and gave {_credits(freed)} of it free again" if freed else ""
    return f"{service_of(t)} used {_credits(amount_of(t))} out of the hold {row_public('hld', t.wallet_id, hold)}{rest}"


def _sum(t: Transaction, debit: str, credit: str) -> int:
    """What its lines moved between two accounts; ``used:`` is that of any service."""
    lines = (p for p in t.postings if p.asset == CREDIT and p.debit == debit and p.credit.startswith(credit))
    return sum(p.amount for p in lines)


def _credits(amount: int) -> str:
    shown = format_amount(amount)
    return f"{shown} credit" if shown == "1" else f"{shown} credits"

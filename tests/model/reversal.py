"""The model's reversals: the table of docs/decisions/0001, kind by kind."""

from typing import TYPE_CHECKING, Any

from ledger.book.commands import Reverse
from tests.model.book import ModelBook, Refusal, share

if TYPE_CHECKING:
    from tests.model.model import Model

INFLOWS = ("grant", "earn", "allowance", "adjustment")


def reverse(model: "Model", book: ModelBook, command: Reverse, facts: dict[str, Any]) -> None:
    if not 0 < command.number <= len(book.journal):
        raise Refusal("NOT_FOUND")
    original = book.journal[command.number - 1]
    kind = original["kind"]
    first_credit = original["postings"][0][2] if original["postings"] else ""
    facts = {**facts, "reverses": command.number}
    usage = kind in ("usage", "capture")
    voided = any((old["reverses"], old["kind"]) == (command.number, "void") for old in book.journal)
    if (command.refund and not usage) or (command.void and (kind != "usage" or voided)):
        raise Refusal("NOT_REVERSIBLE")
    if usage or (kind == "adjustment" and first_credit.startswith("withdrawn:")):
        give_back(book, original, command, facts)
    elif kind in INFLOWS:
        take_back(book, original, command, facts)
    elif kind == "transfer":
        send_back(model, book, original, command, facts)
    else:
        raise Refusal("NOT_REVERSIBLE")


def wanted(book: ModelBook, command: Reverse, lines: list[tuple[int, Any]]) -> tuple[int, int]:
    """How much to reverse, and how much earlier reversals undid. ``lines``: (amount, …) that count."""
    total = sum(amount for amount, _ in lines)
    done = sum(old["reversed"] for old in book.journal if old["reverses"] == command.number)
    left = total - done
    if command.void:
        return left, done
    amount = left if command.amount is None else command.amount
    if left == 0 or amount > left:
        raise Refusal("REVERSAL_EXCEEDS_ORIGINAL", reversible=left)
    return amount, done


def last_first(lines: list[tuple[int, Any]], done: int, amount: int) -> list[tuple[int, int, Any]]:
    """(amount, how much of the line was undone before, line) from the last line to the first."""
    parts = []
    for size, line in reversed(lines):
        skipped = min(done, size)
        done -= skipped
        part = min(amount, size - skipped)
        amount -= part
        if part:
            parts.append((part, skipped, line))
    assert amount == 0
    return parts


def give_back(book: ModelBook, original: dict[str, Any], command: Reverse, facts: dict[str, Any]) -> None:
    """What was used or withdrawn comes back."""
    lines = [(line[4], line) for line in original["postings"] if line[2].partition(":")[0] in ("used", "withdrawn")]
    amount, done = wanted(book, command, lines)
    now = facts["recorded_at"]
    at = {"at": facts["effective_at"]}
    for part, skipped, (_, debit, account, _, _, lot, _, _, _) in last_first(lines, done, amount):
        if debit == "owed":
            still_owed = min(part, book.owed)
            if still_owed:
                book.post(account, "owed", still_owed)
            if part > still_owed:
                new = book.new_lot("refund", part - still_owed, **at)
                book.post(account, "wallet", part - still_owed, new)
            continue
        it = book.lots[lot]
        if it["expires_at"] is None or it["expires_at"] > now or it["expires_at"] <= original["recorded_at"]:
            it["remaining"] += part
            book.post(account, "wallet", part, lot)
            continue
        life = it["expires_at"] - original["recorded_at"]
        new = book.new_lot(
            "refund",
            part,
            priority=it["priority"],
            expires_at=now + life,
            cost=share(it["cost"], it["amount"], skipped, skipped + part),
            currency=it["currency"],
            join=False,
            **at,
        )
        book.post(account, "wallet", part, new)
    book.pay_debt()
    kind = "void" if command.void else "usage_refund" if command.refund else "reversal"
    book.commit(kind, reversed=amount, **facts)


def take_back(book: ModelBook, original: dict[str, Any], command: Reverse, facts: dict[str, Any]) -> None:
    """What came in goes out of the lot it came into."""
    line = original["postings"][0]
    amount, _ = wanted(book, command, [(line[4], line)])
    lot = line[5]
    if amount > book.free(lot):
        raise Refusal("CREDITS_ALREADY_SPENT", reversible=book.free(lot))
    book.leave(lot, amount)
    book.post("wallet", line[1], amount, lot)
    book.commit("reversal", reversed=amount, **facts)


def send_back(
    model: "Model", book: ModelBook, original: dict[str, Any], command: Reverse, facts: dict[str, Any]
) -> None:
    """What was transferred goes back to the payer."""
    other = model.books[original["link"][0]]
    came_in = original["postings"][0][1] == "transit"
    payer, payee = (other, book) if came_in else (book, other)
    leg = book.journal[command.number - 1] if came_in else other.journal[original["link"][1] - 1]
    lines = [(line[4], line) for line in leg["postings"] if line[1] == "transit" and line[3] == "CREDIT"]
    amount, done = wanted(book, command, lines)
    free = {line[5]: payee.free(line[5]) for _, line in lines}
    there = 0
    parts = last_first(lines, done, amount)
    for part, _, line in parts:
        got = min(part, free[line[5]])
        free[line[5]] -= got
        there += got
    if there < amount:
        raise Refusal("CREDITS_ALREADY_SPENT", reversible=there)
    pieces = []
    for part, _, line in parts:
        it = payee.lots[line[5]]
        cost = payee.leave(line[5], part)
        payee.post("wallet", "transit", part, line[5])
        pieces.append((part, it["priority"], it["expires_at"], cost, it["currency"] if cost else None))
    numbers = {book.wallet_id: command.number, other.wallet_id: original["link"][1]}
    facts = {**facts, "reversed": amount}
    other_facts = {"reverses": numbers[other.wallet_id]}
    model.move(payee, payer, pieces, "reversal", facts, book, other_facts)

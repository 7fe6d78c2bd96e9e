"""Requests of the API with the postings that each asks for. Amounts are in micro-credits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from ledger.kit.ids import parse_row, row_public
from ledger.kit.money import format_amount
from tests.faults.journal import Asked

CREDIT = 1_000_000


@dataclass(frozen=True)
class Ask:
    """A request as it goes over the wire, any number of times. ``key`` None: its items have keys of their own."""

    path: str
    body: bytes
    items: tuple[Asked, ...]
    key: str | None
    atomic: bool = False


def grant(wallet: str, amount: int, key: str, **more: Any) -> Ask:
    body = {"amount": format_amount(amount), "source": "promotional", "reason": "load", **more}
    return _one(f"/v1/wallets/{wallet}/credits", body, Asked(key=key, wallet=wallet, command="grant", amount=amount))


def usage(wallet: str, amount: int, key: str, event_id: str | None = None) -> Ask:
    body = {"service": "chat", "credits": format_amount(amount)} | ({"event_id": event_id} if event_id else {})
    asked = Asked(key=key, wallet=wallet, command="usage", amount=amount, event_id=event_id)
    return _one(f"/v1/wallets/{wallet}/usage", body, asked)


def measured(
    wallet: str,
    meter: str,
    quantity: str,
    key: str,
    *,
    event_id: str | None = None,
    dimensions: dict[str, str] | None = None,
    occurred_at: datetime | None = None,
) -> Ask:
    """Usage that the rate card prices; ``meter`` as "service/meter"."""
    service, _, name = meter.partition("/")
    body: dict[str, Any] = {"service": service, "meter": name, "quantity": quantity}
    body |= {"dimensions": dimensions} if dimensions else {}
    body |= {"event_id": event_id} if event_id else {}
    body |= {"occurred_at": occurred_at.isoformat()} if occurred_at else {}
    asked = Asked(
        key=key,
        wallet=wallet,
        command="usage",
        event_id=event_id,
        meter=meter,
        quantity=quantity,
        dimensions=dimensions or {},
        occurred_at=occurred_at,
    )
    return _one(f"/v1/wallets/{wallet}/usage", body, asked)


def again(use: Ask, key: str) -> Ask:
    """The same use under another key."""
    (asked,) = use.items
    return Ask(use.path, use.body, (msgspec.structs.replace(asked, key=key),), key)


def void(transaction: str, key: str) -> Ask:
    """Of a use."""
    asked = Asked(key=key, wallet=_wallet(transaction), command="void", of=transaction)
    return _one(f"/v1/usage/{transaction}/void", {"reason": "load"}, asked)


def amend(transaction: str, quantity: str, key: str) -> Ask:
    """Of a use that was priced. What comes of it is two transactions: its void has a key of its own."""
    asked = Asked(key=key, wallet=_wallet(transaction), command="usage", quantity=quantity, amends=transaction)
    return _one(f"/v1/usage/{transaction}/amend", {"quantity": quantity, "reason": "load"}, asked)


def batch(uses: Sequence[tuple[str, int, str]], *, atomic: bool = False) -> Ask:
    """Usage of several (wallet, amount, key) at once."""
    return together([usage(*use) for use in uses], atomic=atomic)


def together(uses: Sequence[Ask], *, atomic: bool = False) -> Ask:
    """Several uses as one batch."""
    asked = tuple(item for use in uses for item in use.items)
    items = [
        {**json.loads(use.body), "wallet_id": item.wallet, "key": item.key}
        for use, item in zip(uses, asked, strict=True)
    ]
    return Ask("/v1/usage/batch", json.dumps({"items": items, "atomic": atomic}).encode(), asked, None, atomic)


def transfer(payer: str, payee: str, amount: int, key: str) -> Ask:
    body = {"from_wallet_id": payer, "to_wallet_id": payee, "amount": format_amount(amount), "reason": "load"}
    return _one("/v1/transfers", body, Asked(key=key, wallet=payer, command="transfer", amount=amount, payee=payee))


def hold(wallet: str, amount: int, key: str, expires_in_s: int = 3600) -> Ask:
    body = {"amount": format_amount(amount), "service": "chat", "expires_in_s": expires_in_s}
    return _one(f"/v1/wallets/{wallet}/holds", body, Asked(key=key, wallet=wallet, command="hold", amount=amount))


def capture(transaction: str, amount: int | None, key: str) -> Ask:
    """Of the hold that ``transaction`` placed."""
    body = {} if amount is None else {"amount": format_amount(amount)}
    asked = Asked(key=key, wallet=_wallet(transaction), command="capture", amount=amount)
    return _one(f"/v1/holds/{_as('hld', transaction)}/capture", body, asked)


def release(transaction: str, key: str) -> Ask:
    """Of the hold that ``transaction`` placed."""
    asked = Asked(key=key, wallet=_wallet(transaction), command="release")
    return _one(f"/v1/holds/{_as('hld', transaction)}/release", {}, asked)


def reverse(transaction: str, amount: int | None, key: str, *, refund: bool = False) -> Ask:
    """Undo it; ``refund``: of a failed job, which only a use can be."""
    body = {"reason": "load"} | ({} if amount is None else {"amount": format_amount(amount)})
    kind = "usage_refund" if refund else "reversal"
    asked = Asked(key=key, wallet=_wallet(transaction), command=kind, amount=amount, of=transaction)
    return _one(f"/v1/transactions/{transaction}/{'refund' if refund else 'reverse'}", body, asked)


def _one(path: str, body: dict[str, Any], asked: Asked) -> Ask:
    return Ask(path, json.dumps(body).encode(), (asked,), asked.key)


def _wallet(transaction: str) -> str:
    return f"wal_{transaction[4:15]}"


def _as(prefix: str, transaction: str) -> str:
    return row_public(prefix, *parse_row("txn", transaction, "transaction"))

"""The part of docs/events.md that is made of the catalogue: a table of all types, then each with its fields and an
example. `python -m tests.docs.catalogue` writes it."""

import json
import re
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from ledger.events import payloads as p
from ledger.events.catalogue import CATALOGUE, Kind, payload_of
from ledger.events.payloads import Data, Envelope
from ledger.kit.ids import event_public, parse_wallet
from tests.docs.pages import DOCS

PAGE: Final = DOCS / "events.md"
BEGIN, END = "<!-- made of the catalogue: python -m tests.docs.catalogue -->", "<!-- end -->"
REGION: Final = re.compile(f"({re.escape(BEGIN)}\n).*?({re.escape(END)})", re.DOTALL)

WALLET: Final = "wal_9ZWKcg49iae"
PAYMENT: Final = "pay_9ZWKcg49iaeB1a"
REFILL: Final = "arf_9ZWKcg49iae5"
AT: Final = datetime(2026, 11, 21, 1, 13, 22, 35655, UTC)
BOUGHT: Final = {"payment_id": PAYMENT, "credits": "500", "amount": "50.00", "currency": "USD"}
DAY: Final = datetime(2026, 11, 28, tzinfo=UTC)


def _level(level: p.Level, free: str, threshold: str, before: p.Level = "ok") -> Data:
    return p.BalanceLevel(level=level, previous_level=before, free=free, threshold=threshold)


def _dispute() -> Data:
    return p.DisputeMoved(dispute_id="dp_1Q0PsIJvEtkwdCNYMSaVuRz6", **BOUGHT)


EXAMPLES: Final[dict[str, Data]] = {
    "balance.low": _level("low", "74.4", "100"),
    "balance.critical": _level("critical", "19", "20", "low"),
    "balance.depleted": _level("depleted", "0", "0", "critical"),
    "balance.recovered": _level("ok", "500", "100", "depleted"),
    "credits.granted": p.CreditsGranted(
        credits="100",
        source="promotional",
        lot_id="lot_9ZWKcg49iae3",
        expires_at=datetime(2026, 12, 31, 23, tzinfo=UTC),
        reason="welcome",
    ),
    "credits.expiring": p.CreditsExpiring(credits="40", expires_at=DAY, lots=2),
    "credits.expired": p.CreditsExpired(credits="40", lots=2, expired_at=DAY),
    "hold.expired": p.HoldExpired(hold_id="hld_9ZWKcg49iae7", credits="20", expired_at=AT),
    "transfer.completed": p.TransferCompleted(
        transfer_id="trf_9ZWKcg49iae9",
        from_wallet_id=WALLET,
        to_wallet_id="wal_4GJkz3mQx7B",
        credits="40",
        reason="lunch",
    ),
    "payment.completed": p.PaymentMoved(**BOUGHT),
    "payment.failed": p.PaymentFailed(reason="account_closed", **BOUGHT),
    "payment.refunded": p.PaymentMoved(**BOUGHT),
    "payment.refund_failed": p.PaymentMoved(**BOUGHT),
    "payment.disputed": p.PaymentMoved(**BOUGHT),
    "payment_link.created": p.LinkCreated(
        payment_url="https://credits.example.com/pay/5f3b0c9a4e0d4b6f8a1c2d3e4f506172", expires_at=DAY, **BOUGHT
    ),
    "payment_link.expired": p.LinkExpired(**BOUGHT),
    "payment_method.expiring": p.MethodExpiring(
        payment_method_id="pm_1Q0PsIJvEtkwdCNYMSaVuRz6",
        brand="visa",
        last4="4242",
        exp_month=11,
        exp_year=2026,
        is_default=True,
    ),
    "dispute.opened": _dispute(),
    "dispute.won": _dispute(),
    "dispute.lost": _dispute(),
    "auto_refill.completed": p.RefillCompleted(attempt_id=REFILL, late=False, **BOUGHT),
    "auto_refill.failed": p.RefillFailed(
        attempt_id=REFILL, reason="insufficient_funds", tries=1, next_try_at=DAY, **BOUGHT
    ),
    "auto_refill.blocked": p.RefillBlocked(
        reason="monthly_spend_cap",
        until=datetime(2026, 11, 30, 23, tzinfo=UTC),
        held_and_free="74.4",
        threshold="100",
        amount="50.00",
        currency="USD",
    ),
    "auto_refill.requires_action": p.RefillNeedsAction(
        attempt_id=REFILL,
        payment_url="https://credits.example.com/pay/5f3b0c9a4e0d4b6f8a1c2d3e4f506172",
        expires_at=DAY,
        reason="authentication_required",
        **BOUGHT,
    ),
    "auto_refill.paused": p.RefillPaused(reason="failures", failures=3),
    "budget.threshold_reached": p.BudgetThreshold(
        budget_id="bud_9ZWKcg49iae5VgPSI05fDG",
        service="chat",
        user_id=None,
        period="month",
        period_start=datetime(2026, 10, 31, 23, tzinfo=UTC),
        period_end=datetime(2026, 11, 30, 23, tzinfo=UTC),
        level=80,
        limit="500",
        spent="401.5",
        left="98.5",
        hard=False,
    ),
    "usage.spike": p.UsageSpike(
        window="hour", window_start=datetime(2026, 11, 21, 1, tzinfo=UTC), used="940", usual="12.5"
    ),
    "webhook_endpoint.failing": p.EndpointFailing(
        endpoint_id="whe_5f3XK0mQx7B", owner_id=None, failing_since=AT, disables_at=DAY
    ),
    "webhook_endpoint.disabled": p.EndpointDisabled(
        endpoint_id="whe_5f3XK0mQx7B", owner_id=None, failing_since=AT, disabled_for="failing"
    ),
    "webhook_endpoint.test": p.EndpointTest(endpoint_id="whe_5f3XK0mQx7B"),
    "ledger.sealed": p.LedgerSealed(
        anchor=7,
        previous_hash="9b1c0f6a4d6d8e1c2f3a5b7d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b",
        root="0c6a1f0e5d4c3b2a19087f6e5d4c3b2a19087f6e5d4c3b2a19087f6e5d4c3b2a",
        leaves=1893,
        sealed_at="2026-11-21T02:00:04.177212Z",
        hash="5f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        public_key="03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
        signature="5f1e2d3c4b5a6978",
    ),
}

_NO_TRANSACTION: Final = {
    "credits.expiring",
    "payment.failed",
    "payment_link.created",
    "payment_link.expired",
    "payment_method.expiring",
    "auto_refill.failed",
    "auto_refill.blocked",
    "auto_refill.requires_action",
    "auto_refill.paused",
}


def payload(kind: Kind) -> str:
    """An event of this type as a receiver gets it."""
    whose = kind.to == "owner"
    none = not whose or kind.type in _NO_TRANSACTION
    return payload_of(
        kind.type,
        EXAMPLES[kind.type],
        id=event_public(parse_wallet(WALLET), 1, AT) if whose else event_public(0, 7, AT),
        at=AT,
        wallet_id=WALLET if whose else None,
        number=1 if whose else 7,
        transaction_id=None if none else f"txn_{WALLET[4:]}4",
    )


def made() -> str:
    """What stands between the marks."""
    parts = ["| type | when | who hears |\n|---|---|---|\n"]
    parts += [
        f"| [`{kind.type}`](#{kind.type.replace('.', '')}) | {kind.when} | {_TO[kind.to]} |\n" for kind in CATALOGUE
    ]
    for kind in CATALOGUE:
        shown = json.dumps(json.loads(payload(kind)), indent=2, ensure_ascii=False)
        parts.append(f"\n### `{kind.type}`\n\n{kind.when}\n\n{fields(kind.data)}\n```json\n{shown}\n```\n")
    return "".join(parts)


_TO: Final = {"owner": "owner, platform", "platform": "platform"}


def fields(shape: type[msgspec.Struct]) -> str:
    """A table of the members of a struct."""
    rows = ["| member | type | |\n|---|---|---|\n"]
    hints = get_type_hints(shape, include_extras=True)
    rows += [f"| `{name}` | {_shown(hints[name])} | {_said(hints[name])} |\n" for name in shape.__struct_fields__]
    return "".join(rows)


def _said(hint: Any) -> str:
    """The descriptions of a type, from without to within: of the field first."""
    metas = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, Meta) and meta.description]
    if metas:
        return str(metas[-1].description)
    return next((said for inner in get_args(hint) if (said := _said(inner))), "") if _is_union(hint) else ""


def _shown(hint: Any) -> str:
    """A type as a reader of JSON knows it."""
    if hasattr(hint, "__metadata__"):
        return _shown(hint.__origin__)
    if _is_union(hint):
        return " or ".join(_shown(inner) for inner in get_args(hint))
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    return _NAMES[hint]


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)


_NAMES: Final[dict[Any, str]] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    datetime: "time",
    type(None): "null",
    msgspec.Raw: "object",
}


def written(page: str) -> str:
    """The page with what is made of the catalogue as it must be."""
    regions = iter([fields(Envelope), made()])
    return REGION.sub(lambda region: region[1] + next(regions) + region[2], page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))

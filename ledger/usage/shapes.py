"""What requests and answers about usage look like."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.book.chart import OWED
from ledger.book.commands import Metadata as BookMetadata
from ledger.book.commands import Posted, Use
from ledger.kit.http.fields import Amount, Decimal, Instant, Metadata, OwnerId, Service, in_utc, shown
from ledger.kit.http.problems import Problem
from ledger.kit.http.strict import invalid, join
from ledger.kit.ids import row_public
from ledger.kit.money import format_amount, parse_amount
from ledger.transactions.shapes import BalanceAfter, TransactionShape, balance_after, transaction

BATCH_MAX = 1_000

ShortText = Annotated[str, Meta(min_length=1, max_length=255)]
Dimensions = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=100)]],
    Meta(max_length=20),
]


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a service used. ``event_id`` names the fact: it is charged at most once for ever."""

    service: Service
    credits: Amount | None = None
    meter: Service | None = None
    quantity: Amount | None = None
    event_id: ShortText | None = None
    occurred_at: Instant | None = None
    session: ShortText | None = None
    dimensions: Dimensions = {}
    metadata: Metadata = {}


class BatchItem(UsageEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A usage event with its wallet (or owner) and its key."""

    key: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+$(?!\n)")]
    wallet_id: Annotated[str, Meta(max_length=300, examples=["wal_0GJkz3mQx7B"])] | None = None
    user_id: OwnerId | None = None


class UsageBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 1,000 items, each with an outcome of its own; ``atomic`` makes it all or nothing."""

    items: Annotated[list[BatchItem], Meta(min_length=1, max_length=BATCH_MAX)]
    atomic: bool = False


class LenientBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, with items not yet decoded: a bad one must not fail the others."""

    items: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=BATCH_MAX)]
    atomic: bool = False


class LotUsed(msgspec.Struct, frozen=True):
    """Credits that one lot gave."""

    lot_id: str
    credits: Decimal


class Charge(msgspec.Struct, frozen=True):
    """What was charged: out of which lots, and how much by overdraft."""

    credits: Decimal
    lots: list[LotUsed]
    overdraft: Decimal


class Charged(msgspec.Struct, frozen=True):
    """The answer to a usage event."""

    transaction: TransactionShape
    charge: Charge
    balance: BalanceAfter


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item's outcome: ``transaction_id`` where it is posted, else ``problem``."""

    index: int
    status: Literal["posted", "replayed", "refused"]
    transaction_id: str | None = None
    problem: Problem | None = None


class BatchResults(msgspec.Struct, frozen=True):
    """Outcomes in the order of the items."""

    results: list[Result]


def use_of(event: UsageEvent, wallet_id: int, at: str = "") -> Use:
    """The command of an event; ``at`` is where it stands in its request. Raises InvalidRequest."""
    if event.meter is not None or event.quantity is not None or event.credits is None:
        path = join(at, "credits" if event.credits is None else "quantity")
        raise invalid(path, "priced meters are not set up yet: give `credits`, without `meter` and `quantity`")
    facts: BookMetadata = {}
    for name, value in event.dimensions.items():
        facts[f"dimension:{name}"] = value
    if event.session is not None:
        facts["session"] = event.session
    occurred_at = event.occurred_at
    if occurred_at is not None:
        occurred_at = in_utc(occurred_at, join(at, "occurred_at"))
        facts["occurred_at"] = shown(occurred_at)
    return Use(
        wallet_id=wallet_id,
        amount=parse_amount(event.credits, path=join(at, "credits")),
        service=event.service,
        event_id=event.event_id,
        effective_at=occurred_at,
        metadata=event.metadata,
        facts=facts,
    )


def charged(posted: Posted) -> Charged:
    """The answer to a usage event that is posted."""
    return Charged(transaction(posted.transaction), charge(posted), balance_after(posted))


def charge(posted: Posted) -> Charge:
    t = posted.transaction
    lots = []
    charged = overdraft = 0
    for p in t.postings:
        if not p.credit.startswith("used:"):
            continue
        charged += p.amount
        if p.lot is not None:
            lots.append(LotUsed(row_public("lot", t.wallet_id, p.lot), format_amount(p.amount)))
        if p.debit == OWED:
            overdraft += p.amount
    return Charge(format_amount(charged), lots, format_amount(overdraft))

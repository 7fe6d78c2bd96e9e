"""What requests and answers about usage look like."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.book.chart import OWED
from ledger.book.commands import Posted
from ledger.kit.http.fields import Amount, Decimal, Instant, Metadata, OwnerId, Reason, Service
from ledger.kit.http.problems import Problem
from ledger.kit.ids import row_public
from ledger.kit.money import format_amount
from ledger.rates.line import ChargeLine
from ledger.transactions.shapes import BalanceAfter, TransactionShape, balance_after, transaction

BATCH_MAX = 1_000

Quantity = Annotated[
    str | int,
    Meta(
        description="What was counted, in the meter's unit: a decimal string with at most the meter's decimals, or an"
        " integer; more than zero.",
        examples=["2.5"],
        extra_json_schema={
            "anyOf": [
                {"type": "string", "pattern": r"^(?!0(\.0+)?$)(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?$"},
                {"type": "integer", "minimum": 1, "maximum": 10**18},
            ]
        },
    ),
]
"""A quantity in a request: read by ``rates.numbers.parse_quantity``."""

ShortText = Annotated[str, Meta(min_length=1, max_length=255)]
Dimensions = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=100)]],
    Meta(max_length=20),
]


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a service used: its ``credits``, or the ``quantity`` that a meter counted, which the rate card prices.

    ``event_id`` names the fact: it is charged at most once for ever. ``occurred_at`` decides price, month and free
    tier.
    """

    service: Service
    credits: Amount | None = None
    meter: Service | None = None
    quantity: Quantity | None = None
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


class Charge(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was charged: out of which lots, how much by overdraft, and how it was priced (left out where ``credits``
    were given)."""

    credits: Decimal
    lots: list[LotUsed]
    overdraft: Decimal
    price: ChargeLine | None = None


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


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What an event would be charged now. ``would_post`` says whether it would be; if not, ``problem`` says why."""

    would_post: bool
    charge: Charge | None
    balance: BalanceAfter | None
    problem: Problem | None


class Void(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why an event is taken back."""

    reason: Reason


class Amendment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the event should have said: its ``quantity``, or its ``credits`` where it had no meter."""

    quantity: Quantity | None = None
    credits: Amount | None = None
    reason: Reason


class Amended(msgspec.Struct, frozen=True, kw_only=True):
    """The transaction that took the event back, and the one that charged it anew."""

    void: TransactionShape
    transaction: TransactionShape
    charge: Charge
    balance: BalanceAfter


def charged(posted: Posted, line: str | None) -> Charged:
    """The answer to a usage event that is posted. ``line`` is how it was priced, as it is stored."""
    return Charged(transaction(posted.transaction), charge(posted, line), balance_after(posted))


def charge(posted: Posted, line: str | None) -> Charge:
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
    # The line is shown as it is stored, so that it is the same bytes in every replay.
    price = None if line is None else msgspec.Raw(line.encode())
    return Charge(format_amount(charged), lots, format_amount(overdraft), price)  # type: ignore[arg-type]

"""Why a transaction is what it is, as it is shown: who asked, how it was priced, which lots moved, what funded them."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from ledger.book.commands import Metadata, Notes, Posted
from ledger.kit.http.fields import Decimal, Time, shown, shown_or_none
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import format_amount
from ledger.rates.line import ChargeLine
from ledger.transactions.funding import LOTS_MAX, Funded, Paid, Ref, paid_by, put_in
from ledger.transactions.parts import Direction, Part, before, cost_of, parts_of
from ledger.transactions.shapes import BalanceAfter, Status, amount_of, balances, linked, service_of, status_of
from ledger.transactions.summary import summary

STRIPE = "stripe_"
"""What the facts of a transaction begin with that name an object of Stripe: ``stripe_charge``."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for it, and with what words. ``actor`` is an API key's id, or ``system``. The receiving side of a
    transfer shows the payer's key. ``erased``: its words were, and what is left is null or empty."""

    actor: str
    key: str | None
    request_id: str | None
    event_id: str | None
    description: str | None
    metadata: Metadata
    facts: Metadata
    erased: bool
    effective_at: Time
    recorded_at: Time


class Undoing(msgspec.Struct, frozen=True, kw_only=True):
    """The other side of a reversal, and the credits that were undone."""

    transaction_id: str
    kind: str
    amount: Decimal
    recorded_at: Time


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A lot of the paying wallet, and the ``amount`` of it that came by the transfer. ``funded_by`` is null where the
    search ended."""

    transaction_id: str
    wallet_id: str
    lot_id: str
    source: str | None
    amount: Decimal
    funded_by: "Funding | None"


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """The transaction that made a lot, and the ``amount`` that it put in; ``joined`` came later, from inflows of the
    same kind. ``came_from``: what paid for it in another wallet. ``truncated``: that goes back further than is shown.
    """

    transaction_id: str
    kind: str
    amount: Decimal
    joined: Decimal
    actor: str
    key: str | None
    description: str | None
    recorded_at: Time
    came_from: list[Origin]
    truncated: bool


class LotMoved(msgspec.Struct, frozen=True, kw_only=True):
    """Credits of one lot: ``given`` to it or ``taken`` from it, ``held`` or ``freed`` within it. ``remaining`` is what
    was in it right after; ``cost`` what was paid for this part, null where it stayed in the lot."""

    lot_id: str
    direction: Direction
    amount: Decimal
    remaining: Decimal
    source: str
    priority: int
    expires_at: Time | None
    cost: Decimal | None
    currency: str | None
    funded_by: Funding


class StripeObject(msgspec.Struct, frozen=True):
    """An object of Stripe that the transaction belongs to, such as a charge."""

    type: str
    id: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """All that made a transaction what it is. ``charge`` is the line of a priced use; ``more_lots`` says that it moved
    others than those shown. ``reverses`` is what it undid, ``reversed_by`` what undid it; ``more_reversals`` says that
    there are others. ``stripe``: what it belongs to at Stripe."""

    transaction_id: str
    wallet_id: str
    kind: str
    status: Status
    amount: Decimal
    service: str | None
    summary: str
    request: Request
    charge: ChargeLine | None
    lots: list[LotMoved]
    more_lots: bool
    reverses: Undoing | None
    reversed_by: list[Undoing]
    more_reversals: bool
    linked_transaction_id: str | None
    before: BalanceAfter
    after: BalanceAfter
    hash: str
    stripe: list[StripeObject]


class Undone(NamedTuple):
    """A transaction that undid another or was undone, and how much."""

    number: int
    kind: str
    recorded_at: datetime
    amount: int


class Known(NamedTuple):
    """What is known of a transaction: all that is shown is made of it. ``reversed``: by all of ``reversed_by`` and
    those beyond them."""

    posted: Posted
    line: ChargeLine | None
    lots: Mapping[Ref, Funded]
    reverses: Undone | None
    reversed_by: list[Undone]
    reversed: int
    more_reversals: bool


def why(known: Known) -> Why:
    t = known.posted.transaction
    parts = parts_of(t)
    undid = known.reverses
    return Why(
        transaction_id=row_public("txn", t.wallet_id, t.number),
        wallet_id=wallet_public(t.wallet_id),
        kind=t.kind,
        status=status_of(amount_of(t), known.reversed),
        amount=format_amount(amount_of(t)),
        service=service_of(t) if known.line is None else known.line.service,
        summary=summary(known.posted, known.line, None if undid is None else undid.kind),
        request=_request(known.posted),
        charge=known.line,
        lots=[_moved(t.wallet_id, part, known.lots) for part in parts[:LOTS_MAX]],
        more_lots=len(parts) > LOTS_MAX,
        reverses=None if undid is None else _undoing(t.wallet_id, undid),
        reversed_by=[_undoing(t.wallet_id, undone) for undone in known.reversed_by],
        more_reversals=known.more_reversals,
        linked_transaction_id=None if t.link_number is None else linked(t),
        before=balances(before(t)),
        after=balances(t.after),
        hash=t.hash.hex(),
        stripe=_stripe(t.notes),
    )


def _request(posted: Posted) -> Request:
    t = posted.transaction
    notes = t.notes or Notes()
    return Request(
        actor=t.actor,
        key=_key(posted),
        request_id=notes.request_id,
        event_id=notes.event_id,
        description=notes.description,
        metadata=notes.metadata,
        facts=notes.facts,
        erased=t.notes is None,
        effective_at=shown(t.effective_at),
        recorded_at=shown(t.recorded_at),
    )


def _key(posted: Posted) -> str | None:
    """Both legs of a transfer were asked for by the payer's key."""
    for leg in (posted.transaction, posted.payee):
        if leg is not None and leg.notes is not None and leg.notes.key is not None:
            return leg.notes.key
    return None


def _moved(wallet_id: int, part: Part, lots: Mapping[Ref, Funded]) -> LotMoved:
    funded = lots[wallet_id, part.lot]
    facts = funded.facts
    cost = cost_of(part, facts, funded.amount)
    return LotMoved(
        lot_id=row_public("lot", wallet_id, part.lot),
        direction=part.direction,
        amount=format_amount(part.amount),
        remaining=format_amount(part.lot_after),
        source=facts.source,
        priority=facts.priority,
        expires_at=shown_or_none(facts.expires_at),
        cost="0" if cost == 0 else None if cost is None else format_amount(cost, facts.currency or ""),
        currency=facts.currency,
        funded_by=_funding(funded, lots),
    )


def _funding(funded: Funded, lots: Mapping[Ref, Funded]) -> Funding:
    t = funded.made_by.transaction
    came_from = [_origin(paid, lots) for paid in paid_by(funded)]
    return Funding(
        transaction_id=row_public("txn", t.wallet_id, t.number),
        kind=t.kind,
        amount=format_amount(put_in(funded)),
        joined=format_amount(funded.amount - put_in(funded)),
        actor=t.actor,
        key=_key(funded.made_by),
        description=None if t.notes is None else t.notes.description,
        recorded_at=shown(t.recorded_at),
        came_from=came_from,
        truncated=any(origin.funded_by is None for origin in came_from),
    )


def _origin(paid: Paid, lots: Mapping[Ref, Funded]) -> Origin:
    funded = lots.get((paid.wallet_id, paid.lot))
    return Origin(
        transaction_id=row_public("txn", paid.wallet_id, paid.number),
        wallet_id=wallet_public(paid.wallet_id),
        lot_id=row_public("lot", paid.wallet_id, paid.lot),
        source=None if funded is None else funded.facts.source,
        amount=format_amount(paid.amount),
        funded_by=None if funded is None else _funding(funded, lots),
    )


def _undoing(wallet_id: int, undone: Undone) -> Undoing:
    return Undoing(
        transaction_id=row_public("txn", wallet_id, undone.number),
        kind=undone.kind,
        amount=format_amount(undone.amount),
        recorded_at=shown(undone.recorded_at),
    )


def _stripe(notes: Notes | None) -> list[StripeObject]:
    facts = {} if notes is None else notes.facts
    return [StripeObject(name[len(STRIPE) :], str(id_)) for name, id_ in facts.items() if name.startswith(STRIPE)]

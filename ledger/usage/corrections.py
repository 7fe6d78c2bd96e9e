"""Corrections of usage: a void takes an event back; an amendment is a void and a new event, both or neither."""

import msgspec

from ledger.book.commands import Attempt, Measure, Posted, Refused, Reverse, Transaction, Use
from ledger.context import LedgerRequest
from ledger.errors import BatchRefused, NotReversible
from ledger.kit import ids
from ledger.kit.http.problems import RefusedBefore
from ledger.kit.http.strict import invalid
from ledger.kit.money import parse_amount
from ledger.rates.counted import Counted, load_counted
from ledger.rates.numbers import format_decimal, parse_quantity
from ledger.transactions.shapes import service_of
from ledger.usage.shapes import Amendment

_DIMENSIONS = msgspec.json.Decoder(dict[str, str])


def void(wallet_id: int, number: int, reason: str) -> Reverse:
    """The command that takes a use back."""
    return Reverse(wallet_id=wallet_id, number=number, void=True, description=reason)


async def amend(request: LedgerRequest, name: str, data: Amendment) -> tuple[Posted, Posted]:
    """Void a use and charge it anew, atomically; gives both. Raises what either is refused with."""
    key = request.idempotency_key()
    wallet_id, number = ids.parse_row("txn", name, "transaction")
    original = await request.services.reader.transaction(wallet_id, number)
    if original.kind != "usage":
        raise NotReversible(
            f"a transaction of kind {original.kind} cannot be amended", kind=original.kind, reason="post a correction"
        )
    counted = (await load_counted(request.services.database, [(wallet_id, number)])).get((wallet_id, number))
    use = await _again(request, original, counted, data)
    taken_back = request.attempt(void(wallet_id, number, data.reason), key)
    # A space of keys that no client reaches: the client's own key names the new charge.
    taken_back = msgspec.structs.replace(taken_back, namespace=f"amend:{taken_back.namespace}")
    return await _both(request, taken_back, request.attempt(use, key))


async def _both(request: LedgerRequest, first: Attempt, second: Attempt) -> tuple[Posted, Posted]:
    outcomes = await request.services.door.submit([first, second], atomic=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    for outcome in refused:
        if not isinstance(outcome.error, BatchRefused):
            raise RefusedBefore(outcome.error) if outcome.replayed else outcome.error
    voided, posted = outcomes
    assert isinstance(voided, Posted) and isinstance(posted, Posted)
    return voided, posted


async def _again(request: LedgerRequest, original: Transaction, counted: Counted | None, data: Amendment) -> Use:
    """The use as it should have been reported: all but the quantity (or the credits) is as it was."""
    notes = original.notes
    facts = dict(notes.facts) if notes is not None else {}
    facts["amends"] = ids.row_public("txn", original.wallet_id, original.number)
    amount, measure, service = 0, None, service_of(original)
    if counted is not None:
        if data.quantity is None or data.credits is not None:
            raise invalid("quantity", "this event was priced by a meter: give its `quantity`")
        service = counted.service
        edition, _ = await request.services.cards.latest()
        meter = edition.card.meters[counted.service, counted.meter]
        quantity = parse_quantity(data.quantity, meter.decimals)
        facts["quantity"] = format_decimal(quantity, meter.decimals)
        measure = Measure(counted.meter, quantity, _DIMENSIONS.decode(counted.dimensions), original.number)
    elif data.credits is None or data.quantity is not None:
        raise invalid("credits", "this event was charged by amount: give its `credits`")
    else:
        amount = parse_amount(data.credits, path="credits")
    assert service is not None
    return Use(
        wallet_id=original.wallet_id,
        amount=amount,
        service=service,
        effective_at=original.effective_at if counted is None else counted.occurred_at,
        description=data.reason,
        metadata=notes.metadata if notes is not None else {},
        facts=facts,
        measure=measure,
        backfill=True,
    )

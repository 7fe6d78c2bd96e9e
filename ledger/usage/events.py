"""From a usage event to its command: by amount, or by what was counted, which the rate card prices under the lock."""

from ledger.book.commands import Measure, Use
from ledger.book.commands import Metadata as BookMetadata
from ledger.errors import LedgerError
from ledger.kit.http.fields import in_utc, shown
from ledger.kit.http.strict import invalid, join
from ledger.kit.money import parse_amount
from ledger.rates.card import Card
from ledger.rates.numbers import format_decimal, parse_quantity
from ledger.rates.service import Cards
from ledger.usage.shapes import UsageEvent

BACKFILL = "usage:backfill"
"""The scope that lets usage be reported later than others may."""


async def use_by(cards: Cards, event: UsageEvent, wallet_id: int, at: str = "", *, backfill: bool = False) -> Use:
    """The command of an event. ``at`` is where it stands in its request.

    Raises InvalidRequest, InvalidAmount, InvalidQuantity, UnknownMeter or UnknownDimension. A meter that the card of
    this process does not have is looked up in the newest one before it is refused.
    """
    if event.quantity is None:
        return use_of(event, wallet_id, None, at, backfill=backfill)
    try:
        return use_of(event, wallet_id, cards.current.card, at, backfill=backfill)
    except LedgerError:
        edition, _ = await cards.latest()
        return use_of(event, wallet_id, edition.card, at, backfill=backfill)


def use_of(event: UsageEvent, wallet_id: int, card: Card | None, at: str = "", *, backfill: bool = False) -> Use:
    """The same, by this card. Raises the same, without looking anything up."""
    amount, measure = 0, None
    facts: BookMetadata = {}
    if event.quantity is not None:
        assert card is not None
        measure = _measure(event, card, at)
        # What is free has no line in the journal that names the service.
        facts["service"], facts["meter"] = event.service, measure.meter
        facts["quantity"] = _quantity(event, card, measure)
    elif event.credits is None:
        raise invalid(join(at, "credits"), "give `credits`, or the `quantity` of a meter")
    elif event.meter is not None:
        raise invalid(join(at, "quantity"), "a meter needs a `quantity`; without a meter give `credits`")
    else:
        amount = parse_amount(event.credits, path=join(at, "credits"))
    for name, value in event.dimensions.items():
        facts[f"dimension:{name}"] = value
    if event.session is not None:
        facts["session"] = event.session
    occurred_at = event.occurred_at
    if occurred_at is not None:
        occurred_at = in_utc(occurred_at, join(at, "occurred_at"))
        assert occurred_at is not None
        facts["occurred_at"] = shown(occurred_at)
    return Use(
        wallet_id=wallet_id,
        amount=amount,
        service=event.service,
        event_id=event.event_id,
        effective_at=occurred_at,
        metadata=event.metadata,
        facts=facts,
        measure=measure,
        backfill=backfill and occurred_at is not None,
    )


def _measure(event: UsageEvent, card: Card, at: str) -> Measure:
    assert event.quantity is not None
    if event.credits is not None:
        raise invalid(join(at, "credits"), "give either `credits` or a `quantity`, not both")
    meter = card.meter(event.service, event.meter, event.dimensions)
    quantity = parse_quantity(event.quantity, meter.decimals, join(at, "quantity"))
    return Measure(meter.meter, quantity, event.dimensions)


def _quantity(event: UsageEvent, card: Card, measure: Measure) -> str:
    return format_decimal(measure.quantity, card.meters[event.service, measure.meter].decimals)

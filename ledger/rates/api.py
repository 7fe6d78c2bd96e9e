"""The rate card: /v1/meters, /v1/prices, /v1/rate-card."""

import hashlib
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.params import JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.context import LedgerRequest
from ledger.errors import InvalidCursor
from ledger.kit.http.answers import Answer, answer, encode
from ledger.kit.http.fields import TimeQuery, queried_instant
from ledger.kit.http.paging import Cursor, Limit, Page, page, place_of
from ledger.kit.idempotency import Done
from ledger.rates import service
from ledger.rates.answers import (
    NewMeter,
    NewPrice,
    PricedMeter,
    PriceVersion,
    RateCard,
    price_version,
    priced_meter,
    rate_card,
)
from ledger.rates.card import Card, Terms
from ledger.rates.prices import Meter, key_of

ServiceFilter = Annotated[
    str | None, QueryParameter(name="service", max_length=64, description="Only of this service.")
]
MeterFilter = Annotated[str | None, QueryParameter(name="meter", max_length=64, description="Only of this meter.")]


@get("/v1/rate-card", opt={"scope": "read"})
async def get_rate_card(request: LedgerRequest) -> Answer[RateCard]:
    """All meters with all versions of their prices, and what a unit of each currency is in credits."""
    (version, card), _ = await request.services.cards.latest()
    return answer(rate_card(version, card, request.services.cards.rates))


@get("/v1/meters", opt={"scope": "read"})
async def list_meters(
    request: LedgerRequest,
    of_service: ServiceFilter = None,
    of_meter: MeterFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[Page[PricedMeter]]:
    """Meters by name, with the prices that are valid now."""
    name = f"meters of {of_service!r} {of_meter!r}"
    after = place_of(name, cursor, str) or ""
    (_, card), now = await request.services.cards.latest()
    rows = [meter for meter in _meters(card, of_service, of_meter) if _place_of_meter(meter) > str(after)]
    return answer(page(name, rows, limit, lambda meter: _now(card, meter, now), _place_of_meter))


@post("/v1/meters", opt={"scope": "admin", "key": "optional"})
async def add_meter(request: LedgerRequest, data: JSONBody[NewMeter]) -> Answer[PricedMeter]:
    """Add a meter to the rate card. What it costs is said by `POST /v1/prices`."""

    async def work(connection: AsyncConnection) -> Done:
        changed = await service.add_meter(connection, data, **_by(request))
        (meter,) = changed.difference.new_meters
        return Done(201, encode(priced_meter(meter, ())), _location("meters", meter))

    return await request.once("POST /v1/meters", data, work)


@get("/v1/prices", opt={"scope": "read"})
async def list_prices(
    request: LedgerRequest,
    of_service: ServiceFilter = None,
    of_meter: MeterFilter = None,
    at: TimeQuery = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[Page[PriceVersion]]:
    """Prices by service, meter, dimensions and version: all versions, or those that are valid `at` an instant."""
    instant = queried_instant(at, "at")
    name = f"prices of {of_service!r} {of_meter!r} at {instant!r}"
    after = place_of(name, cursor, str)
    (_, card), _ = await request.services.cards.latest()
    rows = [terms for meter in _meters(card, of_service, of_meter) for terms in card.versions(meter)]
    if after is not None:
        rows = _behind(rows, str(after))
    if instant is not None:
        rows = [terms for terms in rows if terms.is_valid(instant)]
    return answer(page(name, rows, limit, price_version, _place_of_price))


@post("/v1/prices", opt={"scope": "admin", "key": "optional"})
async def add_price(request: LedgerRequest, data: JSONBody[NewPrice]) -> Answer[PriceVersion]:
    """Add the next version of a price, valid from now or later. The version before ends where it begins; what occurred
    before keeps its price. Only the first version of a price may begin in the past."""

    async def work(connection: AsyncConnection) -> Done:
        changed = await service.add_price(connection, data, **_by(request))
        (price,) = changed.difference.new_prices
        card = changed.edition.card
        meter = card.meter(price.service, price.meter)
        (terms,) = [terms for terms in card.versions(meter) if terms.price == price]
        return Done(201, encode(price_version(terms)), _location("prices", meter))

    return await request.once("POST /v1/prices", data, work)


def _by(request: LedgerRequest) -> dict[str, Any]:
    return {"rates": request.services.cards.rates, "actor": request.principal.key_id}


def _meters(card: Card, of_service: str | None, of_meter: str | None) -> list[Meter]:
    """Those of this name, in the order of their names."""
    found = [
        meter
        for meter in card.meters.values()
        if of_service in (None, meter.service) and of_meter in (None, meter.meter)
    ]
    return sorted(found, key=_place_of_meter)


def _now(card: Card, meter: Meter, now: datetime) -> PricedMeter:
    return priced_meter(meter, [terms for terms in card.versions(meter) if terms.is_valid(now)])


def _place_of_meter(meter: Meter) -> str:
    return f"{meter.service}/{meter.meter}"


def _place_of_price(terms: Terms) -> str:
    """A digest: a selector may be longer than a cursor."""
    return hashlib.sha256(msgspec.json.encode(key_of(terms.price))).hexdigest()[:32]


def _behind(rows: list[Terms], place: str) -> list[Terms]:
    """What comes after a price. Raises InvalidCursor."""
    for index, terms in enumerate(rows):
        if _place_of_price(terms) == place:
            return rows[index + 1 :]
    raise InvalidCursor("this cursor is of another list")


def _location(path: str, meter: Meter) -> str:
    return f"/v1/{path}?service={meter.service}&meter={meter.meter}"


HANDLERS = [get_rate_card, list_meters, add_meter, list_prices, add_price]

"""The SQL of the rate card: read as a whole, in one statement; changed by one writer at a time.

A row's ``body`` has every field of its shape, also those at their defaults: what is stored must not say something
else when a default changes.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import and_, bindparam, func, insert, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit import clock
from ledger.rates.changes import Difference
from ledger.rates.prices import Meter, Price, key_of
from ledger.rates.shapes import MeterShape, PriceShape, meter_of, meter_shape, price_of, price_shape
from ledger.rates.tables import meters, prices, rate_card

_m, _p = meters.c, prices.c

CHANGING: Final = int.from_bytes(b"rates")
"""The advisory lock of the card: units of work that price share it, and who changes the card has it alone."""

# One statement sees one snapshot, so a card is never half of one change and half of another.
_WHOLE: Final = (
    select(rate_card.c.version, _m.body.label("meter"), _p.body.label("price"))
    .select_from(rate_card)
    .outerjoin(meters, true())
    .outerjoin(prices, and_(_p.service == _m.service, _p.meter == _m.meter))
    .order_by(_m.service, _m.meter)
)

_meter_decoder: Final = msgspec.json.Decoder(MeterShape)
_price_decoder: Final = msgspec.json.Decoder(PriceShape)


class Stored(NamedTuple):
    """The card in the database, not yet checked as one."""

    version: int
    meters: list[Meter]
    prices: list[Price]


async def read(connection: AsyncConnection) -> Stored:
    """The whole card."""
    rows = (await connection.execute(_WHOLE)).all()
    known, found = dict[str, Meter](), list[Price]()
    for _, meter_body, price_body in rows:
        if meter_body is not None and meter_body not in known:
            known[meter_body] = meter_of(_meter_decoder.decode(meter_body))
        if price_body is not None:
            found.append(price_of(_price_decoder.decode(price_body), known[meter_body]))
    return Stored(rows[0].version, list(known.values()), found)


async def look(connection: AsyncConnection) -> tuple[int, datetime]:
    """The card's version, and the ledger's time."""
    row = (await connection.execute(select(rate_card.c.version, func.ledger_now()))).one()
    return row[0], row[1]


async def lock(connection: AsyncConnection) -> datetime:
    """Be the only one who changes the card, while nobody prices by it, until the transaction ends. Gives the ledger's
    time: by a statement of its own, since a column of the one that waits for the lock would be of before the wait."""
    await connection.execute(select(rate_card.c.version).with_for_update())
    await connection.execute(select(func.pg_advisory_xact_lock(CHANGING)))
    return await clock.now(connection)


async def write(connection: AsyncConnection, difference: Difference, units: Iterable[Meter], actor: str) -> int:
    """Store what is new, and give the card's next version. ``units``: the meters of the new card, which say how the
    quantities in its prices are counted."""
    known = {(meter.service, meter.meter): meter for meter in units}
    if changed := [*difference.new_meters, *difference.changed_meters]:
        await connection.execute(_PUT_METER, [_meter_row(meter, actor) for meter in changed])
    if difference.new_prices:
        rows = [_price_row(price, known[price.service, price.meter]) for price in difference.new_prices]
        await connection.execute(insert(prices), [row | {"actor": actor} for row in rows])
    if difference.ended_prices:
        rows = [_price_row(price, known[price.service, price.meter]) for price in difference.ended_prices]
        await connection.execute(_END_PRICE, [{f"its_{name}": value for name, value in row.items()} for row in rows])
    raised = update(rate_card).values(version=rate_card.c.version + 1).returning(rate_card.c.version)
    return int((await connection.execute(raised)).scalar_one())


def _put_meter() -> postgresql.Insert:
    statement = postgresql.insert(meters)
    given = {"body": statement.excluded.body, "actor": statement.excluded.actor}
    return statement.on_conflict_do_update(index_elements=[_m.service, _m.meter], set_=given)


_PUT_METER: Final = _put_meter()
_END_PRICE: Final = (
    update(prices)
    .where(
        _p.service == bindparam("its_service"),
        _p.meter == bindparam("its_meter"),
        _p.selector == bindparam("its_selector"),
        _p.version == bindparam("its_version"),
    )
    .values(body=bindparam("its_body"))
)


def _meter_row(meter: Meter, actor: str) -> dict[str, Any]:
    return {"service": meter.service, "meter": meter.meter, "body": _body(meter_shape(meter)), "actor": actor}


def _price_row(price: Price, meter: Meter) -> dict[str, Any]:
    service, name, selector, version = key_of(price)
    body = _body(price_shape(price, meter))
    return {"service": service, "meter": name, "selector": selector, "version": version, "body": body}


def _body(shape: MeterShape | PriceShape) -> str:
    return msgspec.json.encode(msgspec.structs.asdict(shape)).decode()

"""Pricing inside a unit of work: what a measured use costs is decided under its wallet's lock, so that free tiers and
tiers hold whatever is reported at the same time.

The card is this process's own; its number is read with the counters, and where the stored card is a newer one the unit
is run again with that. A void takes an event back out of the counters (``rules.unprice``).
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Final

from ledger.book import commands as c
from ledger.book.participants import Outdated, Part, Statement
from ledger.kit.arrays import each, numbers, words
from ledger.kit.wire import Row
from ledger.rates.part import PricingPart, dates
from ledger.rates.rules import month_of
from ledger.rates.service import Cards
from ledger.rates.store import CHANGING

CARD: Final = "SELECT version FROM rate_card"

_C: Final = """c.wallet_id, c.service, c.meter, c.month, c.selector, c.carry, c.free, c.billed, c.covered, c.flats"""

COUNTERS: Final = f"""
WITH n AS MATERIALIZED (SELECT ledger_now() AT TIME ZONE 'UTC' AS now, pg_advisory_xact_lock_shared({CHANGING})),
e AS MATERIALIZED (
    SELECT wallet_id, service, meter, coalesce(month, date_trunc('month', n.now)::date) AS month,
        coalesce(month, date_trunc('month', n.now - interval '1 hour')::date) AS before
    FROM n, ({each(wallets="bigint", services="text", meters="text", months="date")})
        AS e(wallet_id, service, meter, month))
SELECT {_C} FROM e JOIN meter_counters c ON c.wallet_id = e.wallet_id AND c.service = e.service
    AND c.meter = e.meter AND c.month = ANY(ARRAY['0001-01-01', e.month, e.before])"""
"""Of events without a time of their own: this month's, and within an hour of its beginning the last one's as well,
since the clock of the unit was read a moment earlier.

And it holds off changes of the card until the unit ends: else an event that occurs after a new price began could be
priced by the card before. So the card's version is read after it, by a statement that sees what was waited for."""

EVENTS: Final = """
SELECT u.wallet_id, u.number, u.service, u.meter, u.month, u.selector, u.micro, u.free, u.billed, u.covered, u.flats
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS v(wallet_id, number)
JOIN usage u USING (wallet_id, number)"""

COUNTERS_OF_EVENTS: Final = f"""
SELECT DISTINCT {_C} FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS v(wallet_id, number)
JOIN usage u USING (wallet_id, number)
JOIN meter_counters c ON c.wallet_id = u.wallet_id AND c.service = u.service AND c.meter = u.meter
    AND c.month = ANY(ARRAY['0001-01-01', u.month])"""


class Pricing:
    """The participant: prices measured uses by the card of ``cards``, and counts them."""

    def __init__(self, cards: Cards) -> None:
        self._cards = cards

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[c.Attempt]) -> Sequence[Statement] | None:
        measured: dict[tuple[int, str, str, date | None], None] = {}
        voids: list[tuple[int, int]] = []
        for attempt in attempts:
            command = attempt.command
            if isinstance(command, c.Use):
                if command.measure is not None:
                    at = command.effective_at
                    month = None if at is None else month_of(at)
                    measured[command.wallet_id, command.service, command.measure.meter, month] = None
            elif isinstance(command, c.Reverse) and command.void:
                voids.append((command.wallet_id, command.number))
        if not measured and not voids:
            return None
        wallets, services, meters, months = zip(*measured, strict=True) if measured else ((), (), (), ())
        statements = [
            Statement(
                COUNTERS,
                {
                    "wallets": numbers(wallets),
                    "services": words(services),
                    "meters": words(meters),
                    "months": dates(months),
                },
            ),
            Statement(CARD, {}),
        ]
        if voids:
            refs = {"wallets": numbers([w for w, _ in voids]), "numbers": numbers([n for _, n in voids])}
            statements += [Statement(COUNTERS_OF_EVENTS, refs), Statement(EVENTS, refs)]
        return statements

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Part:
        counters, ((version,),), *of_voids = rows
        current = self._cards.current
        if version != current.version:
            raise Outdated(partial(self._cards.fresh, version))
        more, events = of_voids or ([], [])
        return PricingPart(current.card, now, [*counters, *more], events)

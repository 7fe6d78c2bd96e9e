"""A card of three meters, and measured uses in a line."""

from datetime import UTC, datetime

from ledger.book import commands as c
from ledger.book.door import Door
from ledger.rates.prices import Graduated, Meter, PerUnit, Price, Tier
from tests.support.book import CREDIT, attempt, new_wallets

BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
PICO = 10**12

METERS = [
    Meter(service="tokens", meter="thousand", decimals=3),
    Meter(service="sandbox", meter="minutes", unit="minute", decimals=2, free_monthly=100_00),
    Meter(service="third", meter="calls"),
]
PRICES = [
    # 1 credit for each of the first ten thousand, half of it beyond.
    Price(
        service="tokens",
        meter="thousand",
        version=1,
        valid_from=BEGAN,
        asset="CREDIT",
        model=Graduated((Tier(10_000, PICO), Tier(None, PICO // 2))),
    ),
    Price(service="sandbox", meter="minutes", version=1, valid_from=BEGAN, model=PerUnit(PICO // 100)),
    # A third of a micro-credit, nearly: what is left over is carried.
    Price(service="third", meter="calls", version=1, valid_from=BEGAN, asset="CREDIT", model=PerUnit(333_333)),
]


def use(wallet_id: int, service: str, meter: str, quantity: int, **more: object) -> c.Use:
    return c.Use(wallet_id=wallet_id, amount=0, service=service, measure=c.Measure(meter, quantity), **more)  # type: ignore[arg-type]


async def funded(door: Door, url: str, credits: int) -> int:
    [wallet_id] = new_wallets(url)
    await door.submit([attempt(c.Inflow(wallet_id=wallet_id, amount=credits * CREDIT, source="promotional"))])
    return wallet_id


def charged(outcomes: list[c.Outcome]) -> int:
    """What was charged in all, in micro-credits, as postings and details both say; all of it is posted."""
    posted = [outcome for outcome in outcomes if isinstance(outcome, c.Posted)]
    assert len(outcomes) == len(posted), outcomes
    told = sum(outcome.detail.charge.micro for outcome in posted)
    assert told == sum(p.amount for outcome in posted for p in outcome.transaction.postings)
    return told

"""What is priced in the priced machine: four meters, and prices of every model, drawn so that something is left over.

Amounts are some micro-credits and their fractions, as the books of the machine hold; free tiers and tiers end after a
few events.
"""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from ledger.rates.answers import NewMeter
from tests.model.prices import Price, Step

METERS = (
    NewMeter(service="calls", meter="each"),
    NewMeter(
        service="disk",
        meter="gb",
        unit="GB",
        decimals=2,
        free_monthly="1.5",
        dimensions={"size": ["small", "large"], "zone": None},
    ),
    NewMeter(service="tokens", meter="thousand", unit="thousand", decimals=3, free_monthly="4"),
    NewMeter(service="gpu", meter="hours", unit="hour", decimals=1),
)
DECIMALS = {(meter.service, meter.meter): meter.decimals for meter in METERS}

SELECTORS: tuple[tuple[str, dict[str, str], timedelta], ...] = (
    ("calls", {}, timedelta(days=50)),
    ("disk", {}, timedelta(days=50)),
    ("disk", {"size": "large"}, timedelta(days=8)),
    ("disk", {"size": "large", "zone": "x"}, timedelta(days=50)),
    ("tokens", {}, timedelta(days=26)),
    ("gpu", {}, timedelta(days=50)),
)
"""Service, dimensions, and how long ago its first price began: before that there is another one, or none."""

CREDITS_PER_USD = 10

AMOUNTS = st.sampled_from(["0", "0.000000333333", "0.000001", "0.0000025", "0.000007142857"])
FLATS = st.sampled_from([None, None, "0.000003", "0.0000005"])


@st.composite
def tiers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to three; their ends are whole units."""
    ends = sorted(draw(st.sets(st.integers(1, 9), max_size=2)))
    rows = [
        {"up_to": None if end is None else str(end), "amount": draw(AMOUNTS), "flat": draw(FLATS)}
        for end in [*ends, None]
    ]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@st.composite
def bodies(draw: st.DrawFn, service: str, dimensions: dict[str, str]) -> dict[str, Any]:
    """A price as a request has it, valid from now."""
    models = {
        "per_unit": AMOUNTS,
        "package": st.fixed_dictionaries({"amount": AMOUNTS, "size": st.sampled_from(["1", "2", "5"])}),
        "graduated": tiers(),
        "volume": tiers(),
    }
    model = draw(st.sampled_from(sorted(models)))
    asset = draw(st.sampled_from(["CREDIT", "CREDIT", "USD"]))
    return {"service": service, "dimensions": dimensions, "asset": asset, model: draw(models[model])}


def price_of(body: dict[str, Any], valid_from: datetime) -> Price:
    """The same in the model's words."""
    meter = next(meter.meter for meter in METERS if meter.service == body["service"])
    model = next(name for name in ("per_unit", "package", "graduated", "volume") if name in body)
    if model == "per_unit":
        steps = [Step(None, Fraction(body[model]))]
    elif model == "package":
        steps = [Step(Fraction(body[model]["size"]), Fraction(body[model]["amount"]))]
    else:
        steps = [
            Step(
                Fraction(tier["up_to"]) if "up_to" in tier else None,
                Fraction(tier["amount"]),
                Fraction(tier.get("flat", 0)),
            )
            for tier in body[model]
        ]
    credits = Fraction(CREDITS_PER_USD if body["asset"] == "USD" else 1)
    return Price(
        body["service"], meter, tuple(sorted(body["dimensions"].items())), valid_from, model, tuple(steps), credits
    )

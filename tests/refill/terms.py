"""Terms and standings of refills: some to name in tests, and all that there can be."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from ledger.refill.rules.decide import Standing, Terms
from ledger.refill.rules.hours import DAY_MIN, Hours

MICRO = 1_000_000
DAY = timedelta(days=1)
NOON = datetime(2026, 7, 8, 12, tzinfo=UTC)
"""A Wednesday."""

ALWAYS = Hours(ZoneInfo("UTC"))
OFFICE = Hours(ZoneInfo("UTC"), 9 * 60, 18 * 60, weekends=False)

TERMS = Terms(
    threshold_micro=100 * MICRO,
    credits_micro=500 * MICRO,
    amount=5_000,
    up_to=False,
    maximum_per_month=10,
    monthly_spend_cap=50_000,
    cooldown=timedelta(minutes=10),
    hours=ALWAYS,
)
LOW = Standing(on=True, position_micro=99 * MICRO, month_end=datetime(2026, 8, 1, tzinfo=UTC))

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]).map(ZoneInfo)
INSTANTS = st.integers(0, 90 * 24 * 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """Often always, else of any shape."""
    zone = draw(ZONES)
    if draw(st.booleans()):
        return Hours(zone)
    opens = draw(st.integers(0, DAY_MIN - 1))
    closes = draw(st.integers(opens + 1, DAY_MIN))
    holidays = draw(st.frozensets(st.integers(0, 90).map(lambda days: date(2026, 7, 8) + DAY * days), max_size=5))
    return Hours(zone, opens, closes, draw(st.booleans()), holidays)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Such as the settings can be: a step divides the amounts that it is of."""
    threshold = draw(st.integers(1, 1_000 * MICRO))
    up_to = draw(st.booleans())
    step = draw(st.sampled_from([1, 1, 10]))
    amount = draw(st.integers(1, 10_000)) * step
    return Terms(
        threshold_micro=threshold,
        credits_micro=draw(st.integers(1, 2_000 * MICRO)) + (threshold if up_to else 0),
        amount=amount,
        up_to=up_to,
        maximum_per_month=draw(st.integers(1, 12)),
        monthly_spend_cap=amount * draw(st.integers(1, 5)) + draw(st.integers(0, 500)),
        cooldown=timedelta(seconds=draw(st.sampled_from([0, 1, 600, 86_400, 7 * 86_400]))),
        hours=draw(hours()),
        smart=draw(st.booleans()),
        least=min(amount, draw(st.sampled_from([1, 50, 500])) * step),
        step=step,
    )


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    """Mostly of wallets that are low, so that there is something to decide; who owes has nothing."""
    position = draw(st.integers(0, 3_000 * MICRO) | st.integers(0, 10 * MICRO))
    return Standing(
        on=draw(st.sampled_from([True, True, True, False])),
        position_micro=position,
        owed_micro=draw(st.integers(0, 1_000 * MICRO)) if position == 0 else 0,
        under_way=draw(st.sampled_from([False, False, False, True])),
        stopped=draw(st.sampled_from([False, False, False, True])),
        active=draw(st.sampled_from([True, True, True, False])),
        made=draw(st.integers(0, 13)),
        spent=draw(st.integers(0, 60_000)),
        month_end=NOON + 91 * DAY,
        rests_until=draw(st.none() | INSTANTS),
        burn_micro=draw(st.none() | st.integers(-10, 500 * MICRO)),
    )

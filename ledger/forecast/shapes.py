"""What answers about forecasts look like. Amounts are credits as decimal strings, days those of the wallet's zone."""

from datetime import timedelta
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ledger.forecast.records import BackTest, Forecast
from ledger.forecast.rules import runs_out
from ledger.forecast.service import Told
from ledger.forecast.store import Stored
from ledger.kit.http.fields import Decimal, Time, shown
from ledger.kit.ids import wallet_public
from ledger.kit.money import format_amount

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Day = Annotated[str, Meta(description="A day.", examples=["2026-01-31"], extra_json_schema={"format": "date"})]


class ConfidenceInterval(msgspec.Struct, frozen=True, kw_only=True):
    """Where the whole falls, with so much confidence."""

    low: Decimal
    high: Decimal
    confidence_percent: int


class ExpectedDay(msgspec.Struct, frozen=True, kw_only=True):
    """One day. Bounds of single days are wider than their share of the whole's."""

    date: Day
    credits: Decimal
    low: Decimal
    high: Decimal


class BackTestShape(msgspec.Struct, frozen=True, kw_only=True):
    """How far off such forecasts of this wallet would have been, from the ends of its last weeks.

    ``error`` is the sum of the misses ÷ what was used, of the method in use; ``model_error`` and ``naive_error`` those
    of both that were tried (``naive``: each day is as a week before). Null where nothing was used on those days.
    """

    origins: int
    days: int
    error: Decimal | None
    model_error: Decimal | None
    naive_error: Decimal | None
    mase: Decimal | None
    beats_naive: bool


class ForecastShape(msgspec.Struct, frozen=True, kw_only=True, tag_field="status", tag="ready"):
    """The 30 days that follow ``until``. ``outdated``: it is of an earlier day, and a new one is being made.

    ``seasonal_factors``: of each weekday; 1 is the average day. ``recommended_budget``: a monthly limit that holds as
    long as the forecast does. ``runs_out_*``: when what is available now will be used up, as expected, at the earliest
    and at the latest; null: not in these days.
    """

    wallet_id: str
    outdated: bool
    made_at: Time
    age_s: int
    until: Day
    next_30_days_estimate: Decimal
    confidence_interval: ConfidenceInterval
    seasonal_factors: dict[str, Decimal]
    recommended_budget: Decimal | None
    runs_out_on: Day | None
    runs_out_earliest: Day | None
    runs_out_latest: Day | None
    method: Annotated[str, Meta(description="holt_winters, seasonal_naive or idle")]
    history_days: int
    back_test: BackTestShape | None
    days: list[ExpectedDay]


class InsufficientShape(msgspec.Struct, frozen=True, kw_only=True, tag_field="status", tag="insufficient"):
    """The history is too short. ``ready_on``: when it will not be; null where nothing was used yet."""

    wallet_id: str
    history_days: int
    needed_days: int
    ready_on: Day | None


class PendingShape(msgspec.Struct, frozen=True, kw_only=True, tag_field="status", tag="pending"):
    """It is being made: ask again in some seconds."""

    wallet_id: str


Shape = ForecastShape | InsufficientShape | PendingShape


def shape_of(wallet_id: int, told: Told, available_micro: int) -> Shape:
    """What is told of a wallet that begins today with ``available_micro``."""
    name = wallet_public(wallet_id)
    if told.insufficient is not None:
        missing = told.insufficient
        return InsufficientShape(
            wallet_id=name,
            history_days=missing.history_days,
            needed_days=missing.needed_days,
            ready_on=_text(missing.ready_on),
        )
    if told.stored is None:
        return PendingShape(wallet_id=name)
    return _ready(name, told, told.stored, available_micro)


def _ready(name: str, told: Told, stored: Stored, available_micro: int) -> ForecastShape:
    made = stored.forecast
    on, earliest, latest = runs_out(made, available_micro, told.known.today)
    budget = made.recommended_budget_micro
    return ForecastShape(
        wallet_id=name,
        outdated=told.outdated,
        made_at=shown(stored.made_at),
        age_s=max((told.known.now - stored.made_at) // timedelta(seconds=1), 0),
        until=stored.until.isoformat(),
        next_30_days_estimate=format_amount(made.expected_micro),
        confidence_interval=_interval(made),
        seasonal_factors=dict(zip(WEEKDAYS, map(str, made.weekday_factors), strict=True)),
        recommended_budget=None if budget is None else format_amount(budget),
        runs_out_on=_text(on),
        runs_out_earliest=_text(earliest),
        runs_out_latest=_text(latest),
        method=made.method,
        history_days=made.history_days,
        back_test=None if made.back_test is None else _back_test(made.back_test),
        days=[
            ExpectedDay(
                date=day.day.isoformat(),
                credits=format_amount(day.expected_micro),
                low=format_amount(day.low_micro),
                high=format_amount(day.high_micro),
            )
            for day in made.days
        ],
    )


def _interval(made: Forecast) -> ConfidenceInterval:
    return ConfidenceInterval(
        low=format_amount(made.low_micro),
        high=format_amount(made.high_micro),
        confidence_percent=made.confidence_percent,
    )


def _back_test(tested: BackTest) -> BackTestShape:
    return BackTestShape(
        origins=tested.origins,
        days=tested.days,
        error=_text(tested.wape),
        model_error=_text(tested.model_wape),
        naive_error=_text(tested.naive_wape),
        mase=_text(tested.mase),
        beats_naive=tested.beats_naive,
    )


def _text(value: object) -> str | None:
    """A day or a number as text."""
    return None if value is None else str(value)

"""A wallet's usage, and its life in numbers."""

from typing import Annotated

from litestar import get
from litestar.params import FromPath, QueryParameter

from ledger.analytics.insights import insights
from ledger.analytics.service import Question, read, read_head
from ledger.analytics.shapes import Analytics, Stats, analytics, stats
from ledger.context import LedgerRequest
from ledger.forecast.rules import runway_days
from ledger.forecast.service import look
from ledger.forecast.shapes import shape_of
from ledger.kit.http.answers import Answer, answer

Timeframe = Annotated[
    str | None,
    QueryParameter(max_length=20, description="`7d`, `30d` (the default), `90d`, or a month such as `2026-10`."),
]
From = Annotated[
    str | None, QueryParameter(name="from", max_length=10, description="Instead: the first day, of up to 366.")
]
To = Annotated[
    str | None,
    QueryParameter(max_length=10, description="With `from`: the first day after it; without, today is the last."),
]
BreakdownBy = Annotated[
    str | None,
    QueryParameter(
        max_length=300,
        description="Any of service, meter, hour, day, week, month, user, purpose, session and `metadata:` with a key,"
        " separated by commas. Sessions and metadata keys are read from the journal: of 50,000 transactions at most.",
    ),
]
IncludeForecasting = Annotated[bool, QueryParameter(description="Tell the forecast, too.")]


@get("/v1/wallets/{wallet_id:str}/usage/analytics", opt={"scope": "read"})
async def get_analytics(
    request: LedgerRequest,
    wallet_id: FromPath[str],
    timeframe: Timeframe = None,
    from_: From = None,
    to: To = None,
    breakdown_by: BreakdownBy = None,
    include_forecasting: IncludeForecasting = False,
) -> Answer[Analytics]:
    """Where the credits went, what changed since the period before, and what to do about it."""
    services = request.services
    wallet = await services.directory.find(wallet_id)
    found = await read(services.database, wallet, Question(timeframe, from_, to, breakdown_by))
    view = await services.reader.balance(wallet)
    available = view.balances.available
    told = insights(found.now, found.before, runway_days(available, view.beside.recent))
    forecasting = None
    if include_forecasting:
        future = await look(services.database, wallet)
        forecasting = shape_of(wallet, future, available + view.beside.today_micro)
    return answer(analytics(wallet, found, told, forecasting))


@get("/v1/wallets/{wallet_id:str}/stats", opt={"scope": "read"})
async def get_stats(request: LedgerRequest, wallet_id: FromPath[str]) -> Answer[Stats]:
    """What the wallet earned and used in its life."""
    services = request.services
    wallet = await services.directory.find(wallet_id)
    head = await read_head(services.database, wallet)
    view = await services.reader.balance(wallet)
    return answer(stats(wallet, head, runway_days(view.balances.available, view.beside.recent)))


HANDLERS = [get_analytics, get_stats]

"""A wallet's forecast."""

from litestar import get
from litestar.params import FromPath

from ledger.context import LedgerRequest
from ledger.forecast.service import look
from ledger.forecast.shapes import ForecastShape, InsufficientShape, PendingShape, shape_of
from ledger.kit.http.answers import Answer, answer


@get("/v1/wallets/{wallet_id:str}/forecast", opt={"scope": "read", "accepted": True})
async def get_forecast(
    request: LedgerRequest, wallet_id: FromPath[str]
) -> Answer[ForecastShape | InsufficientShape | PendingShape]:
    """What the wallet will use in the next 30 days: 202 while the first one is made, or else the last one with its
    age."""
    found = await request.services.directory.find(wallet_id)
    told = await look(request.services.database, found)
    view = await request.services.reader.balance(found)
    shape = shape_of(found, told, view.balances.available + view.beside.today_micro)
    return answer(shape, status=202 if isinstance(shape, PendingShape) else 200)


HANDLERS = [get_forecast]

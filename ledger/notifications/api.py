"""/v1/wallets/{wallet_id}/notifications."""

from litestar import get, post, put
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer
from ledger.notifications import service
from ledger.notifications.mail import mailer_of
from ledger.notifications.shapes import GivenNotifications, GivenTest, Notifications, TestResults


@get("/v1/wallets/{wallet_id:str}/notifications", opt={"scope": "read"})
async def get_notifications(request: LedgerRequest, wallet_id: FromPath[str]) -> Answer[Notifications]:
    """Where a wallet's events are told, and how that goes."""
    found = await request.services.directory.find(wallet_id)
    async with request.services.database.transaction() as connection:
        return answer(await service.get(connection, found))


@put("/v1/wallets/{wallet_id:str}/notifications", opt={"scope": "write"})
async def set_notifications(
    request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[GivenNotifications]
) -> Answer[Notifications]:
    """Have a wallet's events told by e-mail and into Slack. The list is replaced as a whole."""
    ways = _ways(request)
    wanted = await service.checked(ways, data.channels)
    found = await request.services.directory.find_or_open(wallet_id)
    actor = request.principal.key_id

    async def work(connection: AsyncConnection) -> Notifications:
        return await service.replace(connection, ways.keys, found, wanted, actor)

    return answer(await request.services.database.retrying(work))


@post("/v1/wallets/{wallet_id:str}/notifications/test", status_code=200, opt={"scope": "write"})
async def test_notifications(
    request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[GivenTest]
) -> Answer[TestResults]:
    """Send a test to a wallet's channels, or to one of them, and say how that ended. Once a minute."""
    found = await request.services.directory.find(wallet_id)
    return answer(await service.test(request.services.database, _ways(request), found, data.channel_id))


def _ways(request: LedgerRequest) -> service.Ways:
    services = request.services
    return service.Ways(services.egress, mailer_of(services.settings), services.secret_keys)


HANDLERS = [get_notifications, set_notifications, test_notifications]

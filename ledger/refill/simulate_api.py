"""/v1/wallets/{wallet_id}/auto-refill/simulate."""

import asyncio

from litestar import post
from litestar.params import FromPath, JSONBody

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer
from ledger.refill import store
from ledger.refill.history import EXACT_MAX, history
from ledger.refill.participant import terms_in
from ledger.refill.rules.simulate import replay
from ledger.refill.service import wanted_of
from ledger.refill.simulation import Simulation, SimulationShape, simulation_of
from ledger.wallets.service import get_wallet


@post("/v1/wallets/{wallet_id:str}/auto-refill/simulate", status_code=200, opt={"scope": "read"})
async def simulate_auto_refill(
    request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[Simulation]
) -> Answer[SimulationShape]:
    """What auto-refill would have done in the wallet's last days with these settings: charges, what they cost, what
    stood in the way, and the outages that they would have avoided. Nothing is charged or changed."""
    services = request.services
    found = await services.directory.find(wallet_id)
    zone = (await get_wallet(services.database, found)).time_zone
    async with services.database.transaction() as connection:
        await connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        wanted = wanted_of(data, await store.seen(connection, found), zone, services.settings)
        seen = await history(connection, found, data.days, EXACT_MAX)
    assert seen is not None, "a wallet that was just there is gone"
    terms = terms_in(wanted)
    # Ten thousand decisions take a good part of a second.
    replayed = await asyncio.to_thread(replay, terms, seen.start, seen.entries, seen.window, seen.burn_micro)
    return answer(simulation_of(found, wanted, seen, replayed))


HANDLERS = [simulate_auto_refill]

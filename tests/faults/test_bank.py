"""T1: transfers among hot wallets; every read of the total, by whatever way, finds what was put in."""

import asyncio
import csv
import io
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.kit.ids import parse_wallet
from ledger.kit.money import format_amount
from tests.faults import asks
from tests.faults.asks import CREDIT
from tests.faults.client import Client, settle_all
from tests.faults.judge import rows
from tests.faults.scene import Scene
from tests.faults.sizes import scaled

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

HOT = 8
CREDITS = 100
TOTAL = HOT * CREDITS
CLIENTS = 8
TRANSFERS = scaled(2_000)
AGO = timedelta(seconds=3)
"""An instant that every unit which began before it has ended by."""

_TOTAL = "SELECT sum(wallet + held + disputed - owed)::bigint FROM wallets WHERE wallet_id = ANY(%s)"


class Reads:
    """Totals and balances as readers saw them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.totals: dict[str, list[Decimal]] = {"sql": [], "as of": [], "csv": []}
        self.balances: list[tuple[str, int, str]] = []

    async def by_sql(self, client: Client) -> None:
        [[micro]] = await asyncio.to_thread(self.scene.stack.sql, _TOTAL, [parse_wallet(w) for w in self.scene.wallets])
        self.totals["sql"].append(Decimal(micro) / CREDIT)

    async def by_balances(self, client: Client) -> None:
        """Each wallet's own, to be found in the journal afterwards under the number that it was told with."""
        for wallet in self.scene.wallets:
            told = (await client.get(f"/v1/wallets/{wallet}/balance")).json
            self.balances.append((wallet, told["number"], told["balance"]))

    async def as_of(self, client: Client) -> None:
        """All wallets at one instant of the past."""
        at = (datetime.now(UTC) - AGO).isoformat().replace("+00:00", "Z")
        found = [await client.get(f"/v1/wallets/{wallet}/balance?as_of={at}") for wallet in self.scene.wallets]
        self.totals["as of"].append(sum((Decimal(answer.json["balance"]) for answer in found), Decimal(0)))

    async def by_csv(self, client: Client) -> None:
        """The file, which is one state however long it takes."""
        answer = await client.get("/v1/finance/journal.csv")
        records = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
        assert records[-1]["record"] == "trailer", "the file is not whole"
        signs = {"debit": -1, "credit": 1}
        own = [
            signs[record["side"]] * Decimal(record["amount"])
            for record in records
            if record["account"] in ("wallet", "held", "disputed", "owed") and record["wallet_id"] in self.scene.wallets
        ]
        self.totals["csv"].append(sum(own, Decimal(0)))


async def test_every_read_of_the_total_finds_what_was_put_in(scene: Scene, chance: random.Random) -> None:
    wallets = await scene.open(HOT, CREDITS)
    await asyncio.sleep(AGO.total_seconds())  # or an instant of the past would lie before the wallets were filled
    reads = Reads(scene)
    over = asyncio.Event()

    async def read(how: str, pause_s: float) -> None:
        client = scene.client()
        while not over.is_set():
            await getattr(reads, how)(client)
            await asyncio.sleep(pause_s)
        client.close()

    transfers = []
    for _ in range(TRANSFERS):
        payer, payee = chance.sample(wallets, 2)
        transfers.append(asks.transfer(payer, payee, chance.randint(1, 5) * CREDIT, scene.key()))
    async with asyncio.TaskGroup() as group:
        for how, pause_s in (("by_sql", 0.05), ("by_balances", 0.05), ("as_of", 0.1), ("by_csv", 0.5)):
            group.create_task(read(how, pause_s))
        clients = scene.clients(CLIENTS)
        await settle_all(clients, transfers)
        over.set()
    for client in clients:
        client.close()

    for how, totals in reads.totals.items():
        assert totals, f"no total was read by {how}"
        assert {Decimal(TOTAL)} == set(totals), f"{how}: {totals}"
    book = {(row.wallet, row.number): row for row in rows(scene.stack.url, [parse_wallet(w) for w in wallets])}
    for wallet, number, balance in reads.balances:
        assert balance == format_amount(book[parse_wallet(wallet), number].balance), (wallet, number)
    counted = ", ".join(f"{len(totals)} by {how}" for how, totals in reads.totals.items())
    found = scene.judged(f"{TRANSFERS} transfers, totals read: {counted}, {len(reads.balances)} balances")
    assert found.acknowledged > TRANSFERS / 2
    assert found.unanswered == 0

"""``credit-ledger rollups rebuild``: all wallets or one, and what was wrong."""

from ledger.book.commands import Inflow, Use
from ledger.kit.ids import wallet_public
from tests.cli.running import Run, answer
from tests.rollups.recount import recounted, rolled_up
from tests.support.api import run_sql
from tests.support.book import CREDIT, attempt, new_wallets, submit


def test_wallets_are_rebuilt_and_wrong_sums_told(run: Run, database_url: str) -> None:
    first, last = new_wallets(database_url, 2)
    for wallet in (first, last):
        submit(
            database_url,
            attempt(Inflow(wallet_id=wallet, amount=5 * CREDIT, source="earned")),
            attempt(Use(wallet_id=wallet, amount=CREDIT, service="chat")),
        )
    assert answer(run("rollups", "rebuild", "--json")) == {"rebuilt": 2, "were_wrong": []}
    run_sql(database_url, "UPDATE rollups SET charged_micro = 7 WHERE wallet_id = %s", first)
    name = wallet_public(first)
    assert answer(run("rollups", "rebuild", name, "--json")) == {"rebuilt": 1, "were_wrong": [name]}
    again = run("rollups", "rebuild")
    assert (again.exit_code, again.output) == (0, "rebuilt 2 wallets, 0 of which were wrong\n")
    for wallet in (first, last):
        assert recounted(database_url, wallet) == rolled_up(database_url, wallet)
    missing = run("rollups", "rebuild", "wal_00000000001")
    assert (missing.exit_code, "there is no wallet" in missing.output) == (1, True)

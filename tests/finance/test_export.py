"""journal.csv of real books: one state, whatever is posted meanwhile, and only the dates asked for."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from ledger.book.commands import Inflow, MoneyLine, Transfer, Use
from ledger.book.door import Door
from ledger.finance import export
from ledger.finance.export import horizon, journal_csv
from ledger.finance.spreadsheet import restore
from ledger.kit.db import Database
from ledger.kit.ids import row_public, wallet_public
from tests.finance.conftest import seed
from tests.support.book import CREDIT, attempt, new_wallets, session

pytestmark = pytest.mark.anyio

Records = list[dict[str, str]]


async def journal(database: Database, **asked: datetime) -> Records:
    below = await horizon(database)
    return records([part async for part in journal_csv(database, below, **asked)])


def records(parts: list[bytes]) -> Records:
    return list(csv.DictReader(io.StringIO(b"".join(parts).decode(), newline="")))


def postings_of(found: Records, *wallet_ids: int) -> Records:
    wanted = {wallet_public(wallet_id) for wallet_id in wallet_ids}
    return [r for r in found if r["record"] == "posting" and r["wallet_id"] in wanted]


async def test_a_purchase_a_transfer_and_a_use_are_told(database: Database, door: Door, database_url: str) -> None:
    """Credits and money, both legs of the transfer, with what was written beside them."""
    payer, payee = new_wallets(database_url, 2)
    await door.submit(
        [
            attempt(
                Inflow(
                    wallet_id=payer,
                    amount=10 * CREDIT,
                    source="purchase",
                    of_kind="purchase",
                    cost=999,
                    currency="USD",
                    money=(MoneyLine("stripe_clearing", "deferred_revenue", "USD", 999),),
                    join=False,
                    description='=HYPERLINK("http://x")',
                )
            ),
            attempt(Transfer(wallet_id=payer, payee_id=payee, amount=4 * CREDIT)),
            attempt(
                Use(wallet_id=payee, amount=1_500_001, service="chat", event_id="@evt", description='a,"b"\r\nc'),
                "+key",
            ),
        ]
    )
    found = postings_of(await journal(database), payer, payee)
    told = {(r["wallet_id"], r["number"], r["side"], r["account"], r["asset"], r["amount"]) for r in found}
    a, b = wallet_public(payer), wallet_public(payee)
    assert told == {
        (a, "1", "debit", "issued:purchase", "CREDIT", "10"),
        (a, "1", "credit", "wallet", "CREDIT", "10"),
        (a, "1", "debit", "stripe_clearing", "USD", "9.99"),
        (a, "1", "credit", "deferred_revenue", "USD", "9.99"),
        (a, "2", "debit", "wallet", "CREDIT", "4"),
        (a, "2", "credit", "transit", "CREDIT", "4"),
        (a, "2", "debit", "deferred_revenue", "USD", "3.99"),
        (a, "2", "credit", "transit", "USD", "3.99"),
        (b, "1", "debit", "transit", "CREDIT", "4"),
        (b, "1", "credit", "wallet", "CREDIT", "4"),
        (b, "1", "debit", "transit", "USD", "3.99"),
        (b, "1", "credit", "deferred_revenue", "USD", "3.99"),
        (b, "2", "debit", "wallet", "CREDIT", "1.500001"),
        (b, "2", "credit", "used:chat", "CREDIT", "1.500001"),
    }
    bought = next(r for r in found if r["account"] == "issued:purchase")
    assert bought["description"] == '\'=HYPERLINK("http://x")'
    assert bought["lot_id"] == row_public("lot", payer, 1)
    arrived = next(r for r in found if r["account"] == "transit" and r["wallet_id"] == b)
    assert arrived["linked_to"] == row_public("txn", payer, 2)
    used = found[-1] if found[-1]["wallet_id"] == b else next(r for r in found if r["account"] == "used:chat")
    assert (used["key"], used["event_id"], used["description"]) == ("'+key", "'@evt", 'a,"b"\r\nc')
    assert restore(used["key"]) == "+key"


async def test_what_is_posted_meanwhile_is_not_in_it(
    database: Database, door: Door, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file shows the state of its beginning, in books before and behind the page that is being read."""
    wallet_ids = new_wallets(database_url, 5)
    await door.submit([attempt(Inflow(wallet_id=w, amount=CREDIT, source="promotional")) for w in wallet_ids])
    monkeypatch.setattr(export, "_PAGE", export._PAGE.replace(str(export.PAGE), "2"))
    monkeypatch.setattr(export, "PAGE", 2)
    below = await horizon(database)
    parts = []
    async for part in journal_csv(database, below):
        parts.append(part)
        await door.submit([attempt(Use(wallet_id=w, amount=1, service="late")) for w in wallet_ids])
    found = records(parts)
    assert len(parts) > 4
    assert [r["account"] for r in postings_of(found, *wallet_ids)] == ["issued:promotional", "wallet"] * 5
    assert found[-1]["record"] == "trailer"
    assert len(postings_of(await journal(database), *wallet_ids)) > 10


async def test_a_transaction_still_open_at_the_beginning_is_not_in_it(database: Database, database_url: str) -> None:
    """Not even when it commits before its page is read: other parts of it could be on pages read before."""
    with session(database_url) as connection, connection.transaction():
        wallet_id = new_wallets(database_url)[0]
        connection.execute(
            "INSERT INTO transactions (wallet_id, number, kind, key_hash, fingerprint, actor, effective_at,"
            " recorded_at, wallet_after, held_after, disputed_after, owed_after, limit_after, notes_digest, hash)"
            " VALUES (%s, 1, 'grant', gen_random_uuid(), gen_random_uuid(), 'x', now(), now(), 1, 0, 0, 0, 0,"
            " decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'))",
            [wallet_id],
        )
        connection.execute(
            "INSERT INTO postings VALUES (%s, 1, 1, 'issued:promotional', 'wallet', 'CREDIT', 1, 1, 1, NULL, 1)",
            [wallet_id],
        )
        below = await horizon(database)
    assert postings_of(records([part async for part in journal_csv(database, below)]), wallet_id) == []
    assert len(postings_of(await journal(database), wallet_id)) == 2


async def test_from_is_in_it_and_to_is_not(database: Database, database_url: str) -> None:
    """Between two instants; the counts and sums are those of what is shown."""
    wallet_ids = seed(database_url, 3, 100)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = await journal(database, from_=start + timedelta(seconds=10), to=start + timedelta(seconds=20))
    assert {int(r["number"]) for r in found if r["record"] == "posting"} == set(range(10, 20))
    assert len(postings_of(found, *wallet_ids)) == 3 * 10 * 2
    totals = {(r["asset"], r["side"]): r["amount"] for r in found if r["record"] == "total"}
    assert totals == {("CREDIT", "debit"): "0.000435", ("CREDIT", "credit"): "0.000435"}
    assert (found[-1]["number"], found[-1]["line"]) == ("30", "60")


async def test_pages_neither_lose_nor_repeat(database: Database, database_url: str) -> None:
    """More postings than a page, a last page that is full, and pages on which nothing is wanted."""
    wallet_ids = seed(database_url, 2, export.PAGE)
    found = postings_of(await journal(database), *wallet_ids)
    assert len(found) == 2 * 2 * export.PAGE
    assert len({(r["transaction_id"], r["line"], r["side"]) for r in found}) == len(found)
    none = await journal(database, from_=datetime(2030, 1, 1, tzinfo=UTC))
    assert [r["record"] for r in none] == ["trailer"]

"""A wallet's payments as they are listed: of one status, one origin, one range of time, page by page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import pytest
from sqlalchemy.dialects import postgresql

from ledger.kit.ids import new_wallet_id, wallet_public
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.history.shapes import Origin, Status
from tests.payments.api import selling
from tests.support.api import Api
from tests.support.book import new_wallets, session
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAID = {"state": "paid", "number": 1, "paid": 5_000, "tax": 0, "paid_at": FIRST}
MADE: dict[str, dict[str, Any]] = {
    "pending": {"state": "pending"},
    "open": {"state": "open"},
    "processing": {"state": "processing"},
    "paid": PAID,
    "partially_refunded": PAID | {"refunded": 1},
    "refunded": PAID | {"refunded": 5_000},
    "disputed": PAID | {"refunded": 1_000, "disputed": 4_000},
    "failed": {"state": "failed"},
    "expired": {"state": "expired"},
    "canceled": {"state": "canceled"},
}


@pytest.fixture
async def api(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Api]:
    async with selling(database_url, sandbox) as found:
        yield found


async def filled(desk: Desk, wallet_id: int, times: int = 1) -> None:
    """A wallet with a payment of each status a day, the first noon on."""
    async with desk.database.transaction() as connection:
        for day in range(times * len(MADE)):
            values = list(MADE.values())[day % len(MADE)]
            await rows.add(
                connection,
                wallet_id=wallet_id,
                payment=new_wallet_id(),
                origin=get_args(Origin)[day % 3],
                amount=5_000,
                currency="USD",
                credits_micro=500,
                token=uuid4(),
                actor="key_test",
                created_at=FIRST + timedelta(days=day),
                **values,
            )


async def listed(api: Api, wallet_id: int, **query: Any) -> list[dict[str, Any]]:
    """All pages of it."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await api.get(f"/v1/wallets/{wallet_public(wallet_id)}/payments", **query)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        query["cursor"] = answer.json()["next_cursor"]
        if query["cursor"] is None:
            return found


async def test_each_status_has_its_payments(api: Api, desk: Desk, database_url: str) -> None:
    """What a payment is shown as is what it is found by."""
    [wallet_id] = new_wallets(database_url)
    await filled(desk, wallet_id, 3)
    assert set(get_args(Status)) == set(MADE)
    for status in MADE:
        found = await listed(api, wallet_id, status=status, limit=2)
        assert [status] * 3 == [payment["status"] for payment in found]
    assert list(reversed(MADE)) * 3 == [payment["status"] for payment in await listed(api, wallet_id, limit=7)]


async def test_an_origin_and_a_range_of_days(api: Api, desk: Desk, database_url: str) -> None:
    """From the first instant of a day in the wallet's time zone up to another, which is left out."""
    [wallet_id] = new_wallets(database_url)
    await filled(desk, wallet_id)
    refills = await listed(api, wallet_id, origin="refill")
    assert ["2026-03-09", "2026-03-06", "2026-03-03"] == [payment["created_at"][:10] for payment in refills]
    assert {"refill"} == {payment["origin"] for payment in refills}
    days = await listed(api, wallet_id, **{"from": "2026-03-03", "to": "2026-03-05"}, limit=1)
    assert ["2026-03-04", "2026-03-03"] == [payment["created_at"][:10] for payment in days]
    exact = {"from": "2026-03-03T12:00:00Z", "to": "2026-03-04T12:00:00Z"}
    assert 1 == len(await listed(api, wallet_id, **exact))
    zone = {"time_zone": "Pacific/Kiritimati"}  # there it is the next day already
    assert 200 == (await api.send("PATCH", f"/v1/wallets/{wallet_public(wallet_id)}", json=zone)).status_code
    there = await listed(api, wallet_id, **{"from": "2026-03-03", "to": "2026-03-05"})
    assert ["2026-03-03", "2026-03-02"] == [payment["created_at"][:10] for payment in there]
    assert 1 == len(await listed(api, wallet_id, status="paid", origin="link", **{"from": "2026-03-01"}))
    assert [] == await listed(api, wallet_id, status="paid", origin="refill")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"status": "settled"}, "status"),
        ({"origin": "gift"}, "origin"),
        ({"from": "yesterday"}, "from"),
        ({"to": "x"}, "to"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(
    api: Api, database_url: str, query: dict[str, str], names: str
) -> None:
    [wallet_id] = new_wallets(database_url)
    answer = await api.get(f"/v1/wallets/{wallet_public(wallet_id)}/payments", **query)
    [error] = answer.json()["errors"]
    assert (400, names) == (answer.status_code, error["path"])
    assert names not in ("from", "to") or "a date such as 2026-01-31, or an instant" in error["message"]


async def test_a_status_is_read_by_its_index(desk: Desk, database_url: str) -> None:
    """However many other payments the wallet has: in order, without a sort, and nothing that is thrown away."""
    [wallet_id] = new_wallets(database_url)
    await filled(desk, wallet_id, 100)
    statement = rows.listing(wallet_id, f"{datetime.now(UTC).isoformat()} 1", rows.Wanted(status="refunded")).limit(20)
    sql = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    with session(database_url) as connection:
        connection.execute("ANALYZE payments")
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {sql}"))  # type: ignore[call-overload]
    assert "payments_status_idx" in plan and "Sort" not in plan and "Filter" not in plan, plan

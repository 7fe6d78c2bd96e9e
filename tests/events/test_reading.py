"""Events over HTTP: all in the order in which they were told, or those of a wallet; filtered, page by page; gone."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger.events import read
from ledger.events.catalogue import TYPES
from ledger.events.feed import advance
from ledger.events.retention import forget
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import event_public, parse_wallet
from ledger.settings import libpq_url
from tests.support.api import Api, make_key, run_sql, running

pytestmark = pytest.mark.anyio


class Log:
    """The service over HTTP, and its log of events."""

    def __init__(self, api: Api, database: Database) -> None:
        self.api = api
        self.database = database

    async def place(self) -> None:
        """All events that there are get their places."""
        async with self.database.transaction() as connection:
            while await advance(connection):
                pass

    async def wallet(self, gifts: int = 1) -> str:
        """A wallet that was told of so many gifts, of 1, 2, 3 … credits."""
        wallet = await self.api.wallet()
        for number in range(gifts):
            await self.api.grant(wallet, str(number + 1))
        await self.place()
        return wallet

    async def pages(self, **params: Any) -> list[list[dict[str, Any]]]:
        """The pages to the last."""
        pages = []
        while True:
            answer = await self.api.get("/v1/events", **params)
            assert answer.status_code == 200, answer.text
            pages.append(answer.json()["items"])
            if answer.json()["next_cursor"] is None:
                return pages
            params = params | {"cursor": answer.json()["next_cursor"]}
            params.pop("after", None)

    async def all(self, **params: Any) -> list[dict[str, Any]]:
        return [event for page in await self.pages(**params) for event in page]

    def sql(self, statement: str, *params: Any) -> list[Any]:
        return run_sql(self.api.database_url, statement, *params)


@pytest.fixture(scope="module")
async def log(database_url: str) -> AsyncIterator[Log]:
    async with running(database_url) as app:
        api = Api(app, make_key(database_url, "read", "write")[1], database_url)
        database = Database(database_url, pool_size=1, role=SERVICE_ROLE)
        yield Log(api, database)
        await database.dispose()
        await api.client.aclose()


async def test_all_events_are_read_in_the_order_of_their_places(log: Log) -> None:
    """Byte for byte as they are stored, whatever the size of the page; each can be read alone."""
    for _ in range(3):
        await log.wallet(3)
    stored = [json.loads(payload) for (payload,) in log.sql("SELECT payload FROM outbox ORDER BY position")]
    assert len(stored) > 8
    for limit in (1, 4, len(stored), 100):
        pages = await log.pages(limit=limit)
        assert stored == [event for page in pages for event in page]
        assert {limit} >= {len(page) for page in pages[:-1]}
    [(payload,)] = log.sql("SELECT payload FROM outbox ORDER BY position LIMIT 1")
    assert payload.encode() == (await log.api.get(f"/v1/events/{stored[0]['id']}")).content


async def test_who_goes_on_after_the_last_one_misses_nothing(log: Log) -> None:
    """What has no place yet is not shown, alone neither; then it is, once."""
    wallet = await log.wallet(2)
    seen = await log.all()
    await log.api.grant(wallet, "9")
    last = seen[-1]["id"]
    assert [] == await log.all(after=last) == await log.all(after=last, wallet_id=wallet)
    [(hidden,)] = log.sql("SELECT payload FROM outbox WHERE position IS NULL")
    assert 404 == (await log.api.get(f"/v1/events/{json.loads(hidden)['id']}")).status_code
    await log.place()
    [new] = await log.all(after=last)
    assert [new] == await log.all(after=last, wallet_id=wallet) and hidden == json.dumps(
        new, separators=(",", ":"), ensure_ascii=False
    )
    assert [] == await log.all(after=new["id"])


async def test_a_wallets_events_end_where_one_has_no_place_yet(log: Log) -> None:
    """Else who goes on after the next one would never see it."""
    wallet = await log.wallet(4)
    log.sql("UPDATE outbox SET position = NULL WHERE wallet_id = %s AND event = 2", parse_wallet(wallet))
    assert [1] == [event["number"] for event in await log.all(wallet_id=wallet)]
    log.sql("DELETE FROM outbox WHERE wallet_id = %s", parse_wallet(wallet))
    log.sql("UPDATE feed SET gone = 0, last = 0")
    log.sql("UPDATE outbox SET position = NULL")
    log.sql("UPDATE wallets SET event_number = 0 WHERE wallet_id = %s", parse_wallet(wallet))
    await log.place()


async def test_events_of_a_wallet_and_of_a_type(log: Log) -> None:
    wallet, other = await log.wallet(3), await log.wallet(2)
    moved = {"from_wallet_id": wallet, "to_wallet_id": other, "amount": "5", "reason": "lunch"}
    assert 201 == (await log.api.post("/v1/transfers", moved)).status_code
    await log.place()
    assert [1, 2, 3, 4] == [event["number"] for event in await log.all(wallet_id=wallet, limit=2)]
    assert ["1", "2", "3"] == [e["data"]["credits"] for e in await log.all(wallet_id=wallet, type="credits.*")]
    [told] = await log.all(wallet_id=wallet, type="transfer.completed")
    assert (wallet, "5") == (told["wallet_id"], told["data"]["credits"])
    assert {"transfer.completed"} == {event["type"] for event in await log.all(type="transfer.*")}
    assert await log.all() == await log.all(type="*")


async def test_events_of_a_time(log: Log) -> None:
    """At or after the one instant, before the other, though places are not quite in the order of instants."""
    wallet = await log.wallet(6)
    of_wallet = "WHERE wallet_id = %s"
    log.sql(
        f"UPDATE outbox SET recorded_at = '2024-01-01'::timestamptz + make_interval(days => event::int) {of_wallet}",
        parse_wallet(wallet),
    )
    for when, numbers in (
        ({"from": "2024-01-04"}, [3, 4, 5, 6]),
        ({"to": "2024-01-04"}, [1, 2]),
        ({"from": "2024-01-03T00:00:00Z", "to": "2024-01-05T00:00:01Z"}, [2, 3, 4]),
        ({"from": "2025-01-01"}, []),
        ({"to": "2023-01-01"}, []),
        ({"from": "2024-01-05", "to": "2024-01-03"}, []),
    ):
        assert numbers == [event["number"] for event in await log.all(wallet_id=wallet, limit=2, **when)], when
    log.sql(f"UPDATE outbox SET recorded_at = ledger_now() {of_wallet}", parse_wallet(wallet))
    now = log.sql("SELECT ledger_now() - interval '1 second'")[0][0]
    assert 6 <= len(await log.all(**{"from": now.isoformat()}))
    assert [] == await log.all(to="2020-01-01")


async def test_a_page_looks_at_so_many_events_and_no_more(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that finds little has short pages, and comes to the end."""
    monkeypatch.setattr(read, "LOOKED_AT", 2)
    wallet = await log.wallet(7)
    assert [1, 2, 3, 4, 5, 6, 7] == [event["number"] for event in await log.all(wallet_id=wallet, limit=100)]
    pages = await log.pages(wallet_id=wallet, type="balance.*")
    assert ([], 4) == ([event for page in pages for event in page], len(pages))


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"type": "balance"}, "type"),
        ({"type": "balance.nothing"}, "type"),
        ({"type": "*.low"}, "type"),
        ({"type": "x" * 101}, "type"),
        ({"after": "evt_1"}, "after"),
        ({"after": "txn_9ZWKcg49iae4"}, "after"),
        ({"after": "evt_9ZWKcg49iae1_zzzzzzzzzzz"}, "after"),
        ({"after": "x" * 101}, "after"),
        ({"after": "evt_000000000009_8Dluvix5r"}, "after"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"order": "desc"}, "order"),
    ],
)
async def test_bad_parameters_are_refused(log: Log, params: dict[str, str], path: str) -> None:
    answer = await log.api.get("/v1/events", **params)
    assert (400, "INVALID_REQUEST") == (answer.status_code, answer.json()["code"]), answer.text
    assert [path] == [error["path"] for error in answer.json()["errors"]]
    if params.get("type") == "balance":
        assert list(TYPES) == answer.json()["details"]["known"]


async def test_other_bad_requests(log: Log) -> None:
    """A wallet or an event that is not there, an id of another event of this number, a cursor of another list."""
    wallet, other = await log.wallet(2), await log.wallet(1)
    last = (await log.all(wallet_id=wallet))[-1]
    assert 404 == (await log.api.get("/v1/events", wallet_id="wal_0000000000A")).status_code
    assert 404 == (await log.api.get("/v1/events", wallet_id="nobody")).status_code
    for wrong in (f"{last['id']}0", last["id"].rpartition("_")[0], "evt_", "%00", "x" * 500):
        assert 404 == (await log.api.get(f"/v1/events/{wrong}")).status_code, wrong
    refused = await log.api.get("/v1/events", wallet_id=other, after=last["id"])
    assert "of another wallet" in refused.json()["detail"]
    cursor = (await log.api.get("/v1/events", wallet_id=wallet, limit=1)).json()["next_cursor"]
    for params in ({}, {"wallet_id": other}, {"wallet_id": wallet, "type": "credits.*"}):
        refused = await log.api.get("/v1/events", cursor=cursor, **params)
        assert "INVALID_CURSOR" == refused.json()["code"]
    both = await log.api.get("/v1/events", wallet_id=wallet, after=last["id"], cursor=cursor)
    assert "either after or cursor" in both.json()["detail"]


async def test_events_of_the_ledger_as_a_whole_are_read_too(log: Log) -> None:
    """An anchor's has no wallet; it is found by its id all the same."""
    await log.wallet(1)
    at = log.sql("SELECT ledger_now()")[0][0]
    event_id = event_public(0, 7, at)
    payload = json.dumps({"id": event_id, "type": "ledger.sealed", "wallet_id": None, "number": 7, "data": {}})
    log.sql("INSERT INTO outbox VALUES (0, 7, 'ledger.sealed', %s, %s)", payload, at)
    await log.place()
    assert payload == (await log.api.get(f"/v1/events/{event_id}")).text
    assert [event_id] == [event["id"] for event in await log.all(type="ledger.*")]
    assert [] == await log.all(after=event_id)


def test_pages_are_read_by_the_indexes_of_places(log: Log) -> None:
    """However many there are: no sort, and no look at the whole table."""
    one, all_ = read.Wanted(4, None, None, None), read.Wanted(None, ("balance.low",), None, None)
    with psycopg.connect(libpq_url(log.api.database_url)) as connection:
        connection.execute("DELETE FROM outbox")
        connection.execute(
            "INSERT INTO outbox SELECT 1 + n % 50, 1 + n / 50, CASE n % 9 WHEN 0 THEN 'balance.low' ELSE 'usage.spike' END,"
            " '{}', ledger_now() + make_interval(secs => n), n + 1 FROM generate_series(0, 49999) n"
        )
        connection.execute("ANALYZE outbox")
        for wanted, index in ((one, "outbox_pkey"), (all_, "outbox_position_idx")):
            place, which = wanted.by
            params = {"wallet": 4, "after": 200, "upto": 10_200, "types": ["balance.low"], "limit": 21}
            params |= {"since": None, "until": None, "first": 1, "last": 900, "at": "2026-01-01"}
            for query in (read._PAGE, read._FIRST_SINCE):
                rows = connection.execute("EXPLAIN " + query.format(place=place, which=which), params).fetchall()
                plan = "\n".join(row[0] for row in rows)
                assert f"Index Scan using {index} on outbox" in plan, plan
                assert "Sort" not in plan and "Seq Scan" not in plan, plan
        rows = connection.execute("EXPLAIN " + read._BOUNDS_OF_WALLET, {"wallet": 4}).fetchall()
        plan = "\n".join(row[0] for row in rows)
        assert "outbox_new_idx" in plan and "Seq Scan on outbox" not in plan, plan
        connection.rollback()


async def test_what_is_forgotten_is_said_to_be(log: Log) -> None:
    """After the last that is gone there is no gap; before it there is one, and who comes from there is told."""
    old = await log.wallet(3)
    first, second, third = await log.all(wallet_id=old)
    cursors = [
        (await log.api.get("/v1/events", limit=1, **where)).json()["next_cursor"] for where in ({}, {"wallet_id": old})
    ]
    log.sql("UPDATE consumers SET position = (SELECT last FROM feed)")
    log.sql("UPDATE outbox SET recorded_at = recorded_at - interval '100 days'")
    new = await log.wallet(1)
    await log.place()
    assert (await forget(log.database, 90)).events
    expired = [
        await log.api.get("/v1/events", after=first["id"]),
        await log.api.get("/v1/events", after=third["id"], wallet_id=old),
        await log.api.get(f"/v1/events/{second['id']}"),
        await log.api.get("/v1/events", cursor=cursors[0], limit=1),
        await log.api.get("/v1/events", cursor=cursors[1], limit=1, wallet_id=old),
    ]
    for answer in expired:
        assert (410, "EVENTS_EXPIRED") == (answer.status_code, answer.json()["code"]), answer.text
        assert answer.json()["details"]["oldest_at"].endswith("Z")
    assert [new] == [event["wallet_id"] for event in await log.all()]
    assert [] == await log.all(wallet_id=old)
    not_there = event_public(parse_wallet(new), 5, log.sql("SELECT ledger_now() + interval '1 hour'")[0][0])
    assert 404 == (await log.api.get(f"/v1/events/{not_there}")).status_code


async def test_a_key_that_may_not_read_is_refused(log: Log, database_url: str) -> None:
    other = Api(log.api.client._transport.app, make_key(database_url, "usage:backfill")[1], database_url)  # type: ignore[attr-defined]
    assert 403 == (await other.get("/v1/events")).status_code
    await other.client.aclose()
    assert timedelta(minutes=1) == read.SLACK


@pytest.mark.parametrize(
    ("params", "many"),
    [
        ({"from": "0001-01-01T00:00:00Z"}, 2),
        ({"from": "0001-01-01"}, 2),
        ({"to": "9999-12-31T23:59:59.999999Z"}, 2),
        ({"from": "9999-12-31T23:59:59.999999Z"}, 0),
        ({"to": "0001-01-01T00:00:00Z"}, 0),
    ],
)
async def test_the_ends_of_the_calendar_are_instants_too(log: Log, params: dict[str, str], many: int) -> None:
    wallet = await log.wallet(2)
    found = await log.api.get("/v1/events", wallet_id=wallet, type="credits.granted", **params)
    assert found.status_code == 200, found.text
    assert len(found.json()["items"]) == many

"""The page itself: its form, who may read it, how often it is made, and what it says when the database is away."""

import asyncio
import os
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ledger.access.secrets import new_key
from ledger.app import create_app
from ledger.handlers import HANDLERS
from ledger.kit.http.served import BOUNDS_S
from ledger.metrics import page
from ledger.metrics.table import METRICS
from ledger.settings import Settings
from tests.http.conftest import api, app
from tests.metrics.reading import PREFIX, figures, parsed
from tests.support.api import Api, run_sql, running
from tests.support.proxy import counting_proxy

pytestmark = pytest.mark.anyio

__all__ = ["api", "app"]

TOKEN = "a-token-for-prometheus"


async def test_every_figure_is_there_by_its_name_and_kind(api: Api) -> None:
    answer = await api.get("/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    ours = {name: family for name, family in families.items() if name.startswith(PREFIX)}
    assert {name.removesuffix("_total") for name in [*page.OWN, *(one.name for one in METRICS)]} == set(ours)
    for metric in METRICS:
        family = ours[metric.name.removesuffix("_total")]
        assert (metric.kind, metric.help) == (family.type, family.documentation)
        assert family.samples, metric.name
    assert 1 == parsed(answer.text)["up"]
    assert families["process_resident_memory_bytes"].samples[0].value > 10_000_000


@pytest.mark.usefixtures("always_new")
async def test_no_label_is_an_id(api: Api) -> None:
    """Each label of a figure has few values, all known; paths are shown as their routes, whatever is in them."""
    wallet = await api.wallet("10", owner_id="somebody@example.com")
    await api.get(f"/v1/wallets/{wallet}/balance")
    await api.get("/v1/wallets/user:somebody@example.com/lots")
    await api.get(f"/unknown/{wallet}")
    await api.send("BREW", f"/v1/wallets/{wallet}")
    text = (await api.get("/metrics")).text
    assert "somebody" not in text and wallet not in text and "BREW" not in text
    assert not re.search(r'"[^"]*(wal|txn|lot|whe|pay|arf|evt|key|clk)_[0-9A-Za-z]', text)
    labels = {metric.name: metric for metric in METRICS if metric.label is not None}
    routes = {path.replace(":str}", "}") for handler in HANDLERS for path in handler.paths} | {""}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in labels:
                metric = labels[sample.name]
                assert sample.labels[metric.label] in (metric.values or ("webhooks", "notifications"))
            elif "http_request" in sample.name:
                assert sample.labels["route"] in routes


@pytest.mark.usefixtures("always_new")
async def test_answers_are_counted_by_route_and_status(api: Api) -> None:
    """Posts and reads, whichever way they go through the edge; what was refused before has no route."""
    before = await figures(api)
    wallet = await api.wallet("10")
    usage = f"/v1/wallets/{wallet}/usage"
    for credits in ("1", "2", "100"):
        await api.post(usage, {"service": "jobs", "credits": credits})
    for _ in range(2):
        await api.get(f"/v1/wallets/{wallet}/transactions", limit=1)
    assert 404 == (await api.get("/unknown")).status_code
    assert 401 == (await api.send("GET", "/v1/wallets", headers={"Authorization": "Bearer no"})).status_code
    found = await figures(api)
    route = "/v1/wallets/{wallet_id}/usage"
    expected = {
        ("POST", route, "201"): 2,
        ("POST", route, "402"): 1,
        ("GET", "/v1/wallets/{wallet_id}/transactions", "200"): 2,
        ("", "", "404"): 1,
        ("", "", "401"): 1,
    }
    was = before.get("http_requests_total", {})
    assert expected == {key: found["http_requests_total"][key] - was.get(key, 0) for key in expected}
    buckets = found["http_request_duration_seconds_bucket"]
    posts = [buckets[(bound, "POST", route)] for bound in [*map(str, BOUNDS_S), "+Inf"]]
    assert sorted(posts) == posts and 3 == posts[-1]
    assert 3 == found["http_request_duration_seconds_count"][("POST", route)]
    assert 0 < found["http_request_duration_seconds_sum"][("POST", route)] < 60
    assert f'process="{os.getpid()}"' in (await api.get("/metrics")).text


async def test_a_token_is_needed_where_one_is_set(database_url: str) -> None:
    async with running(database_url, Settings(database_url=database_url, metrics_token=TOKEN)) as app:
        api = Api(app, None, database_url)
        for given in (None, f"Bearer {TOKEN}x", "Bearer ", TOKEN, f"Basic {TOKEN}", "Bearer ä"):
            headers: Any = {} if given is None else {"Authorization": given.encode()}
            answer = await api.send("GET", "/metrics", headers=headers)
            assert (401, "UNAUTHENTICATED") == (answer.status_code, answer.json()["code"]), given
            assert "Bearer" == answer.headers["www-authenticate"]
            assert TOKEN not in answer.text
        answer = await api.send("GET", "/metrics", headers={"Authorization": f"bearer {TOKEN}"})
        assert (200, 1) == (answer.status_code, parsed(answer.text)["up"])
        await api.client.aclose()


async def test_the_page_is_made_once_in_a_while(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask, and at once, the first of all too: the same bytes, until it is old."""
    monkeypatch.setattr(page, "FRESH_S", 3_600.0)
    async with running(database_url) as app:
        api = Api(app, None, database_url)
        pages = {answer.content for answer in await asyncio.gather(*(api.get("/metrics") for _ in range(20)))}
        run_sql(database_url, "UPDATE refill_switch SET stopped = true")
        pages.add((await api.get("/metrics")).content)
        assert 1 == len(pages)
        assert 0 == parsed(pages.pop().decode())["auto_refill_stopped"]
        monkeypatch.setattr(page, "FRESH_S", 0.0)
        assert 1 == (await figures(api))["auto_refill_stopped"]
        await api.client.aclose()
    run_sql(database_url, "UPDATE refill_switch SET stopped = false")


async def test_what_is_slow_is_read_less_often(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FRESH_S", 0.0)
    await api.wallet("10")
    monkeypatch.setattr(page, "SLOW_S", 0.0)
    run_sql(api.database_url, "UPDATE unsealed SET since = since - interval '1 hour'")
    hour = (await figures(api))["journal_unsealed_age_seconds"]
    assert hour >= 3_600
    monkeypatch.setattr(page, "SLOW_S", 3_600.0)
    run_sql(api.database_url, "UPDATE unsealed SET since = since - interval '1 hour'")
    assert hour == (await figures(api))["journal_unsealed_age_seconds"]
    monkeypatch.setattr(page, "SLOW_S", 0.0)
    assert (await figures(api))["journal_unsealed_age_seconds"] >= 7_200


async def test_without_a_database_the_process_says_what_it_knows() -> None:
    """And no figure of the database's, as that would be an old one."""
    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing"))
    async with app.lifespan():
        away = Api(app, new_key().text, "")
        await away.get("/health")
        found = await figures(away)
        await away.client.aclose()
    assert (0, 1) == (found["up"], found["http_requests_total"][("GET", "/health", "200")])
    shown = {name for name in found if not name.startswith(("process_", "http_"))}
    assert {"up", "build_info"} == shown


@pytest.mark.usefixtures("always_new")
async def test_a_database_that_falls_silent_is_given_up_and_found_again(database_url: str) -> None:
    """Who asks hears of it, before Prometheus gives up after ten seconds; what was read before is shown no more."""
    async with counting_proxy(database_url) as proxy:
        settings = Settings(database_url=proxy.url, statement_timeout_ms=500, lock_timeout_ms=500)
        async with running(database_url, settings) as app:
            api = Api(app, None, database_url)
            assert 1 == (await figures(api))["up"]
            proxy.lost = True
            async with asyncio.timeout(10):
                found = await figures(api)
            assert 0 == found["up"] and "journal_unsealed_age_seconds" not in found
            proxy.lost = False
            assert 1 == (await figures(api))["up"]
            await api.client.aclose()


@pytest.mark.usefixtures("always_new")
async def test_a_database_without_a_table_is_one_that_cannot_be_read(api: Api) -> None:
    """Not migrated yet: the page says so until it is."""
    assert 1 == (await figures(api))["up"]
    run_sql(api.database_url, "ALTER TABLE refill_switch RENAME TO hidden")
    try:
        found = await figures(api)
    finally:
        run_sql(api.database_url, "ALTER TABLE hidden RENAME TO refill_switch")
    assert 0 == found["up"] and "auto_refill_stopped" not in found
    found = await figures(api)
    assert 1 == found["up"] and "auto_refill_stopped" in found

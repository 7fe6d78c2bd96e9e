"""T13: what is not signed by Stripe just now, or is no event of this account, is refused, and nothing of it is stored."""

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import stripe
import structlog

from ledger.kit import failpoints
from ledger.kit.http.strict import BODY_MAX
from ledger.settings import Settings
from tests.payments.events import HOOK, event, inbox, send, signed
from tests.support.api import Api, run_sql, running
from tests.support.desk import SECRET, settings_of
from tests.support.sandbox import KEY, SandboxAt

pytestmark = pytest.mark.anyio

NOWHERE = SandboxAt("http://127.0.0.1:1")
"""To take an event nobody is asked."""


@pytest.fixture(scope="module")
async def api(database_url: str) -> AsyncIterator[Api]:
    async with running(database_url, settings_of(database_url, NOWHERE)) as app:
        client = Api(app, None, database_url)
        yield client
        await client.client.aclose()


def told(**more: Any) -> bytes:
    return json.dumps(event(**more)).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in event().items() if key != name}).encode()


def thin() -> bytes:
    return told(object="v2.core.event", type="v1.charge.updated", related_object={"id": "ch_1"})


Case = Callable[[], tuple[bytes, str]]


def of(body: bytes) -> tuple[bytes, str]:
    """Signed as it should be."""
    return body, signed(body)


def tampered() -> tuple[bytes, str]:
    body, signature = of(told())
    return body.replace(b"charge", b"Charge", 1), signature


def header(make: Callable[[str], str]) -> Case:
    """A good body with another header."""

    def case() -> tuple[bytes, str]:
        body, signature = of(told())
        return body, make(signature)

    return case


REFUSED: dict[str, Case] = {
    "no header": header(lambda _: ""),
    "no time": header(lambda h: h.partition(",")[2]),
    "no signature": header(lambda h: h.partition(",")[0]),
    "two times": header(lambda h: f"t=1,{h}"),
    "a time that is none": header(lambda h: h.replace("t=", "t=x")),
    "a signature of the test scheme only": header(lambda h: h.replace("v1=", "v0=")),
    "forged": header(lambda h: h[:-4] + "0000"),
    "other bytes": tampered,
    "another secret": lambda: ((body := told()), signed(body, "whsec_of_somebody_else")),
    "an empty secret": lambda: ((body := told()), signed(body, "")),
    "replayed": lambda: ((body := told()), signed(body, ago_s=302)),
    "from the future": lambda: ((body := told()), signed(body, ago_s=-302)),
    "the time changed": header(lambda h: f"t={int(time.time()) + 1},{h.partition(',')[2]}"),
    "many signatures": header(lambda h: h + ",v1=0" * 20),
    "not UTF-8": lambda: of(told().replace(b"charge", b"ch\xffrge", 1)),
    "a NUL": lambda: of(told() + b"\0"),
    "not JSON": lambda: of(b"hello"),
    "empty": lambda: of(b""),
    "a list": lambda: of(b"[]"),
    "nested without end": lambda: of(told()[:-1] + b', "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "thin": lambda: of(thin()),
    "of live mode": lambda: of(told(livemode=True)),
    "a mode that is none": lambda: of(told(livemode="false")),
    "no mode": lambda: of(without("livemode")),
    "no id": lambda: of(without("id")),
    "no object": lambda: of(without("data")),
    "another id": lambda: of(told(id="ch_1")),
    "an id with more": lambda: of(told(id="evt_1\n")),
    "a type that is none": lambda: of(told(type="charge updated")),
    "a time beyond the calendar": lambda: of(told(created=2**60)),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_is_not_stored(api: Api, database_url: str, case: Case) -> None:
    before = inbox(database_url)
    body, signature = case()
    answer = await send(api.client, body, signature)
    assert (400, "INVALID_REQUEST") == (answer.status_code, answer.json()["code"])
    assert SECRET not in answer.text
    assert before == inbox(database_url)


@pytest.mark.parametrize("announced", [True, False])
async def test_what_is_too_large_is_not_stored(api: Api, database_url: str, announced: bool) -> None:
    before = inbox(database_url)
    body = told(x="x" * BODY_MAX)

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    content = body if announced else parts()
    answer = await api.client.post(HOOK, content=content, headers={"Stripe-Signature": signed(body)})
    assert (413, "PAYLOAD_TOO_LARGE") == (answer.status_code, answer.json()["code"])
    assert before == inbox(database_url)


async def test_an_event_is_stored_as_it_came(api: Api, database_url: str) -> None:
    """Byte for byte, whatever it says; and answered with nothing in it."""
    found = event(thing={"id": "ch_as_it_came", "object": "charge", "description": 'a "ß" \U0001f600'})
    body = json.dumps(found, indent=2, ensure_ascii=False).encode()
    answer = await send(api.client, body)
    assert (200, b"{}", "application/json") == (answer.status_code, answer.content, answer.headers["Content-Type"])
    [row] = run_sql(database_url, "SELECT * FROM stripe_events WHERE event = %s", found["id"])
    assert ("charge.updated", "ch_as_it_came", body.decode(), "webhook", "new", 0) == (
        row[1], row[2], row[4], row[5], row[7], row[8],
    )  # fmt: skip
    assert found["created"] == row[3].timestamp()


@pytest.mark.parametrize("ago_s", [295, -295])
async def test_clocks_may_differ_by_five_minutes(api: Api, database_url: str, ago_s: float) -> None:
    found = event()
    body = json.dumps(found).encode()
    assert 200 == (await send(api.client, body, signed(body, ago_s=ago_s))).status_code
    assert found["id"] in inbox(database_url)


async def test_the_sdk_signs_the_same(api: Api) -> None:
    body = told()
    assert 200 == (await send(api.client, body, _by_sdk(body))).status_code


def _by_sdk(body: bytes) -> str:
    return stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET)


async def test_an_event_that_comes_again_is_stored_once(api: Api, database_url: str) -> None:
    found = event()
    for _ in range(3):
        assert 200 == (await send(api.client, found)).status_code
    assert [(1,)] == run_sql(database_url, "SELECT count(*) FROM stripe_events WHERE event = %s", found["id"])


@pytest.mark.parametrize(
    ("kind", "thing", "account", "state"),
    [
        ("charge.updated", {"id": "ch_1"}, None, "new"),
        ("charge.updated", {"id": "ch_1"}, "acct_of_somebody", "ignored"),
        ("charge.updated", {}, None, "ignored"),
        ("product.created", {"id": "prod_1"}, None, "ignored"),
        ("balance.available", {"object": "balance"}, None, "ignored"),
        ("something.that.comes.in.2030", {"id": "x" * 300}, None, "ignored"),
        ("checkout.session.completed", {"id": "cs_1", "mode": "payment"}, None, "new"),
        ("checkout.session.completed", {"id": "cs_1", "mode": "subscription"}, None, "ignored"),
        ("checkout.session.completed", {"id": "cs_1", "mode": "setup", "customer": "cus_1"}, None, "new"),
        ("checkout.session.expired", {"id": "cs_1", "mode": "setup", "customer": "cus_1"}, None, "ignored"),
    ],
)
async def test_what_nobody_is_interested_in_is_kept(
    api: Api, database_url: str, kind: str, thing: dict[str, Any], account: str | None, state: str
) -> None:
    """And answered like any other, or Stripe would send it for days, and then turn the endpoint off."""
    found = event(kind, thing or {"object": "nothing"}, account=account)
    assert 200 == (await send(api.client, found)).status_code
    assert state == inbox(database_url)[found["id"]]


async def test_another_version_of_the_api_is_stored_and_told_of(api: Api, database_url: str) -> None:
    found, same = event(api_version="2025-03-31.basil"), event(api_version="2026-09-30.endive")
    with structlog.testing.capture_logs() as logs:
        for each in (found, same):
            assert 200 == (await send(api.client, each)).status_code
    assert [found["id"]] == [log["stripe_event"] for log in logs if log["event"] == "stripe.other_api_version"]
    assert {found["id"], same["id"]} <= inbox(database_url).keys()


async def test_while_a_secret_is_rolled_over_both_are_taken(database_url: str) -> None:
    """And an old one is not, when it is over."""
    old, new = "whsec_old", "whsec_new"
    body = told()
    for secrets, taken in (("whsec_old", [old]), ("whsec_new,whsec_old", [new, old]), ("whsec_new", [new])):
        settings = settings_of(database_url, NOWHERE, stripe_webhook_secret=secrets)
        async with running(database_url, settings) as app:
            client = Api(app, None, database_url).client
            for secret in (old, new):
                answer = await send(client, body, signed(body, secret))
                assert (200 if secret in taken else 400) == answer.status_code
            both = signed(body, old) + "," + signed(body, new).partition(",")[2]
            assert 200 == (await send(client, body, both)).status_code


async def test_a_comma_too_many_is_no_secret(database_url: str) -> None:
    """The empty one, with which anybody can sign."""
    settings = settings_of(database_url, NOWHERE, stripe_webhook_secret=f"{SECRET},")
    body = told()
    async with running(database_url, settings) as app:
        client = Api(app, None, database_url).client
        assert 400 == (await send(client, body, signed(body, ""))).status_code
        assert 200 == (await send(client, body)).status_code


@pytest.mark.parametrize(
    "missing", [{"stripe_webhook_secret": None}, {"stripe_webhook_secret": ""}, {"stripe_api_key": None}]
)
async def test_where_nothing_is_set_there_is_nothing(database_url: str, missing: dict[str, str | None]) -> None:
    """No secret is not the empty secret, with which anybody can sign."""
    settings = replace(settings_of(database_url, NOWHERE), **missing)  # type: ignore[arg-type]
    body = told()
    async with running(database_url, settings) as app:
        client = Api(app, None, database_url).client
        for secret in ("", SECRET):
            assert 404 == (await send(client, body, signed(body, secret))).status_code


async def test_a_live_key_takes_live_events(database_url: str) -> None:
    live = settings_of(database_url, NOWHERE, stripe_api_key=KEY.replace("test", "live"))
    async with running(database_url, live) as app:
        client = Api(app, None, database_url).client
        assert 200 == (await send(client, told(livemode=True))).status_code
        assert 400 == (await send(client, told())).status_code


async def test_the_database_is_away(database_url: str) -> None:
    """503: Stripe sends it again."""
    away = Settings(
        database_url="postgresql://ledger@127.0.0.1:1/away", stripe_api_key=KEY, stripe_webhook_secret=SECRET
    )
    async with running(away.database, away) as app:
        answer = await send(Api(app, None, database_url).client, told())
    assert 503 == answer.status_code


async def test_an_answer_that_is_lost_stores_it_once(api: Api, database_url: str) -> None:
    """Who dies right after it was stored is sent it again."""
    found = event()
    failpoints.arm("inbox.after_store:error")
    try:
        assert 500 == (await send(api.client, found)).status_code
    finally:
        failpoints.arm(None)
    assert "new" == inbox(database_url)[found["id"]]
    assert 200 == (await send(api.client, found)).status_code


async def test_no_other_method_is_taken(api: Api) -> None:
    answer: httpx.Response = await api.client.get(HOOK)
    assert 405 == answer.status_code

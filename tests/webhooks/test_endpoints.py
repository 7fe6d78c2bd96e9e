"""Webhook endpoints over HTTP: made, shown, changed, deleted; and their secrets, which are shown once."""

import asyncio
import base64
from typing import Any

import httpx
import pytest

from ledger.events.catalogue import TYPES
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import parse_public
from ledger.kit.secret_keys import SecretKeys, keys_of, new_key
from ledger.settings import Settings
from ledger.webhooks.endpoints import store
from ledger.webhooks.signing import secret_bytes
from tests.support.api import Api, fresh, make_key, run_sql, running

pytestmark = pytest.mark.anyio

PATH = "/v1/webhook-endpoints"
URL = "https://example.com/hooks"
OWN = "a secret of the caller's own"


async def make(api: Api, **fields: Any) -> dict[str, Any]:
    made = await api.post(PATH, {"url": URL, "events": ["*"]} | fields)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{PATH}/{made.json()['id']}"
    return dict(made.json())


async def rotate(api: Api, made: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await api.post(f"{PATH}/{made['id']}/rotate-secret", fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def number(made: dict[str, Any]) -> int:
    return parse_public("whe", made["id"], "webhook endpoint")


async def live(api: Api, keys: SecretKeys, *made: dict[str, Any]) -> list[list[bytes] | None]:
    """What signs for each endpoint now, as who sends has it."""
    database = Database(api.database_url, pool_size=1, role=SERVICE_ROLE)
    try:
        async with database.transaction() as connection:
            found = await store.live_secrets(connection, keys, [number(one) for one in made])
    finally:
        await database.dispose()
    return [found.get(number(one)) for one in made]


def break_down(api: Api, made: dict[str, Any], state: str = "enabled", why: str | None = None) -> None:
    """As the sender leaves an endpoint that failed."""
    run_sql(
        api.database_url,
        "UPDATE webhook_endpoints SET failures = 9, slots = 1, failing_since = ledger_now(), warned_at = ledger_now(),"
        " paused_until = ledger_now() + interval '1 minute', told_at = ledger_now(), state = %s, disabled_for = %s,"
        " disabled_at = CASE WHEN %s::text IS NULL THEN NULL ELSE ledger_now() END WHERE endpoint = %s",
        *(state, why, why, number(made)),
    )


def health(api: Api, made: dict[str, Any]) -> tuple[Any, ...]:
    (found,) = run_sql(
        api.database_url,
        "SELECT failures, slots, failing_since IS NULL AND warned_at IS NULL AND paused_until IS NULL AND told_at IS NULL"
        " FROM webhook_endpoints WHERE endpoint = %s",
        number(made),
    )
    return tuple(found)


def deliver(api: Api, made: dict[str, Any], state: str, event: int) -> None:
    """A delivery to the endpoint, as fan-out writes it."""
    run_sql(
        api.database_url,
        "INSERT INTO webhook_deliveries (endpoint, wallet_id, event, type, state, due_at, created_at, finished_at)"
        " VALUES (%s, 7, %s, 'balance.low', %s, ledger_now(), ledger_now(),"
        " CASE WHEN %s = 'delivered' THEN ledger_now() END)",
        *(number(made), event, state, state),
    )


async def test_an_endpoint_is_made_shown_and_listed(api: Api) -> None:
    """The secret is in the first answer alone."""
    owner = fresh("owner")
    given = {
        "owner_id": owner,
        "description": "Billing",
        "metadata": {"team": "a", "n": 1},
        "events": ["payment.*", "*"],
    }
    made = await make(api, **given)
    assert {name: made[name] for name in given} == given
    assert (made["url"], made["state"], made["disabled_for"], made["failing_since"]) == (URL, "enabled", None, None)
    assert [secret["ends_at"] for secret in made["secrets"]] == [None]
    assert made["created_at"] <= made["secrets"][0]["created_at"]
    assert made["secret"].startswith("whsec_")
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32

    shown = {name: value for name, value in made.items() if name != "secret"}
    assert (await api.get(f"{PATH}/{made['id']}")).json() == shown
    assert (await api.get(PATH, owner_id=owner)).json() == {"items": [shown], "next_cursor": None}
    assert (await api.get(f"{PATH}/{made['id']}/secret")).status_code == 404


async def test_endpoints_are_listed_in_pages(api: Api) -> None:
    """Each once, of one owner or of all; a cursor belongs to its list."""
    owner = fresh("owner")
    made = {(await make(api, owner_id=owner))["id"] for _ in range(3)}
    platform = (await make(api))["id"]
    first = (await api.get(PATH, owner_id=owner, limit=2)).json()
    rest = (await api.get(PATH, owner_id=owner, limit=2, cursor=first["next_cursor"])).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert {one["id"] for one in first["items"] + rest["items"]} == made
    everybodys = {one["id"] for one in (await api.get(PATH, limit=100)).json()["items"]}
    assert everybodys >= made | {platform}
    assert (await api.get(PATH, limit=2, cursor=first["next_cursor"])).json()["code"] == "INVALID_CURSOR"


async def test_what_is_named_changes_and_the_rest_stays(api: Api) -> None:
    made = await make(api, description="old", metadata={"a": 1})
    path = f"{PATH}/{made['id']}"
    new = {"url": "https://example.com:8443/x?y=z", "events": ["budget.threshold_reached"], "metadata": {}}
    changed = (await api.send("PATCH", path, json=new | {"description": None})).json()
    assert {name: changed[name] for name in new} == new
    assert (changed["description"], changed["state"]) == (None, "enabled")
    assert changed["updated_at"] > made["updated_at"]
    assert (await api.send("PATCH", path, json={})).json() == changed
    assert (await api.send("PATCH", path, json={"events": ["*", "payment.*", "*"]})).json()["events"] == [
        "*",
        "payment.*",
    ]


async def test_enabling_starts_anew(api: Api) -> None:
    """An endpoint is disabled on request, or was for its failures; enabled again it has none. So has a new address."""
    made = await make(api)
    path = f"{PATH}/{made['id']}"
    off = (await api.send("PATCH", path, json={"enabled": False})).json()
    assert (off["state"], off["disabled_for"]) == ("disabled", "request")
    assert made["updated_at"] < off["disabled_at"]
    for why in ("request", "gone", "failing"):
        break_down(api, made, "disabled", why)
        off = (await api.send("PATCH", path, json={"enabled": False})).json()
        assert (off["state"], off["disabled_for"], health(api, made)) == ("disabled", why, (9, 1, False))
        on = (await api.send("PATCH", path, json={"enabled": True})).json()
        assert (on["state"], on["disabled_for"], on["disabled_at"]) == ("enabled", None, None)
        assert (on["failing_since"], health(api, made)) == (None, (0, 4, True))

    break_down(api, made)
    failing = (await api.send("PATCH", path, json={"enabled": True, "url": URL, "description": "x"})).json()
    assert (failing["failing_since"] is None, health(api, made)) == (False, (9, 1, False))
    moved = (await api.send("PATCH", path, json={"url": URL + "/other"})).json()
    assert (moved["state"], moved["failing_since"], health(api, made)) == ("enabled", None, (0, 4, True))


async def test_what_is_deleted_is_gone(api: Api, secret_keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its secrets; what waits is exhausted, what is done or on its way stays as it is."""
    monkeypatch.setattr("ledger.webhooks.endpoints.service._EXHAUSTED_AT_ONCE", 2)
    owner = fresh("owner")
    made, other = await make(api, owner_id=owner), await make(api, owner_id=owner)
    for event, state in enumerate(["due"] * 5 + ["sending", "delivered"], 1):
        deliver(api, made, state, event)
    deliver(api, other, "due", 1)

    deleted = await api.send("DELETE", f"{PATH}/{made['id']}")
    assert (deleted.status_code, deleted.json()["state"], deleted.json()["secrets"]) == (200, "deleted", [])

    states = run_sql(
        api.database_url,
        "SELECT state, exhausted_for, finished_at IS NULL, count(*) FROM webhook_deliveries"
        " WHERE endpoint = %s GROUP BY 1, 2, 3 ORDER BY 1",
        number(made),
    )
    expected = [("delivered", None, False, 1), ("exhausted", "deleted", False, 5), ("sending", None, True, 1)]
    assert [tuple(row) for row in states] == expected
    assert await live(api, keys_of(secret_keys), made, other) == [None, [secret_bytes(other["secret"])]]
    assert run_sql(api.database_url, "SELECT 1 FROM webhook_secrets WHERE endpoint = %s", number(made)) == []
    assert [one["id"] for one in (await api.get(PATH, owner_id=owner)).json()["items"]] == [other["id"]]
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret")):
        body = {} if method in ("PATCH", "POST") else None
        answer = await api.send(method, f"{PATH}/{made['id']}{path}", **({} if body is None else {"json": body}))
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), method


async def test_a_secret_is_replaced_while_the_old_one_still_signs(api: Api, secret_keys: str) -> None:
    """For a day, or as long as it is told; no earlier one signs longer than that, whatever was told before."""
    keys = keys_of(secret_keys)
    made = await make(api, secret=OWN)
    assert (made["secret"], await live(api, keys, made)) == (OWN, [[OWN.encode()]])
    second = await rotate(api, made)
    ends = run_sql(
        api.database_url,
        "SELECT ends_at - ledger_now() BETWEEN interval '23:59' AND interval '24:00' FROM webhook_secrets"
        " WHERE endpoint = %s AND ends_at IS NOT NULL",
        number(made),
    )
    assert ends == [(True,)]
    third = await rotate(api, made, secret="0123456789abcdef", overlap_s=3600)
    both = [b"0123456789abcdef", secret_bytes(second["secret"]), OWN.encode()]
    assert (await live(api, keys, made), third["secret"]) == ([both], "0123456789abcdef")
    first_ends, second_ends = third["secrets"][2]["ends_at"], third["secrets"][1]["ends_at"]
    assert (third["secrets"][0]["ends_at"], first_ends == second_ends) == (None, True)
    assert first_ends < second["secrets"][1]["ends_at"]

    run_sql(
        api.database_url,
        "UPDATE webhook_secrets SET ends_at = ledger_now() WHERE endpoint = %s AND secret = 1",
        number(made),
    )
    assert await live(api, keys, made) == [both[:2]]
    assert len((await api.get(f"{PATH}/{made['id']}")).json()["secrets"]) == 2
    last = await rotate(api, made, overlap_s=0)
    assert await live(api, keys, made) == [[secret_bytes(last["secret"])]]
    kept = run_sql(api.database_url, "SELECT secret FROM webhook_secrets WHERE endpoint = %s", number(made))
    assert (kept, len(last["secrets"])) == ([(4,)], 1)


async def test_five_secrets_sign_at_most(api: Api, secret_keys: str) -> None:
    """Then one must end, or all be revoked."""
    made = await make(api)
    for _ in range(4):
        rotated = await rotate(api, made)
    assert len(rotated["secrets"]) == 5
    more = await api.post(f"{PATH}/{made['id']}/rotate-secret", {})
    assert (more.status_code, more.json()["code"]) == (400, "INVALID_REQUEST")
    assert "5 secrets sign already" in more.json()["detail"]
    assert len((await rotate(api, made, overlap_s=0))["secrets"]) == 1
    assert [1] == [len(found or []) for found in await live(api, keys_of(secret_keys), made)]


async def test_a_lost_answer_is_had_again_under_its_key(api: Api, secret_keys: str) -> None:
    """Secret included, which is kept nowhere but encrypted; and never after it has ended."""
    key, body = fresh("key"), {"url": URL, "events": ["*"], "secret": OWN + fresh("x")}
    first = await api.post(PATH, body, key=key)
    again = await api.post(PATH, body, key=key)
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (201, first.content, "true")
    path = f"{PATH}/{first.json()['id']}/rotate-secret"
    rotated, repeated = await api.post(path, {}, key=key), await api.post(path, {}, key=key)
    assert rotated.content == repeated.content

    for table in ("idempotency_keys", "webhook_secrets", "webhook_endpoints"):
        text = str([bytes(cell) if isinstance(cell, memoryview) else cell
                    for row in run_sql(api.database_url, f"SELECT * FROM {table}") for cell in row])  # fmt: skip
        for secret in (body["secret"], rotated.json()["secret"], secret_bytes(rotated.json()["secret"])):
            assert str(secret).strip("b'") not in text, table

    for other in ({"secret": OWN + "y"}, {"secret": None}, {"url": URL + "2"}):
        refused = await api.post(PATH, body | other, key=key)
        assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT"), other
    await rotate(api, first.json(), overlap_s=0)
    ended = await api.post(PATH, body, key=key)
    assert ended.json() == first.json() | {"secret": None}


async def test_endpoints_are_limited(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of each owner and of the platform, also when many are made at once; what was deleted does not count."""
    monkeypatch.setattr("ledger.webhooks.endpoints.service.OWNER_MAX", 3)
    owner = fresh("owner")
    body = {"url": URL, "events": ["*"], "owner_id": owner}
    answers = await asyncio.gather(*(api.post(PATH, body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [400] * 5
    full = await api.post(PATH, body)
    assert full.json()["detail"] == "the owner has 3 webhook endpoints, and can have no more"
    await make(api, owner_id=fresh("owner"))
    (made, *_) = (await api.get(PATH, owner_id=owner)).json()["items"]
    await api.send("DELETE", f"{PATH}/{made['id']}")
    await make(api, owner_id=owner)
    monkeypatch.setattr("ledger.webhooks.endpoints.service.PLATFORM_MAX", 0)
    assert "the platform has 0" in (await api.post(PATH, {"url": URL, "events": ["*"]})).json()["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("url", url) for url in ("", "https://example.com/" + "x" * 2048, 7, None)),
        *(
            ("url", url)
            for url in (
                *("example.com", "http://example.com/", "ftp://example.com", "https://", "https:///x", "https:/x"),
                *("https://user@example.com/", "https://u:p@example.com", "https://example.com/#x", "https://a b.com"),
                *("https://exa\nmple.com", "https://example.com:0", "https://example.com:65536", "https://x:y/"),
                *("https://[::1", "https://-a.com", "https://a..b", "https://" + "a" * 64),
                *("https://example.com\\@evil.com/", "https://127.0.0.2/", "https://[::ffff:10.0.0.1]/"),
                *("https://0x7f.1/", "https://169.254.169.254/latest", "https://localhost/", "https://db.internal/"),
            )
        ),
        *(("events", events) for events in ([], ["*"] * 101, "payment.*", [""], [7], None)),
        *(
            ("events[1]", ["*", pattern])
            for pattern in ("payment", "payment.", ".paid", "*.paid", "pay*.x", "a..b", "Payment.Paid", "a.b\n", "a.**")
        ),
        ("owner_id", ""),
        ("owner_id", "x" * 256),
        ("description", "x" * 501),
        ("metadata", {"a": 1.5}),
        *(("secret", secret) for secret in ("", "too short", "x" * 129, "whsec_???", "whsec_QUJD", "x" * 201)),
        ("more", 1),
    ],
)
async def test_bad_input_is_refused(api: Api, field: str, value: Any) -> None:
    """Whether an endpoint is made or changed, by a 400 that names the field, or a 422 for an address that may not be
    called; nothing of a secret is in it."""
    name = field.partition("[")[0]
    asked = [await api.post(PATH, {"url": URL, "events": ["*"]} | {name: value})] if value is not None else []
    if name in ("url", "events", "description", "metadata", "more"):
        made = await make(api)
        asked.append(await api.send("PATCH", f"{PATH}/{made['id']}", json={name: value}))
        assert (await api.get(f"{PATH}/{made['id']}")).json()["updated_at"] == made["updated_at"]
    for answer in asked:
        if answer.json()["code"] == "URL_REFUSED":
            assert (answer.status_code, field) == (422, "url")
            assert answer.json()["reason"]
            continue
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST"), answer.text
        assert answer.json()["errors"][0]["path"].startswith(field), answer.text
        assert name != "secret" or value == "" or value not in answer.text


@pytest.mark.parametrize("fields", [{"overlap_s": -1}, {"overlap_s": 604_801}, {"overlap_s": 1.5}, {"secret": "short"}])
async def test_bad_rotations_are_refused(api: Api, fields: dict[str, Any]) -> None:
    made = await make(api)
    refused = await api.post(f"{PATH}/{made['id']}/rotate-secret", fields)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, next(iter(fields)))
    assert len((await api.get(f"{PATH}/{made['id']}")).json()["secrets"]) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "HTTPS://Example.COM:443/a?b=%20",
        "https://[2606:4700::1111]:8443/",
        "https://bücher.example/",
    ],
)
async def test_addresses_are_kept_as_they_are_given(api: Api, url: str) -> None:
    assert (await make(api, url=url))["url"] == url


@pytest.mark.parametrize("endpoint", ["whe_00000000001", "whe_1", "evt_00000000001", "x", "whe_zzzzzzzzzzz"])
async def test_an_endpoint_that_is_not_there_is_not_found(api: Api, endpoint: str) -> None:
    assert (await api.get(f"{PATH}/{endpoint}")).json()["code"] == "NOT_FOUND"


async def test_without_a_key_no_secret_is_taken(api: Api, secret_keys: str) -> None:
    """What needs none goes on; under another key neither a repeated answer nor what signs can be had."""
    key, body = fresh("key"), {"url": URL, "events": ["*"]}
    made = (await api.post(PATH, body, key=key)).json()

    async def ask(client: Api) -> list[httpx.Response]:
        path = f"{PATH}/{made['id']}"
        return [
            await client.post(PATH, body, key=key),
            await client.post(f"{path}/rotate-secret", {}, key=key),
            await client.get(path),
            await client.send("PATCH", path, json={"description": "x"}),
        ]

    admin = make_key(api.database_url, "admin")[1]
    async with running(api.database_url, Settings(database_url=api.database_url)) as app:
        answers = await ask(Api(app, admin, api.database_url))
    assert [answer.status_code for answer in answers] == [503, 503, 200, 200]
    assert answers[0].json()["code"] == "SECRET_KEYS_MISSING"
    foreign = new_key()
    async with running(api.database_url, Settings(database_url=api.database_url, secret_keys=foreign)) as app:
        answers = await ask(Api(app, admin, api.database_url))
    assert [answer.status_code for answer in answers] == [503, 201, 200, 200]
    assert answers[0].json()["code"] == "SECRET_KEYS_MISSING"

    assert await live(api, keys_of(secret_keys), made) == [None], "a secret of another key is left out alone"
    assert await live(api, keys_of(foreign), made) == [None]
    both = await live(api, keys_of(f"{foreign},{secret_keys}"), made)
    assert both == [[secret_bytes(answers[1].json()["secret"]), secret_bytes(made["secret"])]]


async def test_a_secret_cannot_be_moved_to_another_endpoint(api: Api, secret_keys: str) -> None:
    """Whoever can write to the database cannot have their secret sign for another's endpoint."""
    theirs, ours = await make(api), await make(api)
    run_sql(
        api.database_url,
        "UPDATE webhook_secrets s SET sealed = (SELECT sealed FROM webhook_secrets WHERE endpoint = %s)"
        " WHERE endpoint = %s",
        *(number(theirs), number(ours)),
    )
    assert await live(api, keys_of(secret_keys), theirs, ours) == [[secret_bytes(theirs["secret"])], None]


async def test_a_pattern_that_means_nothing_is_refused_with_what_there_is(api: Api) -> None:
    """Made or changed; a family is known by its types."""
    made = await make(api, events=["payment_link.*", "ledger.sealed"])
    for answer in (
        await api.post(PATH, {"url": URL, "events": ["*", "invoices.*"]}),
        await api.send("PATCH", f"{PATH}/{made['id']}", json={"events": ["*", "invoices.*"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST"), answer.text
        assert answer.json()["errors"] == [{"path": "events[1]", "message": "there are no events invoices.*"}]
        assert list(TYPES) == answer.json()["details"]["known"]

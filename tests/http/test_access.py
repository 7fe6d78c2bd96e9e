"""Who may do what: all routes against all sorts of keys."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.access.secrets import _checksum, key_id_of, new_key
from ledger.access.service import IMPLIED, REMEMBERED_S
from ledger.handlers import HANDLERS
from tests.support.api import Api, fresh, make_key, run_sql

pytestmark = pytest.mark.anyio

SCOPED = [
    (method, re.sub(r"\{(\w+):str\}", "nothing", path), handler.opt["scope"])
    for handler in HANDLERS
    for path in handler.paths
    for method in handler.http_methods
    if "scope" in handler.opt
]
ASKS = {"quote_usage", "simulate_auto_refill"}
"""Reads that need a body."""

LATER = datetime.now(UTC) + timedelta(days=1)


SIGNED = {"take_stripe_event"}
"""Who sends it signs it, and needs no key."""


def test_every_route_says_what_it_needs() -> None:
    """A scope, or that it is open; never neither. What changes something needs more than read."""
    for handler in HANDLERS:
        assert ("scope" in handler.opt) != bool(handler.opt.get("open")), handler.fn
        if not handler.http_methods <= {"GET"} and handler.fn.__name__ not in ASKS:
            assert handler.opt.get("scope") in ("write", "admin") or handler.fn.__name__ in SIGNED, handler.fn


@pytest.mark.parametrize("scope", IMPLIED)
async def test_scopes(app: Any, database_url: str, scope: str) -> None:
    """Whoever has the scope gets past the door (to a 400 or 404); who has not gets 403 and its name."""
    client = Api(app, make_key(database_url, scope)[1], database_url)
    for method, path, needed in SCOPED:
        answer = await client.send(method, path)
        if needed in IMPLIED[scope]:
            assert answer.status_code not in (401, 403), (method, path)
        else:
            assert (answer.status_code, answer.json()["details"]) == (403, {"scope": needed}), (method, path)


def _malformed(good: str) -> dict[str, str]:
    return {
        "none": "",
        "no scheme": good,
        "basic": f"Basic {good}",
        "empty": "Bearer ",
        "bad checksum": f"Bearer {good[:-1]}{'0' if good[-1] != '0' else '1'}",
        "cut": f"Bearer {good[:-1]}",
        "longer": f"Bearer {good}x",
        "unknown": f"Bearer {new_key().text}",
        "another's secret": f"Bearer {new_key().text[:15]}{good[15:]}",
        "not ASCII": "Bearer clk_é",
        "two": f"Bearer {good} {good}",
    }


@pytest.mark.parametrize("sort", _malformed(new_key().text))
async def test_bad_keys(app: Any, database_url: str, sort: str) -> None:
    good = make_key(database_url, "admin")[1]
    value = _malformed(good)[sort]
    client = Api(app, None, database_url)
    headers = {"Authorization": value.encode("latin-1")} if value else {}
    for method, path, _ in SCOPED:
        answer = await client.send(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED"), (method, path)
        assert good not in answer.text


@pytest.mark.parametrize(
    ("scope", "statuses"), [("read", (200, 403, 403)), ("write", (200, 404, 403)), ("admin", (200, 404, 404))]
)
async def test_each_scope_is_what_the_docs_say(
    app: Any, database_url: str, scope: str, statuses: tuple[int, ...]
) -> None:
    """By example, and not by the table that decides: a read, a charge and an adjustment."""
    client = Api(app, make_key(database_url, scope)[1], database_url)
    nobody = "/v1/wallets/wal_00000000001"
    adjustment = {"amount": "1", "direction": "credit", "reason": "too little"}
    found = (
        await client.get("/v1/wallets", owner_id=fresh("owner")),
        await client.post(f"{nobody}/usage", {"service": "tests", "credits": "1"}),
        await client.post(f"{nobody}/adjustments", adjustment),
    )
    assert tuple(answer.status_code for answer in found) == statuses


async def test_a_secret_opens_its_own_key_alone(app: Any, database_url: str) -> None:
    """A public id that exists, another key's secret, and a checksum that is right."""
    good = make_key(database_url, "admin")[1]
    head = good[:15] + make_key(database_url, "admin")[1][15:58]
    forged = head + _checksum(head.encode())
    assert key_id_of(forged.encode()) == key_id_of(good.encode())
    assert (await _status(app, forged), await _status(app, good)) == (401, 200)


async def test_a_caller_that_goes_away_takes_no_other_along(app: Any, database_url: str) -> None:
    """All who present a key for the first time wait for one look-up, whoever of them began it."""
    key = make_key(database_url, "read")[1].encode()
    access = app.state.services.access
    callers = [asyncio.create_task(access.authenticate(key)) for _ in range(3)]
    await asyncio.sleep(0)  # they have asked
    callers[0].cancel()
    first, *others = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert [getattr(found, "scopes", found) for found in others] == [IMPLIED["read"]] * 2


async def test_expired_and_revoked_keys(app: Any, database_url: str) -> None:
    expired = make_key(database_url, "admin", expires_at=datetime.now(UTC) - timedelta(seconds=1))[1]
    valid = make_key(database_url, "admin", expires_at=LATER)[1]
    key_id, revoked = make_key(database_url, "admin")
    run_sql(database_url, "UPDATE api_keys SET revoked_at = ledger_now() WHERE key_id = %s", key_id)
    found = {name: await _status(app, key) for name, key in [("e", expired), ("r", revoked), ("v", valid)]}
    assert found == {"e": 401, "r": 401, "v": 200}


async def test_a_key_that_is_revoked_ends_within_five_seconds(app: Any, database_url: str) -> None:
    """What the process remembers of it is forgotten by then; here its memory is made to be old."""
    key_id, key = make_key(database_url, "admin")
    assert await _status(app, key) == 200
    run_sql(database_url, "UPDATE api_keys SET revoked_at = ledger_now() WHERE key_id = %s", key_id)
    known = app.state.services.access._known
    for hashed, (principal, until) in list(known.items()):
        known[hashed] = (principal, until - REMEMBERED_S)
    assert await _status(app, key) == 401


async def test_secrets_are_not_stored(database_url: str) -> None:
    key_id, key = make_key(database_url, "read")
    (row,) = run_sql(database_url, "SELECT api_keys::text FROM api_keys WHERE key_id = %s", key_id)
    assert key_id_of(key.encode()) == key_id
    assert key not in row[0] and key[15:58] not in row[0]


async def test_an_actor_is_the_key_and_its_use_is_seen(app: Any, database_url: str) -> None:
    key_id, key = make_key(database_url, "write")
    client = Api(app, key, database_url)
    wallet = await client.wallet()
    given = await client.grant(wallet, "1")
    assert given["transaction"]["actor"] == key_id
    await app.state.services.access.close()
    assert run_sql(database_url, "SELECT last_used_at IS NOT NULL FROM api_keys WHERE key_id = %s", key_id) == [(True,)]


async def _status(app: Any, key: str) -> int:
    return (await Api(app, key, "").get("/v1/wallets", owner_id=fresh("owner"))).status_code

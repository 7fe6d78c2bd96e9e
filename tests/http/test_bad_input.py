"""Bad input of every sort: a problem with a code, nothing written, never a 500."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.http.scene import Scene, refused
from tests.support.api import Api, counts, fresh

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024


AMOUNTS = {
    "float": "1.5",
    "whole float": "1.0",
    "exponent": "1e3",
    "exponent in text": '"1e3"',
    "2^63": str(2**63),
    "2^63 in text": f'"{2**63}"',
    "beyond what a double holds": "1e400",
    "a thousand digits": "9" * 1_000,
    "a hundred thousand digits": "9" * 100_000,
    "a hundred thousand digits in text": f'"{"9" * 100_000}"',
    "zero": "0",
    "zero in text": '"0.000000"',
    "negative": "-1",
    "negative in text": '"-1"',
    "seven decimals": '"1.0000001"',
    "leading zero": '"01"',
    "plus": '"+1"',
    "space": '" 1"',
    "trailing newline": '"1\\n"',
    "comma": '"1,5"',
    "other digits": '"١"',
    "NaN in text": '"NaN"',
    "infinity in text": '"Infinity"',
    "empty": '""',
    "boolean": "true",
    "list": "[1]",
}


@pytest.mark.parametrize("amount", AMOUNTS.values(), ids=AMOUNTS.keys())
async def test_amounts(api: Api, scene: Scene, amount: str) -> None:
    """Whatever is not a positive decimal of at most six decimals is INVALID_AMOUNT, in single and in batch."""
    body = b'{"service": "tests", "credits": %s}' % amount.encode()
    path = f"/v1/wallets/{scene.wallet}/usage"
    found = await refused(api, 400, "INVALID_AMOUNT", "POST", path, content=body, headers=JSON)
    assert found["errors"][0]["path"] == "credits"
    item = b'{"key": "%s", "wallet_id": "%s", %s' % (fresh("k").encode(), scene.wallet.encode(), body[1:])
    batch = await api.send("POST", "/v1/usage/batch", content=b'{"items": [%s]}' % item, headers=JSON)
    (result,) = batch.json()["results"]
    assert (result["status"], result["problem"]["code"]) == ("refused", "INVALID_AMOUNT")
    assert result["problem"]["errors"][0]["path"] == "items[0].credits"


BODIES = {
    "NaN": b'{"service": "tests", "credits": NaN}',
    "infinity": b'{"service": "tests", "credits": -Infinity}',
    "NUL": b'{"service": "tests", "credits": 1, "session": "a\\u0000b"}',
    "NUL in metadata": b'{"service": "tests", "credits": 1, "metadata": {"a": "\\u0000"}}',
    "NUL in a name": b'{"service": "tests", "credits": 1, "metadata": {"a\\u0000": "b"}}',
    "raw NUL": b'{"service": "tests", "credits": 1, "session": "a\x00b"}',
    "lone surrogate": b'{"service": "tests", "credits": 1, "session": "\\ud800"}',
    "lone low surrogate": b'{"service": "tests", "credits": 1, "session": "\\udc00x"}',
    "surrogate as UTF-8": b'{"service": "tests", "credits": 1, "session": "\xed\xa0\x80"}',
    "invalid UTF-8": b'{"service": "tests", "credits": 1, "session": "\xff"}',
    "UTF-16": '{"service": "tests", "credits": 1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"service": "tests", "credits": 1}',
    "unknown field": b'{"service": "tests", "credits": 1, "colour": "red"}',
    "deep nesting": b'{"service": "tests", "credits": 1, "metadata": ' + b"[" * 100_000,
    "deep nesting in an unknown field": b'{"service": "tests", "x": ' + b'{"a":' * 100_000,
    "deep nesting alone": b"[" * 100_000,
    "not an object": b"[]",
    "null": b"null",
    "text": b'"usage"',
    "half": b'{"service": "tests", "credits": 1',
    "two": b'{"service": "tests", "credits": 1}{}',
    "empty": b"",
    "float in metadata": b'{"service": "tests", "credits": 1, "metadata": {"a": 1.5}}',
    "nested metadata": b'{"service": "tests", "credits": 1, "metadata": {"a": {}}}',
    "huge number in metadata": b'{"service": "tests", "credits": 1, "metadata": {"a": 9223372036854775808}}',
    "long metadata name": b'{"service": "tests", "credits": 1, "metadata": {"%s": 1}}' % (b"a" * 41),
    "long metadata text": b'{"service": "tests", "credits": 1, "metadata": {"a": "%s"}}' % (b"a" * 501),
    "51 metadata keys": json.dumps(
        {"service": "tests", "credits": 1, "metadata": {str(n): n for n in range(51)}}
    ).encode(),
    "upper-case service": b'{"service": "Tests", "credits": 1}',
    "service with a newline": b'{"service": "tests\\n", "credits": 1}',
    "long service": b'{"service": "%s", "credits": 1}' % (b"a" * 65),
    "missing service": b'{"credits": 1}',
    "missing credits": b'{"service": "tests"}',
    "a meter without a quantity": b'{"service": "tests", "meter": "minutes", "credits": 1}',
    "credits and a quantity": b'{"service": "storage", "quantity": 3, "credits": 1}',
    "no quantity": b'{"service": "storage", "quantity": null}',
    "time without offset": b'{"service": "tests", "credits": 1, "occurred_at": "2026-01-01T00:00:00"}',
    "no such time": b'{"service": "tests", "credits": 1, "occurred_at": "2026-13-01T00:00:00Z"}',
    "time before the calendar": b'{"service": "tests", "credits": 1, "occurred_at": "0001-01-01T00:00:00+14:00"}',
    "time after the calendar": b'{"service": "tests", "credits": 1, "occurred_at": "9999-12-31T23:59:59-14:00"}',
    "number as time": b'{"service": "tests", "credits": 1, "occurred_at": 1700000000}',
    "empty event id": b'{"service": "tests", "credits": 1, "event_id": ""}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_bodies(api: Api, scene: Scene, body: bytes) -> None:
    """What is not the documented JSON is INVALID_REQUEST and says where."""
    path = f"/v1/wallets/{scene.wallet}/usage"
    found = await refused(api, 400, "INVALID_REQUEST", "POST", path, content=body, headers=JSON)
    assert found["errors"]


async def test_too_large_announced(api: Api, scene: Scene) -> None:
    path = f"/v1/wallets/{scene.wallet}/usage"
    await refused(api, 413, "PAYLOAD_TOO_LARGE", "POST", path, content=b" " * (10 * MIB), headers=JSON)


async def test_too_large_in_pieces(api: Api, scene: Scene) -> None:
    """Without a Content-Length the body is refused as soon as it is beyond the limit, not after it ended."""
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            sent += 65_536
            yield b" " * 65_536

    path = f"/v1/wallets/{scene.wallet}/usage"
    await refused(api, 413, "PAYLOAD_TOO_LARGE", "POST", path, content=pieces(), headers=JSON)
    assert sent <= 2 * MIB


async def test_a_batch_may_be_larger_up_to_its_own_limit(api: Api) -> None:
    path = "/v1/usage/batch"
    await refused(api, 400, "INVALID_REQUEST", "POST", path, content=b" " * (3 * MIB), headers=JSON)
    await refused(api, 413, "PAYLOAD_TOO_LARGE", "POST", path, content=b" " * (5 * MIB), headers=JSON)


TYPES = {"none": None, "text": "text/plain", "form": "application/x-www-form-urlencoded", "like": "application/jsonp"}


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())
async def test_content_types(api: Api, scene: Scene, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    body = b'{"service": "tests", "credits": 1}'
    path = f"/v1/wallets/{scene.wallet}/usage"
    await refused(api, 415, "UNSUPPORTED_MEDIA_TYPE", "POST", path, content=body, headers=headers)


WALLETS = {
    "unknown": "wal_00000000001",
    "too short": "wal_1",
    "too large": "wal_zzzzzzzzzzz",
    "other digits": "wal_0000000000!",
    "another kind": "txn_000000000011",
    "nothing like it": "x",
    "never seen owner": "user:nobody",
    "empty owner": "user:",
}
CALLS = {
    "usage": ("POST", "/usage", {"service": "tests", "credits": 1}),
    "credits": ("POST", "/credits", {"amount": 1, "source": "earned", "reason": "x"}),
    "adjustment": ("POST", "/adjustments", {"amount": 1, "direction": "debit", "reason": "x"}),
    "hold": ("POST", "/holds", {"amount": 1}),
    "change": ("PATCH", "", {"metadata": {}}),
    "freeze": ("POST", "/freeze", None),
    "wallet": ("GET", "", None),
    "balance": ("GET", "/balance", None),
    "past balance": ("GET", "/balance?as_of=2026-01-01T00:00:00Z", None),
    "transactions": ("GET", "/transactions", None),
    "lots": ("GET", "/lots", None),
    "holds": ("GET", "/holds", None),
}


PAIRS = {
    f"{name}, {called}": (wallet, call)
    for name, wallet in WALLETS.items()
    for called, call in CALLS.items()
    if name != "never seen owner" or call[0] == "GET"
}
"""A write that names an owner never seen opens the owner's wallet, so it is not among them."""


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
async def test_unknown_wallets(api: Api, pair: tuple[str, tuple[str, str, Any]]) -> None:
    wallet, (method, path, body) = pair
    given = {} if body is None else {"json": body}
    await refused(api, 404, "NOT_FOUND", method, f"/v1/wallets/{wallet}{path}", **given)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/transactions/txn_000000000011", "/v1/transactions/txn_0", "/v1/transactions/hld_000000000011"),
        *("/v1/holds/hld_000000000011", "/v1/holds/x", "/v1/transfers/trf_000000000011", "/v1/transfers/trf_"),
        f"/v1/transactions/txn_{'z' * 200}",
    ],
)
async def test_unknown_rows(api: Api, path: str) -> None:
    await refused(api, 404, "NOT_FOUND", "GET", path)


QUERIES = {
    "limit 0": "limit=0",
    "limit 101": "limit=101",
    "limit text": "limit=ten",
    "limit float": "limit=1.5",
    "unknown parameter": "page=2",
    "parameter without a name": "limit=1&=2",
    "given twice": "limit=1&limit=2",
    "NUL": "kind=%00",
    "no time": "from=yesterday",
    "time without offset": "from=2026-01-01T00:00:00",
    "time beyond the calendar": "to=9999-12-31T23:59:59-14:00",
    "long kind": "kind=" + "x" * 41,
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
async def test_queries(api: Api, scene: Scene, query: str) -> None:
    await refused(api, 400, "INVALID_REQUEST", "GET", f"/v1/wallets/{scene.wallet}/transactions?{query}")


async def test_cursors(api: Api, scene: Scene) -> None:
    """Another wallet's, another list's, one with a letter changed, and what is none at all."""
    own = (await api.get(f"/v1/wallets/{scene.wallet}/transactions", limit=1)).json()["next_cursor"]
    transactions = f"/v1/wallets/{scene.wallet}/transactions"
    for cursor in (scene.cursor, own[:-1] + "?", "A" + own[1:], "", "x", "é", own * 3):
        await refused(api, 400, "INVALID_CURSOR", "GET", transactions, params={"cursor": cursor})
    await refused(api, 400, "INVALID_CURSOR", "GET", f"/v1/wallets/{scene.wallet}/lots", params={"cursor": own})
    await refused(api, 400, "INVALID_CURSOR", "GET", "/v1/wallets", params={"cursor": own})


KEYS = {"long": "k" * 256, "empty": "", "space": "a b", "tab": "a\tb", "not ASCII": b"k\xe9y", "DEL": "a\x7f"}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
async def test_keys(api: Api, scene: Scene, key: str | bytes) -> None:
    body, path = {"service": "tests", "credits": 1}, f"/v1/wallets/{scene.wallet}/usage"
    await refused(api, 400, "IDEMPOTENCY_KEY_INVALID", "POST", path, json=body, headers={"Idempotency-Key": key})


POSTS = {
    "usage": ("/v1/wallets/{wallet}/usage", {"service": "tests", "credits": 1}),
    "credits": ("/v1/wallets/{wallet}/credits", {"amount": 1, "source": "earned", "reason": "x"}),
    "adjustment": ("/v1/wallets/{wallet}/adjustments", {"amount": 1, "direction": "debit", "reason": "x"}),
    "hold": ("/v1/wallets/{wallet}/holds", {"amount": 1}),
    "capture": ("/v1/holds/{expired_hold}/capture", {}),
    "release": ("/v1/holds/{expired_hold}/release", None),
    "reverse": ("/v1/transactions/{usage}/reverse", {"reason": "x"}),
    "refund": ("/v1/transactions/{usage}/refund", {}),
    "transfer": (
        "/v1/transfers",
        {"from_wallet_id": "{wallet}", "to_user_id": "b", "amount": 1, "reason": "x"},
    ),
}


@pytest.mark.parametrize("call", POSTS.values(), ids=POSTS.keys())
async def test_missing_keys(api: Api, scene: Scene, call: tuple[str, Any]) -> None:
    path, body = call
    before = counts(api.database_url)
    given = {} if body is None else {"json": body}
    answer = await api.send("POST", path.format(**scene._asdict()), **given)
    assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")
    assert counts(api.database_url) == before


async def test_too_many_items(api: Api, scene: Scene) -> None:
    items = [{"wallet_id": scene.wallet, "key": str(n), "service": "tests", "credits": 1} for n in range(1001)]
    await refused(api, 400, "INVALID_REQUEST", "POST", "/v1/usage/batch", json={"items": items})
    await refused(api, 400, "INVALID_REQUEST", "POST", "/v1/usage/batch", json={"items": []})

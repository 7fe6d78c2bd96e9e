"""Every error is a problem of one shape, over all routes; nothing of the inside shows."""

import re
from typing import Any

import httpx
import pytest

from ledger import errors
from ledger.access.secrets import new_key
from ledger.app import create_app
from ledger.handlers import HANDLERS
from ledger.kit.http.edge import EdgedLitestar
from ledger.settings import Settings
from tests.support.api import Api, make_key, run_sql

pytestmark = pytest.mark.anyio

ROUTES = [
    (method, re.sub(r"\{(\w+):str\}", r"no-such-\1", path))
    for handler in HANDLERS
    for path in handler.paths
    for method in handler.http_methods
]
MEMBERS = {"type", "title", "status", "detail", "code", "errors", "details", *errors.TOP_LEVEL_FACTS}


def check(answer: httpx.Response, status: int, code: str) -> None:
    """The one shape."""
    body = answer.json()
    kind = errors.BY_CODE[code]
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"/docs/errors/{code}"
    assert (body["title"], body["status"], kind.status) == (kind.title, status, status)
    assert body["detail"] and set(body) <= MEMBERS
    assert answer.headers["x-request-id"]
    assert answer.headers.get("retry-after") == (str(kind.retry_after_s) if kind.retry_after_s else None)


@pytest.mark.parametrize(("method", "path"), [r for r in ROUTES if r[1].startswith("/v1/") and r[1] != "/v1/info"])
async def test_strangers_are_refused_everywhere(app: EdgedLitestar, method: str, path: str) -> None:
    answer = await Api(app, None, "").send(method, path)
    check(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_methods_that_are_not_taken(api: Api, method: str, path: str) -> None:
    other = "DELETE" if ("PUT", path) in ROUTES else "PUT"
    answer = await api.send(other, path)
    check(answer, 405, "METHOD_NOT_ALLOWED")
    assert method in answer.headers["allow"].split(", ")
    assert other not in answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/v1", "/v1/", "/v1/nothing", "/v1/wallets/x/y/z", "/docs/nothing", "/%00"]
)
async def test_paths_that_are_not(api: Api, path: str) -> None:
    check(await api.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(("method", "path"), [r for r in ROUTES if r[0] == "GET"])
async def test_unknown_parameters(api: Api, method: str, path: str) -> None:
    check(await api.get(path, colour="red"), 400, "INVALID_REQUEST")


async def test_keys_do_not_belong_in_addresses(api: Api) -> None:
    key = make_key(api.database_url, "read")[1]
    check(await api.get("/v1/wallets", api_key=key), 400, "INVALID_REQUEST")


async def test_request_ids(api: Api) -> None:
    """A sane one of the client's is kept, another is replaced, each answer has one."""
    sane = await api.send("GET", "/health", headers={"X-Request-Id": "job-7:a.b_c"})
    assert sane.headers["x-request-id"] == "job-7:a.b_c"
    for odd in ("a b", "x" * 129, "<script>", ""):
        answer = await api.send("GET", "/health", headers={"X-Request-Id": odd})
        assert re.fullmatch(r"req_[0-9a-f]{24}", answer.headers["x-request-id"])


async def test_problems_do_not_name_their_request(api: Api) -> None:
    """The bytes of a problem are a function of the error: a repeated refusal is the same bytes."""
    first, second = [await api.get("/v1/wallets/wal_00000000001") for _ in range(2)]
    assert first.content == second.content
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_what_nobody_foresaw_is_logged_and_not_told(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """A table that is gone: the client learns nothing of it, the log has it under the request's id."""
    wallet = await api.wallet()
    run_sql(api.database_url, "ALTER TABLE lots RENAME TO hidden_lots")
    try:
        answer = await api.send("GET", f"/v1/wallets/{wallet}/lots", headers={"X-Request-Id": "unforeseen-1"})
    finally:
        run_sql(api.database_url, "ALTER TABLE hidden_lots RENAME TO lots")
    check(answer, 500, "INTERNAL_ERROR")
    assert "lots" not in answer.text and "psycopg" not in answer.text
    (record,) = [record for record in caplog.records if record.name == "ledger.kit.http.problems"]
    assert vars(record)["request_id"] == "unforeseen-1" and record.exc_info


CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/wallets", None),
    ("GET", "/v1/wallets/wal_00000000001/balance", None),
    ("POST", "/v1/wallets", {"owner_id": "x"}),
    ("GET", "/ready", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_without_a_database(method: str, path: str, body: Any) -> None:
    """503 with Retry-After; /health still answers."""
    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing"))
    async with app.lifespan():
        away = Api(app, new_key().text, "")
        given = {} if body is None else {"json": body}
        check(await away.send(method, path, **given), 503, "DATABASE_UNAVAILABLE")
        assert (await away.get("/health")).status_code == 200

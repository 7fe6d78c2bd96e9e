"""/openapi.json, and /docs: a page of our own that draws it, without a script from anywhere else."""

import inspect
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from ledger import __version__
from ledger.context import LedgerRequest
from ledger.errors import BY_CODE, NotFound
from ledger.kit.http.answers import Answer, Header
from ledger.kit.http.describe import describe

HERE = Path(__file__).parent

_SAFE: list[Header] = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
        b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


@get("/openapi.json", opt={"open": True, "hidden": True})
async def openapi(request: LedgerRequest) -> Answer[Any]:
    """The OpenAPI 3.1 document."""
    return Answer(document_bytes(), headers=[(b"access-control-allow-origin", b"*")])


@get("/docs", opt={"open": True, "hidden": True})
async def page() -> Answer[Any]:
    """The page that draws the document."""
    return _file("docs.html", b"text/html; charset=utf-8")


@get("/docs/docs.js", opt={"open": True, "hidden": True})
async def script() -> Answer[Any]:
    return _file("docs.js", b"text/javascript; charset=utf-8")


@get("/docs/docs.css", opt={"open": True, "hidden": True})
async def style() -> Answer[Any]:
    return _file("docs.css", b"text/css; charset=utf-8")


@get("/docs/errors/{code:str}", opt={"open": True, "hidden": True})
async def error_page(code: FromPath[str]) -> Answer[Any]:
    """What a problem's ``type`` points to: what the code means."""
    kind = BY_CODE.get(code)
    if kind is None:
        raise NotFound("there is no error of this code")
    said = escape(inspect.cleandoc(kind.__doc__ or "").replace("``", ""))
    kept = (
        "It is remembered under its idempotency key for 24 hours: try again with a new key." if kind.remembered else ""
    )
    page = _ERROR_PAGE.format(code=kind.code, status=kind.status, title=escape(kind.title), said=said, kept=kept)
    return Answer(page.encode(), headers=_SAFE, media_type=b"text/html; charset=utf-8")


_ERROR_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{code}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/docs.css"></head>
<body><header><h1>{code}</h1><p>{title} (HTTP {status})</p></header>
<main><p>{said}</p><p>{kept}</p><p><a href="/docs">The API</a></p></main></body></html>
"""


def document(handlers: Sequence[HTTPRouteHandler]) -> dict[str, Any]:
    """The document of these handlers, with the examples that stand beside this file."""
    info = {
        "title": "Credit Ledger",
        "version": __version__,
        "summary": "A double-entry ledger and billing service for prepaid credits.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    return describe(handlers, info=info, examples=msgspec.json.decode((HERE / "examples.json").read_bytes()))


@cache
def document_bytes() -> bytes:
    from ledger.handlers import HANDLERS  # it lists this module's handlers too

    return msgspec.json.encode(document(HANDLERS))


@cache
def _read(name: str) -> bytes:
    return (HERE / name).read_bytes()


def _file(name: str, media_type: bytes) -> Answer[Any]:
    return Answer(_read(name), headers=_SAFE, media_type=media_type)


HANDLERS = [openapi, page, script, style, error_page]

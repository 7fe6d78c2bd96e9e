"""/openapi.json, and /docs: a page of our own that draws it, without a script from anywhere else."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from ledger import __version__
from ledger.context import LedgerRequest
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


HANDLERS = [openapi, page, script, style]

"""/openapi.json and /docs as a browser gets them: from here alone."""

import re
from pathlib import Path
from typing import Any

import pytest

import ledger.docs
from tests.support.api import Api

pytestmark = pytest.mark.anyio

HERE = Path(ledger.docs.__file__).parent


async def test_the_document_is_served_to_everybody(app: Any) -> None:
    answer = await Api(app, None, "").get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["openapi"] == "3.1.0"


async def test_the_page_needs_no_network_and_runs_no_foreign_script(app: Any) -> None:
    client = Api(app, None, "")
    page = await client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/")
        assert (await client.get(address)).status_code == 200
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", page.text)


def test_the_script_writes_text_and_no_markup() -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", (HERE / "docs.js").read_text()
    )


async def test_info_and_readiness(app: Any) -> None:
    client = Api(app, None, "")
    assert (await client.get("/health")).json()["status"] == "ok"
    assert (await client.get("/ready")).json()["status"] == "ready"
    assert (await client.get("/v1/info")).json()["currency"] == "credits"

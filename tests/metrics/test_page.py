"""/metrics over the real application."""

import pytest

from tests.support.api import Api
from tests.http.conftest import api, app

pytestmark = pytest.mark.anyio

__all__ = ["api", "app"]


async def test_page(api: Api) -> None:
    got = await api.get("/metrics")
    print(got.status_code, got.headers, got.text)
    assert 0

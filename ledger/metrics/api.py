"""/metrics: asked by Prometheus, without a key unless a token is set."""

import hmac
from typing import Any

from litestar import get

from ledger.context import LedgerRequest
from ledger.errors import Unauthenticated
from ledger.kit.http.answers import Answer
from ledger.kit.http.edge import bearer_of
from ledger.metrics.page import MEDIA_TYPE, Page


@get("/metrics", opt={"open": True, "media": MEDIA_TYPE.decode(), "problems": (401,)})
async def metrics(request: LedgerRequest) -> Answer[Any]:
    """How this service is doing, in the text format of Prometheus: what waits, what is late, what fails. Where
    ``LEDGER_METRICS_TOKEN`` is set it is needed as the bearer's token."""
    _check(request, request.services.settings.metrics_token)
    page: Page = request.scope["litestar_app"].state["metrics"]
    return Answer(await page.text(), media_type=MEDIA_TYPE)


def _check(request: LedgerRequest, token: str | None) -> None:
    if token is None:
        return
    given = bearer_of(request.header(b"authorization") or b"")
    if given is None or not hmac.compare_digest(given, token.encode()):
        raise Unauthenticated("send the token of /metrics: Authorization: Bearer <LEDGER_METRICS_TOKEN>")


HANDLERS = [metrics]

"""Requests under ``/v1``, in the order that Stripe looks at them: who asks, whether it was asked before, what for.

What is refused before the work begins (a wrong key, parameter or path, too many requests) is not remembered. What the
work came to is, in the same transaction as its effects.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ledger.sandbox import codec, params
from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import StripeError, api_error, unrecognized
from ledger.sandbox.expand import expanded
from ledger.sandbox.faults import Fault, Faults, refusal
from ledger.sandbox.http import Answer, Cut, Request
from ledger.sandbox.idempotency import Kept
from ledger.sandbox.ids import new_id
from ledger.sandbox.objects import public
from ledger.sandbox.router import Router
from ledger.sandbox.routes import ROUTES, Route
from ledger.sandbox.shapes.event import VERSION
from ledger.sandbox.world import Asked, World

_KEY: Final = re.compile(r"(sk|rk)_test_\w+", re.ASCII)
_NO_KEY: Final = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth "
    "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://docs.stripe.com/api#authentication for details."
)
_HANG_S: Final = 120.0
_log = logging.getLogger("ledger.sandbox")


class Api:
    """Answers requests under ``/v1``."""

    def __init__(self, engine: Engine, faults: Faults) -> None:
        self._engine = engine
        self._faults = faults
        self._router: Router[Route] = Router(ROUTES)

    async def answer(self, request: Request) -> Answer:
        """The answer. Raises Cut where there shall be none."""
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        asked = Asked(new_id("req"), key)
        try:
            authenticate(request.headers.get("authorization"))
            kept = await self._kept(request, asked)
        except StripeError as error:
            return _refused(request, asked, error)
        except Exception as error:
            if isinstance(error, Cut):
                raise
            _log.exception("%s %s failed in the sandbox itself", request.method, request.path)
            return _refused(request, asked, api_error())
        headers = _headers(request, asked)
        if key is not None:
            headers["Original-Request"] = kept.request_id
            if kept.request_id != asked.request_id:
                headers["Idempotent-Replayed"] = "true"
        return Answer(kept.status, kept.body, headers)

    async def _kept(self, request: Request, asked: Asked) -> Kept:
        """What comes of a request, be it done now or earlier. Raises StripeError, Cut."""
        fault = self._faults.take(request.method, request.path)
        if fault is not None:
            _before(fault)
        if asked.idempotency_key is not None:
            moment = self._engine.clock.now()
            found = self._engine.keys.find(asked.idempotency_key, request.path, request.body, moment)
            if found is not None:
                await _after(fault)
                return found
        with self._in_flight(asked.idempotency_key):
            if fault is not None and fault.kind == "slow":
                await asyncio.sleep(fault.delay_s)
            kept = self._do(request, asked, fault)
        await _after(fault)
        return kept

    @contextmanager
    def _in_flight(self, key: str | None) -> Iterator[None]:
        """Meanwhile the key is in use."""
        if key is None:
            yield
            return
        self._engine.keys.in_flight.add(key)
        try:
            yield
        finally:
            self._engine.keys.in_flight.discard(key)

    def _do(self, request: Request, asked: Asked, fault: Fault | None) -> Kept:
        """Do it, all or nothing, and remember what came of it."""
        assert asked.request_id is not None
        found = self._router.find(request.method, request.path)
        if found is None:
            raise unrecognized(request.method, request.path)
        route, path = found
        text = request.query if request.method in ("GET", "DELETE") else request.body.decode("utf-8", "replace")
        given = params.read(route.params, codec.decode(text))
        with self._engine.unit(asked) as world:
            status, body = _worked(world, route, given, path, fault)
            kept = Kept(status, codec.encode(body), asked.request_id)
            if asked.idempotency_key is not None:
                self._engine.keys.keep(asked.idempotency_key, request.path, request.body, kept, world.moment)
        return kept


def authenticate(header: str | None) -> None:
    """Any test key opens the sandbox. Raises StripeError for everything else."""
    key = _presented(header or "")
    if not key:
        raise _unauthorized(_NO_KEY)
    if key.startswith("pk_"):
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise _unauthorized(message, code="secret_key_required")
    if _KEY.fullmatch(key) is None:
        raise _unauthorized(f"Invalid API Key provided: {key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}")


def _presented(header: str) -> str:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return value.strip() if kind.lower() == "bearer" else ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _unauthorized(message: str, code: str | None = None) -> StripeError:
    headers = {"WWW-Authenticate": 'Basic realm="Stripe"'}
    return StripeError(401, "invalid_request_error", message, code=code, headers=headers)


def _worked(world: World, route: Route, given: dict[str, Any], path: list[str], fault: Fault | None) -> tuple[int, Any]:
    """Status and body of what the handler did; a refusal that undoes everything is raised."""
    assert world.asked.request_id is not None
    try:
        if fault is not None and fault.kind == "error_before":
            raise api_error()
        paths = given.pop("expand", [])
        answer = public(expanded(world, route.handler(world, given, *path), paths))
        if fault is not None and fault.kind == "error_after":
            raise api_error()
    except StripeError as error:
        if not error.keeps:
            raise
        return error.status, error.body(world.asked.request_id)
    return 200, answer


def _before(fault: Fault) -> None:
    """Faults that strike before a request is looked at."""
    error = refusal(fault)
    if error is not None:
        raise error
    if fault.kind == "cut_before":
        raise Cut


async def _after(fault: Fault | None) -> None:
    """Faults that strike when everything is done, be it just now or under the same key before."""
    if fault is None:
        return
    if fault.kind == "cut_after":
        raise Cut
    if fault.kind == "hang":
        await asyncio.sleep(fault.delay_s or _HANG_S)


def _refused(request: Request, asked: Asked, error: StripeError) -> Answer:
    assert asked.request_id is not None
    body = codec.encode(error.body(asked.request_id))
    return Answer(error.status, body, {**_headers(request, asked), **error.headers})


def _headers(request: Request, asked: Asked) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Request-Id": str(asked.request_id),
        "Stripe-Version": request.headers.get("stripe-version", VERSION),
        "Cache-Control": "no-cache, no-store",
    }
    if asked.idempotency_key is not None:
        headers["Idempotency-Key"] = asked.idempotency_key
    return headers

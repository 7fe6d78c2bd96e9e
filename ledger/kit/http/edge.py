"""The outermost layer: the request's id, who is calling, and what no route ever sees.

It stands before routing, so that answers which no handler makes (an unknown path, a method that is not
taken) have an id too, and a stranger learns nothing of the paths. One ASGI function does it all: a
stack of middlewares would cost as much as the handler.
"""

import itertools
import re
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final, Protocol

from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.types import ASGIApp, Receive, Send

from ledger.errors import InvalidRequest, NotFound, Unauthenticated
from ledger.kit.http.answers import Answer
from ledger.kit.http.direct import Direct, missing_scope
from ledger.kit.http.problems import as_ledger_error, problem_answer
from ledger.kit.http.served import Served
from ledger.kit.http.strict import GIVEN, first_of_each, invalid

_PROCESS: Final = f"req_{secrets.token_hex(8)}".encode()
_number = itertools.count()
_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Caller(Protocol):
    """Who is calling. ``scopes``: what the caller may do, implied scopes included."""

    @property
    def scopes(self) -> frozenset[str]: ...


Recall = Callable[[bytes], Caller | None]
"""Who presented this token a moment ago; None where that is to be looked up."""

Authenticate = Callable[[bytes], Awaitable[Caller]]
"""Who presents this token. Raises Unauthenticated."""


class EdgedLitestar(Litestar):
    """Litestar with the edge before its router.

    ``recall`` and ``authenticate`` tell who presents a token. Paths below ``/v1`` need one, but for those in
    ``open_paths``. ``served`` counts what is answered.
    """

    recall: Recall
    authenticate: Authenticate
    open_paths: frozenset[str]
    direct: Direct
    served: Served

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        began = perf_counter()
        headers = scope[GIVEN] = first_of_each(scope["headers"])
        given = headers.get(b"x-request-id")
        request_id = given if given is not None and _SANE_ID.fullmatch(given) else _new_id()
        scope["request_id"] = request_id.decode()
        path = scope["path"]
        answer: Answer[Any]
        try:
            _refuse_early(path, scope["query_string"])
            if path.startswith("/v1") and path not in self.open_paths:
                token = _bearer(headers)
                scope["auth"] = self.recall(token) or await self.authenticate(token)
        except Exception as error:
            answer = problem_answer(as_ledger_error(error, scope["request_id"]))
        else:
            short = self.direct.find(scope)
            if short is None:
                sending = _Sending(send, request_id)
                await super().__call__(scope, receive, sending)
                self.served.add(scope.get("route_handler"), sending.status, perf_counter() - began)
                return
            answer = await self.direct.go(*short, scope, receive, send)
        answer.raw_headers.append((b"x-request-id", request_id))
        await answer.send_to(scope, receive, send)
        self.served.add(scope.get("route_handler"), answer.status_code, perf_counter() - began)


def _refuse_early(path: str, query: bytes) -> None:
    if "\x00" in path:
        raise NotFound("there is nothing at this path")
    if query:
        if b"clk_" in query:
            raise InvalidRequest("an API key belongs in the Authorization header, never in an address")
        if b"%00" in query:
            raise InvalidRequest("the query must not contain the character NUL")


class _Sending:
    """``send`` that adds the request's id to the answer's headers, and knows its status then."""

    __slots__ = ("_request_id", "_send", "status")

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._request_id)]
        await self._send(message)


def _new_id() -> bytes:
    """Unique: a random name of the process, and a number in it."""
    return b"%s%08x" % (_PROCESS, next(_number))


_PREFIX: Final = b"bearer "


def _bearer(headers: dict[bytes, bytes]) -> bytes:
    value = headers.get(b"authorization")
    if value is None:
        raise Unauthenticated("send an API key: Authorization: Bearer clk_…")
    token = bearer_of(value)
    if token is None:
        raise Unauthenticated("the Authorization header must be: Bearer <API key>")
    return token


def bearer_of(value: bytes) -> bytes | None:
    """The token in an Authorization header; None where that is of another kind."""
    return value[7:].strip() if value[:7].lower() == _PREFIX else None


def authorized(app: ASGIApp) -> ASGIApp:
    """The middleware of all routes: the scope in the handler's ``opt`` must be the caller's, and the query may
    only have what the handler names. Raises Forbidden, InvalidRequest.

    (Not a guard: Litestar copies the handler for every call of one, and runs a plain function in a thread.)
    """

    async def check(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            handler = scope["route_handler"]
            needed = handler.opt.get("scope")
            if needed is not None and needed not in scope["auth"].scopes:
                raise missing_scope(needed)
            if scope["query_string"]:
                _refuse_unknown_query(scope["query_string"], handler)
        await app(scope, receive, send)

    return check


_query_names: dict[BaseRouteHandler, frozenset[bytes]] = {}


def _refuse_unknown_query(query: bytes, handler: BaseRouteHandler) -> None:
    known = _query_names.get(handler)
    if known is None:
        known = _query_names[handler] = _names_of(handler)
    names = [part.partition(b"=")[0] for part in query.split(b"&") if part]
    for name in names:
        if name not in known:
            shown = name.decode("ascii", "replace")[:80]
            raise invalid(shown, "is not a parameter of this request")
    if len(names) > len(set(names)):
        raise InvalidRequest("a query parameter is given twice")


def _names_of(handler: BaseRouteHandler) -> frozenset[bytes]:
    names = set()
    for name, field in handler.parsed_fn_signature.parameters.items():
        if isinstance(field.kwarg_definition, QueryParameter):
            names.add((field.kwarg_definition.name or name).encode())
    return frozenset(names)

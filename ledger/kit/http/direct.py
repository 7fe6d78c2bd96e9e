"""The short way to a handler.

Litestar's way from a matched route to its handler (scope state, dependency groups, keyword models, conversion of the
response, an exit stack) costs several times what the handlers of the hot paths cost themselves. A handler that takes
nothing but the request, the parts of its path and one JSON body needs none of it, and is called from here. All else
(query parameters, methods and paths that are not served, escapes in a path) goes Litestar's way, and what is
answered is the same.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, NamedTuple

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from ledger.errors import Forbidden, InvalidRequest
from ledger.kit.http.answers import Answer
from ledger.kit.http.problems import refuse
from ledger.kit.http.strict import StrictRequest

_REQUEST: Final = "request"
_BODY: Final = "data"


class Route(NamedTuple):
    """A handler, and what its path must have where."""

    fn: Callable[..., Awaitable[Answer[Any]]]
    handler: HTTPRouteHandler
    literals: tuple[tuple[int, str], ...]
    parameters: tuple[tuple[int, str], ...]
    has_body: bool
    scope: str | None


class Direct:
    """Finds the short way of a request, where there is one, and goes it."""

    def __init__(self, app: Litestar, request_class: type[StrictRequest]) -> None:
        self._app = app
        self._request_class = request_class
        self._routes: dict[tuple[str, int], list[Route]] = {}
        for method, parts, route in _routes(app):
            self._routes.setdefault((method, parts), []).append(route)

    def find(self, scope: Any) -> tuple[Route, list[str]] | None:
        """The route of a request and its path in parts."""
        path: str = scope["path"]
        if scope["query_string"] or "%" in path or b"%" in scope.get("raw_path", b""):
            return None
        parts = path.split("/")
        for route in self._routes.get((scope["method"], len(parts)), ()):
            for place, text in route.literals:
                if parts[place] != text:
                    break
            else:
                return route, parts
        return None

    async def go(self, route: Route, parts: list[str], scope: Any, receive: Any, send: Any) -> Answer[Any]:
        """The answer of the route's handler, or the one that says what is wrong."""
        scope["litestar_app"] = self._app
        scope["route_handler"] = route.handler
        request = self._request_class.light(scope, receive, send)
        try:
            if route.scope is not None and route.scope not in scope["auth"].scopes:
                raise missing_scope(route.scope)
            given: dict[str, Any] = {name: parts[place] for place, name in route.parameters}
            if route.has_body:
                if not await request.body():
                    raise InvalidRequest(
                        "a JSON body is needed", errors=[{"path": "", "message": "a JSON body is needed"}]
                    )
                given[_BODY] = await request.json()
            return await route.fn(request=request, **given)
        except Exception as error:
            return refuse(request, error)


def missing_scope(scope: str) -> Forbidden:
    return Forbidden(f"this needs a key with the scope '{scope}'", scope=scope)


def _routes(app: Litestar) -> Iterator[tuple[str, int, Route]]:
    """(method, parts of the path, route) for each handler that can be called from here."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            signature = handler.parsed_fn_signature
            if signature.return_type.origin is not Answer or _REQUEST not in signature.parameters:
                continue
            parts = route.path_format.split("/")
            literals = tuple((at, part) for at, part in enumerate(parts) if not part.startswith("{"))
            parameters = tuple((at, part[1:-1]) for at, part in enumerate(parts) if part.startswith("{"))
            given = {_REQUEST, *(name for _, name in parameters)}
            body = signature.parameters.get(_BODY)
            if body is not None and not body.has_default:
                given.add(_BODY)
            others = [field for name, field in signature.parameters.items() if name not in given]
            if all(field.has_default and isinstance(field.kwarg_definition, QueryParameter) for field in others):
                scope = handler.opt.get("scope")
                short = Route(handler.fn, handler, literals, parameters, body is not None, scope)
                for method in handler.http_methods:
                    yield str(method), len(parts), short

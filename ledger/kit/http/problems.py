"""Every error as an RFC 9457 problem: ``application/problem+json`` with a stable ``code``.

A problem's bytes are a function of the error alone (no request id, no time), so that a refusal that is
repeated under its Idempotency-Key is the same bytes again. What was not foreseen is logged with the
request's id and answered as INTERNAL_ERROR, without a word of what it was.
"""

import logging
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException

from ledger.errors import (
    TOP_LEVEL_FACTS,
    BadRequest,
    DatabaseUnavailable,
    InternalError,
    InvalidRequest,
    LedgerError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Unauthenticated,
    UnsupportedMediaType,
)
from ledger.kit.db import is_unavailable
from ledger.kit.http.answers import Answer, Headers

MEDIA_TYPE: Final = b"application/problem+json"
REPLAYED: Final = (b"idempotency-replayed", b"true")

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_BY_STATUS: Final[dict[int, type[LedgerError]]] = {
    401: Unauthenticated,
    404: NotFound,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
    429: RateLimited,
}


class FieldError(msgspec.Struct, frozen=True):
    """One thing that is wrong with the request: where, and what."""

    path: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The shape of every error answer. ``type`` is the path of the code's page."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] = []
    reason: str | None = None
    available: str | None = None
    required: str | None = None
    shortfall: str | None = None
    refundable: str | None = None
    details: dict[str, Any] = {}


class RefusedBefore(Exception):
    """A refusal that was given before under the same Idempotency-Key, and is given again."""

    def __init__(self, error: LedgerError) -> None:
        super().__init__(error.detail)
        self.error = error


def problem(error: LedgerError) -> dict[str, Any]:
    """The members of a problem, in the order in which they are shown."""
    members: dict[str, Any] = {
        "type": f"/docs/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    if isinstance(error, InvalidRequest):
        members["errors"] = error.errors
    members |= {name: error.facts[name] for name in TOP_LEVEL_FACTS if name in error.facts}
    details = {name: error.facts[name] for name in sorted(error.facts) if name not in TOP_LEVEL_FACTS}
    if details:
        members["details"] = details
    return members


def problem_answer(error: LedgerError, headers: Headers = ()) -> Answer[Problem]:
    """The answer for an error, with ``Retry-After`` and ``WWW-Authenticate`` where they belong."""
    extra = list(headers)
    if error.retry_after_s is not None:
        extra.append((b"retry-after", str(error.retry_after_s).encode()))
    if isinstance(error, Unauthenticated):
        extra.append((b"www-authenticate", b"Bearer"))
    return Answer(_encode(problem(error)), status=error.status, headers=extra, media_type=MEDIA_TYPE)


def refuse(request: Request[Any, Any, Any], error: Exception) -> Answer[Problem]:
    """The one exception handler of the application."""
    if isinstance(error, RefusedBefore):
        return problem_answer(error.error, (REPLAYED,))
    if isinstance(error, MethodNotAllowedException):
        return problem_answer(_method_not_allowed(request), ((b"allow", _allowed(request)),))
    return problem_answer(as_ledger_error(error, str(request.scope.get("request_id", "-"))))


def as_ledger_error(error: Exception, request_id: str) -> LedgerError:
    """What to tell the client; logs what nobody foresaw."""
    if isinstance(error, LedgerError):
        return error
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _from_http(error)
    if is_unavailable(error):
        _log.warning("the database cannot be used: %s", error, extra={"request_id": request_id})
        return DatabaseUnavailable("the database cannot be used now; try again")
    _log.error("unforeseen error", exc_info=error, extra={"request_id": request_id})
    return InternalError("the request failed for a reason of ours; it was logged under its X-Request-Id")


def _from_http(error: HTTPException) -> LedgerError:
    if isinstance(error, ValidationException):
        errors = [_field_error(extra) for extra in error.extra or [] if isinstance(extra, dict)]
        shown = "; ".join(f"{e['path']}: {e['message']}" if e["path"] else e["message"] for e in errors)
        return InvalidRequest(shown or "the request is not valid", errors=errors)
    kind = _BY_STATUS.get(error.status_code, BadRequest)
    if kind is NotFound:
        return NotFound("there is nothing at this path")
    return InvalidRequest(error.detail) if kind is BadRequest else kind(error.detail)


def _field_error(extra: dict[str, Any]) -> dict[str, str]:
    path = str(extra.get("key", "")).rstrip("_")
    message = str(extra.get("message", "is not valid"))
    if path == "data":
        return {"path": "", "message": "a JSON body is needed"}
    return {"path": path, "message": message}


def _method_not_allowed(request: Request[Any, Any, Any]) -> MethodNotAllowed:
    return MethodNotAllowed(f"this path does not take {request.scope['method']}")


def _allowed(request: Request[Any, Any, Any]) -> bytes:
    """The methods of the path asked for; OPTIONS is one that every path has."""
    *_, template = request.app.asgi_router.handle_routing(path=request.scope["path"], method="OPTIONS")
    routes = [route for route in request.app.routes if template in (route.path, route.path_format)]
    return ", ".join(sorted({str(method) for route in routes for method in route.methods})).encode()

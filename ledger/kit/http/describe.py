"""The OpenAPI 3.1 document, made from the handlers themselves.

msgspec knows exactly what a Struct takes (bounds, patterns, unknown fields refused), and its JSON Schema is
OpenAPI 3.1's; so the document is made of that, of the handlers' parameters and docstrings, and of the one
shape that all errors have. Examples are given from outside, by operation.
"""

import types
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args, get_origin

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg, PathParameter, QueryParameter

from ledger.kit.http.answers import Answer
from ledger.kit.http.problems import Problem

REF: Final = "#/components/schemas/{name}"

PROBLEMS: Final = {
    400: "The request is not valid.",
    401: "No valid API key.",
    402: "The wallet cannot pay.",
    403: "The key does not have the scope.",
    404: "Not found.",
    409: "The state does not allow it.",
    410: "Not kept any more.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A rule forbids it.",
    500: "Something went wrong; it was logged under the X-Request-Id.",
    503: "Try again later.",
}
_OPEN: Final = (400, 500, 503)
_READS: Final = (400, 401, 403, 404, 500, 503)
_WRITES: Final = tuple(status for status in PROBLEMS if status != 410)

_REQUEST_ID: Final = {"X-Request-Id": {"schema": {"type": "string"}, "description": "The request's id, in our logs."}}
_LOCATION: Final = {"Location": {"schema": {"type": "string"}, "description": "Where it can be fetched."}}
_REPLAYED: Final = {
    "Idempotency-Replayed": {"schema": {"const": "true"}, "description": "The first answer, given once more."}
}

Schema = dict[str, Any]


def describe(
    handlers: Iterable[HTTPRouteHandler],
    *,
    info: Mapping[str, Any],
    examples: Mapping[str, Mapping[str, Any]],
) -> Schema:
    """The document. ``examples``: by operation id, ``request`` and ``response``."""
    shown = [handler for handler in handlers if not handler.opt.get("hidden")]
    bodies = {handler: _body_of(handler) for handler in shown}
    answers = {handler: _answers_of(handler) for handler in shown}
    wanted = [Problem, *filter(None, bodies.values()), *(t for types_ in answers.values() for t in types_)]
    unique = list(dict.fromkeys(wanted))
    refs, components = msgspec.json.schema_components(unique, ref_template=REF)
    schema_of = dict(zip(unique, refs, strict=True))
    paths: dict[str, Schema] = {}
    for handler in shown:
        path = _path_of(handler)
        operation = _operation(handler, bodies[handler], answers[handler], schema_of, examples)
        for method in handler.http_methods:
            paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "paths": paths,
        "components": {
            "schemas": _plain(components),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key, `clk_…`."}},
        },
    }


def operation_id(handler: HTTPRouteHandler) -> str:
    """The name of the handler's function: `charge_usage`."""
    return str(handler.fn.__name__)


def _operation(
    handler: HTTPRouteHandler,
    body: Any,
    answers: list[Any],
    schema_of: Mapping[Any, Schema],
    examples: Mapping[str, Mapping[str, Any]],
) -> Schema:
    example = examples.get(operation_id(handler), {})
    text = _plain(" ".join((handler.fn.__doc__ or "").split()))
    operation: Schema = {
        "operationId": operation_id(handler),
        "summary": text.partition(". ")[0].partition(": ")[0].rstrip("."),
        "description": text,
        "tags": [handler.fn.__module__.split(".")[-2]],
        "parameters": _parameters(handler),
        "responses": _responses(handler, answers, schema_of, example),
        "security": [] if handler.opt.get("open") else [{"key": []}],
    }
    if "scope" in handler.opt:
        operation["x-scope"] = handler.opt["scope"]
    if body is not None:
        media: Schema = {"schema": schema_of[body]}
        if "request" in example:
            media["example"] = example["request"]
        operation["requestBody"] = {"required": _is_needed(handler), "content": {"application/json": media}}
    return operation


def _responses(
    handler: HTTPRouteHandler, answers: list[Any], schema_of: Mapping[Any, Schema], example: Mapping[str, Any]
) -> Schema:
    shapes = [schema_of[answer] for answer in answers]
    media: Schema = {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}
    if "response" in example:
        media["example"] = example["response"]
    headers = dict(_REQUEST_ID)
    if handler.status_code == 201:
        headers |= _LOCATION
    if handler.opt.get("key"):
        headers |= _REPLAYED
    responses: Schema = {
        str(handler.status_code): {
            "description": "Done.",
            "headers": headers,
            "content": {handler.opt.get("media", "application/json"): media},
        }
    }
    if handler.opt.get("accepted"):
        responses["202"] = responses[str(handler.status_code)] | {"description": "Begun: ask again."}
    problem = {"application/problem+json": {"schema": schema_of[Problem]}}
    for status in _problems_of(handler):
        responses[str(status)] = {"description": PROBLEMS[status], "headers": _REQUEST_ID, "content": problem}
    return responses


def _problems_of(handler: HTTPRouteHandler) -> tuple[int, ...]:
    usual = _OPEN if handler.opt.get("open") else _READS if "GET" in handler.http_methods else _WRITES
    return tuple(sorted({*usual, *handler.opt.get("problems", ())}))


def _parameters(handler: HTTPRouteHandler) -> list[Schema]:
    parameters = []
    for name, field in handler.parsed_fn_signature.parameters.items():
        kwarg = field.kwarg_definition
        if not isinstance(kwarg, ParameterKwarg):
            continue
        place = "path" if isinstance(kwarg, PathParameter) else "query"
        schema = {"type": "string"} if place == "path" else _query_schema(field.annotation, kwarg)
        if place == "query" and not field.is_required:
            schema["default"] = field.default
        parameter: Schema = {
            "name": kwarg.name or name,
            "in": place,
            "required": place == "path" or field.is_required,
            "schema": {key: value for key, value in schema.items() if value is not None},
        }
        if text := kwarg.description or _PATH_TEXT.get(name):
            parameter["description"] = text
        parameters.append(parameter)
    if key := handler.opt.get("key"):
        parameters.append(_key_parameter(required=key == "required"))
    return parameters


_PATH_TEXT: Final = {"wallet_id": "`wal_…`, or `user:` and the owner's id: the owner's primary wallet."}


def _query_schema(annotation: Any, kwarg: QueryParameter | ParameterKwarg) -> Schema:
    given = [inner for inner in get_args(annotation) if inner is not type(None)]
    inner = given[0] if isinstance(annotation, types.UnionType) or type(None) in get_args(annotation) else annotation
    schema: Schema = dict(msgspec.json.schema(inner))
    schema |= {"minimum": kwarg.ge, "maximum": kwarg.le, "maxLength": kwarg.max_length}
    return {key: value for key, value in schema.items() if value is not None}


def _key_parameter(*, required: bool) -> Schema:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": required,
        "description": "Names this attempt: the same key is the same answer again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    }


def _body_of(handler: HTTPRouteHandler) -> Any:
    if "body" in handler.opt:
        return handler.opt["body"]
    field = handler.parsed_fn_signature.parameters.get("data")
    return None if field is None else field.annotation


def _is_needed(handler: HTTPRouteHandler) -> bool:
    field = handler.parsed_fn_signature.parameters.get("data")
    return field is None or field.is_required


def _answers_of(handler: HTTPRouteHandler) -> list[Any]:
    """The shapes of ``Answer[…]``; a file of the ``media`` type that the handler names is text."""
    if "media" in handler.opt:
        return [str]
    annotation = handler.parsed_fn_signature.return_type.annotation
    assert get_origin(annotation) is Answer, f"{operation_id(handler)} must return an Answer[…]"
    shape = get_args(annotation)[0]
    return list(get_args(shape)) if isinstance(shape, types.UnionType) else [shape]


def _path_of(handler: HTTPRouteHandler) -> str:
    (path,) = handler.paths
    return path.replace(":str}", "}")


def _plain(value: Any) -> Any:
    """Docstrings are written for readers of the code; here one backtick is enough."""
    if isinstance(value, str):
        return value.replace("``", "`")
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value

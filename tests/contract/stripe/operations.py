"""Which parameters a method and path take and what they answer, read from the SDK's service classes.

Each of their methods is one call of ``self._request("post", "/v1/refunds/{refund}/cancel", …)``, with an annotation of
what it takes and one of what it returns. All routes of the API that the SDK knows are here, and not only those we call:
a route that is not here is none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.contract.stripe.annotations import Reader, Schema
from tests.contract.stripe.schemas import lookup, refer
from tests.contract.stripe.sources import ROOT, Scope, read

NOTHING: Schema = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True)
class Operation:
    """One method of the API."""

    method: str
    template: str
    """``/v1/refunds/{refund}/cancel``"""
    name: str
    """``RefundService.cancel``"""
    module: str
    takes: ast.expr | None
    answers: ast.expr

    @property
    def request(self) -> Schema:
        """The schema of the parameters, in the query or the form."""
        if self.takes is None:
            return NOTHING
        said = self._reader.schema(self.takes)  # the params may be left out as a whole: null
        return next(lookup(branch["$ref"]) for branch in said.get("anyOf", [said]) if "$ref" in branch)

    @property
    def response(self) -> Schema:
        """The schema of the answer, if there is no error."""
        return self._reader.schema(self.answers)

    @property
    def _reader(self) -> Reader:
        return Reader(Scope(read(self.module)), refer)

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is for this method of the API."""
        return method.lower() == self.method and bool(_pattern(self.template).fullmatch(path))


def find(method: str, path: str) -> Operation | None:
    """The operation that a request means; a literal segment of a path goes before an id."""
    return next((each for each in operations() if each.matches(method, path)), None)


@cache
def operations() -> tuple[Operation, ...]:
    """All operations of version 1 of the API."""
    files = (file for file in ROOT.rglob("_*_service.py") if "v2" not in file.relative_to(ROOT).parts)
    found = [each for file in files for each in _of(file)]
    return tuple(sorted(found, key=lambda each: (each.template.count("{"), each.template, each.method)))


def _of(file: Path) -> Iterator[Operation]:
    module = ".".join(("stripe", *file.relative_to(ROOT).with_suffix("").parts))
    for kind in read(module).classes.values():
        for function in kind.node.body:
            if not (isinstance(function, ast.FunctionDef) and function.returns):
                continue
            for call in ast.walk(function):
                match call:
                    case ast.Call(
                        func=ast.Attribute(attr="_request"), args=[ast.Constant(value=str() as method), path, *_]
                    ):
                        takes = next((each.annotation for each in function.args.args if each.arg == "params"), None)
                        name = f"{kind.name}.{function.name}"
                        yield Operation(method, _template(path), name, module, takes, function.returns)


def _template(path: ast.expr) -> str:
    """Of ``"/v1/refunds"``, or of ``"/v1/refunds/{refund}".format(…)``."""
    match path:
        case ast.Constant(value=str() as template):
            return template
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as template), attr="format")):
            return template
    return ast.unparse(path)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(template)))

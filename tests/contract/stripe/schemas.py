"""One schema per class of the SDK, made when it is first needed: resources, their inner classes, sets of parameters.

A schema refers to others by ``{"$ref": "#/$defs/…"}``, so that ``document`` is one ordinary JSON Schema of everything
that some classes reach, for whoever wants it whole. The judge looks references up here instead, and a test which never
sees a subscription never reads one.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from tests.contract.stripe import rules
from tests.contract.stripe.annotations import Reader, Schema, nullable
from tests.contract.stripe.sources import Class, NotUnderstood, Scope, read, resource

PREFIX = "#/$defs/"


def refer(kind: Class) -> Schema:
    """A reference to the schema of a class."""
    return {"$ref": PREFIX + kind.key}


@cache
def lookup(reference: str) -> Schema:
    """The schema that a reference means."""
    home, _, name = reference.removeprefix(PREFIX).partition(":")
    first, *rest = name.split(".")
    kind = read(home).find(first)
    for step in rest:
        kind = kind.inner(step) or kind
    if kind.name != name:
        raise NotUnderstood(f"there is no class {reference}")
    return parameters(kind) if home.startswith("stripe.params.") else fields(kind)


def fields(kind: Class) -> Schema:
    """What an object of the API is: its fields and no others, those present that are never null."""
    reader = Reader(Scope(read(kind.module), kind), refer)
    known = {
        name: rules.closed(rules.refined(name, reader.schema(hint), said), said) for name, hint, said in kind.fields()
    }
    deleted = known.pop("deleted", None)
    live = _object(known, [name for name, schema in known.items() if not nullable(schema)])
    if kind.key == "stripe._error_object:ErrorObject":
        return rules.error(live)
    if deleted is None:
        return live
    said = {"deleted": {"enum": [True]}}
    left = known if kind.key in rules.NOT_ONLY_AN_ID_WHEN_DELETED else {name: known[name] for name in ("id", "object")}
    return {
        "if": {"properties": said, "required": ["deleted"]},
        "then": _object(left | said, ["id", "object", "deleted"]),
        "else": live,
    }


def parameters(kind: Class) -> Schema:
    """What a method takes, but for what the SDK itself uses up: options of a request travel as headers."""
    reader = Reader(Scope(read(kind.module), kind), refer)
    known = {name: rules.refined(name, reader.schema(hint), said) for name, hint, said in kind.fields()}
    if "ending_before" in known:
        known |= rules.PAGE
    needed = [name for name, hint, _ in kind.fields() if not _may_be_left_out(hint)]
    return _object(known, needed)


def of_resource(name: str) -> Schema:
    """A reference to the schema of what calls itself so: ``checkout.session``."""
    kind = resource(name)
    if kind is None:
        raise LookupError(f"the API has no object that calls itself {name!r}")
    return refer(kind)


def of_error() -> Schema:
    """The body of any answer that is no success."""
    return _object({"error": refer(read("stripe._error_object").find("ErrorObject"))}, ["error"])


def document(schema: Schema) -> Schema:
    """The schema with everything that it refers to, as one document."""
    found: dict[str, Schema] = {}
    waiting = _references(schema)
    while waiting:
        reference = waiting.pop()
        key = reference.removeprefix(PREFIX)
        if key not in found:
            found[key] = lookup(reference)
            waiting += _references(found[key])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": found} | schema


def _object(known: dict[str, Any], needed: list[str]) -> Schema:
    return {"type": "object", "properties": known, "required": needed, "additionalProperties": False}


def _may_be_left_out(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Subscript(value=ast.Name(id="NotRequired")):
            return True
    return False


def _references(schema: Any) -> list[str]:
    match schema:
        case {"$ref": str() as reference}:
            return [reference]
        case dict():
            return [each for value in schema.values() for each in _references(value)]
        case list():
            return [each for value in schema for each in _references(value)]
    return []

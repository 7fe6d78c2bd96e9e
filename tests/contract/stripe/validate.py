"""What is wrong with a value, as a list of paths and sentences; nothing wrong is an empty list.

``jsonschema`` judges. Of a union it would only say that no branch fits; here the branch is found that the value was
meant to be, and what is wrong inside it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from tests.contract.stripe.annotations import Schema
from tests.contract.stripe.schemas import PREFIX, lookup, refer
from tests.contract.stripe.sources import Class


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, and what."""

    path: str
    """``data.object.latest_charge``; empty for the whole."""
    what: str

    def __str__(self) -> str:
        return f"{self.path or '(the whole)'}: {self.what}"

    def under(self, prefix: str) -> Problem:
        """The same, seen from further out."""
        return Problem(".".join(part for part in (prefix, self.path) if part), self.what)


def problems(
    value: Any, schema: Schema | Class, *, partial: bool = False, expand: Iterable[str] = ("*",)
) -> list[Problem]:
    """All that is wrong with the value.

    A partial value, which says what was before, may lack fields, and notes in it are null that were not there. ``expand`` names the fields that the caller wanted as objects and not as ids, as a
    request's ``expand`` does: an object elsewhere is wrong, and so is an id there. ``("*",)`` allows both everywhere.
    """
    wanted = {".".join(path.split(".")[:end]) for path in expand for end in range(1, path.count(".") + 2)}
    found, strangers = set(), set()
    for error in _Judge(refer(schema) if isinstance(schema, Class) else schema).iter_errors(value):
        for leaf in _leaves(error):
            if partial and (leaf.validator == "required" or _is_new_note(leaf)):
                continue
            if leaf.validator == "expandable" and (
                "*" in wanted or (_as_expanded(leaf) in wanted) == isinstance(leaf.instance, dict)
            ):
                continue
            if leaf.validator == "enum" and leaf.absolute_path and leaf.absolute_path[-1] == "object":
                strangers.add(_path(leaf).removesuffix("object"))
            found |= set(_said(leaf))
    # Of what is another object altogether, no more is said than that.
    return sorted(
        (each for each in found if each.path.endswith("object") or not each.path.startswith(tuple(strangers))), key=str
    )


def _reference(judge: Any, reference: str, value: Any, schema: Schema) -> Iterator[ValidationError]:
    """References are looked up in the SDK, not in a document."""
    yield from judge.descend(value, lookup(reference))


def _expandable(judge: Any, expandable: bool, value: Any, schema: Schema) -> Iterator[ValidationError]:
    """Every object and every id where either may be, for the caller to say which was wanted."""
    if isinstance(value, dict):
        yield ValidationError("the object, where only its id was asked for")
    elif isinstance(value, str):
        yield ValidationError("the id, where the object was asked for")


_Judge = extend(
    Draft202012Validator,
    {"$ref": _reference, "expandable": _expandable},
    # 1.0 is an integer in JSON Schema, and none to the SDK.
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """What is wrong at the bottom: in the branch of a union that the value was meant to be, if one can be told."""
    if error.validator != "anyOf":
        yield error
        return
    branches = [list(errors) for _, errors in groupby(error.context or (), lambda each: each.relative_schema_path[0])]
    meant = [errors for errors in branches if not any(_is_another_kind(each) for each in errors)]
    if len(meant) == 1:
        for each in meant[0]:
            yield from _leaves(each)
    else:
        yield error


def _is_another_kind(error: ValidationError) -> bool:
    """The value is no text, say, or calls itself another object: the branch was not meant."""
    where = list(error.relative_path)
    return (error.validator in ("type", "enum") and not where) or (error.validator == "enum" and where == ["object"])


def _is_new_note(error: ValidationError) -> bool:
    """A key of metadata without a value: Stripe tells so of one that an update has added."""
    return error.instance is None and list(error.absolute_path)[-2:-1] == ["metadata"]


def _said(error: ValidationError) -> Iterator[Problem]:
    path = _path(error)
    match error.validator:
        case "additionalProperties":
            for name in sorted(set(error.instance) - set(error.schema["properties"])):
                yield Problem(f"{path}.{name}".strip("."), "the API knows no such field")
        case "required":
            for name in error.validator_value:
                if name not in error.instance:
                    yield Problem(f"{path}.{name}".strip("."), "is missing")
        case "enum":
            known = error.validator_value
            shown = ", ".join(map(repr, known[:12])) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
            yield Problem(path, f"{_short(error.instance)} is none of {shown}")
        case "anyOf":
            kinds = " or ".join(_kinds(error.validator_value))
            yield Problem(path, f"{_short(error.instance)} is not {kinds}")
        case "maxLength":
            yield Problem(path, f"has {len(error.instance)} characters, of at most {error.validator_value}")
        case _:
            yield Problem(path, error.message if len(error.message) < 300 else f"{error.message[:300]}…")


def _path(error: ValidationError) -> str:
    return ".".join(str(part) for part in error.absolute_path)


def _kinds(branches: list[Schema]) -> Iterator[str]:
    for branch in branches:
        yield branch.get("$ref", "").removeprefix(PREFIX) or branch.get("type") or f"one of {branch.get('enum')}"


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) < 80 else f"{shown[:80]}…"


def _as_expanded(error: ValidationError) -> str:
    """The path as ``expand`` names it: without the numbers of a list's items."""
    return ".".join(str(part) for part in error.absolute_path if isinstance(part, str))

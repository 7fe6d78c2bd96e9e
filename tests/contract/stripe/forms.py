"""Forms as Stripe reads them: ``a[b][0][c]=1`` is a tree, and its text becomes what the schema says.

An own decoder, as the simulator's is among what is judged.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from tests.contract.stripe.annotations import DECIMAL, Schema
from tests.contract.stripe.schemas import lookup

Tree = dict[str, Any]


class Malformed(ValueError):
    """A form that means nothing."""


def decode(form: str) -> Tree:
    """The tree of a form or query: dicts of dicts and text. A list is a dict, too, with numbers for keys."""
    tree: Tree = {}
    for name, value in parse_qsl(form, keep_blank_values=True, strict_parsing=bool(form)):
        head, rest = re.match(r"([^\[\]]*)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
        steps = re.findall(r"\[([^\[\]]*)\]", rest)
        if not head or "".join(f"[{step}]" for step in steps) != rest:
            raise Malformed(f"{name!r} is no name of a parameter")
        _put(tree, [head, *steps], name, value)
    return tree


def _put(tree: Tree, steps: list[str], name: str, value: str) -> None:
    for at, step in enumerate(steps):
        step = step or str(len(tree))  # expand[]=a&expand[]=b
        if at == len(steps) - 1:
            if step in tree:
                raise Malformed(f"{name!r} is said twice")
            tree[step] = value
        else:
            tree = tree.setdefault(step, {})
            if not isinstance(tree, dict):
                raise Malformed(f"{name!r} is within what has a value already")


def typed(value: Any, schema: Schema) -> Any:
    """The value as the schema has it, where its text can be read so; else as it came, for the judge to refuse."""
    if "$ref" in schema:
        return typed(value, lookup(schema["$ref"]))
    if "anyOf" in schema:
        return next((typed(value, branch) for branch in schema["anyOf"] if _fits(value, branch)), value)
    match schema.get("type"), value:
        case "array", dict() if list(value) == [str(at) for at in range(len(value))]:
            return [typed(item, schema["items"]) for item in value.values()]
        case "object", dict():
            known, others = schema.get("properties", {}), schema.get("additionalProperties")
            return {name: typed(item, known.get(name, others or {})) for name, item in value.items()}
        case "integer", str() if re.fullmatch(r"-?\d+", value):
            return int(value)
        case "number", str() if re.fullmatch(DECIMAL["pattern"], value):
            return float(value)
        case "boolean", "true" | "false":
            return value == "true"
    return value


def _fits(value: Any, branch: Schema) -> bool:
    """Whether the value may be meant for this branch of a union, by its shape alone."""
    if "$ref" in branch:
        branch = lookup(branch["$ref"])
    if "enum" in branch:
        return value in branch["enum"]
    changed = typed(value, branch)
    match branch.get("type"):
        case "array":
            return isinstance(changed, list)
        case "object":
            return isinstance(changed, dict) and "0" not in changed
        case "string":
            return isinstance(changed, str)
        case "null":
            return False
    return type(changed) is not str

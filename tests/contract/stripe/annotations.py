"""An annotation of the SDK becomes a piece of JSON Schema.

Three readings are choices:

- ``Union[Literal["a", "b"], str]`` is the SDK's open enum: Stripe may add values between versions. Whoever claims to
  speak the pinned version may not, so it is closed here. A bare ``str`` stays any text.
- ``Optional`` in a resource means null or absent, as annotations do not tell the two apart.
- ``ExpandableField`` is an id or the object. Its schema carries the keyword ``expandable``, so that the judge can ask
  whether the caller wanted the object.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.contract.stripe.sources import Class, NotUnderstood, Scope, parsed, read

Schema = dict[str, Any]

DECIMAL: Schema = {"type": "string", "pattern": r"^-?\d+(\.\d{1,12})?$"}
"""A decimal travels as text."""

PLAIN: dict[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "Decimal": DECIMAL,
    "Any": {},
    "None": {"type": "null"},
}


@dataclass(frozen=True)
class Reader:
    """Reads the annotations of one scope; ``refer`` gives the schema that stands for a class."""

    scope: Scope
    refer: Callable[[Class], Schema]
    generic: Schema | None = None
    """What the type variable T stands for, inside a generic class."""

    def schema(self, annotation: ast.expr) -> Schema:
        """The schema of one annotation."""
        expandable = False
        branches: list[Schema] = []
        literals: list[Any] = []
        for part in self._parts(annotation):
            match part:
                case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
                    literals += (
                        ast.literal_eval(values) if isinstance(values, ast.Tuple) else [ast.literal_eval(values)]
                    )
                case ast.Subscript(value=ast.Name(id="ExpandableField")):
                    expandable = True
                    branches.append(PLAIN["str"])
                case _:
                    branches.append(self._one(part))
        if literals:
            branches = self._closed(literals, branches)
        branches = [branch for at, branch in enumerate(branches) if branch not in branches[:at]]
        whole = branches[0] if len(branches) == 1 else {"anyOf": branches}
        return whole | {"expandable": True} if expandable else whole

    def _closed(self, literals: list[Any], branches: list[Schema]) -> list[Schema]:
        """Enum first, without the ``str`` that opens it. An empty text is how a parameter is unset: no enum by itself."""
        if any(literals):
            branches = [branch for branch in branches if branch != PLAIN["str"]]
        elif PLAIN["str"] in branches:
            return branches
        if PLAIN["None"] in branches:
            literals.append(None)
            branches = [branch for branch in branches if branch != PLAIN["None"]]
        return [{"enum": list(dict.fromkeys(literals))}, *branches]

    def _parts(self, annotation: ast.expr) -> Iterator[ast.expr]:
        """The members of a union, however it is written; an expandable field is itself and what it may be."""
        match annotation:
            case ast.Constant(value=str() as text):
                yield from self._parts(parsed(text, "eval").body)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                yield from self._parts(left)
                yield from self._parts(right)
            case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=members)):
                for member in members:
                    yield from self._parts(member)
            case ast.Subscript(value=ast.Name(id="Optional"), slice=member):
                yield from self._parts(member)
                yield ast.Constant(value=None)
            case ast.Subscript(value=ast.Name(id="ExpandableField"), slice=member):
                yield annotation
                yield from self._parts(member)
            case ast.Subscript(value=ast.Name(id="NotRequired"), slice=member):
                yield from self._parts(member)
            case _:
                yield annotation

    def _one(self, part: ast.expr) -> Schema:
        match part:
            case ast.Constant(value=None):
                return PLAIN["None"]
            case ast.Name(id="T") if self.generic is not None:
                return self.generic
            case ast.Name(id=name) if name in PLAIN:
                return PLAIN[name]
            case ast.Name(id=name):
                return self.refer(self.scope.find(name))
            case ast.Subscript(value=ast.Name(id="List"), slice=member):
                return {"type": "array", "items": self.schema(member)}
            case ast.Subscript(value=ast.Name(id="UntypedStripeObject"), slice=member):
                return {"type": "object", "additionalProperties": self.schema(member)}
            case ast.Subscript(value=ast.Name(id="Dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), member])):
                return {"type": "object", "additionalProperties": self.schema(member)}
            case ast.Subscript(value=ast.Name(id="ListObject" | "SearchResultObject" as name), slice=member):
                return self._page(self.scope.find(name), self.schema(member))
        raise NotUnderstood(f"{self.scope}: {ast.unparse(part)}")

    def _page(self, kind: Class, member: Schema) -> Schema:
        """A page of a list: the SDK's generic class, with T filled in."""
        inside = Reader(Scope(read(kind.module), kind), self.refer, member)
        fields = {name: inside.schema(annotation) for name, annotation, _ in kind.fields()}
        fields["object"] = {"enum": [kind.constant("OBJECT_NAME")]}
        needed = [name for name, schema in fields.items() if not nullable(schema)]
        return {"type": "object", "properties": fields, "required": needed, "additionalProperties": False}


def nullable(schema: Schema) -> bool:
    """Whether null is a value of it. What never is null is never absent."""
    return schema == {} or None in schema.get("enum", ()) or PLAIN["None"] in schema.get("anyOf", ())

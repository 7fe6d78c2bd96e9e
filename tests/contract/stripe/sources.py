"""The SDK as text: modules parsed once, classes found by name, names followed through imports.

By ``ast`` and not by introspection, because most names in annotations are imported for type checkers only, and because
importing everything costs a second while most tests touch a tenth of it.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import stripe

ROOT = Path(stripe.__file__).parent

PINNED = ("16.1.0", "2026-10-28.endive")
"""The SDK and the version of the API that the rules and samples here were written against."""


class NotUnderstood(Exception):
    """The SDK says something in a way that this reader does not know: teach it, or look what has changed."""


@dataclass(frozen=True)
class Class:
    """A class of the SDK: where it is, and its syntax."""

    module: str
    name: str
    """Dotted from the module down: ``Refund.NextAction.DisplayDetails``."""
    node: ast.ClassDef = field(repr=False, compare=False)

    @property
    def key(self) -> str:
        """What schemas call it."""
        return f"{self.module}:{self.name}"

    def fields(self) -> Iterator[tuple[str, ast.expr, str]]:
        """Name, annotation and description of what an instance has."""
        for statement, after in zip(self.node.body, [*self.node.body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                if ast.unparse(statement.annotation).startswith("ClassVar"):
                    continue
                yield statement.target.id, statement.annotation, _text(after)

    def constant(self, name: str) -> str | None:
        """The value of a text that the class body assigns, such as OBJECT_NAME."""
        for statement in self.node.body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(value=str() as value))
                    | ast.AnnAssign(target=ast.Name(id=target), value=ast.Constant(value=str() as value))
                ) if target == name:
                    return value
        return None

    def inner(self, name: str) -> Class | None:
        """A class that this one's body defines."""
        for statement in self.node.body:
            if isinstance(statement, ast.ClassDef) and statement.name == name:
                return Class(self.module, f"{self.name}.{name}", statement)
        return None


@dataclass(frozen=True)
class Module:
    """A module of the SDK: the classes it defines, and where its imported names come from."""

    name: str
    classes: dict[str, Class]
    imports: dict[str, tuple[str, str]]

    def find(self, name: str) -> Class:
        """The class that a name in this module stands for."""
        if name in self.classes:
            return self.classes[name]
        if name not in self.imports:
            raise NotUnderstood(f"{self.name} knows no class {name}")
        home, original = self.imports[name]
        return read(home).find(original)


@dataclass(frozen=True)
class Scope:
    """Where an annotation stands, and so what the names in it mean."""

    module: Module
    within: Class | None = None

    def find(self, name: str) -> Class:
        """The class that a name stands for here: one of the class's own, the module's, or an imported one."""
        return (self.within and self.within.inner(name)) or self.module.find(name)


_ONE_AT_A_TIME = threading.Lock()


def parsed(text: str, mode: str = "exec") -> Any:
    """``ast.parse``, which in Python 3.11 fails where two threads do it at the same time."""
    with _ONE_AT_A_TIME:
        return ast.parse(text, mode=mode)


@cache
def read(name: str) -> Module:
    """A module, by its dotted name."""
    path = ROOT.joinpath(*name.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    classes: dict[str, Class] = {}
    imports: dict[str, tuple[str, str]] = {}
    for statement in _statements(parsed(file.read_text(encoding="utf-8")).body):
        match statement:
            case ast.ClassDef():
                classes[statement.name] = Class(name, statement.name, statement)
            case ast.ImportFrom(module=str() as home, names=names):
                imports |= {each.asname or each.name: (home, each.name) for each in names}
    return Module(name, classes, imports)


@cache
def _objects() -> dict[str, tuple[str, str]]:
    for statement in parsed((ROOT / "_object_classes.py").read_text(encoding="utf-8")).body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id="OBJECT_CLASSES"), value=ast.expr() as value):
                return dict(ast.literal_eval(value))
    raise NotUnderstood("stripe._object_classes has no table OBJECT_CLASSES")


def resource(name: str) -> Class | None:
    """The class of what calls itself so in ``object``, by the SDK's own table."""
    if name not in _objects():
        return None
    home, kind = _objects()[name]
    return read(home).find(kind)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module, and those that only a type checker sees."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield from _statements(statement.body)
        else:
            yield statement


def _text(statement: ast.stmt | None) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str() as text)):
            return text
    return ""

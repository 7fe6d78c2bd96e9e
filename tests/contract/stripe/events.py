"""What kind of object an event carries.

The SDK has a class for each type of thin event, whose ``fetch_related_object`` says what the event is about; a snapshot
event of the same name carries just that.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from tests.contract.stripe import sources
from tests.contract.stripe.schemas import of_resource
from tests.contract.stripe.sources import PINNED, ROOT
from tests.contract.stripe.validate import Problem, problems


@cache
def carries() -> dict[str, str]:
    """The name that the object calls itself, by the event's type: ``charge.dispute.closed`` carries a ``dispute``."""
    found = {}
    for file in sorted((ROOT / "events").glob("_v1_*_event.py")):
        module = sources.read(f"stripe.events.{file.stem}")
        for kind in module.classes.values():
            lookup_type, about = kind.constant("LOOKUP_TYPE"), _about(kind.node)
            if lookup_type and about and (name := module.find(about).constant("OBJECT_NAME")):
                found[lookup_type.removeprefix("v1.")] = name
    return found


def _about(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        match statement:
            case ast.FunctionDef(name="fetch_related_object", returns=ast.Constant(value=str() as name)):
                return name
    return None


def judged(event: Any) -> list[Problem]:
    """What is wrong with an event, and with the object that it carries."""
    found = problems(event, of_resource("event"))
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("object"), dict):
        return found
    if event.get("api_version") != PINNED[1]:
        found.append(Problem("api_version", f"{event.get('api_version')!r} is not that of the SDK: {PINNED[1]}"))
    carried, about = data["object"].get("object"), carries().get(str(event.get("type")))
    if about not in (None, carried):
        found.append(Problem("data.object.object", f"{event['type']} carries a {about}, and not a {carried}"))
    try:
        schema = of_resource(str(carried))
    except LookupError as error:
        return [*found, Problem("data.object.object", str(error))]
    # A snapshot names other objects by their ids.
    found += [each.under("data.object") for each in problems(data["object"], schema, expand=())]
    if data.get("previous_attributes"):
        before = problems(data["previous_attributes"], schema, partial=True, expand=())
        found += [each.under("data.previous_attributes") for each in before]
    return found

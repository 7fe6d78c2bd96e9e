"""Bodies and queries as Stripe reads them, and bodies as it writes them.

Requests are forms with nested brackets (``a[b][0][c]=v``, ``expand[]=x``); everything in them is a string. What a
string means is decided by the parameter's own description (``params``). Answers are JSON with two spaces of indent.
"""

import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl

from ledger.sandbox.errors import invalid

Form = dict[str, Any]
"""Values are strings or forms; a list is a form whose names are numbers."""

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_STEP: Final = re.compile(r"\[([^\[\]]*)\]")
_PLACE: Final = re.compile(r"[0-9]{1,6}")
_FIELDS_MAX: Final = 2000
_DEPTH_MAX: Final = 12


def decode(text: str) -> Form:
    """The nested form that a body or query writes. Raises StripeError."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_FIELDS_MAX)
    except ValueError as error:
        raise invalid("Invalid request: the body is not form-encoded") from error
    form: Form = {}
    for name, value in pairs:
        _place(form, _steps(name), value, name)
    return form


def encode(answer: Any) -> bytes:
    """JSON as Stripe prints it."""
    return json.dumps(answer, indent=2, ensure_ascii=False).encode() + b"\n"


def listed(value: Any) -> list[Any] | None:
    """The items of a form that is a list; None where it is none."""
    if not isinstance(value, dict) or not all(_PLACE.fullmatch(name) for name in value):
        return None
    return [value[name] for name in sorted(value, key=int)]


def _steps(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")
    steps = [match[1], *_STEP.findall(match[2])]
    if len(steps) > _DEPTH_MAX:
        raise invalid(f"Invalid object: {name} is nested too deeply", param=name)
    return steps


def _place(form: Form, steps: list[str], value: str, name: str) -> None:
    here = form
    for step in steps[:-1]:
        here = here.setdefault(step or str(len(here)), {})
        if not isinstance(here, dict):
            raise invalid("Invalid object", param=name)
    here[steps[-1] or str(len(here))] = value

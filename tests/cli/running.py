"""Commands called as from a shell, and their answers."""

import json
from collections.abc import Callable
from typing import Any

from click.testing import Result

Run = Callable[..., Result]
"""A command's words, its standard input as ``input``, and settings by their names."""


def answer(result: Result) -> Any:
    """What it said to a program, where it went well."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)

"""How commands answer: plain lines for people, one JSON document for programs."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")


def emit_json(answer: Any) -> None:
    """Print the answer as one JSON document."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=str))


def say(line: str) -> None:
    """Print a line at once; nobody reading any more is no reason to stop."""
    with suppress(OSError):
        click.echo(line)

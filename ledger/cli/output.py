"""How commands answer: plain lines for people, one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from ledger.kit import key_file

json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")


def emit_json(answer: Any) -> None:
    """Print the answer as one JSON document."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=str))


def say(line: str) -> None:
    """Print a line at once; nobody reading any more is no reason to stop."""
    with suppress(OSError):
        click.echo(line)


def emit_key(file: Path | None, name: str, key: str, about: Mapping[str, str], *, as_json: bool) -> None:
    """Answer with a new key, called ``name``, or put it into a file and name that; then what may be known ``about`` it.

    Raises:
        ClickException: the file exists.
    """
    if file is None:
        shown = {name: key, **about}
    else:
        try:
            key_file.write_new(file, key)
        except FileExistsError as error:
            raise click.ClickException(f"{file} exists already: a key is never written over") from error
        shown = {"file": str(file.absolute()), **about}
    if as_json:
        emit_json(shown)
        return
    width = max(map(len, shown)) + 1
    for title, value in shown.items():
        click.echo(f"{title:<{width}}{value}")

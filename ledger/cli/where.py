"""Which database a command works on: the one named, the one in the environment, or the one that ``up`` runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ledger import settings
from ledger.settings import Settings

DATA = Path(".credit-ledger")
"""Where ``up`` keeps what it needs, unless it was told otherwise."""

database_option: Callable[[Any], Any] = click.option(
    "--database-url",
    envvar="LEDGER_DATABASE_URL",
    help="The database; by default LEDGER_DATABASE_URL, or else the one that `up` runs here.",
)


def running(data: Path = DATA) -> dict[str, Any]:
    """What ``up`` wrote about itself; empty where it does not run from this directory."""
    try:
        found = json.loads((data / "up.json").read_text())
        os.kill(found["pid"], 0)
    except (OSError, ValueError, KeyError):
        return {}
    return dict(found)


def database_url(given: str | None) -> str:
    """The database's address; a message that says what to do where there is none."""
    url = given or running().get("database_url")
    if not url:
        raise click.ClickException(
            "no database: set LEDGER_DATABASE_URL, or run `credit-ledger up` in this directory first"
        )
    return str(url)


def settings_of(url: str, key: str) -> Settings:
    """The environment's settings; where this ``key`` is not set and `up` runs the database, with that of `up`."""
    config = settings.load()
    up = running()
    if getattr(config, key) is None and up.get("database_url") == url and up.get(key):
        changed: dict[str, Any] = {key: str(up[key])}
        return replace(config, **changed)
    return config

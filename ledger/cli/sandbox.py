"""The simulated Stripe, by itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import click

from ledger.embedded import places


@click.group()
def sandbox() -> None:
    """A simulated Stripe on this machine."""


@sandbox.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8402, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory that keeps everything; nothing is kept without one.",
)
@click.option("--url", help="Address that browsers reach the pages at.  [default: host and port]")
def serve(host: str, port: int, data: Path | None, url: str | None) -> None:
    """Serve the sandbox until Ctrl-C. Every `sk_test_…` key opens it."""
    from ledger.sandbox import serve as sandbox_serve

    places.require_free_port(host, port)
    try:
        sandbox_serve.serve(host, port, data, url=url)
    except (OSError, sqlite3.Error) as error:
        raise click.ClickException(f"The sandbox cannot keep anything in {data}: {error}") from error

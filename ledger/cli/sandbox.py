"""The simulated Stripe, by itself."""

from __future__ import annotations

from pathlib import Path

import click


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

    sandbox_serve.serve(host, port, data, url=url)

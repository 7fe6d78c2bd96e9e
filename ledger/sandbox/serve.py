"""Runs the sandbox: one process, one thread, Granian in the same event loop."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Final

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from ledger.sandbox.app import Sandbox

FILE: Final = "sandbox.sqlite"


def serve(host: str, port: int, data: Path | None, *, url: str | None = None) -> None:
    """Serve until SIGTERM or SIGINT. ``data``: the directory that keeps everything; None keeps nothing.

    ``url`` is the address that browsers reach the pages at, where that is not host and port. Raises OSError where the
    directory cannot be used, sqlite3.Error where the file cannot. That the port is free must be seen to before: Granian
    would share it with another Granian.
    """
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(host, port, None if data is None else data / FILE, url or f"http://{host}:{port}"))


def server(sandbox: Sandbox, host: str, port: int) -> Server:
    """A server that runs in the event loop of who calls its ``serve``, until its ``stop``."""
    return Server(
        sandbox, address=host, port=port, interface=Interfaces.ASGI, websockets=False, log_level=LogLevels.error
    )


async def _serve(host: str, port: int, file: Path | None, base: str) -> None:
    running = server(Sandbox(file, base), host, port)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.stop)
    await running.serve()

"""Everything on this machine with one command: `up` and `down`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from ledger.cli.output import emit_json, json_option, say
from ledger.cli.stack import Stack, end_leftovers
from ledger.cli.uplock import UpLock
from ledger.embedded.errors import EmbeddedError
from ledger.embedded.places import make_home
from ledger.embedded.process import is_alive

DEFAULT_DATA = Path(".credit-ledger")
READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DATA,
    show_default=True,
    help="Directory that keeps everything.",
)


class Stop(BaseException):
    """We were asked to end."""


@click.command()
@click.option("--detach", is_flag=True, help="Return when everything answers, and leave it running.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Of the API.  [default: 8400]")
@data_option
@json_option
def up(detach: bool, port: int | None, data: Path, as_json: bool) -> None:
    """Start everything on this machine, and stay until Ctrl-C.

    PostgreSQL and Valkey are brought along, unless LEDGER_DATABASE_URL and LEDGER_REDIS_URL name
    others, and a simulated Stripe, unless LEDGER_STRIPE_API_KEY is set. Data stays in the
    directory; start again on it at any time, whatever ended the last run.
    """
    home = data.absolute()
    if detach:
        answer = _detach(home, port, quiet=as_json)
        if as_json:
            emit_json(answer)
        return
    with _signals():
        _stay(Stack(home, port, _quiet if as_json else say), as_json=as_json)


@click.command()
@data_option
def down(data: Path) -> None:
    """Stop what `up` left running on this data."""
    home = data.absolute()
    pid = UpLock(home).holder()
    if pid is None:
        found = home.is_dir() and end_leftovers(home)
        say("Stopped what was left of an earlier run." if found else "Nothing is running.")
    else:
        os.kill(pid, signal.SIGTERM)
        _wait_for_end(home, pid)
        say("Stopped.")
    (home / "up.json").unlink(missing_ok=True)


def _stay(stack: Stack, *, as_json: bool) -> None:
    try:
        with UpLock(stack.home).held():
            try:
                stack.start()
                if as_json:
                    emit_json(stack.answer)
                while True:
                    stack.look()
                    time.sleep(0.2)
            finally:
                _stop(stack)
    except Stop:
        stack.say("Stopped. The data stays; `credit-ledger up` starts again on it.")


def _stop(stack: Stack) -> None:
    try:
        stack.stop()
    except Stop:  # asked twice: no more waiting
        stack.kill()


def _detach(home: Path, port: int | None, *, quiet: bool) -> dict[str, object]:
    """Start `up` in a session of its own, and show what it says until it is ready."""
    UpLock(home).require_free()
    log = home / "logs" / "up.log"
    make_home(home)
    command = [sys.executable, "-m", "ledger.cli", "up", "--data", str(home)]
    with log.open("ab") as out:
        start = out.tell()
        child = subprocess.Popen(  # noqa: S603 - ourselves
            [*command, *(["--port", str(port)] if port else [])],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    with log.open("rb") as said:
        said.seek(start)
        return _follow(child, home, said, quiet=quiet)


def _follow(child: subprocess.Popen[bytes], home: Path, said: Iterator[bytes], *, quiet: bool) -> dict[str, object]:
    deadline = time.monotonic() + READY_TIMEOUT_S
    last: list[str] = []
    while True:
        ended = child.poll()
        answer = _answer(home, child.pid)
        for line in said:
            last.append(line.decode(errors="replace").rstrip("\n"))
            if not quiet and ended in (None, 0):
                say(last[-1])
        if answer is not None:
            child.returncode = 0  # on its own from here
            return answer
        if ended is not None:
            start = max((i for i, line in enumerate(last) if line.startswith("Error: ")), default=-9)
            raise EmbeddedError("\n".join(last[start:]).removeprefix("Error: "))
        if time.monotonic() > deadline:
            child.terminate()
            raise EmbeddedError(f"Not ready within {READY_TIMEOUT_S:.0f} s; see {home / 'logs'}.")
        time.sleep(0.05)


def _answer(home: Path, pid: int) -> dict[str, object] | None:
    try:
        answer: dict[str, object] = json.loads((home / "up.json").read_text())
    except (OSError, ValueError):
        return None
    return answer if answer.get("pid") == pid else None


def _wait_for_end(home: Path, pid: int) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while is_alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)
            end_leftovers(home)
            return
        time.sleep(0.05)


@contextmanager
def _signals() -> Iterator[None]:
    """Turn the signals that mean "end" into an exception, which unwinds what was begun."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise Stop

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    yield


def _quiet(line: str) -> None:
    """Say nothing."""

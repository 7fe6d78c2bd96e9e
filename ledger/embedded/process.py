"""One child process: started so that it can always be ended, even by someone who comes later.

Each child leads a session of its own, so that whatever it forks can be found by the session's
number when it is gone itself. The kernel tells it when its parent dies (Linux), and a note in the
run directory tells the next `up` of whoever is left over: a `kill -9` of anything leaves nothing
behind that cannot be found.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ledger.embedded.errors import EmbeddedError

PR_SET_PDEATHSIG = 1
POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom a child runs as, where that is not us."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to start.

    Attributes:
        name: one word, for people and for the names of its files.
        argv: the command line; the first word is a path.
        environ: all variables it gets.
        log: file that its output is appended to.
        note: file that remembers the process for whoever comes later.
        user: whom it runs as; us if None.
        stop_signal: what asks it to end in good order.
        stop_timeout_s: how long it may take before it is killed.
        cwd: directory it starts in; ours if None.
        outlives: whether it stays when its parent dies.
    """

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    note: Path
    user: User | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    cwd: Path | None = None
    outlives: bool = False


class Child:
    """A running program."""

    def __init__(self, program: Program) -> None:
        """Start the program.

        Raises:
            EmbeddedError: it cannot be started at all.
        """
        self.program = program
        self.started_at = time.monotonic()
        try:
            self._process = _spawn(program)
        except OSError as error:
            raise EmbeddedError(
                f"{program.name} could not be started ({program.argv[0]}): {error.strerror}."
            ) from error
        _write_note(program.note, self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal), or None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send the signal that ends it in good order; `stop` waits for it."""
        if self.exit_code is None:
            self._process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """End it in good order, or else by force, with everything it started."""
        if self.exit_code is None:
            self.ask_to_stop()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self.program.stop_timeout_s)
        self.kill()

    def kill(self) -> None:
        """End it and its session by force."""
        if self.exit_code is None:
            self._process.kill()
            self._process.wait()
        kill_session(self.pid)
        self.program.note.unlink(missing_ok=True)


def wait_until(what: str, answers: Callable[[], bool], child: Child, *, timeout_s: float) -> None:
    """Wait until it answers.

    Raises:
        EmbeddedError: it ended instead, or the time is over; with the end of its log.
    """
    deadline = time.monotonic() + timeout_s
    while not answers():
        if child.exit_code is not None:
            raise EmbeddedError(f"{what} ended with {how(child.exit_code)}.{_tail(child.program.log)}")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{what} did not answer within {timeout_s:.0f} s.{_tail(child.program.log)}")
        time.sleep(POLL_S)


def how(exit_code: int) -> str:
    """The way a process ended, in words."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    return f"signal {signal.Signals(-exit_code).name}"


def stop_leftover(note: Path, stop_signal: signal.Signals, *, timeout_s: float) -> bool:
    """End what an earlier run left behind, as its note says; whether there was anything."""
    with suppress(FileNotFoundError, ValueError, KeyError):
        left = json.loads(note.read_text())
        pid, started = int(left["pid"]), left["started"]
        leader_lives = _started(pid) == started
        if leader_lives:
            with suppress(ProcessLookupError):
                os.kill(pid, stop_signal)
            deadline = time.monotonic() + timeout_s
            while _started(pid) == started and time.monotonic() < deadline:
                time.sleep(POLL_S)
        elif _started(pid) is not None:  # the number belongs to someone else by now
            note.unlink(missing_ok=True)
            return False
        killed = kill_session(pid)
        note.unlink(missing_ok=True)
        return leader_lives or killed
    return False


def kill_session(session: int) -> bool:
    """Kill every process of this session; whether there was one."""
    found = False
    for _ in range(100):
        members = [pid for pid in processes() if _session(pid) == session and is_alive(pid)]
        if not members:
            return found
        found = True
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process with this number runs (one that only waits to be reaped does not)."""
    return _started(pid) is not None


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    program.log.parent.mkdir(parents=True, exist_ok=True)
    user = program.user
    with program.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the command lines are our own
            list(program.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(program.environ),
            cwd=program.cwd,
            start_new_session=True,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
            preexec_fn=None if program.outlives else _die_with_parent(program.stop_signal),
        )


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What the child does before it becomes the program: ask to be told when its parent dies."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask


def _write_note(note: Path, pid: int) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    fresh = note.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": pid, "started": _started(pid)}))
    fresh.replace(note)


def processes() -> list[int]:
    """The numbers of all processes of this machine that we may see."""
    proc = Path("/proc")
    if proc.is_dir():
        return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    listed = subprocess.run(["/bin/ps", "-axo", "pid="], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def _session(pid: int) -> int | None:
    stat = _stat(pid)
    if stat is not None:
        return int(stat[3])
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """When the process began, as the kernel tells it; None if it does not run."""
    if Path("/proc/self/stat").exists():
        stat = _stat(pid)
        return None if stat is None or stat[0] in "ZX" else stat[19]
    asked = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    return said.stdout.strip() or None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the name: state, parent, group, session, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None


def _tail(log: Path, lines: int = 8) -> str:
    try:
        last = log.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return ""
    return "\n" + "\n".join(f"    {line}" for line in last) + f"\n(all of it: {log})"

"""Children: ended with all they started, found again after us, started again when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.embedded.errors import EmbeddedError
from ledger.embedded.process import (
    Child,
    Program,
    how,
    is_alive,
    kill_session,
    stop_leftover,
    wait_until,
)
from ledger.embedded.supervisor import Supervisor

PATIENCE_S = 10.0


def program(home: Path, script: str, *, name: str = "one", outlives: bool = False) -> Program:
    return Program(
        name=name,
        argv=["/bin/sh", "-c", script],
        environ={"PATH": os.environ["PATH"]},
        log=home / f"{name}.log",
        note=home / f"{name}.json",
        stop_timeout_s=0.5,
        outlives=outlives,
    )


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def number_in(file: Path) -> int:
    assert eventually(lambda: file.exists() and file.read_text().strip().isdigit())
    return int(file.read_text())


def test_a_stopped_child_leaves_nobody_behind(tmp_path: Path) -> None:
    """What it started ends with it, and the note is gone."""
    child = Child(program(tmp_path, f"sleep 100 & echo $! > {tmp_path}/grandchild; wait"))
    grandchild = number_in(tmp_path / "grandchild")
    child.stop()

    assert child.exit_code == -signal.SIGTERM
    assert not is_alive(grandchild)
    assert not (tmp_path / "one.json").exists()


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """After the time it was given."""
    child = Child(program(tmp_path, f"trap '' TERM; echo 1 > {tmp_path}/up; while :; do sleep 1; done"))
    number_in(tmp_path / "up")
    child.stop()

    assert child.exit_code == -signal.SIGKILL


def test_what_a_killed_run_left_is_found_by_its_note(tmp_path: Path) -> None:
    """Even if only a grandchild is left; and a second look finds nothing."""
    child = Child(program(tmp_path, f"sleep 100 & echo $! > {tmp_path}/grandchild; wait"))
    grandchild = number_in(tmp_path / "grandchild")
    os.kill(child.pid, signal.SIGKILL)
    assert eventually(lambda: child.exit_code is not None)

    assert is_alive(grandchild)
    assert stop_leftover(tmp_path / "one.json", signal.SIGTERM, timeout_s=1)
    assert not is_alive(grandchild)
    assert not stop_leftover(tmp_path / "one.json", signal.SIGTERM, timeout_s=1)


def test_a_note_about_a_number_that_is_somebody_elses_by_now_ends_nobody(tmp_path: Path) -> None:
    """Process numbers are used again, above all in containers."""
    note = tmp_path / "one.json"
    note.write_text(f'{{"pid": {os.getpid()}, "started": "1"}}')

    assert not stop_leftover(note, signal.SIGKILL, timeout_s=1)
    assert not note.exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """Nobody can catch SIGKILL, so the kernel tells the children."""
    script = (
        "import sys, time; from pathlib import Path; from tests.infra.test_process import program;"
        "from ledger.embedded.process import Child; home = Path(sys.argv[1]);"
        "child = Child(program(home, 'exec sleep 100'));"
        "(home / 'child').write_text(str(child.pid)); time.sleep(100)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=Path(__file__).parents[2])
    child = number_in(tmp_path / "child")
    parent.kill()
    parent.wait()

    assert eventually(lambda: not is_alive(child))


def test_a_child_that_ends_instead_of_answering_is_reported_with_its_log(tmp_path: Path) -> None:
    """The reason is shown, not only that there is one."""
    child = Child(program(tmp_path, "echo no such thing; exit 3"))

    with pytest.raises(EmbeddedError, match=r"It ended with exit code 3.\n +no such thing"):
        wait_until("It", lambda: False, child, timeout_s=PATIENCE_S)


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """Rather than a traceback."""
    missing = Program(name="it", argv=["/nowhere/it"], environ={}, log=tmp_path / "log", note=tmp_path / "note")
    with pytest.raises(EmbeddedError, match="it could not be started"):
        Child(missing)


def test_who_ends_is_started_again_after_a_growing_pause(tmp_path: Path) -> None:
    """And it is said, with the way it ended and where its log is."""
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(program(tmp_path, "exit 7"))

    def twice() -> bool:
        supervisor.look()
        return len(said) == 2

    assert eventually(twice)
    supervisor.stop()
    assert "one ended with exit code 7, starting it again in 0.5 s" in said[0]
    assert "one ended with exit code 7, starting it again in 1 s" in said[1]


def test_words_for_ends() -> None:
    """A signal by its name."""
    assert how(2) == "exit code 2"
    assert how(-9) == "signal SIGKILL"
    assert not kill_session(2**22 + 1)

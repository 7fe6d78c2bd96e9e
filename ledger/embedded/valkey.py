"""A Valkey on this machine: the broker, and nothing else. What it holds may be lost at any time.

It listens on 127.0.0.1 with a password that only its files know, as Celery and redis-py write the
address of a socket differently.
"""

from __future__ import annotations

import os
import secrets
import signal
from dataclasses import dataclass, field
from pathlib import Path

import redis

from ledger.embedded import binaries, places
from ledger.embedded.process import Child, Program, stop_leftover, wait_until

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Valkey:
    """A Valkey.

    Attributes:
        home: directory of its own; holds logs and run files.
        port: TCP port on 127.0.0.1.
        password: what clients must say.
    """

    home: Path
    port: int = field(default_factory=places.free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """End what an earlier run left, and write the settings."""
        places.make_home(self.home)
        stop_leftover(self._note, signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "maxmemory-policy": "noeviction",
            "appendonly": "no",
            "save": '""',
            "dir": f'"{self.home / "run"}"',
            "daemonize": "no",
            "tcp-keepalive": "60",
        }
        self._conf.touch(mode=0o600)
        self._conf.chmod(0o600)
        self._conf.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))

    def program(self, *, outlives: bool = False) -> Program:
        """How it is started, after `prepare`."""
        return Program(
            name="valkey",
            argv=[str(binaries.valkey_server()), str(self._conf)],
            environ={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            log=self.home / "logs" / "valkey.log",
            note=self._note,
            stop_signal=signal.SIGTERM,
            stop_timeout_s=STOP_TIMEOUT_S,
            outlives=outlives,
        )

    def wait_ready(self, child: Child) -> None:
        """Wait until it answers.

        Raises:
            EmbeddedError: it ended instead.
        """
        wait_until("Valkey", self._answers, child, timeout_s=START_TIMEOUT_S)

    @property
    def _note(self) -> Path:
        return self.home / "run" / "valkey.json"

    @property
    def _conf(self) -> Path:
        return self.home / "run" / "valkey.conf"

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

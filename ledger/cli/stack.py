"""What `up` runs: the two servers, a sandbox Stripe, the API, a worker and beat, in this order, kept running.

Everything is started, waited for and announced here; how a process is kept and found again is
`ledger.embedded`'s. `up.json` is written when all of them answer, and only then.
"""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis

from ledger.cli import serve, upsandbox
from ledger.cli.upsandbox import UpSandbox
from ledger.embedded import places
from ledger.embedded.postgres import DURABLE, Postgres
from ledger.embedded.process import Child, Program, stop_leftover, wait_until
from ledger.embedded.supervisor import Supervisor
from ledger.embedded.valkey import Valkey
from ledger.settings import Settings, variable, without_password

API_TIMEOUT_S = 60.0
WORKER_TIMEOUT_S = 60.0
SERVICES = ("api", "worker", "beat")
STOP_TIMEOUTS_S = {"api": serve.DRAIN_S + 5.0, "worker": 35.0, "beat": 5.0}
LOG_BYTES_MAX = 20 * 2**20


class Stack:
    """Everything that `up` runs on one directory.

    Attributes:
        home: the directory.
        say: told of progress, a line at a time.
        answer: what up.json says, once started.
        sandbox: the address of the simulated Stripe, if there is one.
    """

    def __init__(self, home: Path, port: int | None, say: Callable[[str], None]) -> None:
        given = Settings.from_environ(os.environ)
        self.home = home
        self.say = say
        self.answer: dict[str, object] = {}
        self.sandbox: str | None = None
        self.config = replace(given, port=port) if port else given
        self._supervisor = Supervisor(say)

    def start(self) -> None:
        """Start all of it, wait until it answers, and say so.

        Raises:
            EmbeddedError: something keeps it from running; the message says what.
        """
        self._make_room()
        database_url, redis_url = self._start_database(), self._start_broker()
        self.config = replace(self.config, database_url=database_url, redis_url=redis_url)
        self._start_sandbox()
        self._make_keys()
        self._migrate(database_url)
        self._start_services()
        self._announce(self._key(database_url))

    def look(self) -> None:
        """Start again what has ended."""
        self._supervisor.look()

    def stop(self) -> None:
        """End everything in good order: who uses a server before the server."""
        (self.home / "up.json").unlink(missing_ok=True)
        self._supervisor.stop_together(*SERVICES)
        self._supervisor.stop()

    def kill(self) -> None:
        """End everything at once."""
        self._supervisor.kill()

    def _make_room(self) -> None:
        places.make_home(self.home)
        places.require_free_space(self.home)
        (self.home / "up.json").unlink(missing_ok=True)
        end_services(self.home)
        upsandbox.end_leftover(self.home)
        places.require_free_port(self.config.host, self.config.port)
        for log in (self.home / "logs").glob("*.log"):
            if log.name != "up.log" and log.stat().st_size > LOG_BYTES_MAX:
                log.replace(log.with_suffix(".log.1"))

    def _start_database(self) -> str:
        if self.config.database_url is not None:
            self.say(f"database    {without_password(self.config.database_url)}, as set")
            return self.config.database_url
        postgres = Postgres(self.home, DURABLE)
        fresh = not (self.home / "postgres").exists()
        self.say(f"database    PostgreSQL 18 in {self.home / 'postgres'}{' (new)' if fresh else ''}")
        postgres.prepare()
        if (home := postgres.data.resolve().parent) != self.home.resolve():
            self.say(f"            its files are in {home}, as {self._whom(postgres)} may enter that")
        child = self._supervisor.start(postgres.program(), postgres.prepare)
        postgres.wait_ready(child)
        return postgres.url()

    @staticmethod
    def _whom(postgres: Postgres) -> str:
        return f"user {postgres.user.name}" if postgres.user else "we"

    def _start_broker(self) -> str:
        if self.config.redis_url is not None:
            self.say(f"broker      {without_password(self.config.redis_url)}, as set")
            return self.config.redis_url
        valkey = Valkey(self.home)
        self.say(f"broker      Valkey on 127.0.0.1:{valkey.port}")
        valkey.wait_ready(self._supervisor.start(valkey.program(), valkey.prepare))
        return valkey.url

    def _start_sandbox(self) -> None:
        """A simulated Stripe in the place of the real one, unless a key of that is set."""
        if self.config.stripe_api_key is not None:
            return
        sandbox = UpSandbox(self.home)
        sandbox.wait_ready(self._supervisor.start(sandbox.program(), sandbox.prepare))
        sandbox.tell(f"{self.api}/stripe/webhooks")
        self.sandbox = sandbox.base
        self.config = replace(
            self.config,
            stripe_api_key=sandbox.facts.key,
            stripe_webhook_secret=sandbox.facts.webhook_secret,
            stripe_api_base=sandbox.base,
        )
        self.say(f"sandbox     {sandbox.base}, a simulated Stripe: LEDGER_STRIPE_API_KEY is not set")

    def _migrate(self, database_url: str) -> None:
        from ledger.cli import migrate

        before = migrate.revision(database_url)
        migrate.upgrade(database_url)
        now = migrate.revision(database_url)
        self.say(f"schema      {now}" + ("" if now == before else f" (was {before or 'empty'})"))

    def _make_keys(self) -> None:
        """Keys of its own for the anchors and for secrets, made at the first start, unless they are set."""
        from ledger.book.anchor.keys import SigningKey
        from ledger.kit import key_file, secret_keys

        makers = {"anchor_key": lambda: SigningKey.new().text, "secret_keys": secret_keys.new_key}
        for name, make in makers.items():
            if getattr(self.config, name) is None:
                file = self.home / name.replace("_", ".")
                if not file.exists():
                    key_file.write_new(file, make())
                made: dict[str, Any] = {name: str(file)}
                self.config = replace(self.config, **made)

    def _key(self, database_url: str) -> str:
        """The key that an earlier run made, if it still opens the API, or else a first one."""
        file = self.home / "key.json"
        try:
            kept = str(json.loads(file.read_text())["key"])
        except (OSError, ValueError, KeyError, TypeError):
            kept = ""
        if kept and self._opens(kept):
            return kept
        from ledger.access.service import create_first_key

        key = create_first_key(database_url)
        places.write_private(file, {"key": key})
        return key

    def _opens(self, key: str) -> bool:
        """Whether the API knows this key. It does not, if the database is another one by now."""
        asked = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.api}/v1/wallets?owner_id=nobody", headers={"Authorization": f"Bearer {key}"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=5):  # noqa: S310 - as above
                return True
        except urllib.error.HTTPError as refused:
            return refused.code != 401

    def _start_services(self) -> None:
        schedule = self.home / "run" / "beat-schedule"
        self._start("beat", serve.beat_argv(self.config, schedule=str(schedule)))
        worker = self._start("worker", serve.worker_argv(self.config, name="up"))
        api = self._start("api", serve.api_argv(self.config))
        wait_until("The API", self._api_answers, api, timeout_s=API_TIMEOUT_S)
        self.say(f"api         {self.api}")
        wait_until("The worker", self._worker_waits, worker, timeout_s=WORKER_TIMEOUT_S)
        self.say("worker      waits for tasks")
        wait_until("Beat", schedule_exists(schedule), self._child("beat"), timeout_s=WORKER_TIMEOUT_S)

    def _start(self, name: str, argv: list[str]) -> Child:
        program = Program(
            name=name,
            argv=argv,
            environ={**os.environ, **self._settings()},
            log=self.home / "logs" / f"{name}.log",
            note=_note(self.home, name),
            stop_signal=signal.SIGTERM,
            stop_timeout_s=STOP_TIMEOUTS_S[name],
            cwd=None,
        )
        return self._supervisor.start(program)

    def _settings(self) -> dict[str, str]:
        changed = ["database_url", "redis_url", "port", "anchor_key", "secret_keys"]
        if self.sandbox is not None:
            changed += ["stripe_api_key", "stripe_webhook_secret", "stripe_api_base"]
        return {variable(name): str(getattr(self.config, name)) for name in changed}

    def _child(self, name: str) -> Child:
        return self._supervisor.child(name)

    @property
    def api(self) -> str:
        """The address of the API, for who is on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.config.host, self.config.host)  # noqa: S104
        return f"http://{host}:{self.config.port}"

    def _api_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api}/ready", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _worker_waits(self) -> bool:
        """Whether somebody waits at a queue: what a worker does when it is ready."""
        assert self.config.redis_url is not None
        try:
            with redis.Redis.from_url(self.config.redis_url, socket_timeout=2) as client:
                return any(one["cmd"] == "brpop" for one in client.client_list())
        except redis.RedisError:
            return False

    def _anchor_public_keys(self) -> str:
        from ledger.book.anchor.keys import public_text, trusted_keys

        return ",".join(sorted(map(public_text, trusted_keys(self.config))))

    def _announce(self, key: str) -> None:
        self.answer = {
            "api": self.api,
            "key": key,
            "sandbox": self.sandbox,
            "console": None,
            "database_url": self.config.database_url,
            "redis_url": self.config.redis_url,
            "anchor_key": _file_of(self.config.anchor_key),
            "secret_keys": _file_of(self.config.secret_keys),
            "anchor_public_keys": self._anchor_public_keys(),
            "pid": os.getpid(),
        }
        places.write_private(self.home / "up.json", self.answer)
        for line in (
            "",
            f"Ready. API {self.api}, its description {self.api}/docs",
            f"       key {key}",
            *([f"       sandbox Stripe {self.sandbox}"] if self.sandbox else []),
            f"       everything else in {self.home / 'up.json'}, logs in {self.home / 'logs'}",
            "",
            "Try:   "
            f"curl -s {self.api}/v1/wallets -H 'Authorization: Bearer {key}' "
            f'-H \'Content-Type: application/json\' -d "{{\\"owner_id\\": \\"user-$(date +%s)\\"}}"',
            "",
        ):
            self.say(line)


def end_services(home: Path) -> bool:
    """End what an earlier run left of the API, the worker and beat."""
    ended = [stop_leftover(_note(home, name), signal.SIGTERM, timeout_s=STOP_TIMEOUTS_S[name]) for name in SERVICES]
    return any(ended)


def end_leftovers(home: Path) -> bool:
    """End all that an earlier run left on this directory; whether there was anything."""
    services = end_services(home)
    sandbox = upsandbox.end_leftover(home)
    broker = stop_leftover(_note(home, "valkey"), signal.SIGTERM, timeout_s=5)
    return Postgres(home, DURABLE).end_leftovers() or services or sandbox or broker


def schedule_exists(schedule: Path) -> Callable[[], bool]:
    """Whether beat has written its schedule, under whatever ending."""
    return lambda: any(schedule.parent.glob(f"{schedule.name}*"))


def _file_of(key: str | None) -> str | None:
    """The file that a setting names; None where it is the key itself, which is not written down again."""
    return key if (key or "").startswith("/") else None


def _note(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"

"""The processes of the service, each started with what its server needs to know.

`serve`, `worker` and `beat` replace themselves by Granian or Celery, so that signals from a
supervisor or a container reach these directly; `up` starts the same command lines.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from ledger import settings
from ledger.settings import Settings

DRAIN_S = 10
"""How long an API process may finish what it has begun, before it is killed."""

REQUESTS_PER_CONNECTION = 64
"""Requests in progress for each connection to the database: they wait together and share a batch."""


def api_argv(config: Settings, *, processes: int = 1) -> list[str]:
    """The command line of the API."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory"),
        *("--host", config.host, "--port", str(config.port)),
        *("--workers", str(processes), "--workers-kill-timeout", str(DRAIN_S)),
        *("--respawn-failed-workers", "--respawn-interval", "1"),
        *("--backpressure", str(config.db_pool_size * REQUESTS_PER_CONNECTION)),
        *("--backlog", "2048", "--no-ws", "--log-level", config.log_level),
        "ledger.app:create_app",
    ]


STINTS: Final = 2
"""Tasks that go on for ever, a stint at a time, each in a child of its own: ``webhooks.deliver``, ``refill.charge``."""

CHILDREN: Final = STINTS + 2
"""Processes of a worker: with no more than there are stints, all else would wait for these."""


def worker_argv(config: Settings, *, children: int = CHILDREN, name: str = "ledger") -> list[str]:
    """The command line of a worker for tasks."""
    return [
        *(sys.executable, "-m", "celery", "--app", "workers.app", "--quiet", "worker"),
        *("--hostname", f"{name}@%h", "--pool", "prefork", "--concurrency", str(children)),
        *("--without-gossip", "--without-mingle", "--loglevel", config.log_level.upper()),
    ]


def beat_argv(config: Settings, *, schedule: str = "celerybeat-schedule") -> list[str]:
    """The command line of the clock that rings for what may be due; run one of it."""
    return [
        *(sys.executable, "-m", "celery", "--app", "workers.app", "--quiet", "beat"),
        *("--schedule", schedule, "--pidfile", "", "--loglevel", config.log_level.upper()),
    ]


def _become(argv: list[str]) -> None:
    sys.stdout.flush()
    os.execv(argv[0], argv)  # noqa: S606 - the command lines are our own


@click.command()
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64))
def serve(processes: int) -> None:
    """Serve the API on LEDGER_HOST and LEDGER_PORT."""
    config = settings.load()
    config.require("database_url")
    _become(api_argv(config, processes=processes))


@click.command()
@click.option("--children", default=CHILDREN, show_default=True, type=click.IntRange(STINTS + 1, 256))
@click.option("--name", default="ledger", show_default=True, help="Of the node, before the host.")
def worker(children: int, name: str) -> None:
    """Work on tasks: events, refills, what is due."""
    config = settings.load()
    config.require("database_url", "redis_url")
    _become(worker_argv(config, children=children, name=name))


@click.command()
@click.option("--schedule", default="celerybeat-schedule", help="File that remembers last runs.")
def beat(schedule: str) -> None:
    """Ring for what may be due. Two of it do no harm, and none delays what is due."""
    config = settings.load()
    config.require("database_url", "redis_url")
    _become(beat_argv(config, schedule=schedule))

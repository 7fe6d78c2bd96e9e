"""The Celery application, its settings (each line earns its place), and a worker process's own loop and database."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

from ledger import settings
from ledger.kit import telemetry
from ledger.parts import make_database, make_door, make_gateway
from workers import broker, running

P = ParamSpec("P")
R = TypeVar("R")

config = settings.load()

LIMIT_S = config.task_limit_s
SOFT_LIMIT_S = LIMIT_S - LIMIT_S / 8
"""A task is told to end at this age, and has half of the rest for it. At LIMIT_S its process is killed."""

VISIBILITY_S = 4 * LIMIT_S
"""Redis gives a task to somebody else after this: longer than any task may run."""

HEALTH_S = 10
"""A broker that says nothing for this long is asked whether it is there; one that does not answer is left."""

broker.install()
app = Celery("credit-ledger", broker=config.redis_url, set_as_current=True)
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    # A task is acknowledged when it is done; one whose process died is given out again.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_acks_on_failure=True,
    task_acks_on_timeout=True,
    worker_prefetch_multiplier=1,
    task_time_limit=LIMIT_S,
    task_soft_time_limit=SOFT_LIMIT_S,
    visibility_timeout=VISIBILITY_S,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_S,
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_pool_acquire_timeout=5,
    worker_soft_shutdown_timeout=30,
    worker_enable_soft_shutdown_on_idle=True,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    enable_utc=True,
    timezone="UTC",
    imports=(
        "workers.book",
        "workers.alerts",
        "workers.events",
        "workers.anchor",
        "workers.budgets",
        "workers.payments_money",
        "workers.inbox",
        "workers.methods",
        "workers.rollups",
        "workers.forecast",
        "workers.payments",
        "workers.webhooks",
        "workers.notifications",
        "workers.refill",
    ),
)


class Process:
    """What a worker process has: an event loop, a database, an open door."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.database = make_database(config, "credit-ledger worker", pool_size=min(4, config.db_pool_size))
        self.door = make_door(self.database, config)
        self.stripe = make_gateway(config)
        self.runner.run(self.door.start())

    def close(self) -> None:
        """Finish what was accepted, and let go of the connections."""
        self.runner.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        await self.door.stop()
        if self.stripe is not None:
            self.stripe.close()
        await self.database.dispose()


_process: Process | None = None


def process() -> Process:
    """This process's own; made when it is first needed (never before a fork)."""
    global _process
    if _process is None:
        _process = Process()
    return _process


def task(
    name: str, *, at_most_every_s: float = 0, **options: Any
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, R | None]]:
    """A coroutine function as the task of this name, run on the process's loop; ``options`` are Celery's.

    What only looks for work is passed by (None) where this process has begun it less than ``at_most_every_s`` seconds
    before: ticks that gathered while nobody was there are taken in a moment. It is not Celery's ``expires``, which
    compares beat's clock with the worker's: a worker whose clock was some seconds ahead would throw every tick away.
    """

    def register(work: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R | None]:
        next_at = 0.0

        def run(*args: P.args, **kwargs: P.kwargs) -> R | None:
            nonlocal next_at
            now = time.monotonic()
            if now < next_at:
                return None
            next_at = now + at_most_every_s
            return running.run(process().runner, work(*args, **kwargs), end_s=(LIMIT_S - SOFT_LIMIT_S) / 2)

        run.__name__ = work.__name__
        run.__doc__ = work.__doc__
        registered: Callable[P, R | None] = app.task(name=name, **options)(run)
        return registered

    return register


@setup_logging.connect  # type: ignore[untyped-decorator] # Celery has no types
def _logging(**_: object) -> None:
    telemetry.configure(level=config.log_level, log_format=config.log_format, service="worker")


@worker_process_init.connect  # type: ignore[untyped-decorator] # Celery has no types
def _begin(**_: object) -> None:
    process()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator] # Celery has no types
def _end(**_: object) -> None:
    if _process is not None:
        _process.close()


import workers.schedule  # noqa: E402, F401 - it sets the beat schedule of ``app``

"""The couriers of webhooks. Where no key for secrets is set there are none: nothing could be signed."""

import multiprocessing
from typing import Final

from celery.signals import worker_shutting_down

from ledger.parts import make_egress, make_secret_keys
from ledger.webhooks.deliveries.courier import Courier
from workers.app import LIMIT_S, app, config, process, task

STINT_S: Final = min(60.0, LIMIT_S / 2)

_stopping = multiprocessing.get_context("fork").Event()
"""Shared with the processes that are forked: the worker is to stop."""

_egress = make_egress(config)
_keys = make_secret_keys(config)


@task("webhooks.deliver")
async def deliver() -> int | None:
    """Deliver events to webhook endpoints for a while, and have another go on; gives how many attempts were made."""
    if _keys is None:
        return None
    at = process()
    courier = Courier(at.database, at.door, _egress, _keys, couriers=config.webhook_couriers)
    return await courier.run(STINT_S, _stopping.is_set, drain_s=LIMIT_S / 4, left=_next)


def _next() -> None:
    if not _stopping.is_set():
        app.send_task("webhooks.deliver")


@worker_shutting_down.connect  # type: ignore[untyped-decorator] # Celery has no types
def _stop(**_: object) -> None:
    _stopping.set()

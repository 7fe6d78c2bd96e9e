"""Charging automatic refills. Where no key of Stripe's is set there are none."""

import multiprocessing
from typing import Final

from celery.signals import worker_shutting_down

from ledger.refill.charge.charger import Charger
from workers.app import LIMIT_S, app, task
from workers.payments import desk

STINT_S: Final = min(60.0, LIMIT_S / 2)

_stopping = multiprocessing.get_context("fork").Event()
"""Shared with the processes that are forked: the worker is to stop."""


@task("refill.charge")
async def charge() -> int | None:
    """Charge what is due for a while, then have another go on; gives how many steps were made."""
    at = desk()
    if at is None:
        return None
    steps = await Charger(at).run(STINT_S, _stopping.is_set, drain_s=LIMIT_S / 4)
    if steps is not None and not _stopping.is_set():
        app.send_task("refill.charge")
    return steps


@worker_shutting_down.connect  # type: ignore[untyped-decorator] # Celery has no types
def _stop(**_: object) -> None:
    _stopping.set()

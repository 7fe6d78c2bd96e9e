"""What tasks share that never end: each works for a stint, then another of its kind goes on.

A process that is to stop must not wait for a stint, so all that are forked from a worker see when it is: by a byte of
shared memory, and by no lock. An Event has one, and a child that is killed while it holds it stops all the others.
"""

from multiprocessing.sharedctypes import RawValue
from typing import Final

from celery.signals import worker_shutting_down

from workers.app import LIMIT_S

STINT_S: Final = min(60.0, LIMIT_S / 2)
DRAIN_S: Final = LIMIT_S / 4
"""What is on its way when a stint is over may take this long."""

_stopping = RawValue("b", 0)


def stopping() -> bool:
    """Whether this worker is to stop."""
    return bool(_stopping.value)


@worker_shutting_down.connect  # type: ignore[untyped-decorator] # Celery has no types
def _stop(**_: object) -> None:
    _stopping.value = 1

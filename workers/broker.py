"""The line to Redis, as kombu has it, with two ways to end a whole worker closed.

kombu 5.7 leaves a worker's main loop, and so ends the worker, where one message in the queue is no message at all, and
where a connection that was lost with tasks in hand is closed a second time (celery/celery#4652 and its kin). Neither
is worth a worker: the message is dropped with a line in the log, and the connection is made anew.
"""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as ConnectionLost

log = structlog.get_logger(__name__)

SHOWN_MAX = 200
"""Characters of an unreadable message's error that are logged."""

_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Channel(kombu_redis.Channel):
    """A channel that survives garbage, and knows when it has no connection."""

    def _brpop_read(self, **options: Any) -> Any:
        before = set(self.qos._delivered)
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call] # kombu has few types
        except Empty:
            raise
        except _UNREADABLE as error:
            log.error("message.unreadable", error=type(error).__name__, detail=str(error)[:SHOWN_MAX])
            # Counted as in hand, it would take a place among those that may be, for ever: some of them, and the
            # worker lives and asks for no more.
            for tag in set(self.qos._delivered) - before:
                self.basic_reject(tag, requeue=False)  # type: ignore[no-untyped-call]
            raise Empty from error

    def _connparams(self, *args: Any, **options: Any) -> Any:
        if getattr(self.connection, "client", None) is None:
            raise ConnectionLost("the connection to the broker was closed")
        return super()._connparams(*args, **options)  # type: ignore[no-untyped-call]


class Transport(kombu_redis.Transport):
    """What ``redis://`` and ``rediss://`` stand for in this process."""

    Channel = Channel


def install() -> None:
    """Use it wherever kombu would use its own."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"

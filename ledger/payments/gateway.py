"""Calls to Stripe: one client per process, limits spelled out, and two kinds of failure.

    StripeAway      not reached, too slow, failing or overloaded: whether it did what was asked is not known. Ask
                    again later, under the same idempotency key
    StripeRefused   it answered that it will not: asking again gives the same

No call is made while a transaction is open: it would hold its locks for as long as somebody else's server likes.
The SDK is used without its event loop, in threads: its client for asyncio belongs to the loop that it was made in.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import stripe
import structlog

from ledger.kit.db import in_transaction

log = structlog.get_logger(__name__)

T = TypeVar("T")

CONNECT_S: Final = 3
READ_S: Final = 20
RETRIES: Final = 2
THREADS: Final = 8

# It looks for the home directory at every call, and fails where there is none.
stripe.enable_telemetry = False
# It tells of every request and every answer.
logging.getLogger("stripe").setLevel(logging.WARNING)


class StripeAway(Exception):
    """Whether what was asked for was done is not known. ``status`` None: there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_kept(self) -> bool:
        """Whether Stripe gives the same answer under this idempotency key for a day: so it keeps errors of its own,
        whether or not it had done what was asked for."""
        return self.status == 500


class StripeRefused(Exception):
    """What was asked for was not done, and will not be. ``code`` and ``decline_code`` as Stripe gives them."""

    def __init__(self, error: stripe.StripeError) -> None:
        told = error.error
        super().__init__(error.user_message or str(error))
        self.code: str | None = error.code or (None if told is None else told.code)
        self.decline_code: str | None = getattr(told, "decline_code", None)
        self.advice_code: str | None = getattr(told, "advice_code", None)
        self.status = error.http_status
        self.error = told

    @property
    def of_key(self) -> bool:
        """Whether it is our key that is refused: that is ours to mend, and no word about what was asked for."""
        return self.status in (401, 403)


class Gateway:
    """Stripe, or what stands in for it, at ``base``. ``live``: whether the key is for real money."""

    def __init__(self, key: str, base: str) -> None:
        self.live = key.startswith(("sk_live_", "rk_live_"))
        self.base = base.rstrip("/")
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stripe")
        self._client = stripe.StripeClient(
            key,
            # All four: nothing may go elsewhere.
            base_addresses={"api": self.base, "connect": self.base, "files": self.base, "meter_events": self.base},
            http_client=stripe.RequestsClient(timeout=(CONNECT_S, READ_S)),
            max_network_retries=RETRIES,
        )

    async def call(self, ask: Callable[[stripe.StripeClient], T]) -> T:
        """The answer of one call. Raises StripeAway or StripeRefused."""
        assert not in_transaction(), "a call to Stripe while a transaction is open"
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask, self._client)
        except stripe.StripeError as error:
            if _is_definite(error):
                log.info("stripe.refused", code=error.code, status=error.http_status, request=error.request_id)
                raise StripeRefused(error) from error
            log.warning("stripe.away", error=type(error).__name__, status=error.http_status, request=error.request_id)
            raise StripeAway(str(error), error.http_status) from error

    def close(self) -> None:
        """Wait for no call any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _is_definite(error: stripe.StripeError) -> bool:
    """Whether Stripe said no: not that it is away, overloaded, or still busy with the first try (409)."""
    status = error.http_status
    return status is not None and 400 <= status < 500 and status not in (408, 409, 424, 429)


def plain(found: stripe.StripeObject) -> dict[str, Any]:
    """An object of Stripe as a dictionary, ids of what was not expanded as text."""
    shown: dict[str, Any] = found.to_dict(for_json=True)
    return shown


def id_of(value: Any) -> str | None:
    """The id of a field that is an id, or the object where it was expanded."""
    return value.get("id") if isinstance(value, dict) else value

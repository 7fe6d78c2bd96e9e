"""The SDK's own clients, with every exchange recorded and judged.

    from tests.contract.stripe.client import checked_client, stripe_traffic  # in a conftest

    def test_it(checked_client, stripe_traffic):
        client = checked_client("http://127.0.0.1:8600", "sk_test_1")
        client.v1.customers.create({"email": "ada@example.com"})  # raises where the contract is broken
        assert stripe_traffic.refused == []  # and we asked for nothing that Stripe would refuse

The end of a test looks again, for what was caught by the code between.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
import stripe

from tests.contract.stripe import events
from tests.contract.stripe.traffic import Exchange, Verdict, judged

stripe.enable_telemetry = False  # it looks for a home directory, and writes to it

BASES = ("api", "connect", "files", "meter_events")
"""Every address that the SDK has, so that nothing leaves for stripe.com."""

SECONDS_MAX = (3, 20)
"""To connect, and to wait for an answer."""


class ContractBroken(AssertionError):
    """What was said is not what Stripe says."""


class Traffic:
    """Everything that was said, with verdicts. Without ``strict`` it only listens: ask ``broken`` afterwards."""

    def __init__(self, *, strict: bool = True) -> None:
        self.strict = strict
        self.verdicts: list[Verdict] = []
        self._events: list[str] = []

    def take(self, exchange: Exchange) -> None:
        """Judge one more exchange."""
        verdict = judged(exchange)
        self.verdicts.append(verdict)
        self._stop(verdict.broken)

    def event(self, body: bytes | str | dict[str, Any]) -> None:
        """Judge an event that came to a webhook endpoint: its body as it was sent, or what that says."""
        event = body if isinstance(body, dict) else json.loads(body)
        found = [f"event {event.get('id')} ({event.get('type')}): {each}" for each in events.judged(event)]
        self._events += found
        self._stop(found)

    @property
    def broken(self) -> list[str]:
        """All that breaks the contract."""
        return [each for verdict in self.verdicts for each in verdict.broken] + self._events

    @property
    def refused(self) -> list[str]:
        """What was wrong in requests that were refused, as they should be."""
        return [f"{each.exchange}: {wrong}" for each in self.verdicts if each.refused for wrong in each.request]

    def _stop(self, found: list[str]) -> None:
        if found and self.strict:
            raise ContractBroken("\n".join(found))


def _exchange(
    method: str, url: str, headers: Mapping[str, str] | None, form: Any, answered: tuple[Any, int, Any]
) -> Exchange:
    content, status, received = answered
    text = content.decode() if isinstance(content, bytes) else content
    return Exchange(method, url, form or "", dict(headers or {}), status, text, dict(received))


class CheckedRequests(stripe.RequestsClient):
    """The client for code that waits: each attempt is judged, also those that the SDK repeats."""

    def __init__(self, traffic: Traffic, timeout: float | tuple[float, float] = SECONDS_MAX) -> None:
        self._own = requests.Session()
        super().__init__(timeout=timeout, session=self._own)
        self._traffic = traffic

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[Any, int, Any]:
        """Send, record, judge."""
        answered = super().request(method, url, headers, post_data)
        self._traffic.take(_exchange(method, url, headers, post_data, answered))
        return answered

    def close(self) -> None:
        """Of all threads: the SDK closes the session of the calling one."""
        self._own.close()


class CheckedHTTPX(stripe.HTTPXClient):
    """The client for code that awaits."""

    def __init__(self, traffic: Traffic) -> None:
        super().__init__(timeout=SECONDS_MAX[1])
        self._traffic = traffic

    def _get_request_args_kwargs(self, *given: Any) -> Any:
        """The form as ``content``: the SDK's ``data`` is deprecated in httpx, and the tests make an error of that."""
        args, kwargs = super()._get_request_args_kwargs(*given)
        form = kwargs.pop("data")
        return args, kwargs | ({"content": form} if form else {})

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[Any, int, Any]:
        """Send, record, judge."""
        answered = await super().request_async(method, url, headers, post_data)
        self._traffic.take(_exchange(method, url, headers, post_data, answered))
        return answered


def connect(base_url: str, key: str, http: stripe.HTTPClient, network_retries: int = 0) -> stripe.StripeClient:
    """The SDK's client for a server at this address, and none other."""
    bases: Any = dict.fromkeys(BASES, base_url.rstrip("/"))
    return stripe.StripeClient(key, base_addresses=bases, http_client=http, max_network_retries=network_retries)


Connect = Callable[..., stripe.StripeClient]
"""``checked_client(base_url, key, network_retries=0)``"""


@pytest.fixture
def stripe_traffic() -> Iterator[Traffic]:
    """What the test's clients said and heard. The test fails if anything of it broke the contract."""
    traffic = Traffic()
    yield traffic
    assert traffic.broken == []


@pytest.fixture
def checked_client(stripe_traffic: Traffic) -> Iterator[Connect]:
    """Makes clients whose traffic is judged."""
    made: list[CheckedRequests] = []

    def make(base_url: str, key: str, network_retries: int = 0) -> stripe.StripeClient:
        made.append(CheckedRequests(stripe_traffic))
        return connect(base_url, key, made[-1], network_retries)

    yield make
    for each in made:
        each.close()


@pytest.fixture
async def async_checked_client(stripe_traffic: Traffic) -> AsyncIterator[Connect]:
    """Makes clients for ``…_async`` methods, on the test's own event loop."""
    made: list[CheckedHTTPX] = []

    def make(base_url: str, key: str, network_retries: int = 0) -> stripe.StripeClient:
        made.append(CheckedHTTPX(stripe_traffic))
        return connect(base_url, key, made[-1], network_retries)

    yield make
    for each in made:
        await each.close_async()

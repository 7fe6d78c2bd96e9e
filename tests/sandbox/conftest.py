"""One sandbox for a module, or Stripe's test mode."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.contract.stripe.client import BASES
from tests.support.receiver import Receiver, receiving
from tests.support.sandbox import SandboxAt, sandbox_served

TEST_KEY = os.environ.get("STRIPE_TEST_KEY", "")
"""Of a Stripe account in test mode: then the tests that can run there do."""
TEST_BASE = os.environ.get("STRIPE_TEST_BASE", "")
"""Where they find it, if not at Stripe: that is how this way of running them is tested itself."""
STEERED = "only the sandbox can be steered, and STRIPE_TEST_KEY is set"

if TEST_KEY and not TEST_KEY.startswith(("sk_test_", "rk_test_")):
    raise pytest.UsageError("STRIPE_TEST_KEY must be a key of test mode (sk_test_… or rk_test_…): these tests pay.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what was not looked at."""
    if TEST_KEY:
        skipped = len(terminalreporter.stats.get("skipped", ()))
        place = TEST_BASE or "Stripe's test mode"
        terminalreporter.write_line(f"against {place}; {skipped} skipped: {STEERED}", yellow=True)


@pytest.fixture(scope="module")
def _served() -> Iterator[SandboxAt | None]:
    if TEST_KEY:
        yield None
        return
    with sandbox_served() as at:
        at.tell(
            "/config", fee_known_after_s=0, refund_after_s=0, dispute_after_s=0, verdict_after_s=0, debit_after_s=60
        )
        yield at


@pytest.fixture
def sandbox(_served: SandboxAt | None) -> SandboxAt:
    """The simulation itself, to steer it; there is none against Stripe."""
    if _served is None:
        pytest.skip(STEERED)
    return _served


@pytest.fixture
def client(_served: SandboxAt | None) -> stripe.StripeClient:
    """The SDK, talking to the sandbox or to Stripe."""
    if _served is not None:
        return _served.client()
    bases: Any = {"base_addresses": dict.fromkeys(BASES, TEST_BASE)} if TEST_BASE else {}
    return stripe.StripeClient(TEST_KEY, http_client=stripe.RequestsClient(timeout=30), **bases)


@pytest.fixture
def receiver(sandbox: SandboxAt) -> Iterator[Receiver]:
    """An endpoint that is told of everything that happens in the test."""
    client = sandbox.client()
    with receiving() as made:
        endpoint = client.v1.webhook_endpoints.create({"url": made.url, "enabled_events": ["*"]})
        made.secret = str(endpoint.secret)
        yield made
        client.v1.webhook_endpoints.delete(endpoint.id)


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    """A customer of this test alone."""
    return client.v1.customers.create({"email": f"{uuid.uuid4().hex[:8]}@example.com"}).id

"""One sandbox for a module, or Stripe's test mode."""

import os
import uuid
from collections.abc import Iterator

import pytest
import stripe

from tests.support.receiver import Receiver, receiving
from tests.support.sandbox import SandboxAt, sandbox_served

TEST_KEY = os.environ.get("STRIPE_TEST_KEY", "")
"""Of a Stripe account in test mode: then the tests that can run there do."""


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
        pytest.skip("only the sandbox can be steered")
    return _served


@pytest.fixture
def client(_served: SandboxAt | None) -> stripe.StripeClient:
    """The SDK, talking to the sandbox or to Stripe."""
    if _served is None:
        return stripe.StripeClient(TEST_KEY, http_client=stripe.RequestsClient(timeout=30))
    return _served.client()


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

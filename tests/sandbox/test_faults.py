"""What goes wrong with requests on purpose, and what the SDK makes of it."""

import time
from pathlib import Path

import pytest
import stripe

from tests.sandbox.asking import refused
from tests.support.sandbox import SandboxAt
from tests.support.waiting import EARLY_S


@pytest.fixture(autouse=True)
def _calm(sandbox: SandboxAt) -> None:
    import httpx

    httpx.delete(f"{sandbox.base}/_sim/faults")


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def named(client: stripe.StripeClient, email: str) -> int:
    """How many customers have this address."""
    return len(client.v1.customers.list({"email": email}).data)


@pytest.mark.parametrize(("kind", "done"), [("cut_before", 0), ("cut_after", 1)])
def test_a_connection_is_closed(client: stripe.StripeClient, sandbox: SandboxAt, kind: str, done: int) -> None:
    """Before it is done or after: the caller cannot tell."""
    email = f"{kind}@example.com"
    sandbox.tell("/faults", kind=kind, path="/v1/customers", method="POST")
    refused(lambda: client.v1.customers.create({"email": email}), stripe.APIConnectionError)
    assert done == named(client, email)


def test_a_connection_that_is_closed_leaves_no_file_open(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """The sandbox is in this process: its files are ours."""
    before = open_files()
    for _ in range(5):
        sandbox.tell("/faults", kind="cut_before", path="/v1/customers")
        refused(lambda: client.v1.customers.list(), stripe.APIConnectionError)
    assert open_files() <= before + 2


@pytest.mark.parametrize("kind", ["cut_after", "error_after", "hang"])
def test_a_lost_answer_is_got_by_asking_again(sandbox: SandboxAt, kind: str) -> None:
    """With the same key it is done once, also where the SDK repeats by itself."""
    client = sandbox.client(timeout=0.3, retries=1)
    email = f"again-{kind}@example.com"
    sandbox.tell("/faults", kind=kind, path="/v1/customers", method="POST", delay_s=1)
    if kind == "error_after":
        refused(lambda: client.v1.customers.create({"email": email}), stripe.APIError)
    else:
        client.v1.customers.create({"email": email})
    assert 1 == named(client, email)


@pytest.mark.parametrize("kind", ["cut_after", "hang"])
def test_a_kept_answer_is_lost_too(sandbox: SandboxAt, kind: str) -> None:
    """The replay meets the fault as the first try would: the caller still does not know, and nothing is done twice."""
    client = sandbox.client(timeout=0.5)
    email = f"replay-{kind}@example.com"

    def made() -> str:
        return client.v1.customers.create({"email": email}, {"idempotency_key": email}).id

    first = made()
    sandbox.tell("/faults", kind=kind, path="/v1/customers", method="POST", delay_s=2)
    refused(made, stripe.APIConnectionError)
    assert first == made()
    assert 1 == named(client, email)


def test_an_answer_comes_late(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    sandbox.tell("/faults", kind="slow", path="/v1/customers", delay_s=0.2)
    start = time.monotonic()
    client.v1.customers.create({})
    assert time.monotonic() - start >= 0.2 - EARLY_S


@pytest.mark.parametrize(
    ("kind", "status", "code", "error"),
    [
        ("rate_limit", 429, "rate_limit", stripe.RateLimitError),
        ("lock", 429, "lock_timeout", stripe.RateLimitError),
        ("conflict", 409, "idempotency_key_in_use", stripe.APIError),
        ("forbidden", 403, None, stripe.PermissionError),
        ("unavailable", 503, None, stripe.APIError),
        ("error_before", 500, None, stripe.APIError),
    ],
)
def test_the_sdk_knows_the_errors(
    client: stripe.StripeClient,
    sandbox: SandboxAt,
    kind: str,
    status: int,
    code: str | None,
    error: type[stripe.StripeError],
) -> None:
    sandbox.tell("/faults", kind=kind, path="/v1/products")
    raised = refused(lambda: client.v1.products.create({"name": "Credits"}), error)
    assert (status, code) == (raised.http_status, raised.error.code if code else None)


def test_a_fault_is_of_some_requests_only(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """By method and path, after so many, so often."""
    sandbox.tell("/faults", kind="unavailable", path="/v1/cust*", method="GET", skip=1, times=2)
    made = client.v1.customers.create({}).id
    client.v1.customers.retrieve(made)
    for _ in range(2):
        refused(lambda: client.v1.customers.retrieve(made), stripe.APIError)
    client.v1.customers.retrieve(made)
    assert [] == sandbox.ask("/faults")


def test_an_unknown_fault_is_refused(sandbox: SandboxAt) -> None:
    with pytest.raises(AssertionError, match="kind must be one of"):
        sandbox.tell("/faults", kind="flood")

"""``credit-ledger doctor`` asks Stripe: what is wrong is said with what to do, and no key is shown."""

import time
from collections.abc import Iterator

import pytest

from ledger.cli.doctor import Finding, examine
from ledger.embedded.places import free_port
from ledger.payments.checkup import _clock, _mode
from ledger.payments.gateway import Gateway
from ledger.payments.inbox.effects import EFFECTS
from ledger.settings import Settings
from tests.support.sandbox import KEY, SandboxAt, sandbox_served

PUBLIC = "https://credits.example.com"
SECRET = "whsec_of_the_doctor"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxAt]:
    with sandbox_served() as at:
        yield at


def looked(sandbox: SandboxAt, **more: str) -> dict[str, Finding]:
    """What is found of Stripe, by what was looked at. No finding shows a secret."""
    given = {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": sandbox.base, "STRIPE_WEBHOOK_SECRET": SECRET} | more
    given = {"PUBLIC_URL": PUBLIC, **given}
    found = list(examine({f"LEDGER_{name}": value for name, value in given.items() if value}))
    for one in found:
        for secret in (given["STRIPE_API_KEY"], given["STRIPE_WEBHOOK_SECRET"]):
            assert not secret or secret not in f"{one.seen} {one.advice}"
        assert one.advice or one.state == "ok", one
    return {one.what: one for one in found if one.what.startswith("stripe")}


def states(found: dict[str, Finding]) -> dict[str, str]:
    return {name.removeprefix("stripe").strip(): one.state for name, one in found.items()}


def test_all_is_well(sandbox: SandboxAt) -> None:
    events = sorted(EFFECTS)
    made = sandbox.client().v1.webhook_endpoints.create({"url": f"{PUBLIC}/stripe/webhooks", "enabled_events": events})
    found = looked(sandbox)
    names = ("", "mode", "version", "clock", "currency", "secret", "endpoint", "events")
    assert dict.fromkeys(names, "ok") == states(found)
    sandbox.client().v1.webhook_endpoints.update(made.id, {"disabled": True})
    assert "fail" == looked(sandbox)["stripe endpoint"].state
    sandbox.client().v1.webhook_endpoints.delete(made.id)


def test_an_endpoint_that_is_missing_or_hears_too_little(sandbox: SandboxAt) -> None:
    found = looked(sandbox, PUBLIC_URL="")["stripe endpoint"]
    assert ("warn", True) == (found.state, "LEDGER_PUBLIC_URL" in found.seen)
    found = looked(sandbox)["stripe endpoint"]
    assert ("warn", True) == (found.state, f"{PUBLIC}/stripe/webhooks" in found.advice)
    some = sorted(EFFECTS.keys() - {"refund.failed", "charge.updated"})
    made = sandbox.client().v1.webhook_endpoints.create({"url": f"{PUBLIC}/stripe/webhooks", "enabled_events": some})
    assert "not sent: charge.updated, refund.failed" == looked(sandbox)["stripe events"].seen
    sandbox.client().v1.webhook_endpoints.update(made.id, {"enabled_events": ["*"]})
    assert "ok" == looked(sandbox)["stripe events"].state
    sandbox.client().v1.webhook_endpoints.delete(made.id)


def test_stripe_is_away(sandbox: SandboxAt) -> None:
    found = looked(sandbox, STRIPE_API_BASE=f"http://127.0.0.1:{free_port()}")
    assert {"": "fail"} == states(found)
    assert "does not answer" in found["stripe"].seen


def test_a_key_that_stripe_does_not_know(sandbox: SandboxAt) -> None:
    found = looked(sandbox, STRIPE_API_KEY="rk_nothing_that_a_sandbox_takes")
    assert ("fail", "Stripe does not know the key") == (found["stripe"].state, found["stripe"].seen)
    assert {"stripe"} == set(found)


def test_no_secret_and_another_currency(sandbox: SandboxAt) -> None:
    found = looked(sandbox, STRIPE_WEBHOOK_SECRET="", SETTLEMENT_CURRENCY="JPY")
    assert ("warn", "fail") == (found["stripe secret"].state, found["stripe currency"].state)
    assert "Stripe settles in USD, not JPY" == found["stripe currency"].seen


@pytest.mark.parametrize(
    ("key", "environment", "base", "live", "state"),
    [
        ("sk_live_x", "production", "https://api.stripe.com", True, "ok"),
        ("sk_live_x", "production", "https://api.stripe.com", False, "fail"),
        ("sk_live_x", "test", "https://api.stripe.com", True, "fail"),
        ("sk_live_x", "production", "https://elsewhere.example.com", True, "fail"),
        ("sk_test_x", "production", "https://api.stripe.com", False, "warn"),
        ("sk_test_x", "test", "https://api.stripe.com", False, "ok"),
    ],
)
def test_the_mode_fits_to_the_key_and_the_environment(
    key: str, environment: str, base: str, live: bool, state: str
) -> None:
    gateway = Gateway(key, base)
    try:
        assert state == _mode(gateway, Settings(environment=environment), live).state
    finally:
        gateway.close()


@pytest.mark.parametrize(("ahead_s", "state"), [(0, "ok"), (60, "warn"), (-60, "warn"), (400, "fail"), (-400, "fail")])
def test_a_clock_that_is_wrong(ahead_s: int, state: str) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - ahead_s))
    assert state == _clock({"Date": date}).state
    assert "warn" == _clock({}).state

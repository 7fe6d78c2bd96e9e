"""Every route and every parameter, held to the contract: the client raises where an answer is not what Stripe says."""

import pytest
import stripe

from ledger.sandbox.routes import ROUTES, Route
from ledger.sandbox.rules.cards import BY_NAME
from tests.sandbox.asking import charge_params
from tests.sandbox.making import Maker, values
from tests.support.sandbox import SandboxAt

SETTING = [route for route in ROUTES if route.method == "POST" and route.path.endswith("{id}")]
MAKING = [route for route in ROUTES if route.method == "POST" and "{id}" not in route.path]


@pytest.fixture(scope="module")
def maker(_served: SandboxAt | None) -> Maker:
    if _served is None:
        pytest.skip("Stripe's own answers are Stripe's")
    return Maker(_served.client(), _served)


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_every_route_answers_as_stripe_does(maker: Maker, route: Route) -> None:
    params = maker.params(route.method, route.path)
    maker.client.raw_request(route.method.lower(), maker.path(route.path), **params)


@pytest.mark.parametrize("route", MAKING + SETTING, ids=named)
def test_every_parameter_is_answered_as_stripe_does(maker: Maker, route: Route) -> None:
    """One at a time, with all that can be in it; what the sandbox does not have, it may refuse."""
    path, done = maker.path(route.path), 0
    for name, value in values(route.method, route.path):
        params = maker.params(route.method, route.path) | {name: value}
        try:
            maker.client.raw_request("post", path, **params)
        except (stripe.InvalidRequestError, stripe.CardError):
            continue
        done += 1
    assert done > 0


@pytest.mark.parametrize("method", [name for name in BY_NAME if name.startswith("pm_")])
def test_every_instrument_is_told_as_stripe_does(maker: Maker, method: str) -> None:
    """Paid with, saved, shown; events are judged in the end, when disputes and debits have come to theirs, too."""
    client = maker.client
    calls = (
        lambda: client.v1.payment_intents.create(charge_params(method, expand=["latest_charge", "payment_method"])),
        lambda: client.v1.payment_methods.attach(method, {"customer": maker.customer}),
        lambda: client.v1.setup_intents.create({"payment_method": method, "confirm": True, "return_url": "https://x"}),
    )
    for call in calls:
        try:
            call()
        except stripe.CardError:
            continue
    maker.at.pass_time(60)

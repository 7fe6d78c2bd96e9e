"""The SDK is the one that this contract was written against."""

import stripe

from tests.contract.stripe import sources

ADVICE = (
    "The Stripe SDK was upgraded, and with it perhaps the version of the API. Read its CHANGELOG for removed parameters "
    "and renamed values, run tests/contract/stripe and the simulator's tests, bring rules and samples up to date, "
    "then set PINNED in tests/contract/stripe/sources.py. Webhook endpoints keep the version they were made with: "
    "live ones must be made anew when the API's version changes."
)


def test_the_sdk_is_the_pinned_one() -> None:
    assert sources.PINNED == (stripe.VERSION, stripe.api_version), ADVICE

"""The SDK's service classes tell which routes there are, and all of them can be read."""

import pytest

from tests.contract.stripe.operations import find, operations


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("post", "/v1/checkout/sessions", "SessionService.create"),
        ("POST", "/v1/checkout/sessions/cs_1/expire", "SessionService.expire"),
        ("get", "/v1/payment_intents/search", "PaymentIntentService.search"),
        ("get", "/v1/payment_intents/pi_1", "PaymentIntentService.retrieve"),
        ("post", "/v1/customers/cus_1", "CustomerService.update"),
        ("delete", "/v1/customers/cus_1", "CustomerService.delete"),
        ("get", "/v1/customers/cus_1/payment_methods", "CustomerPaymentMethodService.list"),
        ("post", "/v1/payment_methods/pm_1/attach", "PaymentMethodService.attach"),
        ("get", "/v1/balance", "BalanceService.retrieve"),
        ("post", "/v1/refunds/re_1/cancel", "RefundService.cancel"),
        ("post", "/v1/disputes/du_1/close", "DisputeService.close"),
        ("post", "/v1/test_helpers/test_clocks/clock_1/advance", "TestClockService.advance"),
    ],
)
def test_a_route_is_found(method: str, path: str, name: str) -> None:
    operation = find(method, path)
    assert operation and name == operation.name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v1/checkout/session"),
        ("put", "/v1/customers/cus_1"),
        ("post", "/v1/balance"),
        ("get", "/v1/customers/"),
        ("get", "/v2/customers"),
        ("delete", "/v1/payment_links/plink_1"),
    ],
)
def test_a_route_that_the_api_has_not_is_none(method: str, path: str) -> None:
    assert find(method, path) is None


def test_every_operation_can_be_read() -> None:
    """Also those which we do not call yet: what the reader does not know of the SDK shows here, after an upgrade."""
    assert len(operations()) > 500
    for operation in operations():
        assert operation.template.startswith("/v1/")
        assert operation.request["additionalProperties"] is False
        assert operation.response

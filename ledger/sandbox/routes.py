"""The endpoints: method, path, the parameters as the SDK has them, and what is done. All else under /v1 is a 404."""

from typing import Final, NamedTuple

from stripe import params as p
from stripe.params import billing_portal as b
from stripe.params import checkout as c
from stripe.params import test_helpers as t

from ledger.sandbox.resources import (
    balance,
    catalog,
    charges,
    checkout,
    customers,
    disputes,
    endpoints,
    events,
    following,
    payment_intents,
    payment_links,
    payment_methods,
    payouts,
    portal,
    refunds,
    setup_intents,
    subscriptions,
    test_clocks,
)
from ledger.sandbox.resources.common import Handler, retrieve
from ledger.sandbox.resources.listing import field, listing, one_of, when


class Route(NamedTuple):
    """An endpoint. ``{id}`` in a path stands for any one part of it."""

    method: str
    path: str
    params: type
    handler: Handler


_CREATED: Final = {"created": when("created")}
_OWNED: Final = {**_CREATED, "customer": field("customer"), "payment_intent": field("payment_intent")}

ROUTES: Final = (
    Route("POST", "/v1/customers", p.CustomerCreateParams, customers.create),
    Route("GET", "/v1/customers", p.CustomerListParams, customers.index),
    Route("GET", "/v1/customers/{id}", p.CustomerRetrieveParams, customers.retrieve),
    Route("POST", "/v1/customers/{id}", p.CustomerUpdateParams, customers.update),
    Route("DELETE", "/v1/customers/{id}", p.CustomerDeleteParams, customers.delete),
    Route("GET", "/v1/customers/{id}/payment_methods", p.CustomerPaymentMethodListParams, payment_methods.of_customer),
    Route(
        "GET",
        "/v1/customers/{id}/payment_methods/{id}",
        p.CustomerPaymentMethodRetrieveParams,
        payment_methods.one_of_customer,
    ),
    Route("POST", "/v1/payment_methods", p.PaymentMethodCreateParams, payment_methods.create),
    Route("GET", "/v1/payment_methods", p.PaymentMethodListParams, payment_methods.index),
    Route("GET", "/v1/payment_methods/{id}", p.PaymentMethodRetrieveParams, payment_methods.retrieve),
    Route("POST", "/v1/payment_methods/{id}", p.PaymentMethodUpdateParams, payment_methods.update),
    Route("POST", "/v1/payment_methods/{id}/attach", p.PaymentMethodAttachParams, payment_methods.attach),
    Route("POST", "/v1/payment_methods/{id}/detach", p.PaymentMethodDetachParams, payment_methods.detach),
    Route("POST", "/v1/setup_intents", p.SetupIntentCreateParams, setup_intents.create),
    Route(
        "GET",
        "/v1/setup_intents",
        p.SetupIntentListParams,
        listing(
            "setup_intent",
            "/v1/setup_intents",
            {**_CREATED, "customer": field("customer"), "payment_method": field("payment_method")},
        ),
    ),
    Route("GET", "/v1/setup_intents/{id}", p.SetupIntentRetrieveParams, retrieve("setup_intent")),
    Route("POST", "/v1/setup_intents/{id}", p.SetupIntentUpdateParams, setup_intents.update),
    Route("POST", "/v1/setup_intents/{id}/confirm", p.SetupIntentConfirmParams, setup_intents.confirm),
    Route("POST", "/v1/setup_intents/{id}/cancel", p.SetupIntentCancelParams, setup_intents.cancel),
    Route("POST", "/v1/payment_intents", p.PaymentIntentCreateParams, payment_intents.create),
    Route(
        "GET",
        "/v1/payment_intents",
        p.PaymentIntentListParams,
        listing("payment_intent", "/v1/payment_intents", {**_CREATED, "customer": field("customer")}),
    ),
    Route("GET", "/v1/payment_intents/{id}", p.PaymentIntentRetrieveParams, retrieve("payment_intent")),
    Route("POST", "/v1/payment_intents/{id}", p.PaymentIntentUpdateParams, payment_intents.update),
    Route("POST", "/v1/payment_intents/{id}/confirm", p.PaymentIntentConfirmParams, following.confirm),
    Route("POST", "/v1/payment_intents/{id}/capture", p.PaymentIntentCaptureParams, payment_intents.capture),
    Route("POST", "/v1/payment_intents/{id}/cancel", p.PaymentIntentCancelParams, payment_intents.cancel),
    Route("GET", "/v1/charges", p.ChargeListParams, listing("charge", "/v1/charges", _OWNED)),
    Route("GET", "/v1/charges/{id}", p.ChargeRetrieveParams, retrieve("charge")),
    Route("POST", "/v1/charges/{id}", p.ChargeUpdateParams, charges.update),
    Route("POST", "/v1/checkout/sessions", c.SessionCreateParams, checkout.create),
    Route(
        "GET",
        "/v1/checkout/sessions",
        c.SessionListParams,
        listing(
            "checkout.session",
            "/v1/checkout/sessions",
            {
                **_OWNED,
                "status": field("status"),
                "payment_link": field("payment_link"),
                "customer_details": lambda value: field("customer_details.email")(value["email"]),
            },
        ),
    ),
    Route("GET", "/v1/checkout/sessions/{id}", c.SessionRetrieveParams, retrieve("checkout.session")),
    Route("POST", "/v1/checkout/sessions/{id}", c.SessionUpdateParams, checkout.update),
    Route("POST", "/v1/checkout/sessions/{id}/expire", c.SessionExpireParams, checkout.expire),
    Route("GET", "/v1/checkout/sessions/{id}/line_items", c.SessionListLineItemsParams, checkout.line_items),
    Route("POST", "/v1/payment_links", p.PaymentLinkCreateParams, payment_links.create),
    Route(
        "GET",
        "/v1/payment_links",
        p.PaymentLinkListParams,
        listing("payment_link", "/v1/payment_links", {"active": field("active")}),
    ),
    Route("GET", "/v1/payment_links/{id}", p.PaymentLinkRetrieveParams, retrieve("payment_link")),
    Route("POST", "/v1/payment_links/{id}", p.PaymentLinkUpdateParams, payment_links.update),
    Route("GET", "/v1/payment_links/{id}/line_items", p.PaymentLinkListLineItemsParams, payment_links.line_items),
    Route("POST", "/v1/billing_portal/sessions", b.SessionCreateParams, portal.create),
    Route("POST", "/v1/products", p.ProductCreateParams, catalog.create_product),
    Route(
        "GET",
        "/v1/products",
        p.ProductListParams,
        listing(
            "product",
            "/v1/products",
            {
                **_CREATED,
                "active": field("active"),
                "ids": one_of("id"),
                "shippable": field("shippable"),
                "url": field("url"),
            },
        ),
    ),
    Route("GET", "/v1/products/{id}", p.ProductRetrieveParams, retrieve("product")),
    Route("POST", "/v1/products/{id}", p.ProductUpdateParams, catalog.update_product),
    Route("DELETE", "/v1/products/{id}", p.ProductDeleteParams, catalog.delete_product),
    Route("POST", "/v1/prices", p.PriceCreateParams, catalog.create_price),
    Route(
        "GET",
        "/v1/prices",
        p.PriceListParams,
        listing(
            "price",
            "/v1/prices",
            {
                **_CREATED,
                "active": field("active"),
                "currency": field("currency"),
                "lookup_keys": one_of("lookup_key"),
                "product": field("product"),
                "type": field("type"),
            },
        ),
    ),
    Route("GET", "/v1/prices/{id}", p.PriceRetrieveParams, retrieve("price")),
    Route("POST", "/v1/prices/{id}", p.PriceUpdateParams, catalog.update_price),
    Route("POST", "/v1/refunds", p.RefundCreateParams, refunds.create),
    Route(
        "GET",
        "/v1/refunds",
        p.RefundListParams,
        listing(
            "refund",
            "/v1/refunds",
            {**_CREATED, "charge": field("charge"), "payment_intent": field("payment_intent")},
        ),
    ),
    Route("GET", "/v1/refunds/{id}", p.RefundRetrieveParams, retrieve("refund")),
    Route("POST", "/v1/refunds/{id}", p.RefundUpdateParams, refunds.update),
    Route("POST", "/v1/refunds/{id}/cancel", p.RefundCancelParams, refunds.cancel),
    Route(
        "GET",
        "/v1/disputes",
        p.DisputeListParams,
        listing(
            "dispute",
            "/v1/disputes",
            {**_CREATED, "charge": field("charge"), "payment_intent": field("payment_intent")},
        ),
    ),
    Route("GET", "/v1/disputes/{id}", p.DisputeRetrieveParams, retrieve("dispute")),
    Route("POST", "/v1/disputes/{id}", p.DisputeUpdateParams, disputes.update),
    Route("POST", "/v1/disputes/{id}/close", p.DisputeCloseParams, disputes.close),
    Route("POST", "/v1/payouts", p.PayoutCreateParams, payouts.create),
    Route(
        "GET",
        "/v1/payouts",
        p.PayoutListParams,
        listing(
            "payout",
            "/v1/payouts",
            {
                **_CREATED,
                "arrival_date": when("arrival_date"),
                "destination": field("destination"),
                "status": field("status"),
            },
        ),
    ),
    Route("GET", "/v1/payouts/{id}", p.PayoutRetrieveParams, retrieve("payout")),
    Route("POST", "/v1/payouts/{id}", p.PayoutUpdateParams, payouts.update),
    Route("POST", "/v1/payouts/{id}/cancel", p.PayoutCancelParams, payouts.cancel),
    Route("GET", "/v1/balance", p.BalanceRetrieveParams, balance.retrieve),
    Route(
        "GET",
        "/v1/balance_transactions",
        p.BalanceTransactionListParams,
        listing(
            "balance_transaction",
            "/v1/balance_transactions",
            {
                **_CREATED,
                "currency": field("currency"),
                "payout": balance.of_payout,
                "source": field("source"),
                "type": field("type"),
            },
        ),
    ),
    Route("GET", "/v1/balance_transactions/{id}", p.BalanceTransactionRetrieveParams, retrieve("balance_transaction")),
    Route(
        "GET",
        "/v1/invoices",
        p.InvoiceListParams,
        listing(
            "invoice",
            "/v1/invoices",
            {
                **_CREATED,
                "customer": field("customer"),
                "status": field("status"),
                "subscription": field("parent.subscription_details.subscription"),
            },
        ),
    ),
    Route("GET", "/v1/invoices/{id}", p.InvoiceRetrieveParams, retrieve("invoice")),
    Route("POST", "/v1/subscriptions", p.SubscriptionCreateParams, subscriptions.create),
    Route("GET", "/v1/subscriptions", p.SubscriptionListParams, subscriptions.index),
    Route("GET", "/v1/subscriptions/{id}", p.SubscriptionRetrieveParams, retrieve("subscription")),
    Route("POST", "/v1/subscriptions/{id}", p.SubscriptionUpdateParams, subscriptions.update),
    Route("DELETE", "/v1/subscriptions/{id}", p.SubscriptionCancelParams, subscriptions.cancel),
    Route("POST", "/v1/test_helpers/test_clocks", t.TestClockCreateParams, test_clocks.create),
    Route(
        "GET",
        "/v1/test_helpers/test_clocks",
        t.TestClockListParams,
        listing("test_helpers.test_clock", "/v1/test_helpers/test_clocks", {}),
    ),
    Route("GET", "/v1/test_helpers/test_clocks/{id}", t.TestClockRetrieveParams, retrieve("test_helpers.test_clock")),
    Route("DELETE", "/v1/test_helpers/test_clocks/{id}", t.TestClockDeleteParams, test_clocks.delete),
    Route("POST", "/v1/test_helpers/test_clocks/{id}/advance", t.TestClockAdvanceParams, test_clocks.advance),
    Route(
        "GET",
        "/v1/events",
        p.EventListParams,
        listing(
            "event",
            "/v1/events",
            {**_CREATED, "type": field("type"), "types": one_of("type"), "delivery_success": events.delivered},
            events.kept,
        ),
    ),
    Route("GET", "/v1/events/{id}", p.EventRetrieveParams, events.retrieve),
    Route("POST", "/v1/webhook_endpoints", p.WebhookEndpointCreateParams, endpoints.create),
    Route(
        "GET",
        "/v1/webhook_endpoints",
        p.WebhookEndpointListParams,
        listing("webhook_endpoint", "/v1/webhook_endpoints", {}),
    ),
    Route("GET", "/v1/webhook_endpoints/{id}", p.WebhookEndpointRetrieveParams, retrieve("webhook_endpoint")),
    Route("POST", "/v1/webhook_endpoints/{id}", p.WebhookEndpointUpdateParams, endpoints.update),
    Route("DELETE", "/v1/webhook_endpoints/{id}", p.WebhookEndpointDeleteParams, endpoints.delete),
)

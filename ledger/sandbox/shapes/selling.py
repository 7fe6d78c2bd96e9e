"""What is sold, and the pages it is sold on: products, prices, Checkout Sessions and their lines, payment links."""

from typing import Any, Final

from ledger.sandbox.errors import Object
from ledger.sandbox.ids import new_id
from ledger.sandbox.shapes.base import new

_PRODUCT: Final[Object] = {
    "active": True,
    "default_price": None,
    "description": None,
    "images": [],
    "marketing_features": [],
    "metadata": {},
    "name": "",
    "package_dimensions": None,
    "shippable": None,
    "statement_descriptor": None,
    "tax_code": None,
    "type": "service",
    "unit_label": None,
    "updated": 0,
    "url": None,
}
_PRICE: Final[Object] = {
    "active": True,
    "billing_scheme": "per_unit",
    "currency": "usd",
    "custom_unit_amount": None,
    "lookup_key": None,
    "metadata": {},
    "nickname": None,
    "product": None,
    "recurring": None,
    "tax_behavior": "unspecified",
    "tiers_mode": None,
    "transform_quantity": None,
    "type": "one_time",
    "unit_amount": None,
    "unit_amount_decimal": None,
}
_NO_TAX: Final[Object] = {"enabled": False, "liability": None, "provider": None, "status": None}
_NO_TEXT: Final[Object] = {
    "after_submit": None,
    "shipping_address": None,
    "submit": None,
    "terms_of_service_acceptance": None,
}
_CUSTOM_FIELD: Final[Object] = {"dropdown": None, "numeric": None, "optional": False, "text": None}
_SESSION: Final[Object] = {
    "adaptive_pricing": None,
    "after_expiration": None,
    "allow_promotion_codes": None,
    "allowed_payment_method_types": None,
    "amount_subtotal": None,
    "amount_total": None,
    "automatic_tax": _NO_TAX,
    "billing_address_collection": None,
    "cancel_url": None,
    "client_reference_id": None,
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": _NO_TEXT,
    "customer": None,
    "customer_account": None,
    "customer_creation": None,
    "customer_details": None,
    "customer_email": None,
    "discounts": None,
    "excluded_payment_method_types": None,
    "expires_at": 0,
    "integration_identifier": None,
    "invoice": None,
    "invoice_creation": None,
    "locale": None,
    "metadata": {},
    "mode": "payment",
    "origin_context": None,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_collection": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "payment_status": "unpaid",
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "submit_type": None,
    "subscription": None,
    "success_url": None,
    "total_details": None,
    "ui_mode": "hosted_page",
    "url": None,
    "wallet_options": None,
}
_LINK: Final[Object] = {
    "active": True,
    "after_completion": {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"},
    "allow_promotion_codes": False,
    "application": None,
    "application_fee_amount": None,
    "application_fee_percent": None,
    "automatic_tax": {"enabled": False, "liability": None},
    "billing_address_collection": "auto",
    "consent_collection": None,
    "currency": "usd",
    "custom_fields": [],
    "custom_text": _NO_TEXT,
    "customer_creation": "if_required",
    "inactive_message": None,
    "invoice_creation": None,
    "metadata": {},
    "on_behalf_of": None,
    "payment_intent_data": None,
    "payment_method_collection": "always",
    "payment_method_types": None,
    "phone_number_collection": {"enabled": False},
    "restrictions": None,
    "shipping_address_collection": None,
    "shipping_options": [],
    "submit_type": "auto",
    "subscription_data": None,
    "tax_id_collection": {"enabled": False, "required": "never"},
    "transfer_data": None,
    "url": "",
}


def product(now: int, **given: Any) -> Object:
    """A product."""
    return new("product", "prod", _PRODUCT, now, {"updated": now, **given})


def price(now: int, **given: Any) -> Object:
    """A price."""
    made = new("price", "price", _PRICE, now, given)
    if made["unit_amount"] is not None:
        made["unit_amount_decimal"] = str(made["unit_amount"])
    return made


def session(now: int, **given: Any) -> Object:
    """A Checkout Session."""
    return new("checkout.session", "cs_test", _SESSION, now, given)


def payment_link(now: int, **given: Any) -> Object:
    """A payment link. It has no time of creation."""
    made = new("payment_link", "plink", _LINK, now, given)
    return {name: value for name, value in made.items() if name != "created"}


def custom_fields(params: Object) -> list[Object]:
    """What else a page asks for."""
    return [{**_CUSTOM_FIELD, **asked} for asked in params.get("custom_fields") or []]


def line(price: Object, quantity: int, description: str, tax: int = 0) -> Object:
    """A line of what is sold. ``tax`` comes on top."""
    amount = (price["unit_amount"] or 0) * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": tax,
        "amount_total": amount + tax,
        "currency": price["currency"],
        "description": description,
        "price": price,
        "quantity": quantity,
    }

"""What requests and answers about payment methods look like."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Time, shown
from ledger.kit.ids import wallet_public
from ledger.payments.fields import Url
from ledger.payments.methods.store import Method


class NewSetup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the customer is led afterwards; by default to a page of ours, or nowhere."""

    success_url: Url | None = None
    cancel_url: Url | None = None


class SetupLink(msgspec.Struct, frozen=True, kw_only=True):
    """A page of Stripe's on which the customer saves a card or an account, until it expires."""

    setup_url: str
    expires_at: Time


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet can be charged by later. ``brand`` is that of the card, or the name of the bank."""

    id: Annotated[str, Meta(description="Stripe's id.", examples=["pm_1Q0PsIJvEtkwdCNYMSaVuRz6"])]
    wallet_id: str
    type: Annotated[str, Meta(examples=["card"])]
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    is_default: Annotated[bool, Meta(description="It is the one that is charged.")]
    verified: Annotated[bool, Meta(description="The bank confirmed it.")]
    attached_at: Time


def setup_link(url: str, expires_at: int) -> SetupLink:
    return SetupLink(setup_url=url, expires_at=shown(datetime.fromtimestamp(expires_at, UTC)))


def payment_method(method: Method) -> PaymentMethod:
    return PaymentMethod(
        id=method.method,
        wallet_id=wallet_public(method.wallet_id),
        type=method.type,
        brand=method.brand,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
        is_default=method.is_default,
        verified=method.verified,
        attached_at=shown(method.attached_at),
    )

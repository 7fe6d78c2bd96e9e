"""What requests and answers about payment links look like."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Decimal, Metadata, Time, shown, shown_or_none
from ledger.kit.ids import wallet_public
from ledger.kit.money import CREDIT, format_amount
from ledger.payments.desk import Desk
from ledger.payments.fields import Currency, Money, Url
from ledger.payments.links.qr import png_of, svg_of
from ledger.payments.rows import Payment, payment_public

State = Literal["pending", "open", "processing", "paid", "failed", "expired", "canceled"]


class NewLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link to pay ``amount`` by, without tax. Single use, unless it is ``reusable``. ``save_payment_method`` keeps
    the card that pays for later charges, which the customer is told."""

    amount: Money
    currency: Currency | None = None
    description: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    success_url: Url | None = None
    cancel_url: Url | None = None
    metadata: Metadata = {}
    reusable: bool = False
    save_payment_method: bool = False


class NewLinks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several at once; all are made or none."""

    links: Annotated[list[NewLink], Meta(min_length=1, max_length=100)]


class QrCode(msgspec.Struct, frozen=True):
    """The address as a picture: a PNG as a data URI, and SVG."""

    png: str
    svg: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A payment link. ``payment_url`` stays the same until it expires; ``status`` says whether it can be paid."""

    payment_id: Annotated[str, Meta(examples=["pay_0GJkz3mQx7B1a"])]
    wallet_id: str
    status: State
    reusable: bool
    amount: Decimal
    currency: str
    credits_to_receive: Decimal
    payment_url: str
    qr_code: QrCode
    supported_methods: list[str]
    description: str | None
    success_url: str | None
    cancel_url: str | None
    metadata: dict[str, Any]
    terms_url: str | None
    created_at: Time
    expires_at: Time | None


class Links(msgspec.Struct, frozen=True):
    links: list[Link]


def link_of(payment: Payment, desk: Desk) -> Link:
    """The link as it stands."""
    url = f"{desk.public_url}/pay/{payment.token.hex}"
    return Link(
        payment_id=payment_public(payment),
        wallet_id=wallet_public(payment.wallet_id),
        status=payment.state,  # type: ignore[arg-type]
        reusable=payment.origin == "reusable",
        amount=format_amount(payment.amount, payment.currency),
        currency=payment.currency,
        credits_to_receive=format_amount(payment.credits_micro, CREDIT),
        payment_url=url,
        qr_code=QrCode(png_of(url), svg_of(url)),
        supported_methods=desk.settings.payment_methods.split(","),
        description=payment.description,
        success_url=payment.success_url,
        cancel_url=payment.cancel_url,
        metadata=msgspec.json.decode(payment.metadata),
        terms_url=desk.settings.terms_url,
        created_at=shown(payment.created_at),
        expires_at=shown_or_none(payment.expires_at),
    )

"""What requests and answers about wallets look like."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Row

from ledger.kit import ids
from ledger.kit.http.fields import Decimal, Metadata, OwnerId, Time, shown
from ledger.kit.money import format_amount

Purpose = Annotated[
    str,
    Meta(min_length=1, max_length=100, description="What a further wallet is for; one per owner and purpose."),
]
TimeZone = Annotated[str, Meta(min_length=1, max_length=64, description="IANA name.", examples=["Europe/Berlin"])]
Limit = Annotated[
    str | int,
    Meta(
        description="A decimal string (at most 6 decimals) or an integer; zero or more.",
        examples=["50"],
        extra_json_schema={
            "anyOf": [
                {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$"},
                {"type": "integer", "minimum": 0, "maximum": 10**12},
            ]
        },
    ),
]
_WALLET_EXAMPLE = "wal_0GJkz3mQx7B"


class NewWallet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wallet to open. Without a purpose it is the owner's primary one."""

    owner_id: OwnerId
    purpose: Purpose | None = None
    overdraft_limit: Limit = 0
    metadata: Metadata = {}
    time_zone: TimeZone = "UTC"


class WalletChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is not named stays. ``metadata`` is replaced as a whole."""

    purpose: Purpose | UnsetType = UNSET
    overdraft_limit: Limit | UnsetType = UNSET
    low_balance_warning: Limit | UnsetType = UNSET
    critical_balance: Limit | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet. Its credits are at ``…/balance``."""

    id: Annotated[str, Meta(examples=[_WALLET_EXAMPLE])]
    owner_id: str
    primary: bool
    purpose: str | None
    status: Annotated[str, Meta(description="active, frozen or closed")]
    time_zone: str
    overdraft_limit: Decimal
    low_balance_warning: Decimal
    critical_balance: Decimal
    metadata: Metadata
    created_at: Time


def wallet(row: Row[Any]) -> Wallet:
    """A row of ``store.wallet_rows`` as it is shown."""
    return Wallet(
        id=ids.wallet_public(row.wallet_id),
        owner_id=row.owner_id,
        primary=row.primary,
        purpose=row.purpose,
        status=row.status,
        time_zone=row.time_zone,
        overdraft_limit=format_amount(row.overdraft_limit),
        low_balance_warning=format_amount(row.warning_at),
        critical_balance=format_amount(row.critical_at),
        metadata=row.metadata,
        created_at=shown(row.created_at),
    )

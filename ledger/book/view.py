"""What reads give: records for faces, in smallest units and aware times."""

from datetime import datetime
from typing import Any

import msgspec

from ledger.book.commands import Balances, HoldFacts, LotFacts, Metadata


class WalletView(msgspec.Struct, frozen=True):
    """A wallet with its settings."""

    wallet_id: int
    owner_id: str
    primary: bool
    purpose: str | None
    status: str
    time_zone: str
    warning_at: int
    critical_at: int
    metadata: Metadata
    created_at: datetime
    balances: Balances


class LotGroup(msgspec.Struct, frozen=True):
    """Free credits by source and expiry."""

    source: str
    remaining: int
    expires_at: datetime | None


class BalanceView(msgspec.Struct, frozen=True):
    """The balance now. ``lots`` are the free credits in burn-down order, of the first hundred lots;
    ``more_lots`` says that there are others. ``beside``: what the reader was told to read with it (``book.beside``),
    of the book at ``number``."""

    wallet_id: int
    status: str
    number: int
    at: datetime
    balances: Balances
    warning_at: int
    lots: list[LotGroup]
    more_lots: bool
    beside: Any = None


class LotView(msgspec.Struct, frozen=True):
    """A lot now: ``remaining`` includes what holds pin."""

    wallet_id: int
    facts: LotFacts
    amount: int
    remaining: int
    pinned: int
    state: str
    """``open``, ``used`` (nothing left) or ``expired``."""


class HoldView(msgspec.Struct, frozen=True):
    """A hold now: an expired one is shown as expired whether or not that was booked."""

    wallet_id: int
    facts: HoldFacts

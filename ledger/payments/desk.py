"""What working on payments needs, whoever does it: a request, a worker, a command line."""

from typing import NamedTuple

from ledger.book.door import Door
from ledger.kit.db import Database
from ledger.payments.gateway import Gateway
from ledger.settings import Settings


class Desk(NamedTuple):
    """``currency``: the settlement currency, as an ISO code in capitals."""

    database: Database
    door: Door
    stripe: Gateway
    settings: Settings

    @property
    def currency(self) -> str:
        return self.settings.settlement_currency

    @property
    def public_url(self) -> str:
        """Where customers reach this service, without a slash at the end."""
        return (self.settings.public_url or f"http://{self.settings.host}:{self.settings.port}").rstrip("/")

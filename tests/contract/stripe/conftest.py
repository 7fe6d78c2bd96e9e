"""The judge's own fixtures, for its own tests as for any others."""

from tests.contract.stripe.client import async_checked_client, checked_client, stripe_traffic

__all__ = ["async_checked_client", "checked_client", "stripe_traffic"]

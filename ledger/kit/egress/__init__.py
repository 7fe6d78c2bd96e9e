"""The only way to addresses that users gave: webhooks, notifications. Whatever they gave, nothing inward is called.

    hosts, urls, addresses, allow    pure: what a URL means, and whether it may be called
    resolve, dial, exchange          a name to addresses, an address to a connection, a request to its answer
    client                           `Egress`, which puts them in order; answer.py has what it gives back

docs/concepts/egress.md tells the rules and why.
"""

from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.answer import Answer, Limits, Outcome
from ledger.kit.egress.client import Egress
from ledger.kit.egress.dial import Proxy
from ledger.kit.egress.urls import Target

__all__ = ["AllowList", "Answer", "Egress", "Limits", "Outcome", "Proxy", "Target"]

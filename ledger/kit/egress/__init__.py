"""The only way to addresses that users gave: webhooks, notifications. Whatever they gave, nothing inward is called.

    hosts, urls, addresses      pure: what a URL means, and whether that may be called
    allow, proxy                pure: what an operator has set
    resolve, dial, exchange     a name to addresses, an address to a connection, a request to its answer
    client                      `Egress`, which puts them in order; what it gives back is in answer

docs/concepts/egress.md tells the rules and why.
"""

"""Access: API keys, what they may do, and who is calling.

A key is ``clk_<id>_<secret><checksum>``. Its public id is ``key_<id>``: what journals, logs and lists
show. Scopes: ``read``; ``write``, which implies read; ``admin``, which implies both. Keys of one
``client`` share their idempotency keys, so that a retry after a rotation finds its first attempt.
"""

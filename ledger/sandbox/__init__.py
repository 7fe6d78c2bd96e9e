"""A simulated Stripe over HTTP, which the unmodified SDK talks to: for `up` without a key, and for tests.

It stands apart from the service: it knows nothing of credits, and nobody but the command line and tests knows it.

rules      what cards, payments, disputes and payouts do, and what things cost: pure
shapes     what new objects look like
resources  what the endpoints do, a file a kind of object
world      what a unit of work sees; engine makes them, on one SQLite file and one clock
jobs       what happens by itself later
webhooks   who is told of which event, how it goes wrong on the way, and the sending
codec, params, router, routes, expand, idempotency, faults, api
           requests under /v1, from the bytes to the handler and back
pages      what buyers see
control    how it is steered, under /_sim
app, http, serve
           the ASGI application and its server
"""

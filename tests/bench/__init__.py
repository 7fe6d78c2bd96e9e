"""Speed, as ratios in one run: every figure stands beside a baseline measured in the same minutes.

    python -m tests.bench [--quick]        (make bench)

machine     the servers: PostgreSQL, the API, the same endpoint written naively, a bare handler
load        the load: HTTP/1.1 over raw sockets, in a process of its own
peers       pgbench: TPC-B, and a ledger written as SQL functions
lots        wallets with many lots beside one with one lot
verified    verify: postings a second of processor time, and memory
fill        books filled through the door, for verify and for growth
growth      posts on books that are full, beside posts on empty ones  (make bench-growth)
analytics   questions about a wallet with many events, beside plain queries  (make bench-analytics: a million)
webhooks    how soon and how fast one courier delivers  (make bench-webhooks: these rows alone)
couriers    the courier in a process of its own, and its client alone
receiver    receivers that answer at once, or fail
facts       the machine, the commit and the versions
door        the posting path without HTTP: round trips, WAL
figures     what is measured, how long, and what is claimed of it
report      the table and .credit-ledger/bench.json
"""

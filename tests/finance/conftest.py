"""A door and a database, and books made at once by SQL where a test needs many rows."""

from collections.abc import AsyncIterator, Sequence

import pytest

from ledger.book.door import Door
from ledger.kit.db import SERVICE_ROLE, Database
from tests.support.book import new_wallets, session

# One lot's uses, two transactions of kind usage and grant alike; no chain: these books are for reading only.
_SEED = """
WITH t AS (
    INSERT INTO transactions (wallet_id, number, kind, key_hash, fingerprint, actor, effective_at, recorded_at,
        wallet_after, held_after, disputed_after, owed_after, limit_after, notes_digest, hash)
    SELECT w, n, 'usage', gen_random_uuid(), gen_random_uuid(), 'key_seed', '2026-01-01'::timestamptz + n * interval '1 s',
        '2026-01-01'::timestamptz + n * interval '1 s', 0, 0, 0, 0, 0, decode(repeat('00', 32), 'hex'),
        decode(repeat('00', 32), 'hex')
    FROM unnest(%(wallets)s::bigint[]) AS w, generate_series(1, %(each)s::bigint) AS n RETURNING wallet_id, number),
n AS (
    INSERT INTO notes (wallet_id, number, salt, body)
    SELECT wallet_id, number, '\\x00', json_build_object('key', '=seed-' || number, 'description', 'a "file", seeded')
    FROM t)
INSERT INTO postings (wallet_id, number, line, debit, credit, asset, amount, lot, lot_after, balance_after)
SELECT w, n, 1, 'wallet', 'used:code_completion', 'CREDIT', n, 1, 0, 0
FROM unnest(%(wallets)s::bigint[]) AS w, generate_series(1, %(each)s::bigint) AS n"""


def seed(url: str, wallets: int, each: int) -> Sequence[int]:
    """Wallets with ``each`` transactions of a posting: 1, 2, 3 … micro-credits used, a second apart in January 2026."""
    wallet_ids = new_wallets(url, wallets)
    with session(url) as connection:
        connection.execute(_SEED, {"wallets": wallet_ids, "each": each})
        connection.execute("VACUUM ANALYZE postings, transactions, notes")
    return wallet_ids


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, pool_size=5, role=SERVICE_ROLE)
    yield found
    await found.dispose()


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    found = Door(database)
    await found.start()
    yield found
    await found.stop()

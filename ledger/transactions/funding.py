"""What funded lots: the transaction that made each, and of what came by transfer the paying wallet's lots, and so on
back to what first brought the credits in.

A lot does not name the transaction that made it, but was made when that one counts (``effective_at``), and is in its
terms. Numbers of a book are in the order of ``recorded_at``, so those of an instant are found by halving, one look-up
by key a step; what was dated back has an index of its own.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

from ledger.book.chart import TRANSIT, WALLET
from ledger.book.commands import LotFacts, Posted, Posting, Transaction
from ledger.book.posted import load_posted
from ledger.kit.arrays import numbers
from ledger.kit.db import Database
from ledger.kit.money import CREDIT

DEPTH_MAX: Final = 10
"""Transfers that are followed back."""

LOTS_MAX: Final = 100
"""Lots that are looked up at each step."""

_IN_TERMS: Final = """t.terms IS NOT NULL AND EXISTS (
        SELECT FROM jsonb_array_elements(t.terms::jsonb -> 'lots') AS made WHERE (made ->> 0)::bigint = w.lot)"""

# For each lot: the last transaction before the instant it was made at (``after``), and the last one at it (``upto``).
_MADE: Final = f"""
WITH RECURSIVE wanted AS (
    SELECT l.*, w.number FROM unnest(%(wallets)s::bigint[], %(lots)s::bigint[]) AS r(wallet_id, lot)
    CROSS JOIN LATERAL (SELECT * FROM lots WHERE wallet_id = r.wallet_id AND lot = r.lot LIMIT 1) AS l
    JOIN wallets w ON w.wallet_id = l.wallet_id),
halving AS (
    SELECT wallet_id, lot, effective_at AS made_at, at_it, 0::bigint AS low, number AS high
    FROM wanted CROSS JOIN (VALUES (false), (true)) AS v(at_it)
    UNION ALL
    SELECT h.wallet_id, h.lot, h.made_at, h.at_it,
        CASE WHEN t.below THEN t.number ELSE h.low END, CASE WHEN t.below THEN h.high ELSE t.number - 1 END
    FROM halving h CROSS JOIN LATERAL (
        SELECT number, recorded_at < h.made_at OR (h.at_it AND recorded_at = h.made_at) AS below
        FROM transactions WHERE wallet_id = h.wallet_id AND number = (h.low + h.high + 1) / 2 LIMIT 1) AS t
    WHERE h.low < h.high),
reach AS (
    SELECT wallet_id, lot, min(low) AS after, max(low) AS upto FROM halving WHERE low >= high GROUP BY 1, 2)
SELECT w.wallet_id, w.lot, w.source, w.priority, w.effective_at, w.expires_at, w.cost, w.currency, w.amount, m.number
FROM wanted w JOIN reach USING (wallet_id, lot) CROSS JOIN LATERAL (
    SELECT t.number FROM transactions t
    WHERE t.wallet_id = w.wallet_id AND t.number > after AND t.number <= upto AND {_IN_TERMS}
    UNION ALL
    SELECT t.number FROM transactions t
    WHERE t.wallet_id = w.wallet_id AND t.effective_at = w.effective_at AND t.effective_at < t.recorded_at
        AND {_IN_TERMS}
    LIMIT 1) AS m"""

Ref = tuple[int, int]
"""(wallet, lot)."""


class Funded(NamedTuple):
    """A lot, its amount now, and the transaction that made it."""

    facts: LotFacts
    amount: int
    made_by: Posted


class Paid(NamedTuple):
    """Credits that a lot of another wallet paid, by that wallet's transaction ``number``."""

    wallet_id: int
    number: int
    lot: int
    amount: int


async def trace(database: Database, lots: Sequence[Ref]) -> dict[Ref, Funded]:
    """These lots and those that they came from, as far back as the bounds allow: what is beyond them is left out."""
    found: dict[Ref, Funded] = {}
    todo = list(dict.fromkeys(lots))
    for _ in range(1 + DEPTH_MAX):
        if not todo:
            break
        funded = await _funded(database, todo[:LOTS_MAX])
        found |= funded
        before = [(paid.wallet_id, paid.lot) for each in funded.values() for paid in paid_by(each)]
        todo = [ref for ref in dict.fromkeys(before) if ref not in found]
    return found


def paid_by(funded: Funded) -> list[Paid]:
    """The lots that paid for one that came by transfer; none for others.

    The legs of a transfer have their lines in the same order: each one that leaves is the one that arrives.
    """
    leg, other = funded.made_by.transaction, funded.made_by.payee
    if other is None:
        return []
    paid: dict[int, int] = {}
    for gone, come in zip(_through(other, "credit"), _through(leg, "debit"), strict=True):
        if come.lot == funded.facts.lot:
            assert gone.lot is not None
            paid[gone.lot] = paid.get(gone.lot, 0) + gone.amount
    return [Paid(other.wallet_id, other.number, lot, amount) for lot, amount in paid.items()]


def put_in(funded: Funded) -> int:
    """What the transaction that made a lot put into it. The lot has more where others like it joined later."""
    lines = funded.made_by.transaction.postings
    return sum(p.amount for p in lines if p.lot == funded.facts.lot and p.credit == WALLET)


def _through(leg: Transaction, side: str) -> list[Posting]:
    return [p for p in leg.postings if p.asset == CREDIT and getattr(p, side) == TRANSIT]


async def _funded(database: Database, lots: Sequence[Ref]) -> dict[Ref, Funded]:
    params = {"wallets": numbers([wallet_id for wallet_id, _ in lots]), "lots": numbers([lot for _, lot in lots])}
    async with database.engine.connect() as connection:
        rows = cast("list[tuple[Any, ...]]", (await connection.exec_driver_sql(_MADE, params)).fetchall())
    made = await load_posted(database, [(row[0], row[9]) for row in rows])
    return {(row[0], row[1]): Funded(LotFacts(*row[1:8]), row[8], made[row[0], row[9]]) for row in rows}

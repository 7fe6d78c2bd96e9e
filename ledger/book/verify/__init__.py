"""Verify: every book recomputed from its postings by code of its own.

It may not import the rules, nor the code that seals: it was written from docs/decisions/0001 and
docs/concepts/anchor.md, and shares only the chart, the names of commands and the canonical encoding with the code that
posts. It is a command (``credit-ledger verify``), a nightly job, and the end of every test under load or fault.

    report = await verify(database_url)
    report.ok, report.checked["postings"], report.faults
"""

import asyncio
from collections.abc import Collection, Iterable

from ledger.book.verify.check import verify_now
from ledger.book.verify.copies import read_copies
from ledger.book.verify.report import Fault, Report

__all__ = ["Fault", "Report", "read_copies", "verify", "verify_now"]


async def verify(
    database_url: str, *, wallet_ids: Iterable[int] | None = None, trusted: Collection[bytes] = ()
) -> Report:
    """``verify_now`` in a thread: for callers that serve other tasks meanwhile."""
    ids = None if wallet_ids is None else list(wallet_ids)
    return await asyncio.to_thread(verify_now, database_url, ids, trusted=trusted)

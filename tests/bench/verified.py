"""Verify in a process of its own: what it finds, and the processor time and memory that it takes.

    python -m tests.bench.verified DATABASE_URL [WALLETS]

``WALLETS``: only so many wallets, those with the most lots: what is open at a time takes memory, and what went by does
not. Prints one JSON object.
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass

import psycopg

from ledger.book.verify import verify_now
from tests.bench.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Verified:
    """``cpu_s`` is of the verifying process, ``memory_mb`` the most it had."""

    faults: list[str]
    transactions: int
    postings: int
    cpu_s: float
    memory_mb: float


def run_verify(url: str, wallets: int | None = None) -> Verified:
    """Verify in a new process."""
    more = [] if wallets is None else [str(wallets)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.verified", url, *more], capture_output=True, text=True, check=True
    )
    return Verified(**json.loads(done.stdout))


def verify_rate(machine: Machine) -> tuple[Verified, float]:
    """Postings per second of processor time, that of PostgreSQL included."""
    before = machine.database_cpu_s()
    verified = run_verify(machine.url)
    database_s = machine.database_cpu_s() - before
    return verified, verified.postings / (verified.cpu_s + database_s)


def _main(url: str, wallets: int | None) -> Verified:
    ids = None
    if wallets is not None:
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "SELECT wallet_id FROM wallets ORDER BY last_lot DESC, wallet_id LIMIT %s", [wallets]
            )
            ids = [wallet_id for (wallet_id,) in found]
    before = os.times()
    report = verify_now(url, ids)
    after = os.times()
    return Verified(
        faults=[str(fault) for fault in report.faults],
        transactions=report.checked["transactions"],
        postings=report.checked["postings"],
        cpu_s=after.user + after.system - before.user - before.system,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(_main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))))

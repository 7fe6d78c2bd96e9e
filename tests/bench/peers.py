"""What stands beside us: pgbench's TPC-B, and a ledger as SQL functions, on the same server."""

import re
import subprocess
from pathlib import Path

import psycopg

from ledger.embedded.postgres import SUPERUSER, Postgres

TPCB_SCALE = 50
"""Branches: with as few as there are clients, they would wait for each other, and the baseline would be weak."""

ONE = r"""
\set giver random(1, 1000)
\set taker random(1001, 2000)
SELECT transfer_many(ARRAY[:giver]::bigint[], ARRAY[:taker]::bigint[], ARRAY[1000]::bigint[]);
"""

MANY = """
SELECT count(*) FROM (
    SELECT array_agg(1 + (random() * 999)::bigint) AS g, array_agg(1001 + (random() * 999)::bigint) AS t,
        array_agg(1000::bigint) AS a
    FROM generate_series(1, 100)) AS r, LATERAL transfer_many(g, t, a);
"""


class Peers:
    """pgbench on two databases of this server."""

    def __init__(self, postgres: Postgres, home: Path) -> None:
        self._postgres = postgres
        self._scripts = {"one": home / "one.sql", "many": home / "many.sql"}
        self._scripts["one"].write_text(ONE)
        self._scripts["many"].write_text(MANY)

    def prepare(self) -> None:
        """Fill both databases."""
        for name in ("tpcb", "sql_ledger"):
            self._postgres.create_database(name)
        self._pgbench("tpcb", "-i", "-q", "-s", str(TPCB_SCALE))
        with psycopg.connect(self._postgres.url("sql_ledger"), autocommit=True) as connection:
            connection.execute((Path(__file__).parent / "sql_ledger.sql").read_bytes())

    def tpcb(self, clients: int, seconds: float) -> float:
        """Transactions per second of pgbench's own script."""
        return self._tps("tpcb", clients, seconds)

    def sql_ledger(self, clients: int, seconds: float) -> float:
        """Transfers per second, one a call."""
        return self._tps("sql_ledger", clients, seconds, "-f", str(self._scripts["one"]))

    def sql_ledger_hundreds(self, clients: int, seconds: float) -> float:
        """Transfers per second, a hundred a call."""
        return 100 * self._tps("sql_ledger", clients, seconds, "-f", str(self._scripts["many"]))

    def _tps(self, database: str, clients: int, seconds: float, *more: str) -> float:
        time_s = str(max(1, round(seconds)))
        said = self._pgbench(database, "-n", "-c", str(clients), "-j", str(min(clients, 2)), "-T", time_s, *more)
        found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
        assert found is not None, said
        return float(found[1])

    def _pgbench(self, database: str, *arguments: str) -> str:
        server = ("-h", str(self._postgres.socket_directory), "-U", SUPERUSER)
        done = subprocess.run(
            [str(self._postgres.bin / "pgbench"), *server, *arguments, database],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"pgbench failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

"""The two servers for as long as another process lives: `python -m ledger.embedded.keeper`.

The tests use it. Whichever test process needs a server first starts the keeper; it writes the
addresses when both answer, and ends them when the process it watches is gone, for whatever reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from ledger.embedded.errors import EmbeddedError
from ledger.embedded.postgres import THROWAWAY, Postgres
from ledger.embedded.process import is_alive
from ledger.embedded.supervisor import Supervisor
from ledger.embedded.valkey import Valkey


def main() -> int:
    """Run until the watched process ends or we are asked to."""
    parser = argparse.ArgumentParser(prog="keeper", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--watch", type=int, required=True, help="end when this process does")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keep(asked.home, asked.watch)
    return 0


def keep(home: Path, watch: int) -> None:
    """Start both servers, write `servers.json`, stay until `watch` ends, and remove it all."""
    supervisor = Supervisor(say=_say)
    over = False
    try:
        postgres, valkey = Postgres(home, THROWAWAY), Valkey(home)
        postgres.prepare()
        valkey.prepare()
        database = supervisor.start(postgres.program())
        broker = supervisor.start(valkey.program())
        postgres.wait_ready(database)
        valkey.wait_ready(broker)
        _answer(home, {"postgres_url": postgres.url("postgres"), "redis_url": valkey.url})
        while is_alive(watch):
            time.sleep(0.2)
        over = True
    except EmbeddedError as error:
        _answer(home, {"error": str(error)})
    finally:
        supervisor.stop()
        shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)
        if over:  # nobody reads the answer or the logs any more
            shutil.rmtree(home, ignore_errors=True)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _answer(home: Path, said: dict[str, str]) -> None:
    fresh = home / f"servers.{os.getpid()}"
    fresh.write_text(json.dumps(said))
    fresh.replace(home / "servers.json")


if __name__ == "__main__":
    sys.exit(main())

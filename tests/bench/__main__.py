"""``python -m tests.bench``: start the servers, measure, verify the books, print the table."""

import argparse
import os
import time
from pathlib import Path

from tests.bench.analytics import EVENTS, EVENTS_OF_QUICK
from tests.bench.facts import facts
from tests.bench.figures import Bench, rows
from tests.bench.lots import OPEN_LOTS
from tests.bench.machine import machine
from tests.bench.peers import Peers
from tests.bench.report import table, write
from tests.bench.webhooks import QUICK, Size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the claims on speed.")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it works, not how fast")
    parser.add_argument("--rounds", type=int, help="of all figures, interleaved  [3; quick: 1]")
    parser.add_argument("--seconds", type=float, help="of a figure in a round  [5; quick: 2]")
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where bench.json goes")
    asked = parser.parse_args()
    rounds = asked.rounds or (1 if asked.quick else 3)
    seconds = asked.seconds or (2.0 if asked.quick else 5.0)
    began = time.monotonic()
    home = asked.data.absolute() / "bench"
    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"The machine is busy with other work (load {busy:.1f}): figures and ratios will be too low.", flush=True)
    with machine(home) as found:
        peers = Peers(found.postgres, home)
        peers.prepare()
        taken = facts(found.url, home)
        bench = Bench(found, peers, seconds, lambda line: print("  " + line, flush=True))
        bench.prepare(1_000 if asked.quick else OPEN_LOTS)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            bench.round()
        bench.units(200 if asked.quick else 1_000)
        faults = [fault for _ in range(rounds) for fault in bench.verify()]
        bench.analytics(EVENTS_OF_QUICK if asked.quick else EVENTS)
        bench.webhooks(QUICK if asked.quick else Size())
    told = rows(bench.measured)
    write(asked.data / "bench.json", told, taken, bench.measured.values)
    for fault in dict.fromkeys(faults):
        print(fault)
    print()
    print(table(told))
    print(
        f"\n{rounds} × {seconds:g} s a figure, {time.monotonic() - began:.0f} s in all; rows and rounds in {asked.data}/bench.json"
    )


if __name__ == "__main__":
    main()

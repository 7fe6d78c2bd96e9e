"""A storm of events to twenty receivers, half of which fail.

python -m tests.faults.storm --seed 7 --events 10000        (make webhook-storm SEED=7 EVENTS=10000)
"""

import argparse
import random
import sys
import time
from pathlib import Path

from tests.faults.storm.run import PACE_PER_S, storm


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.storm", description="Half of the receivers fail.")
    parser.add_argument("--seed", type=int, help="of the moments at which events are told  [a new one]")
    parser.add_argument("--events", type=int, default=2_000, help="told beside receivers that fail  [2000]")
    parser.add_argument("--pace", type=float, default=PACE_PER_S, help=f"events a second  [{PACE_PER_S:g}]")
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where webhook-storm.json goes")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    began = time.monotonic()
    print(f"seed {seed}, {asked.events:,} events, {asked.pace:g} a second", flush=True)
    report = storm(
        seed,
        asked.events,
        asked.pace,
        asked.data / "webhook-storm",
        lambda line: print(f"  {time.monotonic() - began:6.1f} s  {line}", flush=True),
    )
    report.write(asked.data / "webhook-storm.json")
    print()
    print(report)
    if not report.ok:
        print(f"  the logs are in {asked.data / 'webhook-storm'}")
    if not (report.ok and report.fair):
        sys.exit(1)


if __name__ == "__main__":
    main()

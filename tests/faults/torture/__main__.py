"""``python -m tests.faults.torture --seed 7 --minutes 10``: exit code 1 on any loss."""

import argparse
import random
import sys
import time
from pathlib import Path

from tests.faults.torture.run import torture


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.torture", description="Break everything, under load.")
    parser.add_argument("--seed", type=int, help="of load and faults  [a new one]")
    parser.add_argument("--minutes", type=float, default=5.0, help="of load and faults  [5]")
    parser.add_argument("--clients", type=int, default=16, help="at the same time  [16]")
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where torture.json goes")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    began = time.monotonic()
    print(f"seed {seed}, {asked.minutes:g} minutes, {asked.clients} clients", flush=True)
    report = torture(
        seed,
        asked.minutes,
        asked.clients,
        asked.data / "torture",
        lambda line: print(f"  {time.monotonic() - began:6.1f} s  {line}", flush=True),
    )
    report.write(asked.data / "torture.json")
    print()
    print(report)
    if not report.ok:
        print(f"  the journal and the logs are in {asked.data / 'torture'}")
        sys.exit(1)


if __name__ == "__main__":
    main()

"""``python -m tests.faults.stripe --seed 7 --events 2000``: exit code 1 where anything does not tie."""

import argparse
import random
import sys
import time
from pathlib import Path

from tests.faults.stripe.run import stripe_faults


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.stripe", description="Stripe fails in every way.")
    parser.add_argument("--seed", type=int, help="of customers and faults  [a new one]")
    parser.add_argument("--events", type=int, default=2_000, help="that Stripe makes, at least  [2000]")
    parser.add_argument("--clients", type=int, default=16, help="customers at the same time  [16]")
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where stripe-faults.json goes")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    began = time.monotonic()
    print(f"seed {seed}, {asked.events:,} events, {asked.clients} customers at a time", flush=True)
    report = stripe_faults(
        seed,
        asked.events,
        asked.clients,
        asked.data / "stripe-faults",
        lambda line: print(f"  {time.monotonic() - began:6.1f} s  {line}", flush=True),
    )
    report.write(asked.data / "stripe-faults.json")
    print()
    print(report)
    if not report.ok:
        print(f"  the logs are in {asked.data / 'stripe-faults'}")
        sys.exit(1)


if __name__ == "__main__":
    main()

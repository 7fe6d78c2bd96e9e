"""A storm of events to twenty receivers, half of which fail.

python -m tests.faults.storm --seed 7 --events 10000        (make webhook-storm SEED=7 EVENTS=10000)
"""

import sys

from tests.faults.command import Command
from tests.faults.storm.run import PACE_PER_S, storm


def main() -> None:
    command = Command("storm", "webhook-storm", "Half of the receivers fail.")
    command.takes("--events", 2_000, "told beside receivers that fail")
    command.takes("--pace", PACE_PER_S, "events a second")
    report = command.run(lambda seed, asked, home, say: storm(seed, asked.events, asked.pace, home, say))
    if not report.fair:
        sys.exit(1)


if __name__ == "__main__":
    main()

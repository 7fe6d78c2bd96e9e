"""``python -m tests.faults.torture --seed 7 --minutes 10``: exit code 1 on any loss."""

from tests.faults.command import Command
from tests.faults.torture.run import torture


def main() -> None:
    command = Command("torture", "torture", "Break everything, under load.")
    command.takes("--minutes", 5.0, "of load and faults")
    command.takes("--clients", 16, "at the same time")
    command.run(lambda seed, asked, home, say: torture(seed, asked.minutes, asked.clients, home, say))


if __name__ == "__main__":
    main()

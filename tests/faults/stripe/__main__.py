"""``python -m tests.faults.stripe --seed 7 --events 2000``: exit code 1 where anything does not tie."""

from tests.faults.command import Command
from tests.faults.stripe.run import stripe_faults


def main() -> None:
    command = Command("stripe", "stripe-faults", "Stripe fails in every way.")
    command.takes("--events", 2_000, "that Stripe makes, at least")
    command.takes("--clients", 16, "customers at the same time")
    command.run(lambda seed, asked, home, say: stripe_faults(seed, asked.events, asked.clients, home, say))


if __name__ == "__main__":
    main()

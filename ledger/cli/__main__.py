"""`python -m ledger.cli`, the same as `credit-ledger`."""

from ledger.cli import main

main(prog_name="credit-ledger")

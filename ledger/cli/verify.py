"""``credit-ledger verify``: recompute the books and say what is wrong with them."""

import os
import sys

import click

from ledger.book.verify import Report, verify_now
from ledger.cli import where
from ledger.cli.where import database_option
from ledger.errors import NotFound
from ledger.kit.ids import parse_wallet


@click.command("verify")
@database_option
@click.option("--wallet", "wallets", multiple=True, metavar="wal_…", help="Only this wallet; can be repeated.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=lambda: os.cpu_count() or 1,
    show_default="one a core",
    help="Processes that check at the same time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify_command(database_url: str | None, wallets: tuple[str, ...], jobs: int, as_json: bool) -> None:
    """Recompute every book from its postings: chain, balances, lots, holds, links, events.

    Changes nothing. Exits with 1 where something stored does not follow from the postings.
    """
    try:
        wallet_ids = [parse_wallet(wallet) for wallet in wallets]
    except NotFound as error:
        raise click.BadParameter(error.detail, param_hint="--wallet") from error
    report = verify_now(where.database_url(database_url), wallet_ids or None, jobs=1 if wallet_ids else jobs)
    click.echo(report.to_json() if as_json else _text(report))
    missing = len(set(wallet_ids)) - report.checked["wallets"]
    if wallet_ids and missing:
        raise click.BadParameter(f"{missing} of these wallets are not there", param_hint="--wallet")
    sys.exit(0 if report.ok else 1)


def _text(report: Report) -> str:
    checked = ", ".join(f"{count:,} {what}" for what, count in report.checked.items())
    lines = [f"checked {checked} in {report.seconds:.1f} s"]
    lines += [f"{fault} ({report.counts[fault.kind]:,} of this kind)" for fault in report.faults]
    lines.append("everything follows from the postings" if report.ok else "NOT OK")
    return "\n".join(lines)

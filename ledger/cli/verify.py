"""``credit-ledger verify``: recompute the books and say what is wrong with them."""

import os
import sys
from typing import TextIO

import click

from ledger import settings
from ledger.book.anchor.keys import public_key_of, trusted_keys
from ledger.book.verify import Report, read_copies, verify_now
from ledger.book.verify.anchors import Sealed
from ledger.budgets.verify import verify_budgets
from ledger.cli import where
from ledger.cli.where import database_option
from ledger.errors import NotFound
from ledger.kit.ids import parse_wallet
from ledger.rates.verify import verify_usage
from ledger.refill.verify import verify_refills
from ledger.rollups.verify import verify_rollups


@click.command("verify")
@database_option
@click.option("--wallet", "wallets", multiple=True, metavar="wal_…", help="Only this wallet; can be repeated.")
@click.option(
    "--anchors",
    "copies",
    type=click.File("r", encoding="utf-8"),
    help="Anchors that were kept outside the database: a JSON object a line.",
)
@click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    metavar="apk_…",
    help="Trust anchors signed with this key only; can be repeated.  [default: those of the settings, or of `up`]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=lambda: os.cpu_count() or 1,
    show_default="one a core",
    help="Processes that check at the same time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify_command(
    database_url: str | None,
    wallets: tuple[str, ...],
    copies: TextIO | None,
    public_keys: tuple[str, ...],
    jobs: int,
    as_json: bool,
) -> None:
    """Recompute every book from its postings: chain, balances, lots, holds, links, events; the anchors over them; what
    is kept as spent of budgets, and of refills; and, of some wallets each day, the sums of what they used.

    Changes nothing. Exits with 1 where something stored does not follow from the postings, or is not what was sealed.
    """
    try:
        wallet_ids = [parse_wallet(wallet) for wallet in wallets]
    except NotFound as error:
        raise click.BadParameter(error.detail, param_hint="--wallet") from error
    if wallet_ids and copies is not None:
        raise click.UsageError("--anchors is about all books, and --wallet about some: give one of them")
    url = where.database_url(database_url)
    report = verify_now(
        url,
        wallet_ids or None,
        jobs=1 if wallet_ids else jobs,
        trusted=_trusted(url, public_keys),
        copies=_read(copies),
    )
    verify_budgets(url, report, wallet_ids or None)
    verify_usage(url, report, wallet_ids or None)
    verify_refills(url, report, wallet_ids or None)
    verify_rollups(url, report, wallet_ids or None)
    click.echo(report.to_json() if as_json else _text(report))
    missing = len(set(wallet_ids)) - report.checked["wallets"]
    if wallet_ids and missing:
        raise click.BadParameter(f"{missing} of these wallets are not there", param_hint="--wallet")
    sys.exit(0 if report.ok else 1)


def _trusted(url: str, given: tuple[str, ...]) -> frozenset[bytes]:
    """The keys that were named; else those of the settings; else those of the `up` that runs this database."""
    try:
        if given:
            return frozenset(map(public_key_of, given))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--public-key") from error
    up = where.running()
    told = str(up.get("anchor_public_keys") or "") if up.get("database_url") == url else ""
    return trusted_keys(settings.load()) or frozenset(map(public_key_of, filter(None, told.split(","))))


def _read(file: TextIO | None) -> dict[int, Sealed] | None:
    try:
        return None if file is None else read_copies(file)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--anchors") from error


def _text(report: Report) -> str:
    checked = ", ".join(f"{count:,} {what}" for what, count in report.checked.items())
    lines = [f"checked {checked} in {report.seconds:.1f} s"]
    lines += [f"{fault} ({report.counts[fault.kind]:,} of this kind)" for fault in report.faults]
    lines.append("everything follows from the postings" if report.ok else "NOT OK")
    return "\n".join(lines)

"""The command line, `credit-ledger`.

One file per family of commands; a command is added by a line in `COMMANDS`, and its module is only
imported when it is asked for, so that `credit-ledger balance` does not load Celery. A command shows
people what it found, and programs the same with `--json`. What the operator can put right (a
setting, a port, a disk) ends with one message on standard error and exit code 1, never a traceback.
"""

from __future__ import annotations

import errno
from importlib import import_module

import click

from ledger import __version__
from ledger.backup.errors import BackupError
from ledger.embedded.errors import EmbeddedError
from ledger.settings import SettingsError

COMMANDS: dict[str, str] = {
    "up": "ledger.cli.up:up",
    "down": "ledger.cli.up:down",
    "serve": "ledger.cli.serve:serve",
    "worker": "ledger.cli.serve:worker",
    "beat": "ledger.cli.serve:beat",
    "migrate": "ledger.cli.migrate:migrate",
    "keys": "ledger.cli.keys:keys",
    "rates": "ledger.cli.rates:rates",
    "balance": "ledger.cli.wallet:balance",
    "history": "ledger.cli.wallet:history",
    "auto-refill": "ledger.cli.auto_refill:auto_refill",
    "anchor": "ledger.cli.anchor:anchor",
    "secrets": "ledger.cli.secrets:secrets",
    "rollups": "ledger.cli.rollups:rollups",
    "verify": "ledger.cli.verify:verify_command",
    "reconcile": "ledger.cli.reconcile:reconcile_command",
    "import-usage": "ledger.cli.import_usage:import_usage",
    "backup": "ledger.cli.backup:backup",
    "restore": "ledger.cli.restore:restore",
    "stripe": "ledger.cli.stripe:stripe",
    "sandbox": "ledger.cli.sandbox:sandbox",
    "doctor": "ledger.cli.doctor:doctor",
}
"""Name of the command, and where its click command is: `module:name`."""

OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""A full or read-only disk, and files of somebody else's: no fault of ours to show a traceback for."""


class Commands(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (SettingsError, EmbeddedError, BackupError) as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            # Imported here: a command that needs no database does not load its driver.
            from ledger.kit.db import is_unavailable

            if not is_unavailable(error):
                raise
            first = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise click.ClickException(f"the database cannot be used: {first}") from error
        except OSError as error:
            if error.errno not in OF_THE_MACHINE:
                raise
            raise click.ClickException(f"{error.filename or 'A file'}: {error.strerror}.") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="credit-ledger")
def main() -> None:
    """A double-entry ledger and billing service for prepaid credits."""

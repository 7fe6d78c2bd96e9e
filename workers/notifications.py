"""Telling people of events, by e-mail and into Slack."""

from typing import Final

from ledger.notifications.mail import mailer_of
from ledger.notifications.sender import Sender, forget
from ledger.parts import make_egress, make_secret_keys
from workers.app import LIMIT_S, config, process, task

STINT_S: Final = LIMIT_S / 3
"""With the half minute that what is on its way may take then, it is less than a task may last."""

_egress = make_egress(config)
_keys = make_secret_keys(config)
_mailer = mailer_of(config)


@task("notifications.send", at_most_every_s=1)
async def send() -> int:
    """Make notifications of new events, and send those that are due; gives how many attempts were made."""
    return await Sender(process().database, _egress, _mailer, _keys).run(STINT_S)


@task("notifications.forget", at_most_every_s=600)
async def forget_notifications() -> int:
    """Delete what was sent, or failed, long ago; gives how many."""
    return await forget(process().database)

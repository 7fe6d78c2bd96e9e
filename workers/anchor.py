"""The anchor's background work."""

import structlog

from ledger.book.anchor.keys import public_text, signing_key
from ledger.book.anchor.service import seal_if_due
from ledger.book.anchor.store import SEALED, payload_of
from workers.app import config, process, task

SEAL_LIMIT_S = 20 * 60

log = structlog.get_logger(__name__)


# As long as many books moved, so it is acknowledged first; one that was killed is gone on with at a later tick.
@task("anchor.seal", acks_late=False, time_limit=SEAL_LIMIT_S + 30, soft_time_limit=SEAL_LIMIT_S)
async def seal() -> int | None:
    """Seal the books that moved, once an hour; gives the anchor's number. Does nothing without a key."""
    key = signing_key(config)
    if key is None:
        return None
    anchor = await seal_if_due(process().database, key)
    if anchor is None:
        return None
    # With the event as a text, as its signature would be hidden: a log that is kept elsewhere is a copy of the anchors.
    shown = {"anchor": anchor.number, "public_key": public_text(key.public)}
    log.info("anchor.sealed", **shown, type=SEALED, payload=payload_of(anchor))
    return anchor.number

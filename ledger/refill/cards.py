"""Cards that failed, by Stripe's fingerprint: one is known again that is saved anew, or for another wallet."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.refill.rules.outcomes import CARD_REST, FAILURES_MAX

_RESTS: Final = """
SELECT 1 FROM refill_cards WHERE fingerprint = %(fingerprint)s AND (dead OR rests_until > ledger_now())"""

_DECLINED: Final = f"""
INSERT INTO refill_cards AS c (fingerprint, failures, dead, reason) VALUES (%(fingerprint)s, 1, %(dead)s, %(reason)s)
ON CONFLICT (fingerprint) DO UPDATE SET failures = c.failures + 1, dead = c.dead OR excluded.dead,
    reason = excluded.reason, changed_at = ledger_now(), rests_until = CASE WHEN c.failures + 1 >= {FAILURES_MAX}
        THEN ledger_now() + make_interval(secs => {CARD_REST.total_seconds():.0f}) ELSE c.rests_until END"""

_PAID: Final = "DELETE FROM refill_cards WHERE fingerprint = %(fingerprint)s"


async def rests(connection: AsyncConnection, fingerprint: str | None) -> bool:
    """Whether this card is left alone for now, or for good."""
    if fingerprint is None:
        return False
    return (await connection.exec_driver_sql(_RESTS, {"fingerprint": fingerprint})).first() is not None


def declining(fingerprint: str | None, reason: str, *, dead: bool) -> list[Rider]:
    """It was declined; ``dead``: it always will be."""
    if fingerprint is None:
        return []
    return [Rider(_DECLINED, {"fingerprint": fingerprint, "reason": reason[:200], "dead": dead})]


async def paid(connection: AsyncConnection, fingerprint: str | None) -> None:
    """It works: what was known against it is forgotten."""
    if fingerprint is not None:
        await connection.exec_driver_sql(_PAID, {"fingerprint": fingerprint})

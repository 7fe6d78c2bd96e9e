"""Rows of ``refills`` and of what was agreed to: read for answers, and changed by riders under the wallet's lock."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider

_SEEN: Final = """
SELECT r.*, s.stopped, ledger_now() AS now, w.wallet + w.held AS position_micro, w.owed AS owed_micro,
    coalesce(m.count + m.more_count, 0) AS made, coalesce(m.spent + m.more_spent, 0) AS spent,
    c.given_by, c.given_at, c.actor, c.shown,
    (SELECT greatest((f.body::json ->> 'expected_micro')::numeric, 0)::bigint FROM forecasts f
     WHERE f.wallet_id = w.wallet_id) AS expected_micro
FROM refills r JOIN wallets w USING (wallet_id) CROSS JOIN refill_switch s
LEFT JOIN refill_consents c ON c.wallet_id = r.wallet_id AND c.consent = r.consent
LEFT JOIN refill_months m ON m.wallet_id = r.wallet_id
    AND m.month = date_trunc('month', ledger_now() AT TIME ZONE r.time_zone)::date
WHERE w.wallet_id = %(wallet)s"""

_KEEP: Final = """
WITH agreed AS (
    INSERT INTO refill_consents (wallet_id, consent, given_by, actor, shown)
    SELECT %(wallet)s, coalesce(max(consent), 0) + 1, %(given_by)s, %(actor)s, %(shown)s
    FROM refill_consents WHERE wallet_id = %(wallet)s
    RETURNING consent)
INSERT INTO refills AS r (wallet_id, enabled, {columns}, consent, next_at)
SELECT %(wallet)s, true, {values}, agreed.consent, ledger_now() FROM agreed
ON CONFLICT (wallet_id) DO UPDATE SET enabled = true, consent = excluded.consent, next_at = excluded.next_at,
    failures = 0, paused_for = NULL, paused_at = NULL, changed_at = ledger_now(), {changes}
WHERE (r.consent, r.enabled) = (%(seen_consent)s::bigint, %(seen_enabled)s::boolean)"""

_OFF: Final = """
UPDATE refills SET enabled = false, paused_for = NULL, paused_at = NULL, failures = 0, next_at = NULL, told = '{}',
    changed_at = ledger_now() WHERE wallet_id = %(wallet)s"""

_RESUME: Final = """
UPDATE refills SET failures = 0, paused_for = NULL, paused_at = NULL, next_at = ledger_now()
WHERE wallet_id = %(wallet)s AND paused_for IS NOT NULL"""

_FORGIVE: Final = """
DELETE FROM refill_cards WHERE fingerprint IN (
    SELECT fingerprint FROM payment_methods WHERE wallet_id = %(wallet)s AND is_default)"""

_SWITCH: Final = """
UPDATE refill_switch SET stopped = %(stopped)s, reason = %(reason)s, actor = %(actor)s, changed_at = ledger_now()
RETURNING stopped, reason, actor, changed_at"""

_GO_ON: Final = """
UPDATE refills SET next_at = ledger_now() WHERE position('"stopped"' IN told) > 0 AND enabled"""

_HELD_BACK: Final = """
UPDATE refill_attempts SET due_at = ledger_now() WHERE due_at IS NOT NULL AND state = 'due'"""


class Wanted(NamedTuple):
    """The columns of ``refills`` that a person sets."""

    threshold_micro: int
    credits_micro: int
    amount: int
    currency: str
    least: int
    up_to: bool
    maximum_per_month: int
    monthly_spend_cap: int
    cap_given: bool
    cooldown_s: int
    time_zone: str
    opens_min: int
    closes_min: int
    business_hours_only: bool
    weekends: bool
    holidays: str
    smart: bool


class Switched(NamedTuple):
    """How the kill switch stands."""

    stopped: bool
    reason: str | None
    actor: str | None
    changed_at: datetime


async def seen(connection: AsyncConnection, wallet_id: int) -> Any:
    """A wallet's settings with how it stands: ``refills.*``, ``now``, ``position_micro``, ``made``, ``spent``,
    the consent, ``expected_micro`` of the next 30 days; None where nothing was ever set."""
    return (await connection.exec_driver_sql(_SEEN, {"wallet": wallet_id})).one_or_none()


def keeping(wallet_id: int, seen: Any, wanted: Wanted, given_by: str, actor: str, shown: str) -> Rider:
    """Switch it on with these settings, and keep who agreed to what. ``seen``: the settings that they were made of;
    where somebody else has changed them since, nothing is written."""
    names = Wanted._fields
    sql = _KEEP.format(
        columns=", ".join(names),
        values=", ".join(f"%({name})s" for name in names),
        changes=", ".join(f"{name} = excluded.{name}" for name in names),
    )
    agreed = {"wallet": wallet_id, "given_by": given_by, "actor": actor, "shown": shown}
    before = {"seen_consent": seen and seen.consent, "seen_enabled": seen and seen.enabled}
    return Rider(sql, agreed | before | wanted._asdict())


def switching_off(wallet_id: int) -> Rider:
    return Rider(_OFF, {"wallet": wallet_id})


def resuming(wallet_id: int) -> Rider:
    """End a pause."""
    return Rider(_RESUME, {"wallet": wallet_id})


async def forgive(connection: AsyncConnection, wallet_id: int) -> None:
    """A person says that the wallet's card may be tried again."""
    await connection.exec_driver_sql(_FORGIVE, {"wallet": wallet_id})


async def switch(connection: AsyncConnection, *, stopped: bool, reason: str | None, actor: str) -> Switched:
    """Stop all automatic charges, or let them go on: what waited for that is looked at now."""
    params = {"stopped": stopped, "reason": reason, "actor": actor}
    row: Any = (await connection.exec_driver_sql(_SWITCH, params)).one()
    if not stopped:
        await connection.exec_driver_sql(_GO_ON)
        await connection.exec_driver_sql(_HELD_BACK)
    return Switched(*row)


async def switched(connection: AsyncConnection) -> Switched:
    found: Any = await connection.exec_driver_sql("SELECT stopped, reason, actor, changed_at FROM refill_switch")
    return Switched(*found.one())

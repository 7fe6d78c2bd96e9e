"""How auto-refill is doing, for whoever runs it: the kill switch, what of the last day went well, and what is stuck."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import psycopg

from ledger.kit.ids import row_public
from ledger.kit.metrics import NOW
from ledger.refill.metrics import CHARGED, LATE_S, RATE_OF_AT_LEAST, RATE_PERCENT_MIN

_SWITCH: Final = "SELECT stopped, reason, actor, changed_at FROM refill_switch"

_STUCK: Final = f"""
SELECT why, count(*), (array_agg(wallet_id ORDER BY began_at))[1], (array_agg(attempt ORDER BY began_at))[1] FROM (
    SELECT a.wallet_id, a.attempt, a.began_at, CASE
        WHEN a.state = 'unknown' THEN 'whose payment Stripe does not know'
        WHEN a.unknown_since IS NOT NULL THEN 'whose payment Stripe does not know at the moment'
        WHEN a.due_at IS NULL OR a.due_at < ledger_now() - interval '{LATE_S} s' THEN 'nobody sees to'
        WHEN a.state = 'charging' AND a.asked_at < ledger_now() - interval '1 hour' THEN 'charging for an hour'
        WHEN a.state = 'processing' AND a.asked_at < ledger_now() - interval '30 days' THEN 'processing for a month'
        WHEN a.state = 'link_sent' AND p.expires_at < ledger_now() - interval '1 hour' THEN 'with a link that is over'
        END AS why
    FROM refill_attempts a LEFT JOIN payments p ON p.wallet_id = a.wallet_id AND p.payment = a.payment
    WHERE a.ended_at IS NULL OR a.state = 'unknown' AND a.ended_at > ledger_now() - interval '30 days' AND EXISTS (
        SELECT FROM refills r WHERE r.wallet_id = a.wallet_id AND r.attempt = a.attempt)) AS open
WHERE why IS NOT NULL GROUP BY why ORDER BY why"""

_UNSEEN: Final = f"SELECT count(*) FROM refills WHERE next_at < {NOW} - interval '{LATE_S} s'"


class Found(NamedTuple):
    """What was looked at, how it is (ok or warn), what was seen, and what to do about it."""

    what: str
    state: str
    seen: str
    advice: str = ""


def examine(connection: "psycopg.Connection[Any]") -> Iterator[Found]:
    """All that is found, in the order in which it is shown."""
    yield _switch(connection)
    yield _charged(connection)
    yield _stuck(connection)


def _switch(connection: "psycopg.Connection[Any]") -> Found:
    stopped, reason, actor, at = _row(connection, _SWITCH)
    if not stopped:
        return Found("auto-refill", "ok", "the kill switch is not on")
    seen = f"stopped for all wallets since {at:%Y-%m-%d %H:%M} UTC by {actor}: {reason or 'no reason is given'}"
    return Found("auto-refill", "warn", seen, "`credit-ledger auto-refill start` lets it go on.")


def _charged(connection: "psycopg.Connection[Any]") -> Found:
    succeeded, ended, reason = _row(connection, CHARGED)
    seen = f"{succeeded:,} of {ended:,} went well in the last 24 hours"
    if ended < RATE_OF_AT_LEAST or succeeded * 100 >= ended * RATE_PERCENT_MIN:
        return Found("refills charged", "ok", seen)
    advice = f"Most often: {reason}. `credit-ledger auto-refill attempts` shows a wallet's; `stop` stops all."
    return Found("refills charged", "warn", f"{seen}, under {RATE_PERCENT_MIN} %", advice)


def _stuck(connection: "psycopg.Connection[Any]") -> Found:
    found = connection.execute(_STUCK).fetchall()
    seen = [f"{count:,} {why}, such as {row_public('arf', wallet, attempt)}" for why, count, wallet, attempt in found]
    (unseen,) = _row(connection, _UNSEEN)
    if unseen:
        seen.append(f"{unseen:,} wallets that are due to be looked at")
    if not seen:
        return Found("refills stuck", "ok", "none")
    advice = (
        "Look whether worker and beat run, with LEDGER_STRIPE_API_KEY, of the account and mode that it was of before, "
        "and three children; then at the worker's log."
    )
    return Found("refills stuck", "warn", "; ".join(seen), advice)


def _row(connection: "psycopg.Connection[Any]", sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    assert row is not None, "an aggregate, or the one row of the switch"
    return row

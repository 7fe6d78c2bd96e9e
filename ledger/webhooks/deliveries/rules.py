"""When a delivery is tried again, and what its outcome says of its receiver. Pure: times and luck are given."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple

WAITS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Before the second attempt, the third …, as Standard Webhooks has them: 75.6 hours in all. The first is at once."""

TRIES_MAX: Final = len(WAITS_S) + 1
JITTER: Final = 0.2
OURS_WAIT_S: Final = 60.0
RETRY_AFTER_MAX_S: Final = 86_400

SLOTS_MAX: Final = 16
PATIENCE: Final = 5
"""Failures in a row after which a receiver is left alone for a while."""

PAUSE_S: Final = 5
PAUSE_MAX_S: Final = 60
HELD_OFF_MAX_S: Final = 600
"""How long one ``Retry-After`` keeps all deliveries from a receiver."""

WARNED_AFTER: Final = timedelta(days=3)
DISABLED_AFTER: Final = timedelta(days=5)
NOTICE: Final = DISABLED_AFTER - WARNED_AFTER
"""Between the warning and the end, however long the failures have gone on."""

GONE: Final = 410
ASKS_TO_WAIT: Final = (429, 503)
TOO_MUCH: Final = (429, 502, 503, 504)


class Health(NamedTuple):
    """What is known of a receiver: the columns of its endpoint that have these names."""

    failures: int = 0
    failing_since: datetime | None = None
    warned_at: datetime | None = None
    paused_until: datetime | None = None
    slots: int = 4

    def paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until


class Outcome(NamedTuple):
    """How an attempt ended. ``what``: ``delivered``, ``status`` (an answer that is not 2xx), ``timeout``, or another
    reason why there was no answer; ``ours``: it says nothing of the receiver; ``counts``: as one of TRIES_MAX."""

    what: str
    status: int | None = None
    retry_after_s: float | None = None
    ours: bool = False
    counts: bool = True

    @property
    def delivered(self) -> bool:
        return self.what == "delivered"

    @property
    def too_much(self) -> bool:
        return self.what == "timeout" or (self.what == "status" and self.status in TOO_MUCH)


LOST: Final = Outcome("lost", ours=True)
"""Whoever made the attempt died. It counts: a delivery that kills who sends it must come to an end."""

UNSIGNED: Final = Outcome("unsigned", ours=True, counts=False)
"""A secret of the endpoint cannot be decrypted: nothing is sent that nobody could verify."""

Verdict = Literal["as it was", "disable: gone", "disable: failing"]


def wait_s(tries: int, luck: float, outcome: Outcome) -> float | None:
    """How long until the next attempt, after ``tries`` of them; None: there is none.

    Args:
        tries: attempts of this round, with this one.
        luck: from 0 to 1.
    """
    if not outcome.counts:
        return OURS_WAIT_S
    if tries >= TRIES_MAX:
        return None
    wait = WAITS_S[tries - 1] * (1 - JITTER + 2 * JITTER * luck)
    return max(wait, _asked(outcome))


def after(health: Health, outcome: Outcome, now: datetime) -> tuple[Health, Verdict]:
    """What is known of a receiver after an attempt that ended like this."""
    if outcome.ours:
        return health, "as it was"
    if outcome.delivered:
        return Health(slots=min(health.slots + 1, SLOTS_MAX)), "as it was"
    if outcome.status == GONE:
        return _failed(health, outcome, now), "disable: gone"
    known = _failed(health, outcome, now)
    failing = now - (known.failing_since or now)
    if failing >= DISABLED_AFTER and health.warned_at is not None and now - health.warned_at >= NOTICE:
        return known, "disable: failing"
    if failing >= WARNED_AFTER and health.warned_at is None:
        return known._replace(warned_at=now), "as it was"
    return known, "as it was"


def _failed(health: Health, outcome: Outcome, now: datetime) -> Health:
    if health.paused(now):
        return health  # deliveries that were on their way together are one failure
    failures = health.failures + 1
    pause_s = min(_asked(outcome), HELD_OFF_MAX_S)
    if failures >= PATIENCE:
        pause_s = max(pause_s, min(PAUSE_S * 2 ** (failures - PATIENCE), PAUSE_MAX_S))
    return Health(
        failures=failures,
        failing_since=health.failing_since or now,
        warned_at=health.warned_at,
        paused_until=now + timedelta(seconds=pause_s) if pause_s else None,
        slots=max(health.slots // 2, 1) if outcome.too_much else health.slots,
    )


def slots(health: Health, now: datetime) -> int:
    """How many deliveries may be on their way to a receiver now. One that failed often is tried by a single one."""
    if health.paused(now):
        return 0
    return 1 if health.failures >= PATIENCE else health.slots


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """The seconds of a ``Retry-After``, which has seconds or a date (RFC 9110, 10.2.3); None for anything else."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return max((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds(), 0.0)


def _asked(outcome: Outcome) -> float:
    """The seconds that a receiver asks to be left alone."""
    if outcome.status not in ASKS_TO_WAIT:
        return 0.0
    return min(outcome.retry_after_s or 0.0, RETRY_AFTER_MAX_S)

"""When something is told, when it is tried again, and what becomes of it. Pure: times and luck are given."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

DEFAULT_EVENTS: Final = (
    "balance.low",
    "balance.critical",
    "balance.depleted",
    "payment.failed",
    "payment.refund_failed",
    "dispute.opened",
    "auto_refill.failed",
    "auto_refill.requires_action",
    "auto_refill.paused",
    "payment_method.expiring",
    "credits.expiring",
    "budget.threshold_reached",
    "usage.spike",
)
"""What a channel tells unless it is said otherwise: what somebody may have to do something about."""

URGENT: Final = frozenset(
    [
        "balance.critical",
        "balance.depleted",
        "payment.failed",
        "dispute.opened",
        "auto_refill.requires_action",
        "auto_refill.paused",
    ]
)
GAP: Final = timedelta(minutes=10)
URGENT_GAP: Final = timedelta(minutes=1)
"""At least this long between two messages about one type of event in one channel."""

WAITS_S: Final = (60, 300, 1_800, 7_200, 21_600, 86_400)
"""Before the second attempt, the third …: 32.6 hours in all. The first is at once."""

TRIES_MAX: Final = len(WAITS_S) + 1
JITTER: Final = 0.2
RETRY_AFTER_MAX_S: Final = 86_400.0

Became = Literal["sent", "again", "refused", "gone"]


class Ended(NamedTuple):
    """How an attempt ended.

    ``again``: it may come to pass later; ``refused``: it never will; ``gone``: nor will anything else in this channel.
    ``detail``: for whoever owns the channel. ``retry_after_s``: how long the receiver asks to be left alone.
    """

    became: Became
    detail: str = ""
    retry_after_s: float | None = None


class Next(NamedTuple):
    """What becomes of a notification: ``state``, and when it is tried again. ``pause_until``: nothing else is sent to
    its channel until then. ``disable``: nothing is ever."""

    state: Literal["sent", "queued", "failed"]
    due_at: datetime | None = None
    pause_until: datetime | None = None
    disable: bool = False


def slot_of(of_type: str, last: datetime | None, now: datetime) -> datetime:
    """When an event of this type is told, where ``last`` is when the one before it was, or will be."""
    if last is None:
        return now
    return max(now, last + (URGENT_GAP if of_type in URGENT else GAP))


def next_of(attempts: int, ended: Ended, now: datetime, luck: float) -> Next:
    """``attempts``: with the one that ended so; ``luck``: from 0 to 1, so that not all come back at once."""
    if ended.became == "sent":
        return Next("sent")
    if ended.became == "gone":
        return Next("failed", disable=True)
    asked_s = min(ended.retry_after_s or 0.0, RETRY_AFTER_MAX_S)
    pause_until = now + timedelta(seconds=asked_s) if asked_s else None
    if ended.became == "refused" or attempts >= TRIES_MAX:
        return Next("failed", pause_until=pause_until)
    wait_s = max(WAITS_S[attempts - 1] * (1 + JITTER * (2 * luck - 1)), asked_s)
    return Next("queued", now + timedelta(seconds=wait_s), pause_until)

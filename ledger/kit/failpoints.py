"""Named places where a test lets a process die, fail, hang or wait. Dead unless LEDGER_FAILPOINTS says otherwise.

    LEDGER_FAILPOINTS="unit.before_commit:kill@3,inbox.after_claim:delay=200"

Each part is ``<point>:<action>``, with ``@3`` at the third pass of this process only, else at each pass. The settings
refuse it in any environment but ``test``. A dead point is one look at an empty dictionary.

    kill     SIGKILL to this process: nothing is tidied up
    stop     SIGSTOP to this process, until somebody resumes it
    error    raise FailpointError, which nobody expects
    hang     this task waits for ever, others go on
    delay=N  this task waits N milliseconds
"""

import asyncio
import os
import signal
from typing import Final, NamedTuple

POINTS: Final = (
    "door.before_unit",
    "door.after_unit",
    "unit.before_lock",
    "unit.after_lock",
    "unit.before_write",
    "unit.before_commit",
    "unit.after_commit",
    "due.before_book",
    "due.after_book",
    "refunds.before_call",
    "refunds.after_call",
    "inbox.after_store",
    "inbox.after_claim",
    "inbox.before_done",
    "poll.before_cursor",
    "payments.before_purchase",
    "refill.before_charge",
    "refill.after_intent",
    "refill.after_charge",
    "refill.after_withdraw",
    "webhooks.before_fan_out",
    "webhooks.after_claim",
    "webhooks.after_send",
    "notifications.after_claim",
    "notifications.after_mail",
    "notifications.after_slack",
)
ACTIONS: Final = ("kill", "stop", "error", "hang", "delay")


class FailpointError(Exception):
    """What the action ``error`` raises."""


class Trap(NamedTuple):
    """What happens at a point. ``at_pass`` None is each pass."""

    action: str
    wait_ms: int = 0
    at_pass: int | None = None


_traps: dict[str, Trap] = {}
_passes: dict[str, int] = {}


def arm(text: str | None) -> None:
    """Set the traps of this process, in place of those that are set; None or nothing sets none.

    Raises ValueError: an unknown point or action.
    """
    _traps.clear()
    _passes.clear()
    _traps.update(parse(text or ""))


def parse(text: str) -> dict[str, Trap]:
    """The traps that a setting names. Raises ValueError: an unknown point or action, or another form."""
    return dict(_trap(part.strip()) for part in text.split(",") if part.strip())


async def reach(point: str) -> None:
    """Pass a point: nothing happens unless a trap was set there."""
    if _traps:
        await _pass(point)


async def _pass(point: str) -> None:
    _passes[point] = _passes.get(point, 0) + 1
    trap = _traps.get(point)
    if trap is None or trap.at_pass not in (None, _passes[point]):
        return
    match trap.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "error":
            raise FailpointError(point)
        case "hang":
            await asyncio.Event().wait()
        case "delay":
            await asyncio.sleep(trap.wait_ms / 1000)


def _trap(part: str) -> tuple[str, Trap]:
    point, _, rest = part.partition(":")
    does, _, at_pass = rest.partition("@")
    action, _, wait_ms = does.partition("=")
    if point not in POINTS:
        raise ValueError(f"there is no point {point!r}, only {', '.join(POINTS)}")
    if action not in ACTIONS or (action == "delay") != wait_ms.isdigit() or (at_pass and not at_pass.isdigit()):
        raise ValueError(f"{rest!r} must be kill, stop, error, hang or delay=<milliseconds>, with @<pass> or without")
    return point, Trap(action, int(wait_ms or 0), int(at_pass) if at_pass else None)

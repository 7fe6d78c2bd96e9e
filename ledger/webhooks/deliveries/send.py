"""One attempt: the event's bytes, signed for one endpoint, sent by the guarded way out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ledger import __version__
from ledger.kit.egress.answer import Answer
from ledger.kit.egress.client import Egress
from ledger.webhooks.deliveries.rules import Outcome, retry_after_s
from ledger.webhooks.signing import sign

NOT_THEIRS: Final = ("proxy",)
"""Ends of a call that say nothing of its receiver."""


def headers(secrets: Sequence[bytes], id_: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Those of a delivery."""
    return {
        "content-type": "application/json",
        "user-agent": f"credit-ledger/{__version__}",
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": sign(secrets, id_, timestamp_s, body),
    }


async def send(
    egress: Egress, url: str, secrets: Sequence[bytes], id_: str, body: bytes, now: datetime
) -> tuple[Outcome, Answer]:
    """Send it once; raises nothing that a receiver can cause."""
    answer = await egress.send(url, body=body, headers=headers(secrets, id_, int(now.timestamp()), body))
    return outcome_of(answer, now), answer


def outcome_of(answer: Answer, now: datetime) -> Outcome:
    if answer.accepted:
        return Outcome("delivered", answer.status)
    what = "status" if answer.outcome == "answered" else answer.outcome
    ours = answer.outcome in NOT_THEIRS
    asked = retry_after_s(answer.headers.get("retry-after"), now)
    return Outcome(what, answer.status, asked, ours=ours, counts=not ours)


def reply_of(answer: Answer) -> str:
    """What the log shows of an answer: the beginning of its body, or why there was none."""
    said = answer.body.decode(errors="replace") if answer.outcome == "answered" else answer.detail
    return said.replace("\0", "\N{REPLACEMENT CHARACTER}")

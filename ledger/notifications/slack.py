"""One message to a Slack-compatible webhook, by the guarded way out."""

from datetime import datetime
from typing import Final

import msgspec

from ledger import __version__
from ledger.kit import failpoints
from ledger.kit.egress.answer import Answer
from ledger.kit.egress.client import Egress
from ledger.notifications.message import Message, mrkdwn
from ledger.notifications.rules import Ended
from ledger.webhooks.deliveries.rules import retry_after_s

GONE: Final = (404, 410)
LATER: Final = (408, 425, 429)
HEADERS: Final = {"content-type": "application/json", "user-agent": f"credit-ledger/{__version__}"}


async def send(egress: Egress, url: str, message: Message, now: datetime) -> Ended:
    """Send it once; raises nothing that a receiver can cause."""
    body = msgspec.json.encode({"text": mrkdwn(message)})
    answer = await egress.send(url, body=body, headers=HEADERS)
    await failpoints.reach("notifications.after_slack")
    return ended_of(answer, now)


def ended_of(answer: Answer, now: datetime) -> Ended:
    """What an answer means. Redirects, and what the receiver will not take another time either, are refusals."""
    if answer.accepted:
        return Ended("sent")
    if answer.status is None or answer.outcome != "answered":
        return Ended("again", answer.detail)
    detail = f"the receiver answered {answer.status}"
    if answer.status in GONE:
        return Ended("gone", f"{detail}: there is no such webhook any more")
    if answer.status in LATER or answer.status >= 500:
        return Ended("again", detail, retry_after_s(answer.headers.get("retry-after"), now))
    return Ended("refused", detail)

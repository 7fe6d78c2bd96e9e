"""What an endpoint's address and its patterns of events may be."""

import re
from collections.abc import Iterable
from typing import Final

from ledger.errors import UrlRefused
from ledger.events.catalogue import TYPES, is_known
from ledger.kit.egress.client import Egress
from ledger.kit.http.strict import invalid

_PATTERN: Final = re.compile(r"\*|([a-z][a-z0-9_]*\.)+(\*|[a-z][a-z0-9_]*)", re.ASCII)
_PATTERN_MAX: Final = 100


async def check_url(egress: Egress, url: str) -> None:
    """Whether deliveries may go there, as far as is known: a name that leads nowhere may lead somewhere tomorrow. To
    be asked outside of any transaction. Raises UrlRefused."""
    try:
        await egress.check_resolved(url)
    except UrlRefused as error:
        if error.reason != "dns":
            raise


def checked_events(patterns: Iterable[str], path: str = "events") -> list[str]:
    """The patterns, each once. Raises InvalidRequest for one that is of no known form, or matches nothing there is."""
    for place, pattern in enumerate(patterns):
        if len(pattern) > _PATTERN_MAX or not _PATTERN.fullmatch(pattern):
            raise invalid(f"{path}[{place}]", "must be a type such as payment.completed, payment.*, or *")
        if not is_known(pattern):
            raise invalid(f"{path}[{place}]", f"there are no events {pattern}", known=list(TYPES))
    return list(dict.fromkeys(patterns))

"""What an endpoint's address and its patterns of events may be."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from ledger.events.catalogue import TYPES, is_known
from ledger.kit.http.strict import invalid

URL_MAX: Final = 2048

_VISIBLE: Final = re.compile(r"[!-~]+")
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?", re.ASCII | re.IGNORECASE)
_PATTERN: Final = re.compile(r"\*|([a-z][a-z0-9_]*\.)+(\*|[a-z][a-z0-9_]*)", re.ASCII)
_PATTERN_MAX: Final = 100


async def check_url(url: str) -> None:
    """Whether deliveries may go there. To be asked outside of any transaction. Raises InvalidRequest at ``url``."""
    if len(url) > URL_MAX or not _VISIBLE.fullmatch(url):
        raise invalid("url", f"must be an address of 1 to {URL_MAX} visible ASCII characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid("url", "is not an address") from None
    if parts.scheme != "https" or not url.lower().startswith("https://"):
        raise invalid("url", "must begin with https://")
    if not host or port == 0 or not (":" in host or (len(host) <= 253 and _NAME.fullmatch(host))):
        raise invalid("url", "must name a host, and a port only where it is another than 443")
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise invalid("url", "must not hold a user or password: receivers know us by our signature")
    if "#" in url:
        raise invalid("url", "must not have a fragment, which would never be sent")


def checked_events(patterns: Iterable[str], path: str = "events") -> list[str]:
    """The patterns, each once. Raises InvalidRequest for one that is of no known form, or matches nothing there is."""
    for place, pattern in enumerate(patterns):
        if len(pattern) > _PATTERN_MAX or not _PATTERN.fullmatch(pattern):
            raise invalid(f"{path}[{place}]", "must be a type such as payment.completed, payment.*, or *")
        if not is_known(pattern):
            raise invalid(f"{path}[{place}]", f"there are no events {pattern}", known=list(TYPES))
    return list(dict.fromkeys(patterns))

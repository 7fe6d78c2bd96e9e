"""Who sends us what Stripe did not send: bodies of real events, of which one thing is wrong. Nothing of it may be stored."""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import httpx

from tests.faults.stripe.at_stripe import SECRET
from tests.payments.events import HOOK, signed

OLD_S = 310
"""Older than the tolerance of a signature's time, five minutes."""

LARGE = 2**20 + 1


class Forged(NamedTuple):
    """What is posted: body and header."""

    body: bytes
    header: str


def _good(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def _tampered(event: dict[str, Any]) -> Forged:
    """Its amount, say, after it was signed."""
    header = signed(_good(event), SECRET)
    return Forged(_good({**event, "created": event["created"] + 1}), header)


def _own(event: dict[str, Any], **changed: Any) -> Forged:
    """Signed as it should be, and wrong in itself."""
    body = _good({**event, **changed})
    return Forged(body, signed(body, SECRET))


def _no_text(event: dict[str, Any]) -> Forged:
    body = _good(event).replace(b'"object"', b'"obj\xffct"', 1)
    return Forged(body, signed(body, SECRET))


KINDS: dict[str, Callable[[dict[str, Any]], Forged]] = {
    "forged": lambda event: Forged(_good(event), signed(_good(event), "whsec_of_a_forger")),
    "unsigned": lambda event: Forged(_good(event), ""),
    "tampered with": _tampered,
    "replayed later": lambda event: Forged(_good(event), signed(_good(event), SECRET, ago_s=OLD_S)),
    "from the future": lambda event: Forged(_good(event), signed(_good(event), SECRET, ago_s=-OLD_S)),
    "not UTF-8": _no_text,
    "too large": lambda event: _own(event, padding="x" * LARGE),
    "of live mode": lambda event: _own(event, livemode=True),
    "thin": lambda event: _own(event, object="v2.core.event"),
}

REFUSED = {"too large": (413, 0)}
"""Nobody reads it to its end. All others with 400."""


class Forgers:
    """``sent``: the kind of each, by the id that it has, which must be nowhere; ``refused`` by kind."""

    def __init__(self, api_url: str, seed: int) -> None:
        self.sent: dict[str, str] = {}
        self.refused: Counter[str] = Counter()
        self._chance = random.Random(f"{seed} forgers")
        self._numbers = itertools.count(1)
        self._http = httpx.AsyncClient(base_url=api_url, timeout=60, headers={"Connection": "close"})

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, real: Sequence[dict[str, Any]], each: int) -> None:
        """So many of each kind, of the bodies of real events, under ids that Stripe never gave."""
        kinds = list(KINDS) * each
        self._chance.shuffle(kinds)
        for kind in kinds:
            name = f"evt_forged{next(self._numbers)}"
            forged = KINDS[kind]({**self._chance.choice(real), "id": name})
            self.sent[name] = kind
            self.refused[kind] += await self._post(forged) in REFUSED.get(kind, (400,))
            await asyncio.sleep(0)

    async def _post(self, forged: Forged) -> int:
        """The answer's status; 0 where the connection was closed before all of the body was sent."""
        try:
            answer = await self._http.post(HOOK, content=forged.body, headers={"Stripe-Signature": forged.header})
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            return 0
        return answer.status_code

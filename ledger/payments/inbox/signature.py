"""Whether a webhook comes from Stripe, and now: ``Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…]``.

What is signed are the bytes as they came, so it is the bytes that are looked at. Any of the secrets may have signed:
while one is rolled over there are two. The SDK's own check takes one secret, and any time in the future.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

TOLERANCE_S: Final = 300
"""How far the time of the signature may be from ours, before or after."""

SIGNATURES_MAX: Final = 20


class NotSigned(Exception):
    """Nobody who knows a secret sent these bytes just now. The message says why, and nothing of a secret."""


def check(body: bytes, header: bytes | None, secrets: Sequence[str], now_s: float) -> None:
    """Raises NotSigned."""
    at, signatures = _read(header)
    made = [_signature(body, at, secret) for secret in secrets if secret]
    if not any(hmac.compare_digest(one, other) for one in made for other in signatures):
        raise NotSigned("none of the signatures is of this body")
    if abs(now_s - int(at)) > TOLERANCE_S:
        raise NotSigned(f"the signature's time is more than {TOLERANCE_S} seconds from now")


def _read(header: bytes | None) -> tuple[bytes, list[bytes]]:
    """The time, as it is written, and the signatures of the scheme v1."""
    parts = [part.strip().partition(b"=") for part in (header or b"").split(b",")]
    times = [value for name, _, value in parts if name == b"t"]
    signatures = [value for name, _, value in parts if name == b"v1"]
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12:
        raise NotSigned("there must be a Stripe-Signature header with one time")
    if not 1 <= len(signatures) <= SIGNATURES_MAX:
        raise NotSigned(f"the Stripe-Signature header must have 1 to {SIGNATURES_MAX} signatures v1")
    return times[0], signatures


def _signature(body: bytes, at: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), at + b"." + body, hashlib.sha256).hexdigest().encode()

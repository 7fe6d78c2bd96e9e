"""Signatures of deliveries as Standard Webhooks has them: over id, time of the attempt, and the bytes that are sent.

A secret is ``whsec_`` and the base64 of its bytes, or any other text, which is used as its bytes. An endpoint may have
several while one is replaced: each signs, and a receiver takes the delivery by whichever of them it knows.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"

BYTES_MIN: Final = 16
BYTES_MAX: Final = 128
NEW_BYTES: Final = 32


def secret_text(random: bytes) -> str:
    """The text of a secret of these bytes, of which there are NEW_BYTES for a new one."""
    return PREFIX + base64.b64encode(random).decode()


def secret_bytes(text: str) -> bytes:
    """What a secret signs with. Raises ValueError, which shows nothing of it."""
    if text.startswith(PREFIX):
        try:
            found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"must be base64 behind {PREFIX}") from None
    else:
        found = text.encode()
    if not BYTES_MIN <= len(found) <= BYTES_MAX:
        raise ValueError(f"must be {BYTES_MIN} to {BYTES_MAX} bytes, and is {len(found)}")
    return found


def sign(secrets: Sequence[bytes], id_: str, timestamp_s: int, body: bytes) -> str:
    """``webhook-signature``: one signature for each secret, in their order."""
    signed = f"{id_}.{timestamp_s}.".encode() + body
    return " ".join(
        f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}" for secret in secrets
    )

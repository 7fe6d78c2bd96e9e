"""Ed25519 keys as text, and the signature under an anchor.

A private key is ``ask_`` and its 32-byte seed in hex, a public key ``apk_`` and 64 hex digits: both are 32 bytes that
look alike, and nobody should ever give out the one for the other. The private key is a setting, or stands in a file
that the setting names. The public key belongs to whoever checks anchors, outside the database.
"""

import re
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.kit import key_file
from ledger.settings import Settings, SettingsError, variable

PRIVATE: Final = "ask_"
PUBLIC: Final = "apk_"

_NAME: Final = variable("anchor_key")


class SigningKey:
    """A private key. Its repr shows the public one."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"SigningKey({public_text(self.public)})"

    @property
    def text(self) -> str:
        """The private key, to be kept secret."""
        return PRIVATE + self._key.private_bytes_raw().hex()

    def sign(self, hash_: bytes) -> bytes:
        """64 bytes over an anchor's hash."""
        return self._key.sign(hash_)

    @classmethod
    def new(cls) -> "SigningKey":
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())


def public_text(public_key: bytes) -> str:
    return PUBLIC + public_key.hex()


def public_key_of(text: str) -> bytes:
    """The public key of ``apk_…``. Raises ValueError."""
    if not re.fullmatch(PUBLIC + "[0-9a-f]{64}", text):
        raise ValueError(f"{text[:8]!r}… is not a public key: {PUBLIC} and 64 hex digits")
    return bytes.fromhex(text.removeprefix(PUBLIC))


def signing_key(config: Settings) -> SigningKey | None:
    """The key that this process signs with; None where none is set.

    Raises:
        SettingsError: its file cannot be read, or holds no key. The message shows nothing of it.
    """
    if config.anchor_key is None:
        return None
    try:
        text = key_file.held_by(config.anchor_key)
    except ValueError as error:
        raise SettingsError(f"{_NAME}: {error}.") from error
    if not re.fullmatch(PRIVATE + "[0-9a-f]{64}", text):
        raise SettingsError(
            f"{_NAME} names no key, {PRIVATE} and 64 hex digits: `credit-ledger anchor keygen` makes one."
        )
    return SigningKey(bytes.fromhex(text.removeprefix(PRIVATE)))


def trusted_keys(config: Settings) -> frozenset[bytes]:
    """The public keys whose anchors count: those that are set, and that of the own signing key.

    Raises:
        SettingsError: as ``signing_key``.
    """
    own = signing_key(config)
    listed = {public_key_of(text) for text in (config.anchor_public_keys or "").split(",") if text}
    return frozenset(listed | ({own.public} if own else set()))

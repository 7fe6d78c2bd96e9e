"""Secrets that the database keeps, encrypted by keys that are not in it: AES-256-GCM.

A key is ``sek_`` and the base64 of 32 random bytes. There may be several: the first encrypts, all of them decrypt, so
that a key can be replaced while the service runs. What is encrypted is bound to where it stands: whoever moves it to
another row, or changes a bit of it, has something that cannot be decrypted.

    1 byte        form, 1
    8 bytes       id of the key, a digest of it
    12 bytes      nonce, random
    the rest      ciphertext and its tag of 16 bytes, over form, key id and ``about`` too
"""

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX: Final = "sek_"

_FORM: Final = b"\x01"
_HEAD: Final = 9
_NONCE: Final = 12
_TAG: Final = 16
_KEY: Final = re.compile(PREFIX + "[A-Za-z0-9+/]{43}=", re.ASCII)


class NotDecrypted(Exception):
    """No key of ours encrypted it, it was changed, or it belongs elsewhere. The message shows nothing of it."""


class SecretKeys:
    """The keys of a process. Its repr shows their ids."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """``keys``: each of 32 bytes; the first encrypts. Raises ValueError without any, or for one of another size."""
        if not keys:
            raise ValueError("there must be a key")
        self.ids = tuple(_id(key) for key in keys)
        """Of each key, 16 hex digits: fit to be shown."""
        self._ciphers = {bytes.fromhex(id_): _cipher(key) for id_, key in zip(self.ids, keys, strict=True)}
        self._head = _FORM + bytes.fromhex(self.ids[0])

    def __repr__(self) -> str:
        return f"SecretKeys({', '.join(self.ids)})"

    def encrypt(self, plain: bytes, about: str) -> bytes:
        """``about`` names where it stands: ``webhook_secrets/<endpoint>/<secret>``."""
        nonce = os.urandom(_NONCE)
        cipher = self._ciphers[self._head[1:]]
        return self._head + nonce + cipher.encrypt(nonce, plain, self._head + about.encode())

    def decrypt(self, encrypted: bytes, about: str) -> bytes:
        """Raises NotDecrypted."""
        id_ = key_id_of(encrypted)
        cipher = self._ciphers.get(bytes.fromhex(id_))
        if cipher is None:
            raise NotDecrypted(f"it was encrypted by the key {id_}, which is not one of {', '.join(self.ids)}")
        head, nonce, rest = encrypted[:_HEAD], encrypted[_HEAD : _HEAD + _NONCE], encrypted[_HEAD + _NONCE :]
        try:
            return cipher.decrypt(nonce, rest, head + about.encode())
        except InvalidTag:
            raise NotDecrypted(f"it is not what the key {id_} encrypted for {about}") from None

    def is_newest(self, encrypted: bytes) -> bool:
        """Whether the key that encrypts now has encrypted this."""
        return encrypted[:_HEAD] == self._head


def new_key() -> str:
    """The text of a new key."""
    return PREFIX + base64.b64encode(os.urandom(32)).decode()


def keys_of(text: str) -> SecretKeys:
    """The keys in a text, separated by commas or white space. Raises ValueError, which shows nothing of them."""
    found = [part for part in re.split(r"[,\s]+", text) if part]
    if not found or not all(map(_KEY.fullmatch, found)):
        raise ValueError(f"must be keys, each {PREFIX} and the base64 of 32 bytes, separated by commas")
    return SecretKeys([base64.b64decode(part.removeprefix(PREFIX)) for part in found])


def key_id_of(encrypted: bytes) -> str:
    """The id of the key that encrypted this. Raises NotDecrypted where it cannot be known."""
    if len(encrypted) < _HEAD + _NONCE + _TAG or encrypted[:1] != _FORM:
        raise NotDecrypted("it is not something that was encrypted here")
    return encrypted[1:_HEAD].hex()


def _cipher(key: bytes) -> AESGCM:
    if len(key) != 32:
        raise ValueError(f"a key has 32 bytes, not {len(key)}")
    return AESGCM(key)


def _id(key: bytes) -> str:
    return hashlib.sha256(b"secret key\x00" + key).digest()[: _HEAD - 1].hex()

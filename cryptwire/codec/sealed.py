"""Secrets that are kept at rest: AES-256-GCM under a key from a file, bound to whose they are."""

import hashlib
import secrets
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cryptwire.codec.one_time import key_of
from cryptwire.errors import Corrupt, Invalid

_NONCE = 12  # bytes
_LEAST_KEY = 32  # bytes


class Seal:
    """Seals and opens. ``purpose`` keeps secrets of different kinds apart, though they share a key."""

    def __init__(self, key: bytes, purpose: str) -> None:
        if len(key) < _LEAST_KEY:
            raise Invalid(f"a key that seals has at least {_LEAST_KEY} bytes, such as 64 hexadecimal digits")
        self._purpose = purpose
        self._cipher = AESGCM(hashlib.sha256(b"cryptwire seal\0" + key).digest())

    @classmethod
    def read_from(cls, path: Path, purpose: str) -> Self:
        """With the key that a file holds; raises Invalid when it cannot be read."""
        return cls(key_of(path), purpose)

    def seal(self, owner: str, clear: bytes) -> bytes:
        """``clear``, which only ``open`` with the same owner gives back."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, clear, self._bound(owner))

    def open(self, owner: str, sealed: bytes) -> bytes:
        """What was sealed; raises Corrupt when it was changed, is another's, or another key sealed it."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._bound(owner))
        except (InvalidTag, ValueError):
            raise Corrupt(f"a sealed {self._purpose} cannot be opened: was the key replaced?") from None

    def _bound(self, owner: str) -> bytes:
        return f"{self._purpose}\0{owner}".encode()

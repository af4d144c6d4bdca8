"""Tokens in mailed links, each good once.

A link holds a row's id and a proof of it that needs a key (HMAC-SHA256): who reads the tables or the outbox holds
nothing that could be used, and the row alone decides whether the token is still good.
"""

import base64
import binascii
import hashlib
import hmac
from enum import StrEnum
from pathlib import Path
from typing import NewType, Self
from uuid import UUID

from cryptwire.errors import Invalid

TokenId = NewType("TokenId", str)  # a UUID
_CHARACTERS = 64
_ID = 16  # bytes
_LEAST_KEY = 32  # bytes


class Purpose(StrEnum):
    """What a token is good for."""

    SIGN_UP = "sign-up"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - a name
    EMAIL_CHANGE = "email-change"


class OneTimeKey:
    """Makes and reads tokens. ``key`` is shared by the API and the processor; raises Invalid when it is short."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _LEAST_KEY:
            raise Invalid(f"the key for mailed links has at least {_LEAST_KEY} bytes, such as 64 hexadecimal digits")
        self._key = key

    @classmethod
    def read_from(cls, path: Path) -> Self:
        """The key that a file holds; raises Invalid when it cannot be read."""
        return cls(key_of(path))

    def token(self, purpose: Purpose, id: TokenId) -> str:
        """The text for a link: 64 characters of URL-safe base64."""
        which = UUID(id).bytes
        return base64.urlsafe_b64encode(which + self._proof(purpose, which)).decode()

    def read(self, token: str) -> tuple[Purpose, TokenId]:
        """What a link's token is for, and its row. Raises Invalid when none of ours was made with this key."""
        try:
            if len(token) != _CHARACTERS or not token.isascii():
                raise ValueError
            content = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            content = b""
        which, proof = content[:_ID], content[_ID:]
        for purpose in Purpose:
            if hmac.compare_digest(proof, self._proof(purpose, which)):
                return purpose, TokenId(str(UUID(bytes=which)))
        raise Invalid("this link is not whole or not ours; open it as it stands in the mail")

    def _proof(self, purpose: Purpose, which: bytes) -> bytes:
        return hmac.digest(self._key, b"cryptwire one-time\0" + purpose.encode() + b"\0" + which, hashlib.sha256)


def key_of(path: Path) -> bytes:
    """A key as a file holds it, without white space at its ends; raises Invalid when it cannot be read."""
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise Invalid(f"the key file {path} cannot be read: {error.strerror}") from None

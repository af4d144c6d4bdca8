"""Master keys: which provider, and those that are in a file or in the environment."""

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cryptwire.errors import Corrupt, Invalid
from gateway.custody.files import SecretFile
from gateway.custody.sealing import NONCE
from gateway.custody.vault import VaultKeys
from gateway.ports import MasterKeys
from gateway.settings import Settings

_VARIABLES = {"file": "MASTER_KEY_FILE", "environment": "MASTER_KEYS", "vault": "VAULT_URL"}


class Ring:
    """Master keys that are known here: 32 bytes in hexadecimal a line or word of ``text``.

    The first is the current one, the others only unwrap. A name is the same wherever its key is kept. Raises ValueError
    when the text is not that; the error does not hold it.
    """

    def __init__(self, text: str) -> None:
        self._boxes: dict[str, AESGCM] = {}
        for word in text.split():
            if len(word) != 64 or not set(word) <= set("0123456789abcdefABCDEF"):
                raise ValueError("each line should be 64 hexadecimal digits")
            key = bytes.fromhex(word)
            name = "file:" + hashlib.sha256(b"cryptwire master key " + key).hexdigest()[:12]
            self._boxes.setdefault(name, AESGCM(key))
        if not self._boxes:
            raise ValueError("there should be a line of 64 hexadecimal digits")
        self.current = next(iter(self._boxes))

    def wrap(self, key: bytes, bound: bytes) -> tuple[str, bytes]:
        nonce = secrets.token_bytes(NONCE)
        return self.current, nonce + self._boxes[self.current].encrypt(nonce, key, bound)

    def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        box = self._boxes.get(name)
        if box is None:
            raise Corrupt(f"a token is wrapped by the master key {name[:40]}, which is not here")
        with suppress(InvalidTag, ValueError):
            return box.decrypt(wrapped[:NONCE], wrapped[NONCE:], bound)
        raise Corrupt("a token's data key does not open: it was changed or is another user's")


class FileKeys:
    """Master keys from a file, read again when it changes, so that a new key needs no restart. Raises Invalid."""

    def __init__(self, path: Path) -> None:
        self._file = SecretFile(path, "the master key", Ring)

    async def current(self) -> str:
        return self._file.value().current

    async def wrap(self, key: bytes, bound: bytes) -> tuple[str, bytes]:
        return self._file.value().wrap(key, bound)

    async def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        return self._file.value().unwrap(name, wrapped, bound)


class EnvironmentKeys:
    """Master keys as one variable of the environment has them. Raises Invalid."""

    def __init__(self, text: str) -> None:
        try:
            self._ring = Ring(text)
        except ValueError as error:
            raise Invalid(f"CRYPTWIRE_GATEWAY_MASTER_KEYS: {error}") from None

    async def current(self) -> str:
        return self._ring.current

    async def wrap(self, key: bytes, bound: bytes) -> tuple[str, bytes]:
        return self._ring.wrap(key, bound)

    async def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        return self._ring.unwrap(name, wrapped, bound)


class SeveralKeys:
    """One provider that wraps, and others that still unwrap what they wrapped: for the time of a move between them."""

    def __init__(self, first: MasterKeys, older: Sequence[MasterKeys]) -> None:
        self._first = first
        self._older = older

    async def current(self) -> str:
        return await self._first.current()

    async def wrap(self, key: bytes, bound: bytes) -> tuple[str, bytes]:
        return await self._first.wrap(key, bound)

    async def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        for keys in (self._first, *self._older):
            with suppress(Corrupt):
                return await keys.unwrap(name, wrapped, bound)
        raise Corrupt(f"a token's data key does not open with the master key {name[:40]}, or that is not here")


def providers(settings: Settings) -> MasterKeys:
    """The provider that ``key_provider`` names; others that are configured too still unwrap.

    Raises Invalid naming what is wrong.
    """
    chosen = settings.key_provider
    if chosen not in _VARIABLES:
        raise Invalid(f"CRYPTWIRE_GATEWAY_KEY_PROVIDER must be one of {', '.join(_VARIABLES)}")
    found: dict[str, MasterKeys] = {}
    if settings.master_key_file is not None:
        found["file"] = FileKeys(settings.master_key_file)
    if settings.master_keys:
        found["environment"] = EnvironmentKeys(settings.master_keys)
    if settings.vault_url:
        if settings.vault_token_file is None:
            raise Invalid("CRYPTWIRE_GATEWAY_VAULT_TOKEN_FILE is not set; Vault wants a token")
        found["vault"] = VaultKeys(settings.vault_url, settings.vault_key, settings.vault_token_file)
    first = found.pop(chosen, None)
    if first is None:
        raise Invalid(f"CRYPTWIRE_GATEWAY_{_VARIABLES[chosen]} is not set; the key provider {chosen} wants it")
    return SeveralKeys(first, list(found.values())) if found else first

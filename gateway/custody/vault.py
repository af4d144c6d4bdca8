"""Master keys that never leave HashiCorp Vault: its transit engine wraps and unwraps."""

import asyncio
import base64
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hvac  # type: ignore[import-untyped]
import requests
from hvac import exceptions as said

from cryptwire.errors import Corrupt, Unavailable
from gateway.custody.files import SecretFile

_TIMEOUT = 5  # seconds for one request
_THREADS = 8  # requests at once: hvac blocks
_WRAPPED = re.compile(rb"vault:v(\d+):[A-Za-z0-9+/=]+")


class _Refused(Exception):
    """Vault does not do this (400), for the reason it gives."""


class VaultKeys:
    """The key ``key`` of Vault's transit engine; each of its versions is a master key.

    A wrapped key is Vault's own text (``vault:v3:…``); ``bound`` is its associated data, so the key must be of an
    authenticated kind (aes256-gcm96, Vault's default). The token is read again when its file changes: renewing it is an
    agent's work. Vault away, sealed, or refusing the token is Unavailable; what it does not open is Corrupt.
    """

    def __init__(self, url: str, key: str, token_file: Path) -> None:
        self._token = SecretFile(token_file, "Vault's token", _token)
        session = requests.Session()
        session.trust_env = False  # neither a proxy nor a .netrc of the environment
        self._vault = hvac.Client(
            url, token=self._token.value(), timeout=_TIMEOUT, session=session, allow_redirects=False
        )
        self._key = key
        self._threads = ThreadPoolExecutor(_THREADS, "vault")

    def close(self) -> None:
        """Let its threads and connections go."""
        self._threads.shutdown()
        self._vault.adapter.close()

    async def current(self) -> str:
        try:
            version: int = await self._ask(lambda transit: int(transit.read_key(self._key)["data"]["latest_version"]))
        except _Refused:
            raise Unavailable(f"Vault does not tell of its transit key {self._key}") from None
        return self._name(version)

    async def wrap(self, key: bytes, bound: bytes) -> tuple[str, bytes]:
        text, more = _base64(key), _base64(bound)
        try:
            wrapped: bytes = await self._ask(
                lambda transit: transit.encrypt_data(self._key, text, associated_data=more)["data"][
                    "ciphertext"
                ].encode()
            )
        except _Refused:
            raise Unavailable(f"Vault does not wrap with its transit key {self._key}: is there one?") from None
        found = _WRAPPED.fullmatch(wrapped)
        if found is None:
            raise Unavailable("Vault's answer makes no sense")
        return self._name(int(found[1])), wrapped

    async def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        found = _WRAPPED.fullmatch(wrapped)
        if found is None or name != self._name(int(found[1])):
            raise Corrupt(f"a token is wrapped by the master key {name[:40]}, which is not one of Vault's {self._key}")
        text, more = wrapped.decode(), _base64(bound)
        try:
            key: bytes = await self._ask(
                lambda transit: base64.b64decode(
                    transit.decrypt_data(self._key, text, associated_data=more)["data"]["plaintext"], validate=True
                )
            )
        except _Refused as refused:
            if "too old" in str(refused):
                raise Corrupt(f"Vault does not open with {name} any more: lower its min_decryption_version") from None
            raise Corrupt("a token's data key does not open: it was changed or is another user's") from None
        return key

    def _name(self, version: int) -> str:
        return f"vault:{self._key}:v{version}"

    async def _ask(self, ask: Callable[[Any], Any]) -> Any:
        """What Vault says, asked in a thread. Of its errors only their kind is passed on: they name addresses."""
        self._vault.token = self._token.value()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: ask(self._vault.secrets.transit)
            )
        except said.InvalidRequest as error:
            raise _Refused(str(error)) from None
        except (said.Forbidden, said.Unauthorized):
            raise Unavailable(f"Vault refuses the gateway's token, or its transit key {self._key} to it") from None
        except said.InvalidPath:
            raise Unavailable(f"Vault has no transit key {self._key}") from None
        except said.VaultDown:
            raise Unavailable("Vault is sealed") from None
        except said.VaultError as error:
            raise Unavailable(f"Vault cannot answer ({type(error).__name__})") from None
        except (requests.RequestException, OSError) as error:
            raise Unavailable(f"Vault cannot be reached ({type(error).__name__})") from None
        except (LookupError, TypeError, ValueError, AttributeError):
            raise Unavailable("Vault's answer makes no sense") from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _token(text: str) -> str:
    token = text.strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise ValueError("there should be one line, the token")
    return token

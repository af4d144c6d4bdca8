"""Two layers of AES-256-GCM: a data key seals what is secret, a master key wraps the data key. Both bind the user."""

import json
import secrets
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt
from cryptwire.storage.tokens import LinkRequest, SealedToken, Wrapped
from gateway.ports import MasterKeys

NONCE = 12  # bytes
_TOKEN, _REQUEST = "token", "link request"


@dataclass(frozen=True, slots=True, repr=False)
class OpenToken:
    """The tokens of one user in clear; never kept, never shown."""

    access: str
    refresh: str | None


class DataKey:
    """A fresh key for one secret, wrapped before there is anything to seal: sealing itself can then not fail."""

    def __init__(self, user: UserId, key: bytes, master_key: str, wrapped: bytes) -> None:
        self._user = user
        self._key = key
        self._master_key = master_key
        self._wrapped = wrapped

    @classmethod
    async def made(cls, keys: MasterKeys, user: UserId) -> "DataKey":
        key = AESGCM.generate_key(256)
        return cls(user, key, *await keys.wrap(key, _bound("key", user)))

    def seal(self, token: OpenToken, row: SealedToken) -> SealedToken:
        """``row`` with ``token`` sealed in it."""
        nonce, sealed = self._sealed(_TOKEN, {"access": token.access, "refresh": token.refresh})
        return replace(row, wrapped_key=self._wrapped, master_key=self._master_key, nonce=nonce, sealed=sealed)

    def request(self, state_hash: bytes, redirect_uri: str, verifier: str | None) -> LinkRequest:
        """A link request with PKCE's verifier sealed in it."""
        nonce, sealed = self._sealed(_REQUEST, {"verifier": verifier})
        return LinkRequest(state_hash, self._user, redirect_uri, self._wrapped, self._master_key, nonce, sealed)

    def _sealed(self, what: str, clear: dict[str, str | None]) -> tuple[bytes, bytes]:
        nonce = secrets.token_bytes(NONCE)
        return nonce, AESGCM(self._key).encrypt(nonce, json.dumps(clear).encode(), _bound(what, self._user))


async def opened(keys: MasterKeys, row: SealedToken) -> OpenToken:
    """The tokens of a row; raises Corrupt when anything in it was changed or belongs to another user."""
    clear = await _opened(keys, row, _TOKEN)
    return OpenToken(clear["access"] or "", clear["refresh"])


async def opened_verifier(keys: MasterKeys, row: LinkRequest) -> str | None:
    """PKCE's verifier of a link request; None when it has none. Raises Corrupt."""
    return (await _opened(keys, row, _REQUEST))["verifier"]


async def rewrapped(keys: MasterKeys, row: Wrapped) -> tuple[str, bytes]:
    """The same data key wrapped by the current master key: its name and the wrapped key. Raises Corrupt."""
    bound = _bound("key", row.user)
    return await keys.wrap(await keys.unwrap(row.master_key, row.wrapped_key, bound), bound)


async def _opened(keys: MasterKeys, row: SealedToken | LinkRequest, what: str) -> dict[str, str | None]:
    key = await keys.unwrap(row.master_key, row.wrapped_key, _bound("key", row.user))
    try:
        clear: dict[str, str | None] = json.loads(
            AESGCM(key).decrypt(row.nonce, row.sealed, _bound(what, row.user)),
        )
    except (InvalidTag, ValueError):
        raise Corrupt(f"a {what} does not open: it was changed or is another user's") from None
    return clear


def _bound(what: str, user: UserId) -> bytes:
    return f"cryptwire {what} of {user}".encode()

"""Users' tokens: sealed where they are stored, opened only for a call, renewed once however many ask."""

import asyncio
import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cryptwire import log
from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt, Invalid, LinkAgain, NotFound, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.tokens import SealedToken, Tokens
from gateway.ports import Grant, MasterKeys, SignIn

_log = log.Log(__name__)
_NONCE = 12
_RENEWALS = 3  # at once: each holds a database connection while upstream answers
_SAVE_FOR = timedelta(seconds=60)
_SAVE_PAUSE = timedelta(seconds=0.5)
_JUST_RENEWED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, repr=False)
class OpenToken:
    """The tokens of one user in clear; never kept, never shown."""

    access: str
    refresh: str | None


class FileKeys:
    """Master keys from a file: one line, 32 bytes in hexadecimal.

    Raises Invalid when it is not there, not that, or readable by everybody.
    """

    def __init__(self, path: Path) -> None:
        try:
            if path.stat().st_mode & 0o007:
                raise Invalid(f"everybody may read the master key {path}; its mode should be 0600")
            key = bytes.fromhex(path.read_text("ascii").strip())
        except OSError as error:
            raise Invalid(f"the master key {path} cannot be read: {error.strerror}") from None
        except ValueError:
            raise Invalid(f"the master key {path} should be one line of 64 hexadecimal digits") from None
        if len(key) != 32:
            raise Invalid(f"the master key {path} should be one line of 64 hexadecimal digits")
        self._name = "file:" + hashlib.sha256(b"cryptwire master key " + key).hexdigest()[:12]
        self._box = AESGCM(key)

    async def wrap(self, key: bytes, bound: bytes) -> tuple[str, bytes]:
        nonce = secrets.token_bytes(_NONCE)
        return self._name, nonce + self._box.encrypt(nonce, key, bound)

    async def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        if name != self._name:
            raise Corrupt(f"a token is wrapped by the master key {name[:40]}, which is not the one in use")
        with suppress(InvalidTag, ValueError):
            return self._box.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], bound)
        raise Corrupt("a token's data key does not open: it was changed or is another user's")


class DataKey:
    """A fresh key for one token, wrapped before there is anything to seal: sealing itself can then not fail."""

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
        nonce = secrets.token_bytes(_NONCE)
        clear = json.dumps({"access": token.access, "refresh": token.refresh}).encode()
        sealed = AESGCM(self._key).encrypt(nonce, clear, _bound("token", self._user))
        return replace(row, wrapped_key=self._wrapped, master_key=self._master_key, nonce=nonce, sealed=sealed)


async def opened(keys: MasterKeys, row: SealedToken) -> OpenToken:
    """The tokens of a row; raises Corrupt when anything in it was changed or belongs to another user."""
    key = await keys.unwrap(row.master_key, row.wrapped_key, _bound("key", row.user))
    try:
        clear = json.loads(AESGCM(key).decrypt(row.nonce, row.sealed, _bound("token", row.user)))
        return OpenToken(clear["access"], clear["refresh"])
    except (InvalidTag, ValueError, KeyError, TypeError):
        raise Corrupt("a token does not open: it was changed or is another user's") from None


def _bound(what: str, user: UserId) -> bytes:
    return f"cryptwire {what} of {user}".encode()


class Custody:
    """Gives the access token of a user for a call, renewed when it must be.

    One renewal a user at a time: in this process by a shared task, between processes by a lock on the row. A renewal
    that was begun is finished and saved whatever becomes of those who wait for it, for upstream has then forgotten the
    old refresh token.
    """

    def __init__(self, tokens: Tokens, keys: MasterKeys, sign_in: SignIn, clock: Clock, meters: Meters) -> None:
        self._tokens = tokens
        self._keys = keys
        self._sign_in = sign_in
        self._clock = clock
        self._meters = meters
        self._renewals: dict[UserId, asyncio.Task[str]] = {}
        self._few = asyncio.Semaphore(_RENEWALS)

    async def link(self, user: UserId, code: str, redirect_uri: str) -> None:
        """Exchange a code and keep what comes. Raises Invalid when the code is spent or there is no such user."""
        key = await DataKey.made(self._keys, user)
        grant = await self._sign_in.link(code, redirect_uri)
        now = self._clock.now()
        row = SealedToken(user, b"", "", b"", b"", grant.scopes, now + grant.lives, False, now, None)
        await self._tokens.link(key.seal(OpenToken(grant.access, grant.refresh), row))

    async def must_be_linked(self, user: UserId) -> None:
        """Raises LinkAgain when no account is linked or upstream does not accept the link any more."""
        _usable(await self._tokens.of(user))

    async def access(self, user: UserId, refused: str | None = None) -> str:
        """An access token that has not expired and is not ``refused``. Raises LinkAgain, Unavailable, Corrupt."""
        row = _usable(await self._tokens.of(user))
        if row.expires_at > self._clock.now():
            token = await opened(self._keys, row)
            if token.access != refused:
                return token.access
        task = self._renewals.get(user)
        if task is None:
            task = self._renewals[user] = asyncio.create_task(self._renewed(user, refused))
            task.add_done_callback(lambda done: self._forget(user, done))
        return await asyncio.shield(task)

    async def finish(self, patience: timedelta) -> None:
        """Let renewals that were begun be saved."""
        running = list(self._renewals.values())
        if running:
            _, late = await asyncio.wait(running, timeout=patience.total_seconds())
            for task in late:
                task.cancel()
            if late:
                _log.error("renewals were cut off; these accounts may have to be linked again", count=len(late))
                await asyncio.wait(late)

    def _forget(self, user: UserId, done: asyncio.Task[str]) -> None:
        del self._renewals[user]
        if not done.cancelled():
            done.exception()  # whoever waited has it; nobody may wait any more

    async def _renewed(self, user: UserId, refused: str | None) -> str:
        key = await DataKey.made(self._keys, user)
        fresh: SealedToken | None = None
        grant: Grant | None = None
        async with self._few:
            try:
                async with self._tokens.held(user) as held:
                    row, now = _usable(held.token), self._clock.now()
                    token = await opened(self._keys, row)
                    if row.expires_at > now and token.access != refused:
                        return token.access  # another process was first
                    if row.refreshed_at is not None and refused is not None and now < row.refreshed_at + _JUST_RENEWED:
                        raise Unavailable("Cryptohopper refuses a token that it has just given")
                    grant = await self._renewed_grant(token)
                    if grant is None:
                        await held.revoke()
                    else:
                        renewed = OpenToken(grant.access, grant.refresh or token.refresh)
                        at = self._clock.now()
                        fresh = key.seal(
                            renewed,
                            replace(
                                row,
                                scopes=grant.scopes or row.scopes,
                                expires_at=at + grant.lives,
                                refreshed_at=at,
                            ),
                        )
                        await held.renew(fresh)
            except NotFound:
                raise LinkAgain("no Cryptohopper account is linked") from None
            except Unavailable:
                if fresh is None:
                    raise
                await self._save(fresh)
        if grant is None:
            self._meters.count("gateway_renewals", "Tokens renewed, by outcome", outcome="revoked")
            raise LinkAgain("Cryptohopper does not accept the link any more; link the account again")
        self._meters.count("gateway_renewals", "Tokens renewed, by outcome", outcome="renewed")
        return grant.access

    async def _renewed_grant(self, token: OpenToken) -> Grant | None:
        """None when the refresh token is not accepted, or there is none."""
        if token.refresh is None:
            return None
        try:
            return await self._sign_in.renew(token.refresh)
        except LinkAgain:
            return None

    async def _save(self, fresh: SealedToken) -> None:
        """The database went away after upstream had given new tokens: save them as soon as it is back."""
        until = self._clock.now() + _SAVE_FOR
        while True:
            try:
                await self._tokens.renew(fresh)
            except Unavailable:
                if self._clock.now() > until:
                    _log.error("a renewed token could not be saved; link again", user=fresh.user)
                    raise
                await self._clock.sleep(_SAVE_PAUSE)
            else:
                return


def _usable(row: SealedToken | None) -> SealedToken:
    if row is None:
        raise LinkAgain("no Cryptohopper account is linked")
    if row.is_revoked:
        raise LinkAgain("Cryptohopper does not accept the link any more; link the account again")
    return row

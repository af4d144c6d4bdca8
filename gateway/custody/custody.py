"""Users' accounts: linked, unlinked, and their tokens opened for a call."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from cryptwire import log
from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt, CryptwireError, Invalid, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.tokens import SealedToken, Tokens
from gateway.custody.renewal import Renewals, usable
from gateway.custody.sealing import DataKey, OpenToken, opened, opened_verifier, rewrapped
from gateway.ports import MasterKeys, SignIn

_log = log.Log(__name__)
_STATE = 32  # random bytes
_VERIFIER = 48  # random bytes: 64 characters, PKCE wants 43 to 128
_REQUEST_LIVES = timedelta(minutes=10)
_REQUEST_KEPT = timedelta(minutes=10)  # longer than it lives: one may be exchanged right now
_LEASE = timedelta(seconds=40)
_SAVE_PAUSE = timedelta(seconds=0.5)
T = TypeVar("T")


class Custody:
    """Keeps the tokens of every linked user; nothing in clear is kept between calls.

    What was begun with upstream is finished and saved whatever becomes of those who wait for it. ``lease``: how long a
    renewal is left to the gateway that began it; longer than sign-in's own time-out by half.
    """

    def __init__(
        self,
        tokens: Tokens,
        keys: MasterKeys,
        sign_in: SignIn,
        clock: Clock,
        meters: Meters,
        *,
        uses_pkce: bool = True,
        lease: timedelta = _LEASE,
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._sign_in = sign_in
        self._clock = clock
        self._meters = meters
        self._uses_pkce = uses_pkce
        self._renewals = Renewals(tokens, keys, sign_in, clock, meters, lease)
        self._begun: set[asyncio.Task[Any]] = set()
        self._left = 0

    # ---- link ----

    async def begin_link(self, user: UserId, redirect_uri: str) -> tuple[str, str]:
        """Where the user's consent is asked for, and the state that comes back with it: good for ten minutes and once.

        Raises Invalid when there is no such user.
        """
        state = secrets.token_urlsafe(_STATE)
        verifier = secrets.token_urlsafe(_VERIFIER) if self._uses_pkce else None
        key = await DataKey.made(self._keys, user)
        await self._tokens.clean_requests(_REQUEST_KEPT)
        await self._tokens.begin_link(key.request(_hash(state), redirect_uri, verifier), _REQUEST_LIVES)
        return self._sign_in.authorize_url(redirect_uri, state, _challenge(verifier)), state

    async def link(self, user: UserId, code: str, state: str) -> None:
        """Exchange a code and keep what comes in place of any older link, whose tokens are revoked.

        Raises Invalid when the state or the code is spent, expired or another user's.
        """
        await self._finished(self._linked(user, code, _hash(state)))

    async def unlink(self, user: UserId) -> bool:
        """Destroy everything that is kept of a user, then revoke the tokens upstream.

        Whether upstream confirmed: if not, or if a renewal's end was not known, tokens may live on there until they
        expire. Nothing linked is not confirmed either.
        """
        return await self._finished(self._unlinked(user))

    async def must_be_linked(self, user: UserId) -> None:
        """Raises LinkAgain when no account is linked or upstream does not accept the link any more."""
        usable(await self._tokens.of(user))

    async def link_of(self, user: UserId) -> SealedToken | None:
        """The link as it is stored, still sealed."""
        return await self._tokens.of(user)

    async def _linked(self, user: UserId, code: str, state_hash: bytes) -> None:
        key = await DataKey.made(self._keys, user)
        request = await self._tokens.use_request(state_hash, user)
        if request is None:
            raise Invalid("the state is not of a link that was begun, was used, or has expired; begin again")
        verifier = await opened_verifier(self._keys, request)
        grant = await self._sign_in.link(code, request.redirect_uri, verifier)
        token, now = OpenToken(grant.access, grant.refresh), self._clock.now()
        row = key.seal(token, SealedToken(user, b"", "", b"", b"", grant.scopes, now + grant.lives, False, now, None))
        is_kept, older = await self._kept(row, state_hash)
        if not is_kept:
            await self._revoked(token)
            raise Invalid("the account was unlinked while it was being linked; begin again")
        if older is not None:
            self._begin(self._revoked_older(older, token))

    async def _kept(self, row: SealedToken, state_hash: bytes) -> tuple[bool, SealedToken | None]:
        """Keep a new link as soon as the database takes it; whether it is kept, and the link before."""
        while True:
            try:
                is_kept, older = await self._tokens.link(row, state_hash)
                if not is_kept:
                    found = await self._tokens.of(row.user)
                    is_kept = found is not None and found.nonce == row.nonce  # and the answer had been lost
            except Unavailable:
                await self._clock.sleep(_SAVE_PAUSE)
            else:
                return is_kept, older

    async def _unlinked(self, user: UserId) -> bool:
        row = await self._tokens.unlink(user)
        if row is None:
            return False
        try:
            token = await opened(self._keys, row)
        except CryptwireError as error:
            _log.warning("tokens were destroyed without being revoked", user=user, reason=error)
            return False
        return await self._revoked(token) and row.renewing_at is None

    async def _revoked_older(self, row: SealedToken, but: OpenToken) -> None:
        try:
            token = await opened(self._keys, row)
        except CryptwireError as error:
            _log.warning("tokens of an older link were not revoked", user=row.user, reason=error)
        else:
            await self._revoked(token, but)

    async def _revoked(self, token: OpenToken, but: OpenToken | None = None) -> bool:
        """Whether upstream confirmed for all of them; those of ``but`` are left alone."""
        spared = set() if but is None else {but.access, but.refresh}
        wanted = [each for each in (token.refresh, token.access) if each is not None and each not in spared]
        return all([await self._sign_in.revoke(each) for each in wanted])

    # ---- calls ----

    async def access(self, user: UserId, refused: str | None = None) -> str:
        """An access token that has not expired and is not ``refused``. Raises LinkAgain, Unavailable, Corrupt."""
        return await self._renewals.access(user, refused)

    # ---- upkeep ----

    async def recover(self) -> None:
        """Settle renewals whose end nobody knows, and forget link requests that expired. At start, then every so often.

        Raises Unavailable when the database is away.
        """
        await self._tokens.clean_requests(_REQUEST_KEPT)
        await self._renewals.recover()

    async def rewrap(self) -> int:
        """Wrap anew, with the current master key, every data key that another one wrapped; how many.

        What it does not open is left as it is, told and counted. Raises Unavailable.
        """
        current = await self._keys.current()
        done = left = 0
        async for row in self._tokens.wrapped_by_others(current):
            try:
                is_done = await self._tokens.rewrap(row, *await rewrapped(self._keys, row))
            except Corrupt as error:
                left += 1
                if left > self._left:  # told once, not every time
                    _log.error("a data key cannot be wrapped anew", user=row.user, table=row.table, reason=error)
            else:
                done += is_done
        self._left = left
        self._meters.set("gateway_keys_left", "Data keys that could not be wrapped by the current master key", left)
        if done:
            _log.info("data keys were wrapped anew", count=done, master_key=current)
        return done

    async def finish(self, patience: timedelta) -> None:
        """Let what was begun with upstream be saved."""
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while running := self._running():
                    await asyncio.wait(running)
        except TimeoutError:
            late = self._running()
            for task in late:
                task.cancel()
            _log.error("cut off; renewals will be settled at the next start, links must be made again", count=len(late))
            await asyncio.wait(late)

    def _running(self) -> list[asyncio.Task[Any]]:
        return [task for task in (*self._renewals.running, *self._begun) if not task.done()]

    async def _finished(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives; it goes on when its caller goes away."""
        return await asyncio.shield(self._begin(work))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._begun.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, done: asyncio.Task[Any]) -> None:
        self._begun.discard(done)
        if not done.cancelled():
            done.exception()  # whoever waited has it; nobody may wait any more


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()


def _challenge(verifier: str | None) -> str | None:
    """PKCE's S256 (RFC 7636)."""
    if verifier is None:
        return None
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

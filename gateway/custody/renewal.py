"""Renewals of tokens: one at a time for a user, written down before they are sent, never forgotten."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from cryptwire import log
from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import CryptwireError, LinkAgain, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.tokens import SealedToken, Tokens
from gateway.custody.sealing import DataKey, OpenToken, opened
from gateway.ports import Grant, MasterKeys, SignIn

_log = log.Log(__name__)
_AT_ONCE = 16
_REQUEST_SHARE = 0.6  # of a lease: after that the answer is not waited for, so that who is next finds a quiet upstream
_LOOK_AGAIN = timedelta(seconds=0.2)
_SAVE_PAUSE = timedelta(seconds=0.5)
_JUST_RENEWED = timedelta(seconds=60)


class Renewals:
    """Renews tokens so that a kill at any line leaves something to go on from.

    Before a request goes out, a *claim* on the row is committed: since when a renewal's end is not known, and until
    when (``lease``) it is left to the gateway that made it. Upstream's answer is saved and the claim ended by one
    statement. A claim that was left behind, by a kill or because upstream's answer did not come, is a doubt: whoever
    comes next (``recover``, or the next call that needs a token) sends the stored refresh token once more. Upstream
    takes it, and the user is linked; or it does not, and he must link again. Nothing is locked while upstream answers.

    A row is only replaced by who knows what is in it (``nonce`` names a sealing), so a renewal overwrites neither a
    link made meanwhile nor another renewal, and brings nothing back that was destroyed.
    """

    def __init__(
        self, tokens: Tokens, keys: MasterKeys, sign_in: SignIn, clock: Clock, meters: Meters, lease: timedelta
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._sign_in = sign_in
        self._clock = clock
        self._meters = meters
        self._lease = lease
        self._running: dict[UserId, asyncio.Task[str]] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)

    @property
    def running(self) -> list[asyncio.Task[str]]:
        return list(self._running.values())

    async def access(self, user: UserId, refused: str | None) -> str:
        """An access token that has not expired and is not ``refused``, renewed when need be.

        While a renewal is in doubt, it is settled first; when upstream's sign-in stays away for longer than a lease,
        the stored token serves as long as upstream takes it. Raises LinkAgain, Unavailable, Corrupt.
        """
        row = usable(await self._tokens.of(user))
        if self._may_serve(row):
            token = await opened(self._keys, row)
            if token.access != refused:
                return token.access
        return await self.renewed(user, refused)

    async def renewed(self, user: UserId, refused: str | None) -> str:
        """The access token after the renewal that is under way here, or a new one.

        It goes on when its caller goes away: upstream has then forgotten the old refresh token.
        """
        task = self._running.get(user)
        if task is None or task.done():
            task = self._running[user] = asyncio.create_task(self._renewed(user, refused))
            task.add_done_callback(lambda done: self._forget(user, done))
        return await asyncio.shield(task)

    async def recover(self) -> None:
        """Settle doubts, the oldest first, until none is left or upstream's sign-in turns out to be away."""
        known: set[UserId] = set()
        while users := [user for user in await self._tokens.in_doubt(_AT_ONCE + len(known)) if user not in known]:
            known.update(users)
            said = await asyncio.gather(*(self.renewed(user, None) for user in users), return_exceptions=True)
            for user, outcome in zip(users, said, strict=True):
                if isinstance(outcome, BaseException) and not isinstance(outcome, CryptwireError):
                    raise outcome
                word = "linked" if isinstance(outcome, str) else type(outcome).__name__
                _log.info("a renewal that was in doubt", user=user, outcome=word)
            if all(isinstance(outcome, Unavailable) for outcome in said):
                return

    def _may_serve(self, row: SealedToken) -> bool:
        now = self._clock.now()
        return row.expires_at > now and (row.renewing_at is None or row.renewing_at + self._lease < now)

    def _forget(self, user: UserId, done: asyncio.Task[str]) -> None:
        if self._running.get(user) is done:
            del self._running[user]
        if not done.cancelled():
            done.exception()  # whoever waited has it; nobody may wait any more

    async def _renewed(self, user: UserId, refused: str | None) -> str:
        while True:
            row = usable(await self._tokens.of(user))
            if row.is_renewing:
                await self._clock.sleep(_LOOK_AGAIN)  # another gateway is at it
                continue
            token = await opened(self._keys, row)
            now = self._clock.now()
            if row.renewing_at is None and row.expires_at > now:
                if token.access != refused:
                    return token.access  # another gateway was first
                if row.refreshed_at is not None and now < row.refreshed_at + _JUST_RENEWED:
                    raise Unavailable("Cryptohopper refuses a token that it has just given")
            key = await DataKey.made(self._keys, user)  # now: a key provider that is away then loses nothing
            async with self._few:
                claimed = await self._tokens.claim(row, self._lease)
                access = None if claimed is None else await self._settled(claimed, token, key)
            if access is not None:
                return access

    async def _settled(self, claimed: SealedToken, token: OpenToken, key: DataKey) -> str | None:
        """The new access token; None when what is stored was changed by others meanwhile, so look again."""
        grant = await self._grant(claimed, token)
        if grant is None:
            if not await self._tokens.revoke(claimed):
                return None
            self._count("revoked")
            raise LinkAgain("Cryptohopper does not accept the link any more; link the account again")
        now = self._clock.now()
        fresh = key.seal(
            OpenToken(grant.access, grant.refresh or token.refresh),
            replace(claimed, scopes=grant.scopes or claimed.scopes, expires_at=now + grant.lives, refreshed_at=now),
        )
        if await self._saved(claimed, fresh):
            self._count("renewed")
            return grant.access
        self._count("superseded")
        await self._discarded(claimed, grant)
        return None

    async def _grant(self, claimed: SealedToken, token: OpenToken) -> Grant | None:
        """None when upstream does not accept the refresh token, or there is none."""
        if token.refresh is None:
            return None
        try:
            async with asyncio.timeout(self._lease.total_seconds() * _REQUEST_SHARE):
                return await self._sign_in.renew(token.refresh)
        except LinkAgain:
            return None
        except (CryptwireError, TimeoutError) as error:
            self._count("unknown")
            with suppress(Unavailable):  # the claim ends by itself, only later
                await self._tokens.release(claimed)
            if isinstance(error, TimeoutError):
                raise Unavailable("Cryptohopper's sign-in does not answer in time") from None
            raise

    async def _saved(self, claimed: SealedToken, fresh: SealedToken) -> bool:
        """Save what upstream gave, as soon as the database takes it; False when the row is another's by now."""
        while True:
            try:
                if await self._tokens.renew(claimed, fresh):
                    return True
                row = await self._tokens.of(fresh.user)
                return row is not None and row.nonce == fresh.nonce  # saved, and the answer had been lost
            except Unavailable:
                await self._clock.sleep(_SAVE_PAUSE)

    async def _discarded(self, claimed: SealedToken, grant: Grant) -> None:
        """Tokens that nobody will hold are revoked, unless the link they are of goes on by another renewal."""
        row = await self._tokens.of(claimed.user)
        if row is None or row.linked_at != claimed.linked_at:
            for each in filter(None, (grant.refresh, grant.access)):
                await self._sign_in.revoke(each)

    def _count(self, outcome: str) -> None:
        self._meters.count("gateway_renewals", "Tokens renewed, by outcome", outcome=outcome)


def usable(row: SealedToken | None) -> SealedToken:
    """The row, unless its account must be linked (again): LinkAgain."""
    if row is None:
        raise LinkAgain("no Cryptohopper account is linked")
    if row.is_revoked:
        raise LinkAgain("Cryptohopper does not accept the link any more; link the account again")
    return row

"""Linking an account of Cryptohopper, and the import that follows. No token comes here: the gateway alone has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from cryptwire.domain.hopper import HopperId, LinkedHopper, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.imports import ImportProgress
from cryptwire.errors import CryptwireError, Invalid, LinkAgain, NotFound, Unavailable
from cryptwire.gateway_client import Link as GatewayLink
from cryptwire.gateway_client import LinkState as GatewayState
from cryptwire.log import Log

_log = Log(__name__)
_MOST_TEXT = 2_000
_ALIASES = {"write": "manage"}  # one of Cryptohopper's pages calls it so
_WITHIN = timedelta(seconds=30)

NOT_ASKED = (
    "this consent was not asked for in this session, was used already, or is older than ten minutes; connect again"
)
NO_CODE = "Cryptohopper gave no code, so nothing was allowed; connect again and allow what is asked for"
NOT_ACCEPTED = "Cryptohopper does not accept the code any more: it lives half a minute; connect again"
ANOTHERS = (
    "this Cryptohopper account belongs to another user here; unlink it there, or sign in to Cryptohopper as yourself"
)
WRONG_ACCOUNT = (
    "this is another Cryptohopper account than before, and nothing was linked; sign in to Cryptohopper as before, or"
    " unlink first to change accounts"
)
NOT_LINKED = "no Cryptohopper account is linked; connect one first"


class LinkState(Enum):
    NONE = "NONE"
    LINKED = "LINKED"
    MUST_LINK_AGAIN = "MUST_LINK_AGAIN"
    SCOPES_MISSING = "SCOPES_MISSING"


@dataclass(frozen=True, slots=True)
class Linked:
    """How an account is linked; ``missing`` are the scopes that were not allowed and are needed."""

    state: LinkState
    scopes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    linked_at: datetime | None = None


class Gateway(Protocol):
    """See GatewayClient."""

    async def begin_link(self, user: UserId, redirect_uri: str) -> tuple[str, str]: ...

    async def link(self, user: UserId, code: str, state: str, *, within: timedelta | None = None) -> GatewayState: ...

    async def unlink(self, user: UserId) -> bool: ...

    async def link_state(self, user: UserId) -> GatewayLink: ...

    async def hoppers(self, user: UserId, max_age: timedelta = ...) -> list[LinkedHopper]: ...


class States(Protocol):
    async def keep(self, state: str, session: bytes, user: UserId) -> None: ...

    async def use(self, state: str, session: bytes, user: UserId) -> bool: ...


class Hoppers(Protocol):
    async def known(self, user: UserId) -> list[KnownHopper]: ...

    async def linked(self, user: UserId) -> list[HopperId]: ...

    async def others(self, user: UserId, hoppers: Sequence[HopperId]) -> list[HopperId]: ...

    async def unlink(self, user: UserId) -> None: ...


class Imports(Protocol):
    async def ask(self, user: UserId) -> bool: ...

    async def stop(self, user: UserId, reason: str) -> bool: ...

    async def progress(self, user: UserId) -> ImportProgress | None: ...


class Queue(Protocol):
    async def put(self, user: UserId) -> None: ...


class Linking:
    """What users do about their link. Every method raises Unavailable when the gateway or the database is away."""

    def __init__(
        self,
        gateway: Gateway | None,
        states: States,
        hoppers: Hoppers,
        imports: Imports,
        queue: Queue,
        *,
        redirect_uri: str,
        scopes: Sequence[str],
    ) -> None:
        self._gateway = gateway
        self._states = states
        self._hoppers = hoppers
        self._imports = imports
        self._queue = queue
        self._redirect_uri = redirect_uri
        self._scopes = tuple(scopes)

    async def state(self, user: UserId) -> Linked:
        """How the user's account is linked.

        An account whose hoppers are here, and of which the gateway has no token any more without its owner having
        unlinked it, must be linked again.
        """
        link = await self._there.link_state(user)
        if link.state is GatewayState.NONE:
            must = bool(await self._hoppers.linked(user))
            return Linked(LinkState.MUST_LINK_AGAIN if must else LinkState.NONE)
        had = {_ALIASES.get(scope, scope) for scope in link.scopes}
        # A token that tells no scopes has those that were asked for (RFC 6749, 5.1).
        missing = tuple(scope for scope in self._scopes if scope not in had) if had else ()
        if link.state is GatewayState.MUST_LINK_AGAIN:
            state = LinkState.MUST_LINK_AGAIN
        else:
            state = LinkState.SCOPES_MISSING if missing else LinkState.LINKED
        return Linked(state, link.scopes or self._scopes, missing, link.linked_at)

    async def begin(self, user: UserId, session: bytes) -> str:
        """Where the user's consent is asked for; its answer is good in this session, for ten minutes and once."""
        url, state = await self._there.begin_link(user, self._redirect_uri)
        await self._states.keep(state, session, user)
        return url

    async def complete(self, user: UserId, session: bytes, code: str, state: str) -> Linked:
        """Take what consent gave, and begin to import.

        Raises Invalid, in words for the user, when the state is not of this session, the code is spent, or the account
        is another user's or another one than before: then nothing is linked.
        """
        _must_be_text(state, NOT_ASKED)
        if not code:
            raise Invalid(NO_CODE)
        _must_be_text(code, NOT_ACCEPTED)
        if not await self._states.use(state, session, user):
            raise Invalid(NOT_ASKED)
        had = await self._hoppers.linked(user)
        try:
            await self._there.link(user, code, state, within=_WITHIN)
        except Invalid as error:
            _log.info("a code was not taken", user=user, reason=error)
            raise Invalid(NOT_ACCEPTED) from None
        except Unavailable:
            # the answer was lost, perhaps, and not the link: a code is good once, so nobody can try again
            if (await self._there.link_state(user)).state is not GatewayState.LINKED:
                raise
        await self._must_be_his(user, had)
        await self.refresh(user)
        return await self.state(user)

    async def unlink(self, user: UserId) -> bool:
        """Destroy the tokens and end what reads with them; the history stays.

        False: Cryptohopper did not confirm, so the tokens, of which none is left here, may live on there. When the
        gateway is away nothing has changed.
        """
        was_under_way = await self._imports.stop(user, "The account was unlinked.")
        try:
            is_confirmed = await self._there.unlink(user)
        except CryptwireError:
            if was_under_way:  # nothing was unlinked, so it goes on
                await self._imports.ask(user)
            raise
        await self._hoppers.unlink(user)
        return is_confirmed

    async def refresh(self, user: UserId) -> bool:
        """Import everything anew, from where the last import ended; False while one is under way.

        Raises LinkAgain, NotFound when nothing is linked.
        """
        link = await self._there.link_state(user)
        if link.state is GatewayState.NONE:
            raise NotFound(NOT_LINKED)
        if link.state is GatewayState.MUST_LINK_AGAIN:
            raise LinkAgain("Cryptohopper does not accept the link any more; link the account again")
        is_new = await self._imports.ask(user)
        try:
            await self._queue.put(user)
        except Unavailable as error:
            _log.warning("an import waits for the next look", user=user, reason=error)
        return is_new

    async def progress(self, user: UserId) -> ImportProgress | None:
        """How the newest import comes along; None when there never was one."""
        return await self._imports.progress(user)

    async def _must_be_his(self, user: UserId, had: Sequence[HopperId]) -> None:
        """Raises Invalid, and undoes the link, when the account's hoppers are somebody else's or not those he had."""
        try:
            now = [linked.id for linked in await self._there.hoppers(user, _WITHIN)]
        except CryptwireError as error:
            _log.warning("hoppers of a new link are not known yet; the import looks at them", user=user, reason=error)
            return
        wrong = ANOTHERS if await self._hoppers.others(user, now) else ""
        if not wrong and had and now and not set(had) & set(now):
            wrong = WRONG_ACCOUNT
        if wrong:
            await self._there.unlink(user)
            raise Invalid(wrong)

    @property
    def _there(self) -> Gateway:
        if self._gateway is None:
            raise Unavailable("linking is not set up here")
        return self._gateway


def _must_be_text(text: str, otherwise: str) -> None:
    if not 0 < len(text) <= _MOST_TEXT or not text.isprintable():
        raise Invalid(otherwise)

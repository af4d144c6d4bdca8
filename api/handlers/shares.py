"""Share links: made by users, followed by strangers, who see what was chosen and no more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

from api.handlers.analytics.reading import Reading, Sources
from api.handlers.analytics.scope import MOST_DAYS, Asked, HopperKind, Person, Scope, scope_of
from api.handlers.changes import Changes
from api.logic.accounts import network
from api.ports import Caller
from cryptwire.clock import Clock
from cryptwire.domain.day import day_at, zone_of
from cryptwire.domain.day_range import DayRange, days_of
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.share import Share, ShareId, SharePart, must_end, must_show
from cryptwire.errors import Forbidden, NotFound, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.permissions import Needs, Permissions, Roles
from cryptwire.storage.attempts import Attempts
from cryptwire.storage.sessions import FRESH
from cryptwire.storage.share_links import ShareLink

_log = Log(__name__)
_ATTEMPT = "shared"
_GONE = "there is no such link, or it has ended"
_MOST_TOKEN = 100  # characters; ours have 43
_MOST_COUNTED = 10_000
WRITTEN_EVERY = timedelta(minutes=1)


def rules(wrong_a_minute: int) -> Mapping[str, str]:
    """How many wrong links one network address may follow; ``Attempts`` counts them."""
    return {_ATTEMPT: f"{wrong_a_minute}/minute;{wrong_a_minute * 10}/hour"}


class ShareRows(Protocol):
    """See cryptwire/storage/share_links.py; raises Unavailable."""

    async def add(self, user: UserId, share: Share, expires_at: datetime) -> tuple[ShareLink, str]: ...

    async def of_user(self, user: UserId) -> list[ShareLink]: ...

    async def by_token(self, token: str) -> tuple[ShareLink, str] | None: ...

    async def revoke(self, user: UserId, link: ShareId) -> bool: ...

    async def viewed(self, views: Mapping[ShareId, tuple[int, datetime]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to show, as it was sent: without ``hoppers`` all that he has of a kind at this moment."""

    title: str
    hoppers: list[str] | None
    kind: HopperKind | None
    parts: frozenset[SharePart]
    days: DayRange
    currency: str | None
    is_masked: bool
    shows_names: bool


@dataclass(frozen=True, slots=True)
class Followed:
    """What a link shows at this moment.

    ``scope`` holds what was chosen, amounts masked unless they were, and hoppers under the names that strangers see;
    ``numbers``: what stands for each hopper's id. ``may``: whether who made the link may see something himself now;
    ``person``: how he likes to see amounts.
    """

    link: ShareLink
    scope: Scope
    reading: Reading
    numbers: Mapping[HopperId, str]
    may: Callable[[Needs], bool]
    person: Person


class Shares:
    """Every method raises Unavailable."""

    def __init__(
        self,
        rows: ShareRows,
        figures: Sources,
        attempts: Attempts,
        permissions: Permissions,
        changes: Changes,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._rows = rows
        self._figures = figures
        self._attempts = attempts
        self._permissions = permissions
        self._changes = changes
        self._clock = clock
        self._public_url = public_url.rstrip("/")
        self._views: dict[ShareId, tuple[int, datetime]] = {}

    # ---- of users ----

    async def of_user(self, user: UserId) -> list[ShareLink]:
        """Those that go on first, the newest of them first."""
        return await self._rows.of_user(user)

    async def make(self, caller: Caller, wanted: Wanted, expires_at: datetime) -> tuple[ShareLink, str]:
        """A new link, and its address, which is told this once. Raises Invalid, NotFound for others' hoppers.

        Amounts are told to strangers only when a person says so who has given his password within ten minutes:
        Forbidden to everybody else.
        """
        now = self._clock.now()
        if not wanted.is_masked:
            self._must_be_fresh(caller, now)
        must_end(expires_at, now)
        asked = Asked(wanted.hoppers, wanted.kind, currency=wanted.currency)
        scope = await self._figures.scope(caller.user, asked)  # what it cannot show, nobody can choose
        share = Share(
            wanted.title,
            tuple(scope.ids),
            wanted.parts,
            wanted.days,
            None if wanted.currency is None else scope.currency,
            wanted.is_masked,
            wanted.shows_names,
        )
        must_show(share, day_at(zone_of(scope.zone), now).date)
        link, token = await self._rows.add(caller.user, share, expires_at)
        await self._changes.tell("account", caller.user)
        return link, f"{self._public_url}/share/{token}"

    async def revoke(self, user: UserId, id: str) -> None:
        """End one, now and for good. Raises NotFound when it is none of the user's that goes on."""
        if not await self._rows.revoke(user, _share_id(id)):
            raise NotFound("there is no such link, or it has ended")
        await self._changes.tell("account", user)

    def _must_be_fresh(self, caller: Caller, now: datetime) -> None:
        given_at = caller.authenticated_at
        if caller.scopes is not None:
            raise Forbidden("only who is signed in himself shows amounts to everybody; a token may not")
        if given_at is None or now - given_at > FRESH:
            raise Forbidden("give your password again first (confirmPassword), then do this within ten minutes")

    # ---- of strangers ----

    async def follow(self, token: str, address: str) -> Followed:
        """What the link with this token shows, for somebody at a network ``address``.

        Raises NotFound, always the same, for a link that never was, that has ended or was revoked, whose user has left,
        or of whose hoppers one is not his any more; Exhausted after many that are wrong.
        """
        guesser = (_ATTEMPT, network(address))
        await self._attempts.must_have_left(guesser)
        found = await self._rows.by_token(token[:_MOST_TOKEN])
        if found is None:
            await self._attempts.take(guesser)
            raise NotFound(_GONE)
        link, plan = found
        try:
            followed = await self._followed(link, partial(self._permissions.can, Roles.of(plan, None)))
        except Refused:  # what is chosen is there no more; why is nobody's business
            raise NotFound(_GONE) from None
        self._count(link.id)
        return followed

    async def _followed(self, link: ShareLink, may: Callable[[Needs], bool]) -> Followed:
        now = self._clock.now()
        owner = await self._figures.owners.of(link.user)
        scope = shown_scope(link, owner, owner.hoppers, now)
        reading = Reading(self._figures, scope, sees_live=may(Needs("view", "live-portfolio")))
        numbers = {hopper: f"{number}" for number, hopper in enumerate(link.share.hoppers, 1)}
        return Followed(link, scope, reading, numbers, may, owner)

    # ---- how often ----

    def _count(self, id: ShareId) -> None:
        if id in self._views or len(self._views) < _MOST_COUNTED:
            views, _ = self._views.get(id, (0, None))
            self._views[id] = (views + 1, self._clock.now())

    async def write_views(self) -> None:
        """Write down what was counted since the last time; what cannot be written is lost."""
        views, self._views = self._views, {}
        if not views:
            return
        try:
            await self._rows.viewed(views)
        except Unavailable as error:
            _log.warning("views of links are not written down", links=len(views), reason=error)

    async def keep_views(self) -> None:
        """Write them down each minute, forever."""
        while True:
            await self._clock.sleep(WRITTEN_EVERY)
            await self.write_views()


def shown_scope(link: ShareLink, person: Person, known: list[KnownHopper], now: datetime) -> Scope:
    """What a link shows ``now``; hoppers go by numbers unless their names were chosen. Raises Refused."""
    share = link.share
    zone = zone_of(person.zone)
    today = day_at(zone, now).date
    first = min((day_at(zone, one.created_at).date for one in known if one.hopper.id in share.hoppers), default=today)
    since, until = days_of(share.days, today, first)
    since = max(since, until - timedelta(days=MOST_DAYS - 1))
    asked = Asked(share.hoppers, None, since, until, share.currency, share.is_masked)
    scope = scope_of(link.user, person, known, asked, now)
    if share.shows_names:
        return scope
    hoppers = [
        replace(one, hopper=replace(one.hopper, name=f"Hopper {number}")) for number, one in enumerate(scope.hoppers, 1)
    ]
    return replace(scope, hoppers=tuple(hoppers))


def _share_id(text: str) -> ShareId:
    """Raises NotFound when no link can have it."""
    try:
        if len(text) == 36:
            return ShareId(str(UUID(text)))
    except ValueError:
        pass
    raise NotFound("there is no such link, or it has ended")

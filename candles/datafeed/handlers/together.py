"""All of a user's live hoppers in his currency: who they are, what their candles, volumes and rates are."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from candles.datafeed.handlers.live import LiveBook
from candles.datafeed.logic.grains import between
from candles.datafeed.ports import BasesOf, Conversions, KnownHoppers, People, Series
from cryptwire.clock import EPOCH, Clock
from cryptwire.domain.aggregate import CARRIED, Share, split, summed
from cryptwire.domain.bar import GRID, Columns, columns_of, joined, with_volumes
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.hopper import Asset, Hopper, HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper

_LONGEST = timedelta(days=3_700)  # rates are told over no more
_LOOKS_EVERY = timedelta(minutes=10)
_SECOND = timedelta(seconds=1)
_AHEAD = timedelta(hours=2)  # of now: rates stand until others are told


@dataclass(frozen=True, slots=True)
class Member:
    """One hopper. ``bases``: until which second it had another base currency, and which, oldest first; ``until``: since
    when it cannot be read any more.
    """

    hopper: Hopper
    bases: tuple[tuple[int, Asset], ...]
    until: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """A user's live hoppers, by name, told in ``currency``; ``left_out``: those that nobody ever told a rate of."""

    user: UserId
    currency: Asset
    members: tuple[Member, ...]
    left_out: tuple[Hopper, ...]


class Together:
    """Reads for sums what they are made of. Seconds everywhere; every method raises Unavailable."""

    def __init__(
        self,
        people: People,
        hoppers: KnownHoppers,
        bases: BasesOf,
        series: Series,
        live: LiveBook,
        conversions: Conversions,
        clock: Clock,
    ) -> None:
        self._people = people
        self._hoppers = hoppers
        self._bases = bases
        self._series = series
        self._live = live
        self._conversions = conversions
        self._clock = clock
        self._told: dict[tuple[Asset, Asset], tuple[bool, datetime]] = {}

    async def group(self, user: UserId) -> Group:
        """Who a user's live hoppers are now."""
        person, known = await asyncio.gather(self._people.by_id(user), self._hoppers.known(user))
        own = [one for one in known if not one.hopper.is_paper]
        bases = await self._bases([one.hopper.id for one in own])
        currency = Asset(person.currency)
        members = [_member(one, bases.get(one.hopper.id, ())) for one in own]
        priced = {base for base in {m.hopper.base for m in members} if await self._is_told(base, currency)}
        return Group(
            user,
            currency,
            tuple(member for member in members if member.hopper.base in priced),
            tuple(member.hopper for member in members if member.hopper.base not in priced),
        )

    async def _is_told(self, base: Asset, currency: Asset) -> bool:
        """Whether there is a rate now, or ever was: then it is only silent, and what it was told of stays."""
        now = self._clock.now()
        is_told, looked_at = self._told.get((base, currency), (False, EPOCH))
        if now - looked_at < _LOOKS_EVERY:
            return is_told
        second = int(now.timestamp())
        is_told = bool(np.isfinite((await self.rates(base, currency, now, now)).at(np.array([second]))).all())
        if not is_told:
            ever = await self._conversions.between(base, currency, now - _LONGEST, now)
            is_told = bool(np.isfinite(ever.at(np.arange(second - _LONGEST // _SECOND, second, 86_400))).any())
        self._told[base, currency] = is_told, now
        return is_told

    async def rates(self, base: Asset, currency: Asset, since: datetime, until: datetime) -> Conversion:
        """Units of ``currency`` for one of ``base``, from a day before ``since`` until two hours after ``until``."""
        end = until + _AHEAD
        return await self._conversions.between(base, currency, max(since - timedelta(days=1), end - _LONGEST), end)

    async def candles(self, group: Group, since: int, until: int, limit: int) -> tuple[Columns, bool]:
        """Their closed candles as one, opened in ``[since, until)``, made of the last ``limit`` of each.

        And whether there are more than that before. Volumes are included.
        """
        reach, most = max(0, since - CARRIED), limit + CARRIED // GRID
        parts = await asyncio.gather(*(self._shares(group, member, reach, until, most) for member in group.members))
        cut = [int(candles.at[0]) for candles, _ in parts if len(candles) >= most]
        whole = summed([share for _, shares in parts for share in shares])
        return between(whole, max([since, *cut]), until), bool(cut)

    async def latest(self, group: Group, before: int) -> int | None:
        """When the last candle of any before ``before`` opened."""
        found = await asyncio.gather(*(self._series.latest(one.hopper.id, before) for one in group.members))
        return max((at for at in found if at is not None), default=None)

    async def last_closes(self, group: Group, before: int) -> dict[HopperId, tuple[int, float]]:
        """Of each hopper its last stored candle of the day before ``before``: when it opened, and at what it closed."""
        found: dict[HopperId, tuple[int, float]] = {}
        for member in group.members:
            candles = await self._series.newest(member.hopper.id, before - CARRIED, before, 1)
            if len(candles):
                found[member.hopper.id] = int(candles.at[-1]), float(candles.close[-1])
        return found

    async def volume(self, group: Group, since: int, until: int) -> float:
        """What all of them traded in ``[since, until)``, each quarter of an hour at its own rate."""
        return sum(await asyncio.gather(*(self._volume(group, member, since, until) for member in group.members)))

    async def _volume(self, group: Group, member: Member, since: int, until: int) -> float:
        hopper = member.hopper
        volumes = await self._series.volumes(hopper.id, hopper.base, since, until)
        if not len(volumes.at):
            return 0.0
        rates = await self.rates(hopper.base, group.currency, _moment(since), _moment(until))
        return float(np.nansum(volumes.sums * rates.at(volumes.at)))

    async def _shares(
        self, group: Group, member: Member, since: int, until: int, most: int
    ) -> tuple[Columns, list[Share]]:
        hopper = member.hopper
        stored = await self._series.newest(hopper.id, since, until, most)
        heard = columns_of(self._live.closed(hopper.id, self._clock.now()))
        candles = joined(stored, between(heard, since, until))
        if not len(candles):
            return candles, []
        first, last = int(candles.at[0]), int(candles.at[-1]) + GRID
        shares: list[Share] = []
        pieces = split(candles, [at for at, _ in member.bases])
        eras = [*member.bases, (member.until, hopper.base)]
        for number, (piece, (end, base)) in enumerate(zip(pieces, eras, strict=True)):
            if len(piece):
                begin, stop = int(piece.at[0]), int(piece.at[-1]) + GRID
                volumes = await self._series.volumes(hopper.id, base, begin, stop)
                rates = await self.rates(base, group.currency, _moment(first), _moment(last))
                following = next((int(later.at[0]) for later in pieces[number + 1 :] if len(later)), end)
                shares.append(Share(with_volumes(piece, volumes), rates, following))
        return candles, shares


def _member(known: KnownHopper, bases: Sequence[tuple[datetime, Asset]]) -> Member:
    ended = [moment for moment in (known.deleted_at, known.unlinked_at) if moment is not None]
    changes = tuple((int(until.timestamp()), was) for until, was in bases)
    return Member(known.hopper, changes, int(min(ended).timestamp()) if ended else None)


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(max(second, int(EPOCH.timestamp())), UTC)

"""Rates between currencies, kept in the process: what was told stays, and what is being told is read again."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import is_
from typing import Protocol

import numpy as np

from cryptwire.clock import Clock
from cryptwire.domain.conversion import NOTHING, Conversion, Floats, Seconds, Tellings, Worth, held, joined, worth
from cryptwire.domain.currencies import DOLLAR
from cryptwire.domain.hopper import Asset
from cryptwire.errors import Invalid

MOST_DAYS = 3_800
_BLOCK = 30 * 86_400  # seconds
_SETTLED_FOR = timedelta(minutes=10)
"""No block stays for ever: the past is filled in while charts are looked at already (docs/decisions/0024)."""
_RUNNING_FOR = timedelta(seconds=30)
_DAY = timedelta(days=1)
_EMPTY = 2_000  # bytes that a block takes besides, or the moments of a question
_LOCKS = 64


class Series(Protocol):
    """See cryptwire/storage/rate_series.py; raises Unavailable."""

    async def told(self, currency: Asset, since: int, until: int) -> Tellings: ...

    async def near(self, currencies: Sequence[Asset], seconds: Seconds) -> dict[Asset, Tellings]: ...


@dataclass(frozen=True, slots=True)
class _Block:
    told: Tellings
    read_at: datetime


class Conversions:
    """Conversions by what is stored; ``most`` bytes of it are kept in memory, then what was not used for longest goes.

    What ends before now is taken as told for ten minutes, what is being told for half of one. One question of two years
    of hours is some 3 MB.
    """

    def __init__(self, series: Series, clock: Clock, most: int = 64_000_000) -> None:
        self._series = series
        self._clock = clock
        self._most = most
        self.size = 0
        """Bytes that are kept now."""
        self._blocks: OrderedDict[tuple[Asset, int], _Block] = OrderedDict()
        self._worths: OrderedDict[tuple[Asset, int, int], tuple[list[Tellings], Worth]] = OrderedDict()
        self._points: OrderedDict[tuple[Asset, bytes], tuple[Worth, datetime]] = OrderedDict()
        self._dollar = worth(DOLLAR, NOTHING, 0, 0)
        self._locks = [asyncio.Lock() for _ in range(_LOCKS)]

    async def between(self, source: Asset, target: Asset, since: datetime, until: datetime) -> Conversion:
        """Units of ``target`` for one of ``source`` from ``since`` to ``until``, both among it.

        A currency that nobody tells of is no error: its rate is not known. Raises Invalid when ``until`` is before
        ``since`` or more than 3,800 days after it, Unavailable.
        """
        if not timedelta(0) <= until - since <= timedelta(days=MOST_DAYS):
            raise Invalid(f"rates are told over nothing to {MOST_DAYS:,} days, not {(until - since).days:,}")
        if source == target:
            return Conversion(_nothing(source), _nothing(target), since, until)
        of_source, of_target = await asyncio.gather(*(self._worth(each, since, until) for each in (source, target)))
        return Conversion(of_source, of_target, since, until)

    async def at(self, sources: Collection[Asset], target: Asset, seconds: Seconds) -> dict[Asset, Floats]:
        """Units of ``target`` for one of each of ``sources`` at ``seconds``, in any order: what ``between`` says there.

        Little is read where moments are few and currencies many: days of two years instead of their hours. What was at
        moments a day ago and earlier is kept, and taken as told for ten minutes. Raises Unavailable.
        """
        moments, places = np.unique(seconds, return_inverse=True)
        newer = int(np.searchsorted(moments, int((self._clock.now() - _DAY).timestamp())))
        names = sorted({*sources, target} - {DOLLAR})
        found: dict[Asset, list[Floats]] = {asset: [] for asset in sources}
        for part, is_kept in ((moments[:newer], True), (moments[newer:], False)):
            worths = await self._near(names, part, is_kept=is_kept) if len(part) else {}
            for asset in sources if len(part) else ():
                ends = (datetime.fromtimestamp(int(part[end]), UTC) for end in (0, -1))
                told = Conversion(worths.get(asset, self._dollar), worths.get(target, self._dollar), *ends)
                found[asset].append(told.at(part))
        return {asset: np.concatenate([*rates, np.zeros(0)])[places] for asset, rates in found.items()}

    async def _near(self, assets: Sequence[Asset], seconds: Seconds, *, is_kept: bool) -> dict[Asset, Worth]:
        now, moments = self._clock.now(), seconds.tobytes()
        found: dict[Asset, Worth] = {}
        for asset in assets if is_kept else ():
            point = self._points.get((asset, moments))
            if point is not None and now - point[1] < _SETTLED_FOR:
                self._points.move_to_end((asset, moments))
                found[asset] = point[0]
        missing = [asset for asset in assets if asset not in found]
        told = await self._series.near(missing, seconds) if missing else {}
        for asset in missing:
            made = worth(asset, told.get(asset, NOTHING), int(seconds[0]), int(seconds[-1]))
            found[asset] = made
            if is_kept:
                before = self._points.pop((asset, moments), None)
                self._points[asset, moments] = made, now
                self.size += made.size + _EMPTY - (0 if before is None else before[0].size + _EMPTY)
        self._shrink()
        return found

    async def _worth(self, asset: Asset, since: datetime, until: datetime) -> Worth:
        begin, end = int(since.timestamp() // 1), int(until.timestamp() // 1)
        if asset == DOLLAR:
            return self._dollar
        first, stop = (begin - held(asset) // timedelta(seconds=1)) // _BLOCK, end // _BLOCK + 1
        parts = await self._told(asset, first, stop)
        return self._whole(asset, first, stop, parts).within(begin, end)

    def _whole(self, asset: Asset, first: int, stop: int, parts: list[Tellings]) -> Worth:
        """What was made of these very parts, else is made of them now."""
        key = asset, first, stop
        kept = self._worths.pop(key, None)
        if kept is not None and len(kept[0]) == len(parts) and all(map(is_, kept[0], parts)):
            self._worths[key] = kept
            return kept[1]
        made = worth(asset, joined(parts), first * _BLOCK, stop * _BLOCK - 1)
        self._worths[key] = parts, made
        self.size += made.size - (0 if kept is None else kept[1].size)
        self._shrink()
        return made

    async def _told(self, asset: Asset, first: int, end: int) -> list[Tellings]:
        """What the blocks ``[first, end)`` hold; those that are not known, or not any more, are read at once."""
        async with self._locks[hash(asset) % _LOCKS]:
            now = self._clock.now()
            parts = {number: self._good(asset, number, now) for number in range(first, end)}
            missing = [number for number, part in parts.items() if part is None]
            if missing:
                begin, stop = missing[0], missing[-1] + 1
                told = await self._series.told(asset, begin * _BLOCK, stop * _BLOCK)
                edges = told.at.searchsorted([number * _BLOCK for number in range(begin, stop + 1)]).tolist()
                for number, rows in enumerate(pairwise(edges), begin):
                    parts[number] = self._keep(asset, number, _part(told, *rows), now)
        self._shrink()
        return [part for part in parts.values() if part is not None]

    def _good(self, asset: Asset, number: int, now: datetime) -> Tellings | None:
        block = self._blocks.get((asset, number))
        if block is None:
            return None
        is_running = (number + 1) * _BLOCK > now.timestamp()
        if now - block.read_at >= (_RUNNING_FOR if is_running else _SETTLED_FOR):
            return None
        self._blocks.move_to_end((asset, number))
        return block.told

    def _keep(self, asset: Asset, number: int, part: Tellings, now: datetime) -> Tellings:
        """What is kept: when nothing has changed, what was there."""
        before = self._blocks.pop((asset, number), None)
        if before is not None and before.told.tells_as(part):
            part = before.told
        self.size += part.size - (-_EMPTY if before is None else before.told.size)
        self._blocks[asset, number] = _Block(part, now)
        return part

    def _shrink(self) -> None:
        """What can be made of the rest goes first."""
        while self.size > self._most and self._worths:
            _, (_, made) = self._worths.popitem(last=False)
            self.size -= made.size
        while self.size > self._most and self._points:
            _, (made, _) = self._points.popitem(last=False)
            self.size -= made.size + _EMPTY
        while self.size > self._most and self._blocks:
            _, block = self._blocks.popitem(last=False)
            self.size -= block.told.size + _EMPTY


def _part(told: Tellings, begin: int, end: int) -> Tellings:
    """A copy, which does not keep the rest in memory."""
    rows = slice(begin, end)
    return Tellings(told.at[rows].copy(), told.by[rows].copy(), told.numbers[rows].copy(), told.texts[rows].copy())


def _nothing(asset: Asset) -> Worth:
    return worth(asset, NOTHING, 0, 0)

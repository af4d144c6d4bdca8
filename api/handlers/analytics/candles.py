"""The candles of a scope in its currency, folded into bars of any resolution."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from api.handlers.analytics.reading import Reading
from cryptwire.domain.aggregate import CARRIED, Share, split, summed
from cryptwire.domain.bar import GRID, Columns, Resolution, edges, folded, with_volumes
from cryptwire.domain.day import zone_of
from cryptwire.domain.hopper import Asset, Hopper
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.errors import Invalid

MOST_BARS = 5_000
_MOST_CANDLES = 400_000
"""Of all hoppers together: ten years of one, or a year of eleven."""
_A_DAY = 86_400 // GRID


@dataclass(frozen=True, slots=True)
class ScopeBars:
    """Bars that have closed; ``is_sum``: highs and lows are of sums at their ends, not of every tick; ``as_of``: when
    the newest candle ended.
    """

    bars: Columns
    is_sum: bool
    as_of: datetime | None


async def scope_bars(reading: Reading, resolution: Resolution) -> ScopeBars:
    """The bars of the days of a scope; the first and the last may be cut by them. Raises Invalid for too many."""
    scope = reading.scope
    begin, end = int(scope.begins_at.timestamp()), int(scope.ends_at.timestamp())
    days = (end - begin) // 86_400 + 1
    if days * _A_DAY * len(scope.hoppers) > _MOST_CANDLES:
        most = _MOST_CANDLES // (_A_DAY * len(scope.hoppers))
        raise Invalid(f"candles of {len(scope.hoppers)} hoppers are told over {most} days, not {days}: ask for less")
    bars = edges(resolution, zone_of(scope.zone), begin, end)
    if len(bars.starts) > MOST_BARS:
        raise Invalid(f"{MOST_BARS:,} bars are told at once, not {len(bars.starts):,}; take a coarser resolution")
    candles = await reading.once("candles", lambda: _candles(reading, begin, end))
    return ScopeBars(folded(candles.bars, bars), candles.is_sum, candles.as_of)


async def _candles(reading: Reading, begin: int, end: int) -> ScopeBars:
    scope = reading.scope
    is_sum = len(scope.hoppers) > 1
    since = begin - CARRIED if is_sum else begin
    bases = await reading.sources.days.bases(scope.ids)
    found = await asyncio.gather(
        *(_shares(reading, known, bases.get(known.hopper.id, ()), since, end) for known in scope.hoppers)
    )
    shares = [share for one in found for share in one]
    if is_sum:
        whole = summed(shares)
    else:
        parts = [_converted(share) for share in shares if len(share.candles)]
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts] or [np.empty(0)]) for name in Columns.__slots__
        }
        whole = Columns(columns.pop("at").astype(np.int64), **columns)
    first, last = np.searchsorted(whole.at, [begin, end])
    inside = whole.between(int(first), int(last))
    as_of = datetime.fromtimestamp(int(inside.at[-1]) + GRID, UTC) if len(inside) else None
    return ScopeBars(inside, is_sum, as_of)


async def _shares(
    reading: Reading, known: KnownHopper, was: Sequence[tuple[datetime, Asset]], since: int, end: int
) -> list[Share]:
    """A hopper's candles by the base currency that they are in."""
    scope, series, hopper = reading.scope, reading.sources.series, known.hopper
    spans = _spans(hopper, was, since, end)
    stored, volumes = await asyncio.gather(
        series.newest(hopper.id, since, end, (end - since) // GRID + 1),
        asyncio.gather(*(series.volumes(hopper.id, base, first, last) for base, first, last in spans)),
    )
    for volume in volumes:
        stored = with_volumes(stored, volume)
    parts = split(stored, [last for _, _, last in spans[:-1]])
    ended = [int(moment.timestamp()) for moment in (known.deleted_at, known.unlinked_at) if moment is not None]
    rates = await asyncio.gather(
        *(
            reading.sources.conversions.between(
                base, scope.currency, scope.begins_at - timedelta(days=2), scope.ends_at + timedelta(hours=1)
            )
            for base, _, _ in spans
        )
    )
    shares = []  # of one currency it is no part any more where that of the next begins
    for number, (part, rate) in enumerate(zip(parts, rates, strict=True)):
        following = next((int(later.at[0]) for later in parts[number + 1 :] if len(later)), min(ended, default=None))
        shares.append(Share(part, rate, following))
    return shares


def _spans(hopper: Hopper, was: Sequence[tuple[datetime, Asset]], since: int, end: int) -> list[tuple[Asset, int, int]]:
    """Which base currency a hopper had in which seconds of ``[since, end)``, oldest first."""
    spans, first = [], since
    for until, base in was:
        last = int(until.timestamp())
        if first < last:
            spans.append((base, first, min(last, end)))
            first = min(last, end)
    return [*spans, (hopper.base, first, end)]


def _converted(share: Share) -> Columns:
    """One hopper's own candles at the rates of their ends; highs and lows at that of the opening, stretched to hold
    both ends. Those without a rate are left out.
    """
    candles = share.candles
    at_open, at_close = share.rates.at(candles.at), share.rates.at(candles.at + GRID)
    opens, closes = candles.open * at_open, candles.close * at_close
    known = np.isfinite(opens) & np.isfinite(closes)
    highs = np.maximum.reduce([candles.high * at_open, opens, closes])
    lows = np.minimum.reduce([candles.low * at_open, opens, closes])
    volume = candles.volume * at_open
    return Columns(candles.at[known], opens[known], highs[known], lows[known], closes[known], volume[known])

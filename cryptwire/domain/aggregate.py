"""Several hoppers as one: their candles summed in one currency.

Open and close of a sum are sums of what the hoppers opened and closed at, each converted at the boundary's rate: the
open at that of its first instant, the close at that of its end, so that sums join where their parts do. High and low
are the extremes of these two: when each hopper was at its highest is not known, so neither is the sum's highest.

A hopper belongs to a sum from its first candle on: then the sum jumps by its worth, and nothing is made up before.
Where it has no candle it stands at its last close, at most a day long (an outage is no loss), and never beyond where it
ended; it is told at the current rate all the same. A sum of which one part has no rate is not told at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from cryptwire.domain.bar import GRID, Columns, Numbers, Seconds

CARRIED = 86_400
"""So many seconds a hopper without candles stands at its last close."""


class Rates(Protocol):
    """Units of the sum's currency for one of a hopper's, over time; ``cryptwire.domain.conversion.Conversion`` is."""

    def at(self, seconds: Seconds) -> Numbers:
        """The rate at each of these moments, NaN where nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """One hopper's part in a sum, as long as its base currency was one: candles in that currency, by opening.

    ``until``: from this second on it is no part any more; None: it still is. Volumes are those of the candles.
    """

    candles: Columns
    rates: Rates
    until: int | None = None


def summed(shares: Sequence[Share], span: int = GRID) -> Columns:
    """The candles of all ``shares`` together, one wherever one of them has one; ``span`` is a candle's length, seconds.

    Columns in the sum's currency; gaps that all have stay gaps. Parts are added in the order in which they are given.
    """
    opened = [share.candles.at for share in shares if len(share.candles)]
    if not opened:
        nothing = np.empty(0)
        return Columns(np.empty(0, np.int64), nothing, nothing, nothing, nothing, nothing)
    at: Seconds = opened[0] if len(opened) == 1 else np.unique(np.concatenate(opened))
    opens, closes, volumes = np.zeros(len(at)), np.zeros(len(at)), np.zeros(len(at))
    for share in shares:
        if len(share.candles):
            first, last, volume = _part(share, at, span)
            opens += first
            closes += last
            volumes += volume
    known = np.isfinite(opens) & np.isfinite(closes) & np.isfinite(volumes)
    at, opens, closes, volumes = at[known], opens[known], closes[known], volumes[known]
    return Columns(at, opens, np.maximum(opens, closes), np.minimum(opens, closes), closes, volumes)


def _part(share: Share, at: Seconds, span: int) -> tuple[Numbers, Numbers, Numbers]:
    """What one share adds to the open, close and volume of each candle; NaN where it has a part and no rate."""
    candles = share.candles
    row = np.searchsorted(candles.at, at, side="right") - 1
    has_begun = row >= 0
    row = np.maximum(row, 0)
    has_candle = has_begun & (candles.at[row] == at)
    is_part = has_candle | (has_begun & (at - candles.at[row] <= CARRIED))
    if share.until is not None:
        is_part &= at < share.until
    chosen = row[is_part]
    at_open, at_close = share.rates.at(at[is_part]), share.rates.at(at[is_part] + span)
    first, last, volume = np.zeros(len(at)), np.zeros(len(at)), np.zeros(len(at))
    is_own = has_candle[is_part]
    first[is_part] = np.where(is_own, candles.open[chosen], candles.close[chosen]) * at_open
    last[is_part] = candles.close[chosen] * at_close
    volume[is_part] = np.where(is_own, candles.volume[chosen], 0.0) * at_open
    return first, last, volume


def split(candles: Columns, boundaries: Sequence[int], span: int = GRID) -> list[Columns]:
    """Candles by the base currency that they are in, which changed at ``boundaries``, oldest first: that of its end
    counts for a candle. One part more than there are boundaries.
    """
    ends = candles.at + span
    edges = [0, *np.searchsorted(ends, boundaries, side="right").tolist(), len(candles)]
    return [candles.between(begin, end) for begin, end in pairwise(edges)]

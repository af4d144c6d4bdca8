"""What a portfolio was worth over bars of its markets: all bars at once, in numpy.

An exchange's candle tells where a price began and ended, and how far it went, not when. So of the highest value within
a bar two bounds are known: what it surely reached (the value at an end, or one coin at its highest while the others are
at their lowest) and what it cannot have passed (every coin at its highest at one instant). The middle of the two is
told, which no other number can better at the worst: it is wrong by half of Σ quantity × range at most, and by nothing
where one coin moves. The lowest likewise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cryptwire.domain.hopper import Asset
from cryptwire.domain.route import Route
from cryptwire.domain.ticker import Pair
from processor.logic.backfill import Steps

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Moments = npt.NDArray[np.int64]
OPEN, HIGH, LOW, CLOSE = range(4)


@dataclass(frozen=True, slots=True)
class Market:
    """The bars of a pair: ``bars`` (4, n) open, high, low, close, NaN where the exchange has none; and the last price
    before the first of them, NaN when there was none.
    """

    bars: Floats
    before: float


@dataclass(frozen=True, slots=True)
class Values:
    """The value over each of n bars, in the base currency.

    ``silent`` (n,): for which share of it no market of the portfolio has a bar, although something held needs one.
    ``is_known`` (n,): when the bar opened something was priced, or nothing needs a price. ``is_whole``: when the first
    bar opened everything held then that has a route was priced.
    """

    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats
    silent: Floats
    is_known: Flags
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Path:
    """A price over bars: at both ends; the highest it can have been and surely was; the lowest likewise.

    0 as long as there was no price yet.
    """

    opens: Floats
    closes: Floats
    highest: Floats
    surely_high: Floats
    lowest: Floats
    surely_low: Floats


def values(
    steps: Mapping[Asset, Steps],
    routes: Mapping[Asset, Route],
    markets: Mapping[Pair, Market],
    edges: Moments,
    opening: float | None = None,
) -> Values:
    """The values between neighbouring ``edges`` (n + 1,), microseconds, of what ``steps`` tell was held.

    Assets that ``routes`` do not have count nothing. Each bar opens where the one before closed, bit for bit, and the
    first at ``opening``, else at the value of what was held then.
    """
    count = len(edges) - 1
    assets = sorted(steps.keys() & routes.keys())  # one order: a sum depends on it in its last bit
    paths = [_path(routes[asset], markets, count) for asset in assets]
    held = [steps[asset].before(edges) for asset in assets]
    closes, first = np.zeros(count), 0.0
    highest, lowest, up, down = (np.zeros(count) for _ in range(4))
    for path, quantities in zip(paths, held, strict=True):
        at_end = quantities[1:]
        closes += at_end * path.closes
        first += float(quantities[0]) * float(path.opens[0])
        highest += at_end * path.highest
        lowest += at_end * path.lowest
        np.maximum(up, at_end * (path.surely_high - path.lowest), out=up)
        np.maximum(down, at_end * (path.highest - path.surely_low), out=down)
    surely_high, surely_low = lowest + up, highest - down
    traded = _traded([steps[asset] for asset in assets], edges)
    if len(traded):
        bounds = _through_trades([steps[asset] for asset in assets], paths, edges, traded)
        highest[traded], surely_high[traded], surely_low[traded], lowest[traded] = bounds
    opens = np.concatenate([[first if opening is None else opening], closes[:-1]])
    highs = _middle(np.maximum(np.maximum(opens, closes), surely_high), highest, np.maximum)
    lows = _middle(np.minimum(np.minimum(opens, closes), surely_low), lowest, np.minimum)
    needed, known, is_whole = np.zeros(count, bool), np.zeros(count, bool), True
    for asset, path, quantities in zip(assets, paths, held, strict=True):
        if routes[asset]:
            needed |= ((quantities[1:] > 0) | (quantities[:-1] > 0)) & (path.opens > 0)
            known |= path.opens > 0
            is_whole &= not (quantities[0] > 0 and path.opens[0] == 0)
    if not any(routes[asset] for asset in assets):
        known[:] = True
    silent = (needed & ~_heard(markets, count)).astype(np.float64)
    return Values(opens, highs, lows, closes, silent, known, bool(is_whole))


def folded(values: Values, into: int) -> Values:
    """Every ``into`` bars as one."""
    wide = (-1, into)
    return Values(
        values.opens.reshape(wide)[:, 0],
        values.highs.reshape(wide).max(axis=1),
        values.lows.reshape(wide).min(axis=1),
        values.closes.reshape(wide)[:, -1],
        values.silent.reshape(wide).mean(axis=1),
        values.is_known.reshape(wide)[:, 0],
        values.is_whole,
    )


def last_price(market: Market) -> float:
    """The price that stands after the last of its bars; NaN when there was none yet."""
    closes = market.bars[CLOSE]
    there = np.flatnonzero(np.isfinite(closes))
    return float(closes[there[-1]]) if len(there) else market.before


def _middle(sure: Floats, most: Floats, beyond: "np.ufunc") -> Floats:
    """Between what was surely reached and what cannot have been passed; never inside of what is sure."""
    result: Floats = beyond(sure, (sure + beyond(sure, most)) / 2)
    return result


def _path(route: Route, markets: Mapping[Pair, Market], count: int) -> _Path:
    one = np.ones(count)
    path = _Path(one, one, one, one, one, one)
    for leg in route:
        further = _leg(markets[leg.pair], is_inverse=leg.is_inverse)
        path = further if path.closes is one else _both(path, further)
    return path


def _leg(market: Market, *, is_inverse: bool) -> _Path:
    """The path of one market, from the close before to its own; over holes the price stands."""
    closes = market.bars[CLOSE]
    is_there = np.isfinite(closes)
    newest = np.maximum.accumulate(np.where(is_there, np.arange(len(closes)), -1))
    kept = np.where(newest >= 0, closes[newest], market.before)
    opens = np.concatenate([[market.before], kept[:-1]])
    highs = np.fmax(np.where(is_there, market.bars[HIGH], opens), opens)
    lows = np.fmin(np.where(is_there, market.bars[LOW], opens), opens)
    if is_inverse:
        opens, kept, highs, lows = 1.0 / opens, 1.0 / kept, 1.0 / lows, 1.0 / highs
    lows = np.where(np.isnan(opens), 0.0, lows)
    opens, kept, highs = (np.nan_to_num(prices, nan=0.0, posinf=0.0) for prices in (opens, kept, highs))
    return _Path(opens, kept, highs, highs, lows, lows)


def _both(first: _Path, then: _Path) -> _Path:
    """One price times another: each extreme of one is met by the other somewhere between its own."""
    opens, closes = first.opens * then.opens, first.closes * then.closes
    ends_high, ends_low = np.maximum(opens, closes), np.minimum(opens, closes)
    crossed = first.highest * then.lowest, first.lowest * then.highest
    return _Path(
        opens,
        closes,
        first.highest * then.highest,
        np.maximum(ends_high, np.maximum(*crossed)),
        first.lowest * then.lowest,
        np.minimum(ends_low, np.minimum(*crossed)),
    )


def _inside(steps: Sequence[Steps], edges: Moments) -> Moments:
    """When something that is held changed, in no order."""
    found = [one.moments[slice(*np.searchsorted(one.moments, edges[[0, -1]], "left"))] for one in steps]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _traded(steps: Sequence[Steps], edges: Moments) -> npt.NDArray[np.intp]:
    """The bars within which, or with the beginning of which, something changed."""
    return np.unique(np.searchsorted(edges, _inside(steps, edges), "right") - 1)


def _through_trades(
    steps: Sequence[Steps], paths: Sequence[_Path], edges: Moments, bars: npt.NDArray[np.intp]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Highest, surely high, surely low and lowest over ``bars`` in which something changed, each change at its time."""
    begins = edges[bars]
    parts = np.unique(np.concatenate([begins, _inside(steps, edges)]))  # a bar's first part is its beginning
    of, first = np.searchsorted(edges, parts, "right") - 1, np.searchsorted(parts, begins)
    tops, bottoms = np.zeros(len(parts)), np.zeros(len(parts))
    for one, path in zip(steps, paths, strict=True):
        held = one.after(parts)
        tops += held * path.highest[of]
        bottoms += held * path.lowest[of]
    sure_high, sure_low = np.maximum.reduceat(bottoms, first), np.minimum.reduceat(tops, first)
    for one, path in zip(steps, paths, strict=True):  # a coin was at its extreme in whichever part
        held = one.after(parts)
        reached = bottoms + held * (path.surely_high - path.lowest)[of]
        fell = tops - held * (path.highest - path.surely_low)[of]
        np.maximum(sure_high, np.minimum.reduceat(reached, first), out=sure_high)
        np.minimum(sure_low, np.maximum.reduceat(fell, first), out=sure_low)
    return np.maximum.reduceat(tops, first), sure_high, sure_low, np.minimum.reduceat(bottoms, first)


def _heard(markets: Mapping[Pair, Market], count: int) -> Flags:
    """Whether the exchange has any bar: a pair that alone has none did not trade, and its price is fresh."""
    heard = np.zeros(count, bool)
    for market in markets.values():
        heard |= np.isfinite(market.bars[CLOSE])
    return heard

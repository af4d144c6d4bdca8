"""Which candles are missing, what a hopper held back then, and how filled candles join the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from cryptwire.domain.candle import SPAN, Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, Hopper
from cryptwire.domain.route import route
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Trade

Run = tuple[datetime, datetime]
"""Missing candles: those opened in ``[first, end)``."""


def missing_runs(known: Mapping[datetime, Quality], first: datetime, end: datetime) -> list[Run]:
    """The runs of boundaries in ``[first, end)`` that have no candle or only a partial one, oldest first."""
    runs: list[Run] = []
    at = first
    while at < end:
        if known.get(at, Quality.PARTIAL) is Quality.PARTIAL:
            if runs and runs[-1][1] == at:
                runs[-1] = (runs[-1][0], at + SPAN)
            else:
                runs.append((at, at + SPAN))
        at += SPAN
    return runs


def held_before(now: Mapping[Asset, Decimal], trades: Iterable[Trade]) -> dict[Asset, Decimal]:
    """What was held before ``trades``, all of which are in what is held ``now``.

    A balance that comes out below 0 means money that came later without a trade: it is taken to have been there.
    """
    held = dict(now)
    for trade in trades:
        for asset, change in trade.changes().items():
            held[asset] = held.get(asset, Decimal(0)) - change
    return {asset: max(quantity, Decimal(0)) for asset, quantity in held.items()}


def after(held: Mapping[Asset, Decimal], trade: Trade) -> dict[Asset, Decimal]:
    """What is held after ``trade``."""
    changed = dict(held)
    for asset, change in trade.changes().items():
        changed[asset] = max(changed.get(asset, Decimal(0)) + change, Decimal(0))
    return changed


def settles_at(last: Trade, refresh_every: timedelta) -> datetime:
    """From when on balances that are read hold the ``last`` trade: they may be a refresh old, and clocks differ."""
    return last.at + refresh_every + timedelta(seconds=2)


def is_settled(trades: Sequence[Trade], read_at: datetime, refresh_every: timedelta) -> bool:
    """Whether balances read at ``read_at`` hold every trade: balances may be a refresh old, the trade list is not."""
    return not trades or settles_at(trades[-1], refresh_every) < read_at


def pairs_needed(exchange: Exchange, hopper: Hopper, assets: Iterable[Asset], markets: frozenset[Pair]) -> set[Pair]:
    """The pairs that the value of a hopper which held ``assets`` depends on."""
    needed: set[Pair] = set()
    for asset in assets:
        for leg in route(exchange, asset, hopper.base, markets) or ():
            needed.add(leg.pair)
    return needed


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The values that the candles beside a run have at its ends; None where there is no trustworthy one."""

    close_before: float | None
    open_after: float | None


def joined(candles: Sequence[Candle], neighbours: Neighbours) -> list[Candle]:
    """A run of candles, oldest first, whose ends meet their neighbours: candles join without gaps."""
    result = list(candles)
    if result and neighbours.close_before is not None:
        first, value = result[0], neighbours.close_before
        result[0] = replace(first, open=value, high=max(first.high, value), low=min(first.low, value))
    if result and neighbours.open_after is not None:
        last, value = result[-1], neighbours.open_after
        result[-1] = replace(last, close=value, high=max(last.high, value), low=min(last.low, value))
    return result

"""When a position is sold: its thresholds, and where prices ahead first reach one. Prices in ticks."""

import math

from simulator.worlds.books import Ahead, Position
from simulator.worlds.terms import Terms

_NO_PRICE = 10**18  # above any
_DEEPEST = 0.9  # fall that a stop may allow


def arm(position: Position, price: float, terms: Terms, scale: float, number: int) -> None:
    """Thresholds of a position that cost ``price`` and was bought at decision ``number``, by the terms of now."""
    profit = float(position.profit) / 100 if position.profit else terms.take_profit * scale
    position.target = price * (1 + profit)
    position.stop = 0.0 if terms.stop_loss is None else price * (1 - min(terms.stop_loss * scale, _DEEPEST))
    position.watch, position.trail = math.inf, 0.0
    if terms.trail is not None:
        position.watch = price * (1 + terms.arm * scale)
        position.trail = 1 - min(terms.trail * scale, _DEEPEST)
    position.deadline = number + terms.patience
    position.is_armed = position.is_halved = False


def trail(position: Position, price: int) -> None:
    """Sell from now on when the price falls from its peak, which is here."""
    if position.trail:
        position.is_armed = True
        position.stop = max(position.stop, price * position.trail)
        position.watch = price + 1


def walk(position: Position, prices: list[int], first: int, number: int, end: int) -> Ahead:
    """The first decision from ``number`` on at which a position is to be sold, or ``end``; and its stop just before.

    ``prices`` begin with that of decision ``first``.
    """
    stop, watch, is_armed = position.stop, position.watch, position.is_armed
    if number >= end:
        return end, stop, watch, is_armed
    last = min(end, max(position.deadline, number))
    top = _NO_PRICE if position.is_halved else _up(position.target)
    low, high = math.floor(stop), min(_up(watch), top)  # whole numbers compare several times faster
    for place, price in enumerate(prices[number - first : last - first], number):
        if low < price < high:
            continue
        if price <= low or price >= top:
            return place, stop, watch, is_armed
        is_armed = True
        stop = max(stop, price * position.trail)
        watch = price + 1
        low, high = math.floor(stop), min(price + 1, top)
    return last, stop, watch, is_armed


def _up(price: float) -> int:
    """The least whole number that is not below."""
    return _NO_PRICE if price == math.inf else math.ceil(price)

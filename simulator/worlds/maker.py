"""A maker that quotes around the seeded price, and takes back its place after it was taken."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np

from simulator.market.listing import COINS
from simulator.market.prices import NODE, Pair
from simulator.worlds.exchange import Fill, Levels, Order, Quotes, Side

LEVELS = 10
_WHOLE = 10**8  # units of a coin
_SHARE = 10  # the best level holds a tenth of what is traded in a minute
_AHEAD = 240  # nodes looked at at once for a resting order

Price = Callable[[Pair, int], int]


@dataclass(slots=True)
class _Taken:
    """What is missing at one side of a pair since ``at``, best levels first, in units of the coin."""

    units: int
    at: int


class Maker:
    """Exchange whose only other trader offers ten levels at each side of the seeded price.

    The best level lies half the spread away from it, each further one a basis point more and as much larger as it is
    further. What was taken comes back evenly. Resting orders are looked at every 15 s, where the price has its
    extremes: once the maker's own quote reaches the limit they are filled at their limit, as far as the maker's depth
    goes. The price itself never moves by what is traded.
    """

    def __init__(self, price: Price, quotes: Callable[[Pair], Quotes]) -> None:
        self._price = price
        self._quotes = lru_cache(maxsize=None)(quotes)
        self._unit = lru_cache(maxsize=None)(self._best_level)
        self._taken: dict[tuple[Pair, Side], _Taken] = {}
        self._queue: list[tuple[int, int, Order]] = []
        self._resting: set[Order] = set()
        self._numbers = itertools.count()

    def place(self, order: Order, at: int) -> list[Fill]:
        fills = [
            Fill(order, at, amount, rate, is_maker=False)
            for rate, amount in self._take(order, at, self._price(order.pair, at))
        ]
        if order.rests and order.left:
            self._resting.add(order)
            self._queue_up(order, at // NODE + 1)
        return fills

    def cancel(self, order: Order, at: int) -> None:
        self._resting.discard(order)

    def depth(self, pair: Pair, at: int) -> tuple[Levels, Levels]:
        """The levels of the maker alone: orders of hoppers that rest are not shown."""
        price = self._price(pair, at)
        return self._left(pair, "sell", at, price), self._left(pair, "buy", at, price)

    def due(self) -> int | None:
        while self._queue and self._queue[0][2] not in self._resting:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def advance(self, until: int) -> list[Fill]:
        fills = []
        while (at := self.due()) is not None and at <= until:
            order = heapq.heappop(self._queue)[2]
            taken = sum((amount for _, amount in self._take(order, at, order.pair.at(at))), Decimal(0))
            if taken:
                fills.append(Fill(order, at, taken, order.limit, is_maker=True))
            if order.left:
                self._queue_up(order, at // NODE + 1)
            else:
                self._resting.discard(order)
        return fills

    def _take(self, order: Order, at: int, price: int) -> list[tuple[int, Decimal]]:
        """Rates and amounts that the maker gives, best first; ``order.filled`` grows with them."""
        taken = self._taken_from(order.pair, order.side, at)
        left, found = int(order.left * _WHOLE), []
        sign = 1 if order.side == "buy" else -1
        for rate, begin, end in self._levels(order.pair, order.side, price):
            if not left or (rate - order.limit) * sign > 0:
                break
            amount = min(left, end - max(begin, taken.units))
            if amount > 0:
                found.append((rate, Decimal(amount).scaleb(-8)))
                taken.units += amount
                left -= amount
        order.filled += sum((amount for _, amount in found), Decimal(0))
        return found

    def _left(self, pair: Pair, side: Side, at: int, price: int) -> Levels:
        """What is there for orders of one side."""
        missing = self._missing(pair, side, at)
        found = ((rate, end - max(begin, missing)) for rate, begin, end in self._levels(pair, side, price))
        return [(rate, Decimal(amount).scaleb(-8)) for rate, amount in found if amount > 0]

    def _levels(self, pair: Pair, side: Side, price: int) -> Iterator[tuple[int, int, int]]:
        """Rates for orders of one side, best first, with what lies before each and up to its end, in units."""
        unit, step, sign = self._unit(pair), max(1, price // 10_000), 1 if side == "buy" else -1
        rate, begin = price + sign * self._half(price, self._quotes(pair)), 0
        for level in range(1, LEVELS + 1):
            if rate < 1:
                return
            end = begin + unit * level
            yield rate, begin, end
            rate, begin = rate + sign * step, end

    def _missing(self, pair: Pair, side: Side, at: int) -> int:
        """Units that were taken and have not come back."""
        taken = self._taken.get((pair, side))
        if taken is None or not taken.units:
            return 0
        whole = self._unit(pair) * (LEVELS * (LEVELS + 1) // 2)
        back = whole * max(0, at - taken.at) // int(self._quotes(pair).restored * 1000)
        return max(0, taken.units - back)

    def _taken_from(self, pair: Pair, side: Side, at: int) -> _Taken:
        taken = self._taken.setdefault((pair, side), _Taken(0, at))
        taken.units, taken.at = self._missing(pair, side, at), at
        return taken

    def _best_level(self, pair: Pair) -> int:
        coin, quote = COINS[pair.listed.base], COINS.get(pair.listed.quote)
        turnover = min(coin.turnover, quote.turnover) if quote else coin.turnover
        return int(turnover / _SHARE / coin.price * self._quotes(pair).depth * _WHOLE)

    def _queue_up(self, order: Order, node: int) -> None:
        """Look at an order again when the maker's quote reaches its limit, or when it is known that it does not yet."""
        prices = order.pair.nodes(node, _AHEAD)
        spread = self._quotes(order.pair).spread
        half = np.maximum(1 if spread else 0, (prices * spread / 20_000).astype(np.int64))
        reaches = prices + half <= order.limit if order.side == "buy" else prices - half >= order.limit
        first = int(reaches.argmax()) if reaches.any() else _AHEAD
        heapq.heappush(self._queue, ((node + first) * NODE, next(self._numbers), order))

    @staticmethod
    def _half(price: int, quotes: Quotes) -> int:
        return max(1 if quotes.spread else 0, int(price * quotes.spread / 20_000))

"""Prices and signals ahead, computed once for all hoppers that decide at the same instants."""

import math
from collections.abc import Iterable

from simulator.market.noise import Ints
from simulator.market.prices import Market, Pair
from simulator.worlds.demo import Style
from simulator.worlds.strategies import LOOK_BACK, calls

SPAN = 64  # decisions that a hopper looks ahead at most, while time goes on
_MOST = 30_000  # decisions in one window, while a long time is made up


class Window:
    """Prices of some pairs at the decisions ``first`` to ``end`` (which is not one of them)."""

    def __init__(self, pairs: list[Pair], table: Ints, first: int, scale: float) -> None:
        self.first = first
        self.end = first + len(table) - LOOK_BACK
        self._scale = scale
        self._columns = {pair: table[:, number].copy() for number, pair in enumerate(pairs)}
        self._lists: dict[Pair, list[int]] = {}
        self._calls: dict[tuple[Pair, Style, float], list[int]] = {}

    def lacks(self, pairs: Iterable[Pair]) -> list[Pair]:
        return [pair for pair in pairs if pair not in self._columns]

    def take_in(self, other: "Window") -> None:
        """Know the other's pairs too; it covers the same decisions."""
        self._columns.update(other._columns)

    def prices(self, pair: Pair) -> list[int]:
        """One for each decision of the window, in the pair's ticks."""
        found = self._lists.get(pair)
        if found is None:
            found = self._lists[pair] = self._columns[pair][LOOK_BACK:].tolist()
        return found

    def price(self, pair: Pair, number: int) -> int | None:
        """The price at a decision; None when it is not known here."""
        if self.first <= number < self.end and pair in self._columns:
            return self.prices(pair)[number - self.first]
        return None

    def calls(self, pair: Pair, style: Style, parameter: float) -> list[int]:
        """Numbers of decisions in the window that call for buying, ascending."""
        of = pair, style, parameter
        found = self._calls.get(of)
        if found is None:
            found = self._calls[of] = calls(style, parameter, self._columns[pair], self.first, self._scale)
        return found


class Windows:
    """A window for each exchange and lag. Decision ``number`` falls on ``number * decision + lag`` milliseconds.

    ``until`` is how far the world is being brought: windows reach that far at once when it is far away.
    """

    def __init__(self, market: Market, decision: int) -> None:
        self.decision = decision
        self.scale = math.sqrt(decision / 300_000)
        self.until = 0
        self._market = market
        self._wanted: dict[tuple[str, int], dict[Pair, None]] = {}
        self._open: dict[tuple[str, int], Window] = {}

    def want(self, exchange: str, lag: int, pairs: Iterable[Pair]) -> None:
        """Have these pairs in every window of that exchange and lag from now on."""
        self._wanted.setdefault((exchange, lag), {}).update(dict.fromkeys(pairs))

    def around(self, exchange: str, lag: int, number: int) -> Window:
        """A window that covers a decision and what may be looked at from there."""
        of = exchange, lag
        window = self._open.get(of)
        if window is None or not window.first <= number <= window.end - SPAN:
            count = min(max((self.until - lag) // self.decision - number + 1, 2 * SPAN), _MOST)
            window = self._open[of] = self._made(list(self._wanted[of]), lag, number, count)
        elif lacking := window.lacks(self._wanted[of]):
            window.take_in(self._made(lacking, lag, window.first, window.end - window.first))
        return window

    def price(self, pair: Pair, at: int) -> int:
        """What ``pair.at`` says, but from a window where one knows it."""
        number, lag = divmod(at, self.decision)
        window = self._open.get((pair.exchange, lag))
        price = None if window is None else window.price(pair, number)
        return pair.at(at) if price is None else price

    def _made(self, pairs: list[Pair], lag: int, first: int, count: int) -> Window:
        begin = (first - LOOK_BACK) * self.decision + lag
        return Window(pairs, self._market.table(pairs, begin, self.decision, count + LOOK_BACK), first, self.scale)

"""How the pairs of an exchange are named in symbols: ``BTCUSDT``, and ``BTC/USDT`` where that could be another one."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid, NotFound


class Named(NamedTuple):
    """A pair, and its symbol."""

    pair: Pair
    symbol: str


class Names:
    """The names of one exchange's pairs. Base and quote with a slash between always name a pair; without, if they do so
    alone.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._by_name: dict[str, Pair] = {}
        together: dict[str, list[Pair]] = {}
        self._names: dict[Pair, str] = {}
        for pair in sorted(pairs):
            self._by_name[f"{pair.base}/{pair.quote}"] = pair
            together.setdefault(f"{pair.base}{pair.quote}", []).append(pair)
        self._ambiguous: Mapping[str, list[Pair]] = {name: of for name, of in together.items() if len(of) > 1}
        for name, of in together.items():
            for pair in of:
                self._names[pair] = name if len(of) == 1 and name not in self._by_name else f"{pair.base}/{pair.quote}"
            if len(of) == 1:
                self._by_name.setdefault(name, of[0])

    def pair(self, name: str) -> Pair:
        """The pair of this name; raises NotFound, Invalid for one that could be several."""
        pair = self._by_name.get(name)
        if pair is not None:
            return pair
        if name in self._ambiguous:
            meant = " or ".join(self.symbol(pair) for pair in self._ambiguous[name])
            raise Invalid(f"this could be several pairs: ask for {meant}")
        raise NotFound("unknown_symbol")

    def symbol(self, pair: Pair) -> str:
        """``BINANCE:BTCUSDT``."""
        return f"{pair.exchange.upper()}:{self._names[pair]}"

    def all(self) -> list[Named]:
        """Every pair, in no order."""
        return [Named(pair, self.symbol(pair)) for pair in self._names]

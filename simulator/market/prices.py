"""Prices of coins and pairs at any instant: see the package's docstring for the exact meaning."""

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from simulator.market.listing import COINS, EXCHANGES, MARKET_VOLATILITY, NUMERAIRE, Character, Listed
from simulator.market.noise import Floats, Ints, dips, growth, key, waves, waves_in_a_row

NODE = 15_000  # milliseconds
_CHUNK = 5_760  # nodes: one day
_PERIODS = tuple(3**power for power in range(13))  # 15 s to 92 days
_SHORT = _PERIODS[:5]
_QUIET = 16  # nodes between two trades of a quiet pair


class _Moves:
    """The logarithm of coins' prices without what is peculiar to an exchange."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._whole = lru_cache(maxsize=128)(self._whole_chunk)
        self._own = lru_cache(maxsize=256)(self._own_chunk)

    def chunk(self, coin: str, number: int) -> Floats:
        """Moves of a coin over one day of nodes, kept for a while."""
        return self._own(coin, number)

    def at(self, coin: str, nodes: Ints, whole: Floats | None = None) -> Floats:
        character = COINS[coin]
        own = key(self._seed, coin)
        whole = self.whole(nodes) if whole is None else whole
        return _joined(character, whole, waves(own, nodes, _PERIODS), dips(own, nodes))

    def whole(self, nodes: Ints) -> Floats:
        """Moves of the market as a whole."""
        of = key(self._seed, "market")
        return MARKET_VOLATILITY * (waves(of, nodes, _PERIODS) + dips(of, nodes))

    def _whole_chunk(self, number: int) -> Floats:
        of = key(self._seed, "market")
        nodes = _nodes_of(number)
        return MARKET_VOLATILITY * (waves_in_a_row(of, int(nodes[0]), _CHUNK, _PERIODS) + dips(of, nodes))

    def _own_chunk(self, coin: str, number: int) -> Floats:
        own, nodes = key(self._seed, coin), _nodes_of(number)
        row = waves_in_a_row(own, int(nodes[0]), _CHUNK, _PERIODS)
        return _joined(COINS[coin], self._whole(number), row, dips(own, nodes))


class Coin:
    """The price of one coin on one exchange in USDT."""

    def __init__(self, seed: str, exchange: str, name: str, moves: _Moves) -> None:
        self.name = name
        self._moves = moves
        self._peculiar = key(seed, exchange, name)
        self._chunk = lru_cache(maxsize=32)(self._compute)

    def node(self, number: int) -> float:
        chunk, within = divmod(number, _CHUNK)
        return float(self._chunk(chunk)[within])

    def nodes(self, first: int, count: int) -> Floats:
        """Prices at ``count`` nodes in a row."""
        if self.name == NUMERAIRE:
            return np.ones(count)
        parts, number, last = [], first, first + count
        while number < last:
            chunk, within = divmod(number, _CHUNK)
            parts.append(self._chunk(chunk)[within : within + last - number])
            number += len(parts[-1])
        return np.concatenate(parts) if len(parts) != 1 else parts[0]

    def scattered(self, nodes: Ints, whole: Floats | None = None) -> Floats:
        """Prices at any nodes, not kept. ``whole`` may hold the market's moves at these nodes."""
        if self.name == NUMERAIRE:
            return np.ones(len(nodes))
        return self._priced(self._moves.at(self.name, nodes, whole), waves(self._peculiar, nodes, _SHORT))

    def _compute(self, number: int) -> Floats:
        if self.name == NUMERAIRE:
            return np.ones(_CHUNK)
        row = waves_in_a_row(self._peculiar, number * _CHUNK, _CHUNK, _SHORT)
        return self._priced(self._moves.chunk(self.name, number), row)

    def _priced(self, moves: Floats, peculiar: Floats) -> Floats:
        return COINS[self.name].price * growth(moves + 0.004 * peculiar)


class Pair:
    """The price of one pair on one exchange, an integer in units of its tick size, ``10 ** -decimals``."""

    def __init__(self, exchange: str, listed: Listed, base: Coin, quote: Coin, of: int) -> None:
        self.exchange = exchange
        self.listed = listed
        self.base, self.quote = base, quote
        self.scale = 10.0**listed.decimals
        self.key = of
        self.phase = of % _QUIET  # where a quiet pair's trades lie

    def at(self, instant: int) -> int:
        """The price shown at ``instant``."""
        number, within = divmod(instant, NODE)
        if self.listed.is_quiet:
            number, within = (number - self.phase) // _QUIET * _QUIET + self.phase, 0
        base, quote = self.base.node(number), self.quote.node(number)
        if within:
            part = within / NODE
            base = base + (self.base.node(number + 1) - base) * part
            quote = quote + (self.quote.node(number + 1) - quote) * part
        return math.floor(base / quote * self.scale + 0.5)

    def nodes(self, first: int, count: int) -> Ints:
        """Prices shown at ``count`` nodes in a row."""
        if not self.listed.is_quiet:
            return self._rounded(self.base.nodes(first, count), self.quote.nodes(first, count))
        numbers = np.arange(first, first + count, dtype=np.int64)
        traded = (numbers - self.phase) // _QUIET * _QUIET + self.phase
        start = int(traded[0])
        return self._raw_nodes(start, int(traded[-1]) - start + 1)[traded - start]

    def _raw_nodes(self, first: int, count: int) -> Ints:
        return self._rounded(self.base.nodes(first, count), self.quote.nodes(first, count))

    def trades(self, first: int, count: int) -> Ints:
        """1 for each of ``count`` nodes in a row in whose segment the pair trades, else 0."""
        if not self.listed.is_quiet:
            return np.ones(count, dtype=np.int64)
        numbers = np.arange(first, first + count, dtype=np.int64)
        return np.asarray((numbers - self.phase) % _QUIET == 0, dtype=np.int64)

    def nodes_and(self, first: int, count: int, places: Ints, within: int) -> tuple[Ints, Ints]:
        """Prices shown at ``count`` nodes in a row, and ``within`` milliseconds (below 15 s) after some of them.

        ``places`` are counted from the first node.
        """
        if self.listed.is_quiet:
            nodes = self.nodes(first, count)
            return nodes, nodes[places]
        base, quote = self.base.nodes(first, count + 1), self.quote.nodes(first, count + 1)
        part = within / NODE
        return self._rounded(base[:-1], quote[:-1]), self._rounded(
            base[places] + (base[places + 1] - base[places]) * part,
            quote[places] + (quote[places + 1] - quote[places]) * part,
        )

    def shown(self, price: int | float) -> str:
        """A price as text with the pair's decimals."""
        return f"{price / self.scale:.{self.listed.decimals}f}"

    def _rounded(self, base: Floats, quote: Floats) -> Ints:
        return np.floor(base / quote * self.scale + 0.5).astype(np.int64)


class Market:
    """Every pair of every exchange, by exchange and name (``BTC/USDT``)."""

    def __init__(self, seed: str) -> None:
        self._moves = _Moves(seed)
        self.exchanges: Mapping[str, Mapping[str, Pair]] = {
            exchange: self._pairs(seed, exchange, listing) for exchange, listing in EXCHANGES.items()
        }

    def pair(self, exchange: str, base: str, quote: str) -> Pair:
        return self.exchanges[exchange][f"{base}/{quote}"]

    def table(self, pairs: list[Pair], first: int, step: int, count: int) -> Ints:
        """Prices of pairs at ``count`` instants from ``first``, ``step`` milliseconds apart: (count, pairs).

        For long spans with few instants; equals ``Pair.at`` bit for bit. Quiet pairs are not for this.
        """
        instants = first + step * np.arange(count, dtype=np.int64)
        number = instants // NODE
        part = (instants - number * NODE) / NODE
        coins = {coin.name: coin for pair in pairs for coin in (pair.base, pair.quote)}
        whole = self._moves.whole(number)
        here = {name: coin.scattered(number, whole) for name, coin in coins.items()}
        if part.any():
            whole = self._moves.whole(number + 1)
            here = {
                name: here[name] + (coin.scattered(number + 1, whole) - here[name]) * part
                for name, coin in coins.items()
            }
        prices = np.empty((count, len(pairs)), dtype=np.int64)
        for column, pair in enumerate(pairs):
            prices[:, column] = np.floor(here[pair.base.name] / here[pair.quote.name] * pair.scale + 0.5)
        return prices

    def _pairs(self, seed: str, exchange: str, listing: tuple[Listed, ...]) -> dict[str, Pair]:
        names = {name for listed in listing for name in (listed.base, listed.quote)}
        coins = {name: Coin(seed, exchange, name, self._moves) for name in names}
        return {
            listed.name: Pair(
                exchange, listed, coins[listed.base], coins[listed.quote], key(seed, exchange, listed.name)
            )
            for listed in listing
        }


def _joined(character: Character, whole: Floats, waves: Floats, dips: Floats) -> Floats:
    return character.beta * whole + character.volatility * (waves + 1.2 * dips)


def _nodes_of(chunk: int) -> Ints:
    return np.arange(chunk * _CHUNK, (chunk + 1) * _CHUNK, dtype=np.int64)

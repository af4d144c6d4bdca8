"""What CoinMarketCap knows of coins: from the simulated market and, of coins that nobody trades there, from a seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.market.listing import COINS, NUMERAIRE
from simulator.market.noise import key
from simulator.market.prices import NODE, Market, Pair

DAY = 86_400_000
_HOUR = 3_600_000
_BORN = 1_367_107_200_000  # 2013-04-28, the first day CoinMarketCap has
_LISTED = 3_000
_KNOWN: dict[str, tuple[int, str, float, float | None]] = {
    # symbol: id, name, supply, most there will be
    "BTC": (1, "Bitcoin", 19_900_000.0, 21_000_000.0),
    "LTC": (2, "Litecoin", 76_000_000.0, 84_000_000.0),
    "XRP": (52, "XRP", 59_000_000_000.0, 100_000_000_000.0),
    "DOGE": (74, "Dogecoin", 150_000_000_000.0, None),
    "USDT": (825, "Tether USDt", 160_000_000_000.0, None),
    "ETH": (1027, "Ethereum", 120_700_000.0, None),
    "ZEC": (1437, "Zcash", 16_300_000.0, 21_000_000.0),
    "BNB": (1839, "BNB", 139_000_000.0, None),
    "LINK": (1975, "Chainlink", 680_000_000.0, 1_000_000_000.0),
    "ADA": (2010, "Cardano", 35_400_000_000.0, 45_000_000_000.0),
    "KCS": (2087, "KuCoin Token", 125_000_000.0, None),
    "ATOM": (3794, "Cosmos", 470_000_000.0, None),
    "SOL": (5426, "Solana", 540_000_000.0, None),
    "DOT": (6636, "Polkadot", 1_600_000_000.0, None),
}
_SPANS = {"1h": _HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "60d": 60 * DAY, "90d": 90 * DAY}


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin. ``pair`` is None for the numeraire and for coins nobody trades here, whose price is about ``dust``."""

    id: int
    symbol: str
    name: str
    supply: float
    most: float | None
    pair: Pair | None
    dust: float
    listed_at: int

    @property
    def slug(self) -> str:
        return self.name.lower().replace(" ", "-")

    @property
    def is_token(self) -> bool:
        return self.symbol in ("USDT", "LINK", "KCS") or self.id % 3 == 2

    def prices(self, instants: Sequence[int]) -> list[float]:
        """In US dollars, which are USDT here; what an exchange of the market shows at the last whole 15 s before."""
        if self.pair is not None:
            nodes = np.asarray(instants, dtype=np.int64) // NODE
            return [self._rounded(price) for price in self.pair.base.scattered(nodes).tolist()]
        if self.symbol == NUMERAIRE:
            return [1.0] * len(instants)
        return [self.dust * (0.97 + key("dust", self.id, at // _HOUR) % 1000 / 16_667) for at in instants]

    def _rounded(self, price: float) -> float:
        assert self.pair is not None
        return float(self.pair.shown(int(price * self.pair.scale + 0.5)))

    def volume(self, price: float, at: int) -> float:
        """Of a day, in US dollars; it changes by the hour."""
        share = 0.02 + key("share", self.id) % 1000 / 12_500 + key("volume", self.id, at // _HOUR) % 1000 / 100_000
        return price * self.supply * share

    def old_peak(self) -> tuple[float, int]:
        """The highest price of the time before the simulator looked, and when that was."""
        luck = key("peak", self.id)
        price = COINS[self.symbol].price if self.pair is not None else self.dust
        height = 1.0 if self.symbol == NUMERAIRE else 1.3 + luck % 1000 / 500
        return price * height, self.listed_at + luck % 500 * DAY


class Coins:
    """All coins, by id: those of the market, and small ones, so that lists have several pages."""

    def __init__(self, market: Market) -> None:
        self.by_id = {coin.id: coin for coin in (*_of_market(market), *_small())}
        self._of: tuple[int, dict[int, dict[str, float]]] = (-1, {})

    def quotes(self, at: int) -> dict[int, dict[str, float]]:
        """What a listing tells of each coin in US dollars; the same within a minute."""
        minute = at // 60_000
        if self._of[0] != minute:
            self._of = minute, _quotes(list(self.by_id.values()), minute * 60_000)
        return self._of[1]


def _quotes(coins: Sequence[Coin], at: int) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for coin in coins:
        price, *before = coin.prices([at, *(at - span for span in _SPANS.values())])
        volume, volume_before = coin.volume(price, at), coin.volume(before[1], at - DAY)
        changes = zip(_SPANS, before, strict=True)
        found[coin.id] = {
            "price": price,
            "volume_24h": volume,
            "volume_change_24h": (volume / volume_before - 1) * 100,
            **{f"percent_change_{name}": (price / then - 1) * 100 for name, then in changes},
            "market_cap": price * coin.supply,
            "market_cap_dominance": 0.0,
            "fully_diluted_market_cap": price * (coin.most or coin.supply),
        }
    whole = sum(quote["market_cap"] for quote in found.values())
    for quote in found.values():
        quote["market_cap_dominance"] = quote["market_cap"] / whole * 100
    return found


def _of_market(market: Market) -> Iterator[Coin]:
    for symbol, (id_, name, supply, most) in _KNOWN.items():
        pairs = (listed.get(f"{symbol}/{NUMERAIRE}") for listed in market.exchanges.values())
        pair = next((pair for pair in pairs if pair is not None), None)
        if pair is not None or symbol == NUMERAIRE:
            yield Coin(id_, symbol, name, supply, most, pair, 1.0, _BORN + id_ % 2000 * DAY)


def _small() -> Iterator[Coin]:
    for number in range(_LISTED - len(_KNOWN)):
        luck = key("coinmarketcap", number)
        symbol = "BTC" if number == 7 else f"C{number:04d}"  # symbols repeat across coins; ids do not
        price, supply = 0.0001 + luck % 100_000 / 50_000, 1e6 + luck % 10**9
        yield Coin(10_000 + number, symbol, f"Coin {number:04d}", supply, None, None, price, _BORN + luck % 3000 * DAY)

"""What the two exchanges list, and the character of each coin."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Character:
    """How a coin behaves: its price in USDT, how it moves, how much of it trades."""

    price: float
    beta: float  # its share in the moves of the whole market
    volatility: float  # standard deviation of its own moves over a day, about
    turnover: float  # USDT a minute in its main pair


@dataclass(frozen=True, slots=True)
class Listed:
    """One pair: ``decimals`` of its price, ``lot`` decimals of an amount; a quiet pair trades each fourth minute."""

    base: str
    quote: str
    decimals: int
    lot: int
    is_quiet: bool = False

    @property
    def name(self) -> str:
        return f"{self.base}/{self.quote}"


MARKET_VOLATILITY = 0.022
NUMERAIRE = "USDT"

COINS = {
    "BTC": Character(95_000.0, 1.0, 0.008, 900_000.0),
    "ETH": Character(3_300.0, 1.15, 0.016, 500_000.0),
    "BNB": Character(900.0, 0.9, 0.014, 90_000.0),
    "SOL": Character(160.0, 1.3, 0.024, 200_000.0),
    "XRP": Character(2.2, 1.1, 0.026, 150_000.0),
    "ADA": Character(0.62, 1.2, 0.028, 50_000.0),
    "DOGE": Character(0.17, 1.3, 0.03, 70_000.0),
    "LTC": Character(95.0, 1.0, 0.02, 25_000.0),
    "LINK": Character(15.0, 1.2, 0.026, 30_000.0),
    "DOT": Character(3.2, 1.2, 0.026, 18_000.0),
    "ATOM": Character(3.1, 1.1, 0.024, 900.0),
    "ZEC": Character(52.0, 0.9, 0.03, 700.0),
    "KCS": Character(12.4, 0.8, 0.016, 4_000.0),
    "EUR": Character(1.16, 0.02, 0.003, 30_000.0),
}

BINANCE = (
    Listed("BTC", "USDT", 2, 5),
    Listed("ETH", "USDT", 2, 4),
    Listed("BNB", "USDT", 2, 3),
    Listed("SOL", "USDT", 2, 3),
    Listed("XRP", "USDT", 4, 1),
    Listed("ADA", "USDT", 4, 1),
    Listed("DOGE", "USDT", 5, 0),
    Listed("LTC", "USDT", 2, 3),
    Listed("LINK", "USDT", 3, 2),
    Listed("DOT", "USDT", 3, 2),
    Listed("EUR", "USDT", 4, 1),
    Listed("BTC", "EUR", 2, 5),
    Listed("ETH", "EUR", 2, 4),
    Listed("SOL", "EUR", 2, 3),
    Listed("XRP", "EUR", 4, 1),
    Listed("ETH", "BTC", 5, 4),
    Listed("BNB", "BTC", 6, 3),
    Listed("SOL", "BTC", 7, 3),
    Listed("LTC", "BTC", 6, 3),
    Listed("ZEC", "USDT", 2, 3, is_quiet=True),
    Listed("LINK", "BTC", 8, 2, is_quiet=True),
)

KUCOIN = (
    Listed("BTC", "USDT", 1, 8),
    Listed("ETH", "USDT", 2, 7),
    Listed("KCS", "USDT", 4, 4),
    Listed("SOL", "USDT", 3, 4),
    Listed("XRP", "USDT", 5, 4),
    Listed("ADA", "USDT", 4, 4),
    Listed("DOGE", "USDT", 5, 4),
    Listed("LTC", "USDT", 3, 6),
    Listed("LINK", "USDT", 4, 4),
    Listed("DOT", "USDT", 4, 4),
    Listed("EUR", "USDT", 4, 2),
    Listed("BTC", "EUR", 1, 8),
    Listed("ETH", "EUR", 2, 7),
    Listed("ETH", "BTC", 6, 7),
    Listed("KCS", "BTC", 8, 4),
    Listed("SOL", "BTC", 8, 4),
    Listed("LTC", "BTC", 7, 6),
    Listed("ATOM", "USDT", 4, 4, is_quiet=True),
    Listed("DOT", "BTC", 8, 4, is_quiet=True),
)

EXCHANGES = {"binance": BINANCE, "kucoin": KUCOIN}

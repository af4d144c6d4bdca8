"""Hoppers, accounts and ticks for tests of the tracker."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cryptwire.domain.account import Account
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import Side, Trade, TradeId

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = timedelta(minutes=15)
MS = timedelta(milliseconds=1)
S = timedelta(seconds=1)
US = timedelta(microseconds=1)
BINANCE = Exchange("binance")


def pair(base: str, quote: str = "USDT", exchange: str = "binance") -> Pair:
    return Pair(Exchange(exchange), Asset(base), Asset(quote))


def hopper(
    name: str = "1", base: str = "USDT", exchange: str = "binance", user: str = "u", refresh: timedelta = 60 * S
) -> Hopper:
    return Hopper(HopperId(name), UserId(user), f"hopper {name}", Exchange(exchange), Asset(base), False, refresh)


def account(name: str = "1", at: datetime = T, **quantities: str | float) -> Account:
    held = {Asset(asset): Decimal(str(quantity)) for asset, quantity in quantities.items()}
    return Account(HopperId(name), at, held, ())


def tick(price: float, at: datetime, of: Pair | None = None, sequence: int = 1, session: str = "s") -> Ticker:
    return Ticker(of or pair("BTC"), price, None, None, None, at, session, sequence)


def trade(
    number: int, at: datetime, total: str = "10", name: str = "1", quote: str = "USDT", side: Side = Side.BUY
) -> Trade:
    return Trade(
        HopperId(name),
        TradeId(str(number)),
        pair("BTC", quote),
        side,
        Decimal("0.5"),
        Decimal("20"),
        Decimal(total),
        Decimal("0.01"),
        Asset(quote),
        at,
    )

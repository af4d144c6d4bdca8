"""Shards with a hopper, for tests of what they do."""

from datetime import datetime, timedelta
from decimal import Decimal

from cryptwire.clock import to_us
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.account import Account
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.portfolio import Portfolio
from cryptwire.domain.ticker import Feed
from tests.unit.tracker.builders import BINANCE, S, T, hopper, tick
from tracker.logic.shard import Shard

ONE = HopperId("1")
NOTHING = timedelta(0)


def shard_with(price: float = 10.0, at: datetime = T, **quantities: float) -> Shard:
    """A shard with one hopper that holds one BTC, its candles begun at ``at``, a boundary."""
    shard = Shard()
    shard.begin(to_us(at - 5 * S))
    shard.on_ticker(tick(price, at - 5 * S))
    held = {Asset(asset): Decimal(str(quantity)) for asset, quantity in (quantities or {"BTC": 1}).items()}
    shard.take_in(hopper(), 1, Account(ONE, at - 4 * S, held, ()), at - 4 * S)
    assert shard.advance(to_us(at)) == []
    return shard


def heard(shard: Shard, at: datetime, exchange: Exchange = BINANCE, interval: timedelta = NOTHING) -> None:
    shard.on_feed(Feed(exchange, "s", 1, at, interval), at)


def told(shard: Shard, at: datetime) -> dict[HopperId, Portfolio]:
    return {name: portfolio_from_wire(payload) for name, payload in shard.live(at)}


def prices(candle: Candle) -> tuple[float, float, float, float]:
    return candle.open, candle.high, candle.low, candle.close


def volume(shard: Shard, at: datetime) -> float:
    return told(shard, at)[ONE].volume

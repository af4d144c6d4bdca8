"""Redis hashes ``<prefix>prices:<exchange>``: the only module that knows their fields.

A field ``<QUOTE>.<BASE>`` holds the pair's last Ticker. They have no end: who comes late, or missed messages, finds
every price here, also while the streamer is away; ``received_at`` tells how old it is.
"""

from collections.abc import Iterable
from typing import Any

from cryptwire.codec.ticker import ticker_from_wire, ticker_to_wire
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors


class LastPrices:
    """The last ticker of every pair. Raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis, prefix: str = LIVE_KEYS) -> None:
        self._redis = redis
        self._prefix = prefix

    async def put(self, tickers: Iterable[Ticker]) -> None:
        """Keep these, one command for each exchange among them; of one pair the last in order stays."""
        hashes: dict[Exchange, dict[str, bytes]] = {}
        for ticker in tickers:
            hashes.setdefault(ticker.pair.exchange, {})[f"{ticker.pair.quote}.{ticker.pair.base}"] = ticker_to_wire(
                ticker
            )
        with our_errors():
            for exchange, fields in hashes.items():
                mapping: dict[Any, Any] = {**fields}
                await self._redis.hset(self._key(exchange), mapping=mapping)

    async def of(self, pair: Pair) -> Ticker | None:
        """The last ticker of a pair, None when none was kept; raises Invalid for a value that is none."""
        field: Any = f"{pair.quote}.{pair.base}"
        with our_errors():
            value: Any = await self._redis.hget(self._key(pair.exchange), field)
        return None if value is None else ticker_from_wire(value)

    async def of_many(self, pairs: Iterable[Pair]) -> dict[Pair, Ticker]:
        """The last tickers of those of ``pairs`` that have one; one command for each exchange among them.

        Raises Invalid for a value that is none.
        """
        exchanges: dict[Exchange, list[Pair]] = {}
        for pair in pairs:
            exchanges.setdefault(pair.exchange, []).append(pair)
        found: dict[Pair, Ticker] = {}
        for exchange, listed in exchanges.items():
            fields: list[Any] = [f"{pair.quote}.{pair.base}" for pair in listed]
            with our_errors():
                values: list[Any] = await self._redis.hmget(self._key(exchange), fields)
            found.update(
                (pair, ticker_from_wire(value)) for pair, value in zip(listed, values, strict=True) if value is not None
            )
        return found

    async def all_of(self, exchange: Exchange) -> list[Ticker]:
        """Every pair's last ticker, in no order; raises Invalid for a value that is none."""
        with our_errors():
            fields: dict[Any, Any] = await self._redis.hgetall(self._key(exchange))
        return [ticker_from_wire(value) for value in fields.values()]

    async def pairs_of(self, exchange: Exchange) -> frozenset[Pair]:
        """Every pair that has a last ticker."""
        with our_errors():
            fields: list[Any] = await self._redis.hkeys(self._key(exchange))
            names = [bytes(field).decode() for field in fields]
            odd: list[Any] = [name for name in names if name.count(".") != 1]  # a coin's own name has a point in it
            values: list[Any] = await self._redis.hmget(self._key(exchange), odd) if odd else []
        plain = (name.split(".") for name in names if name.count(".") == 1)
        pairs = {Pair(exchange, Asset(base), Asset(quote)) for quote, base in plain}
        return frozenset(pairs | {ticker_from_wire(value).pair for value in values if value is not None})

    def _key(self, exchange: Exchange) -> str:
        return f"{self._prefix}prices:{exchange}"

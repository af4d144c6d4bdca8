"""What the streamer wants from the world."""

from collections.abc import Collection, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from cryptwire.codec.ohlcv import CandlesRequest, Ohlcv
from cryptwire.domain.hopper import Exchange
from cryptwire.domain.ticker import Pair, Ticker
from streamer.logic import Quotation


class Connection(Protocol):
    """One life of a connection to an exchange's prices. Raises Unavailable when it is lost."""

    @property
    def interval(self) -> timedelta:
        """The time between polls; 0 where the exchange pushes."""
        ...

    async def everything(self) -> list[Quotation]:
        """Every pair, asked for now; without those that a push has told meanwhile."""
        ...

    async def changed(self) -> list[Quotation]:
        """Return when a frame came in: what it told since the last call, in order; empty when it told no price."""
        ...


class Source(Protocol):
    """One exchange. Raises Unavailable (again later) or Refused."""

    @property
    def exchange(self) -> Exchange: ...

    @property
    def pairs(self) -> Collection[Pair]:
        """Its spot pairs, none before the first ``load``."""
        ...

    async def load(self) -> None:
        """Read which pairs there are, anew."""
        ...

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A new connection; needs a ``load`` before."""
        ...

    async def candles(self, pair: Pair, request: CandlesRequest) -> list[Ohlcv]:
        """Oldest first, within the exchange's rate limits; raises Refused for a timeframe that it does not have."""
        ...


class Lease(Protocol):
    """The right to stream an exchange. Raises Unavailable when nobody can tell whose it is."""

    async def take(self) -> bool: ...

    async def renew(self) -> bool: ...

    async def release(self) -> bool: ...


class Prices(Protocol):
    """Where last prices are kept; raises Unavailable."""

    async def put(self, tickers: Iterable[Ticker]) -> None: ...


class Wire(Protocol):
    """Where messages go. What is published while it is not connected would arrive late, as if it were news."""

    @property
    def is_connected(self) -> bool: ...

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send; raises Unavailable."""
        ...

"""What the datafeed wants from the world."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.account import Position
from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.preferences import Preferences
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import Trade


class Caller(Protocol):
    """Who is asking, and under which session."""

    @property
    def user(self) -> UserId: ...
    @property
    def session(self) -> bytes: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def plan(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str] | None: ...


class Sessions(Protocol):
    """Who holds which session."""

    async def who(self, secret: str) -> Caller:
        """Raises Unauthenticated, Unavailable."""
        ...

    def forget(self, user: UserId) -> None:
        """Go by nothing that is remembered of a user."""
        ...

    async def again(self, sessions: list[bytes]) -> Mapping[bytes, Caller]:
        """The callers of those that have not ended, with their plans of this moment; raises Unavailable."""
        ...


class Person(Protocol):
    """A user, as far as a chart needs him."""

    @property
    def zone(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def preferences(self) -> Preferences: ...


class People(Protocol):
    """Every user."""

    async def by_id(self, user: UserId) -> Person:
        """Raises NotFound, Unavailable."""
        ...


class Hoppers(Protocol):
    """Who has which hopper."""

    async def of(self, user: UserId, hopper: HopperId) -> Hopper:
        """Raises NotFound, also when it is somebody else's; Unavailable."""
        ...

    async def of_user(self, user: UserId) -> list[Hopper]:
        """By name; raises Unavailable."""
        ...


class KnownHoppers(Protocol):
    """What became of each user's hoppers; raises Unavailable."""

    async def of_user(self, user: UserId) -> list[Hopper]:
        """By name."""
        ...

    async def known(self, user: UserId) -> list[KnownHopper]:
        """The same with what became of them."""
        ...


class Trades(Protocol):
    """A hopper's own trades."""

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Trade]:
        """In ``[since, until)``, oldest first; raises Unavailable."""
        ...


BasesOf = Callable[[Sequence[HopperId]], Awaitable[Mapping[HopperId, Sequence[tuple[datetime, Asset]]]]]
"""Of hoppers whose base currency has changed: until when it was another, and which; raises Unavailable."""


class Conversions(Protocol):
    """Rates between currencies."""

    async def between(self, source: Asset, target: Asset, since: datetime, until: datetime) -> Conversion:
        """Over ``[since, until]``; raises Unavailable, Invalid for more than some ten years."""
        ...


class TradesOfMany(Protocol):
    """Trades of several hoppers at once."""

    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> Mapping[HopperId, Sequence[Trade]]:
        """Within one span of each, oldest first; raises Unavailable."""
        ...


class PairTrades(Protocol):
    """Trades of several hoppers in one pair."""

    async def of_pair(
        self, hoppers: Sequence[HopperId], pair: Pair, since: datetime, until: datetime, most: int
    ) -> list[Trade]:
        """Of several hoppers' trades in one pair the last ``most``, oldest first; raises Unavailable."""
        ...


class Series(Protocol):
    """Stored candles and volumes, in seconds and columns; every method raises Unavailable."""

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns:
        """The last ``limit`` candles opened in ``[since, until)``, oldest first, without volume."""
        ...

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes:
        """The volumes of the quarters of an hour in ``[since, until)``."""
        ...

    async def volume(self, hopper: HopperId, base: Asset, since: int, until: int) -> float:
        """The volume of the trades in ``[since, until)``."""
        ...

    async def latest(self, hopper: HopperId, before: int) -> int | None:
        """When the last candle before ``before`` opened."""
        ...


class HeldPosition(Protocol):
    """An open or short position of a hopper, as it was read last."""

    @property
    def hopper(self) -> HopperId: ...
    @property
    def position(self) -> Position: ...
    @property
    def is_short(self) -> bool: ...
    @property
    def read_at(self) -> datetime: ...


class Positions(Protocol):
    """What hoppers hold."""

    async def in_pair(self, hoppers: Sequence[HopperId], base: Asset, quote: Asset) -> Sequence[HeldPosition]:
        """By hopper, the oldest first; raises Unavailable."""
        ...


class Prices(Protocol):
    """The last price of every pair; raises Unavailable."""

    async def pairs_of(self, exchange: Exchange) -> frozenset[Pair]: ...

    async def of(self, pair: Pair) -> Ticker | None: ...


OnTicker = Callable[[Ticker], None]


class Exchanges(Protocol):
    """What the streamer tells of exchanges."""

    async def candles(self, pair: Pair, timeframe: str, since: datetime, most: int) -> list[Ohlcv]:
        """Up to ``most`` candles opened at or after ``since``, the open one too; raises Unavailable, Refused."""
        ...

    async def listen(self, pair: Pair, on_ticker: OnTicker) -> Callable[[], Awaitable[None]]:
        """Hand each ticker of ``pair`` to ``on_ticker``; what comes out ends it. Raises Unavailable."""
        ...


class KnownSeries(Protocol):
    """Stored candles of one length of one pair: nothing opened before ``begins``, unless nobody has looked (None)."""

    @property
    def id(self) -> int: ...
    @property
    def begins(self) -> int | None: ...


class PairTable(Protocol):
    """Closed candles of pairs, shared by all; see cryptwire/storage/pair_candles.py. Raises Unavailable."""

    async def series(self, pair: Pair, grain: int) -> KnownSeries: ...

    async def begins(self, series: int, at: int) -> None: ...

    async def known(self, series: int, since: int, until: int) -> dict[int, int]: ...

    async def within(self, series: int, since: int, until: int) -> Columns: ...

    async def keep(self, series: int, begins: int, candles: Columns, known_until: int) -> None: ...


class Lease(Protocol):
    """The right to ask an exchange for something; a hint, no lock. Raises Unavailable when nobody can tell."""

    async def take(self) -> bool: ...

    async def release(self) -> bool: ...

"""What the analyser wants from the world, in its own words. Each raises Unavailable when the world is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.candle import Quality
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, Assignment, HopperId, UserId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.ticker import Pair, Ticker


class Duties(Protocol):
    """Which hoppers this pod holds."""

    async def of_pod(self, pod: str) -> list[Assignment] | None:
        """None when the pod was not confirmed lately; the same list as before while nothing changed."""
        ...


class Zones(Protocol):
    """Where users live."""

    async def of(self, users: Sequence[UserId]) -> dict[UserId, ZoneInfo]: ...


class Candles(Protocol):
    """Fifteen-minute candles and volumes of hoppers; seconds."""

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns: ...

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes: ...

    async def volume(self, hopper: HopperId, base: Asset, since: int, until: int) -> float: ...


class Recorded(Protocol):
    """The same, and what is known of a past that is told again; seconds."""

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns: ...

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes: ...

    async def earliest(self, hopper: HopperId) -> int | None: ...

    async def imperfect(self, hopper: HopperId, since: int, until: int) -> dict[int, Quality]:
        """Those that are not complete, by opening."""
        ...


@dataclass(frozen=True, slots=True)
class FlowBook:
    """What is known of a hopper's flows: newest versions, candidates of which none has begun, how often what counts
    has changed, and since when it trades with its base currency (None: ever).
    """

    flows: Sequence[Flow]
    undecided: Sequence[FlowCandidate]
    history_version: int
    since: datetime | None


class Flows(Protocol):
    """Money that came or went without a trade."""

    async def of(self, hopper: HopperId) -> FlowBook: ...

    async def marks(self, hoppers: Sequence[HopperId]) -> dict[HopperId, int]:
        """How many versions of flows each has, those that have any."""
        ...


class PairCandles(Protocol):
    """An exchange's candles, by the streamer."""

    async def since(self, pair: Pair, timeframe: str, since: datetime, limit: int) -> list[Ohlcv]:
        """Oldest first; raises Refused for what the exchange does not have."""
        ...


class Lease(Protocol):
    """Of several analysers one computes a pair."""

    async def take(self) -> bool: ...

    async def renew(self) -> bool: ...

    async def release(self) -> bool: ...


class LastPrices(Protocol):
    """The last price of a pair."""

    async def of(self, pair: Pair) -> Ticker | None: ...

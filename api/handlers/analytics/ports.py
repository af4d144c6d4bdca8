"""What the analytics want from the world; every method raises Unavailable."""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from api.handlers.linking import Linked
from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.daily import Midnight
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.hopper_days import HopperDays
from cryptwire.domain.imports import ImportProgress
from cryptwire.domain.market_weights import ListedCoin
from cryptwire.domain.open_position import FeeRate
from cryptwire.domain.result import Ledger
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade_columns import TradeColumns
from cryptwire.storage.day_series import Worth
from cryptwire.storage.heartbeats import Beat
from cryptwire.storage.hopper_health import HopperHealth
from cryptwire.storage.keyset import Condition, Order, Row
from cryptwire.storage.positions import Held
from cryptwire.storage.result_standings import Standing
from cryptwire.storage.sources import Source

Bases = Mapping[HopperId, Sequence[tuple[datetime, Asset]]]
"""Until when hoppers had another base currency, and which, oldest first."""


class DayRows(Protocol):
    """See cryptwire/storage/day_series.py."""

    async def read(
        self, hoppers: Sequence[HopperId], zone: str, since: date, until: date
    ) -> dict[HopperId, HopperDays]: ...

    async def computed_until(self, hoppers: Sequence[HopperId], zone: str) -> datetime | None: ...

    async def worth(self, moments: Sequence[tuple[HopperId, datetime]]) -> dict[tuple[HopperId, datetime], Worth]: ...

    async def bases(self, hoppers: Sequence[HopperId]) -> Bases: ...


class FlowRows(Protocol):
    """See cryptwire/storage/flows.py."""

    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> dict[HopperId, list[Flow]]: ...

    async def page(
        self, hoppers: Sequence[str], order: Order, conditions: Sequence[Condition], after: Row | None, most: int
    ) -> list[Flow]: ...

    async def count(self, hoppers: Sequence[str], conditions: Sequence[Condition]) -> int: ...


class BalanceRows(Protocol):
    """See cryptwire/storage/balances.py."""

    async def at(self, keys: Sequence[tuple[HopperId, datetime]]) -> dict[tuple[HopperId, datetime], Midnight]: ...

    async def last_priced(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> list[datetime | None]: ...

    async def first_priced(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> list[datetime | None]: ...


class PositionRows(Protocol):
    """See cryptwire/storage/positions.py."""

    async def of(self, hoppers: Sequence[HopperId]) -> list[Held]: ...


class OpenLotRows(Protocol):
    """See cryptwire/storage/open_lots.py."""

    async def of(self, hoppers: Sequence[HopperId], coins: Collection[Asset]) -> dict[HopperId, Ledger]: ...

    async def fee_rates(self, hoppers: Sequence[HopperId]) -> dict[HopperId, FeeRate]: ...


class LastPriceRows(Protocol):
    """See cryptwire/storage/last_prices.py."""

    async def of_many(self, pairs: Iterable[Pair]) -> dict[Pair, Ticker]: ...


class CoinRows(Protocol):
    """See cryptwire/storage/market_caps.py."""

    async def of_symbols(self, symbols: Sequence[str]) -> dict[str, list[ListedCoin]]: ...


class HealthRows(Protocol):
    """See cryptwire/storage/hopper_health.py."""

    async def of(
        self, hoppers: Sequence[HopperId], now: datetime, since: datetime, until: datetime
    ) -> dict[HopperId, HopperHealth]: ...


class Links(Protocol):
    """See api/handlers/linking.py."""

    async def state(self, user: UserId) -> Linked: ...

    async def progress(self, user: UserId) -> ImportProgress | None: ...


class Beats(Protocol):
    """See cryptwire/storage/heartbeats.py."""

    async def all(self) -> dict[str, Beat]: ...


class OutageRows(Protocol):
    """See cryptwire/storage/outages.py."""

    async def since(self, subjects: Collection[str]) -> dict[str, datetime]: ...


class AskedRows(Protocol):
    """See cryptwire/storage/sources.py."""

    async def all(self) -> dict[str, Source]: ...


class DifferenceRows(Protocol):
    """See cryptwire/storage/daily_statistics.py."""

    async def differences(
        self, hoppers: Sequence[HopperId], zone: str, since: date, until: date
    ) -> dict[HopperId, dict[Asset, Decimal]]: ...


class PublishedRates(Protocol):
    """See cryptwire/storage/rates.py."""

    async def last_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class HealthSources:
    """What data health is told by, beside the rest."""

    rows: HealthRows
    links: Links
    heartbeats: Beats
    outages: OutageRows
    asked: AskedRows
    differences: DifferenceRows
    rates: PublishedRates


class TradeColumnRows(Protocol):
    """See cryptwire/storage/trade_columns.py."""

    def of(
        self, hoppers: Sequence[tuple[HopperId, Asset]], since: datetime, until: datetime
    ) -> AsyncGenerator[TradeColumns]: ...


class Standings(Protocol):
    """See cryptwire/storage/result_standings.py."""

    async def of(self, hoppers: Sequence[HopperId]) -> dict[HopperId, Standing]: ...


class CandleRows(Protocol):
    """See cryptwire/storage/candle_series.py; seconds."""

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns: ...

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes: ...

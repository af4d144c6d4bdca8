"""What the analytics want from the world; every method raises Unavailable."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from cryptwire.domain.daily import Midnight
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.hopper_days import HopperDays
from cryptwire.domain.open_position import FeeRate
from cryptwire.domain.result import Ledger
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.storage.positions import Held
from cryptwire.storage.trade_sums import TradeSum

Bases = Mapping[HopperId, Sequence[tuple[datetime, Asset]]]
"""Until when hoppers had another base currency, and which, oldest first."""


class DayRows(Protocol):
    """See cryptwire/storage/day_series.py."""

    async def read(
        self, hoppers: Sequence[HopperId], zone: str, since: date, until: date
    ) -> dict[HopperId, HopperDays]: ...

    async def computed_until(self, hoppers: Sequence[HopperId], zone: str) -> datetime | None: ...

    async def worth(self, moments: Sequence[tuple[HopperId, datetime]]) -> dict[tuple[HopperId, datetime], float]: ...

    async def bases(self, hoppers: Sequence[HopperId]) -> Bases: ...


class FlowRows(Protocol):
    """See cryptwire/storage/flows.py."""

    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> dict[HopperId, list[Flow]]: ...


class BalanceRows(Protocol):
    """See cryptwire/storage/balances.py."""

    async def at(self, keys: Sequence[tuple[HopperId, datetime]]) -> dict[tuple[HopperId, datetime], Midnight]: ...

    async def last_priced(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> list[datetime | None]: ...

    async def first_priced(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> list[datetime | None]: ...


class PositionRows(Protocol):
    """See cryptwire/storage/positions.py."""

    async def of(self, hoppers: Sequence[HopperId]) -> list[Held]: ...

    async def reads(self, hoppers: Sequence[HopperId]) -> dict[tuple[HopperId, str], datetime]: ...


class OpenLotRows(Protocol):
    """See cryptwire/storage/open_lots.py."""

    async def of(self, hoppers: Sequence[HopperId], coins: Collection[Asset]) -> dict[HopperId, Ledger]: ...

    async def fee_rates(self, hoppers: Sequence[HopperId]) -> dict[HopperId, FeeRate]: ...


class LastPriceRows(Protocol):
    """See cryptwire/storage/last_prices.py."""

    async def of_many(self, pairs: Iterable[Pair]) -> dict[Pair, Ticker]: ...


class TradeSumRows(Protocol):
    """See cryptwire/storage/trade_sums.py."""

    async def of(
        self,
        spans: Sequence[tuple[HopperId, datetime, datetime, Asset]],
        currency: Asset,
        steps: tuple[Sequence[datetime], Sequence[Decimal | None]],
    ) -> list[TradeSum]: ...

"""What the fields of one operation read, each thing once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from api.handlers.analytics.kept import Kept
from api.handlers.analytics.ports import (
    BalanceRows,
    CandleRows,
    CoinRows,
    DayRows,
    FlowRows,
    HealthSources,
    LastPriceRows,
    OpenLotRows,
    PositionRows,
    Standings,
    TradeColumnRows,
)
from api.handlers.analytics.scope import Asked, Scope, scope_of
from api.handlers.live import Portfolios
from api.handlers.targets import TargetRows
from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.storage.conversions import Conversions
from cryptwire.storage.owners import Owner
from cryptwire.storage.result_list import ResultList
from cryptwire.storage.trade_list import TradeList

T = TypeVar("T")


class OwnerRows(Protocol):
    """See cryptwire/storage/owners.py."""

    async def of(self, user: UserId) -> Owner: ...


@dataclass(slots=True)
class Sources:
    """What figures are made of; one for the process."""

    owners: OwnerRows
    portfolios: Portfolios
    clock: Clock
    days: DayRows
    series: CandleRows
    flows: FlowRows
    balances: BalanceRows
    conversions: Conversions
    trade_list: TradeList
    result_list: ResultList
    standings: Standings
    kept: Kept
    trade_columns: TradeColumnRows
    positions: PositionRows
    open_lots: OpenLotRows
    last_prices: LastPriceRows
    health: HealthSources
    coins: CoinRows
    targets: TargetRows

    async def scope(self, user: UserId, asked: Asked) -> Scope:
        """See ``scope_of``."""
        owner = await self.owners.of(user)
        return scope_of(user, owner, owner.hoppers, asked, self.clock.now())


class Reading:
    """What was read for one scope: fields that need the same wait for one question.

    ``sees_live``: whether who asks may see what hoppers are worth this moment, and not only their closed candles.
    """

    def __init__(self, sources: Sources, scope: Scope, *, sees_live: bool = False) -> None:
        self.sources = sources
        self.scope = scope
        self.sees_live = sees_live
        self._once: dict[Hashable, asyncio.Future[Any]] = {}

    async def once(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What ``read`` gives, for whoever asks under ``key``; its error, too."""
        future = self._once.get(key)
        if future is None:
            future = self._once[key] = asyncio.ensure_future(read())
        return cast("T", await future)

"""What results want from the world. Each raises Unavailable when the world is away."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from cryptwire.domain.hopper import HopperId
from cryptwire.domain.trade_result import KnownTrade, Place, ResultProgress, ResultStanding, TradeResult, Wanted


class Writing(Protocol):
    """See cryptwire/storage/trade_results.py."""

    async def page(self, hopper: HopperId, after: Place | None, most: int) -> list[KnownTrade]: ...

    async def add(self, rows: Sequence[TradeResult]) -> None: ...

    async def move(self, progress: ResultProgress) -> None: ...


class Store(Protocol):
    """See cryptwire/storage/trade_results.py."""

    async def due(self, now: datetime, after: str, most: int) -> list[HopperId]: ...

    async def standing(self, hopper: HopperId, now: datetime) -> ResultStanding | None: ...

    async def page(self, hopper: HopperId, after: Place | None, most: int) -> list[KnownTrade]: ...

    async def asks_prices(self, standing: ResultStanding) -> bool: ...

    async def unpacked(self, after: str, most: int) -> list[HopperId]: ...

    async def pack(self, hopper: HopperId) -> int: ...

    def writing(self, standing: ResultStanding) -> AbstractAsyncContextManager[Writing | None]: ...


class Past(Protocol):
    """What the exchanges' pairs cost before."""

    async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
        """What one unit of the first asset was worth in the second; what nobody knows is left out."""
        ...

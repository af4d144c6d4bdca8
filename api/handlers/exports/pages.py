"""What files are made of, and what reads it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from api.handlers.analytics.reading import Sources
from api.handlers.analytics.scope import Scope
from api.handlers.exports.cells import Table
from cryptwire.domain.day import zone_of
from cryptwire.storage.candle_series import CandleSeries
from cryptwire.storage.candles import Candles
from cryptwire.storage.daily_statistics import DailyStatistics
from cryptwire.storage.valued_trades import ValuedTrades

Page = Sequence[Sequence[Any]]
"""Rows whose cells are in the order of a table's columns."""


@dataclass(frozen=True, slots=True)
class Files:
    """What files are read from; ``figures`` are what ``analytics`` is made of."""

    figures: Sources
    candles: Candles
    series: CandleSeries
    days: DailyStatistics
    trades: ValuedTrades


Pages = Callable[[Files, Scope], AsyncIterator[Page]]
"""All rows of a choice, oldest first, a page at a time, so that no more of them is in memory."""


async def written(table: Table, pages: AsyncIterator[Page], scope: Scope) -> AsyncGenerator[bytes, None]:
    """A file, piece by piece: its head with the first rows, so that what cannot be read fails before it begins."""
    write = table.writer(zone_of(scope.zone), is_masked=scope.is_masked)
    waiting = table.head()
    async for page in pages:
        for begin in range(0, len(page), _AT_ONCE):
            yield waiting + write(page[begin : begin + _AT_ONCE])
            waiting = b""
            await asyncio.sleep(0)
    if waiting:
        yield waiting


_AT_ONCE = 500
"""Rows that are written before others get their turn."""

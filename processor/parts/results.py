"""Results of trades."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from cryptwire.messaging.subjects import LIVE
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.trade_results import TradeResults
from processor.handlers.candle_book import CandleBook
from processor.handlers.jobs import Job
from processor.handlers.results import Results
from processor.handlers.statistics_prices import PairPrices
from processor.parts import Part, Tools
from processor.parts.backfill import StreamedExchanges

_LOOKS = timedelta(minutes=1)
_BLOCKS = 500
_SETTLES = timedelta(minutes=2)
"""The same price whenever it is asked for: a candle that has just ended is told a little later."""


@asynccontextmanager
async def keeping_results(tools: Tools) -> AsyncIterator[Part]:
    """Each trade that is told is told to one replica, which works it in; each minute what is missing is looked for."""
    clock, last = tools.runtime.clock, LastPrices(tools.redis)
    book = CandleBook(StreamedExchanges(tools.bus, last, clock), clock, most=_BLOCKS)
    prices = PairPrices(last, book, clock, settles=_SETTLES)
    results = Results(
        TradeResults(tools.rows), prices, clock, tools.runtime.meters, at_once=tools.settings.results_at_once
    )

    async def mend(_: datetime) -> str:
        return await results.mend()

    end = await tools.bus.subscribe(LIVE.all_trades, results.on_trade, queue="results")
    try:
        yield Part([Job("results", _LOOKS, timedelta(0), mend)], [results.serve()])
    finally:
        await end()

"""The past of rates, as far back as somebody's figures need it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp

from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.notices import Notices
from cryptwire.storage.rate_pasts import RatePasts
from cryptwire.storage.rate_series import RateSeries
from cryptwire.storage.rates import ExchangeRates
from cryptwire.storage.sources import Sources
from processor.adapters.openexchangerates import OpenExchangeRates
from processor.handlers.candle_book import CandleBook
from processor.handlers.jobs import Job
from processor.handlers.market import Asking
from processor.handlers.rate_pasts import CoinReader, DayReader
from processor.parts import Part, Tools
from processor.parts.backfill import StreamedExchanges

_NEWEST_ALONE = timedelta(0)
_BLOCKS = 50


@asynccontextmanager
async def reading_rate_pasts(tools: Tools) -> AsyncIterator[Part]:
    """Two jobs that find by themselves what is missing. Without a key no days are read."""
    settings, clock, meters, rows = tools.settings, tools.runtime.clock, tools.runtime.meters, tools.rows
    rates, pasts, sources = ExchangeRates(rows), RatePasts(rows), Sources(rows)
    exchanges = StreamedExchanges(tools.bus, LastPrices(tools.redis), clock)
    coins = CoinReader(rates, RateSeries(rows), pasts, exchanges, CandleBook(exchanges, clock, _BLOCKS), clock, meters)
    jobs = [Job("rates-of-hours", settings.rate_pasts_every, _NEWEST_ALONE, coins.read)]
    async with aiohttp.ClientSession() as session:
        if settings.openexchangerates_app_id:
            source = OpenExchangeRates(session, settings.openexchangerates_url, settings.openexchangerates_app_id)
            asking = Asking("openexchangerates-days", sources, Notices(rows), clock, meters)
            days = DayReader(source, rates, pasts, sources, asking, clock)
            jobs.append(Job("rates-of-days", settings.rate_pasts_every, _NEWEST_ALONE, days.read))
        yield Part(jobs)

"""Exchange rates, market caps and all-time highs. A source without a key is not asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp

from cryptwire.log import Log
from cryptwire.storage.market_caps import MarketCaps
from cryptwire.storage.notices import Notices
from cryptwire.storage.rates import ExchangeRates
from cryptwire.storage.sources import Sources
from processor.adapters.coinmarketcap import CoinMarketCap
from processor.adapters.openexchangerates import OpenExchangeRates
from processor.handlers.jobs import Job
from processor.handlers.market import Asking, CapReader, RateReader
from processor.parts import Part, Tools

_log = Log(__name__)
_NEWEST_ALONE = timedelta(0)


@asynccontextmanager
async def telling_of_the_market(tools: Tools) -> AsyncIterator[Part]:
    """Jobs each hour; what an hour missed, the next one brings."""
    settings, clock, meters = tools.settings, tools.runtime.clock, tools.runtime.meters
    sources, notices = Sources(tools.rows), Notices(tools.rows)

    def asking(name: str) -> Asking:
        return Asking(name, sources, notices, clock, meters)

    jobs: list[Job] = []
    async with aiohttp.ClientSession() as session:
        if settings.openexchangerates_app_id:
            source = OpenExchangeRates(session, settings.openexchangerates_url, settings.openexchangerates_app_id)
            rates = RateReader(source, ExchangeRates(tools.rows), sources, asking("openexchangerates"))
            jobs.append(Job("exchange-rates", settings.market_every, _NEWEST_ALONE, rates.read))
        else:
            _log.warning("no exchange rates: CRYPTWIRE_PROCESSOR_OPENEXCHANGERATES_APP_ID is not set")
        if settings.coinmarketcap_key:
            listed = CoinMarketCap(session, settings.coinmarketcap_url, settings.coinmarketcap_key, clock)
            caps = CapReader(
                listed,
                MarketCaps(tools.rows),
                sources,
                asking("coinmarketcap"),
                asking("coinmarketcap-highs"),
                clock,
            )
            jobs += [
                Job("market-caps", settings.market_every, _NEWEST_ALONE, caps.read_list),
                Job("all-time-highs", settings.market_every, _NEWEST_ALONE, caps.read_highs),
                Job("drop-market-caps", timedelta(days=1), _NEWEST_ALONE, caps.drop_old),
            ]
        else:
            _log.warning("no market caps: CRYPTWIRE_PROCESSOR_COINMARKETCAP_KEY is not set")
        yield Part(jobs)

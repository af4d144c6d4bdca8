"""The past of rates: of money from who publishes it, day by day; of coins from the exchanges, hour by hour."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from cryptwire.clock import Clock
from cryptwire.domain.conversion import FRESH, Conversion, Told, held, worth
from cryptwire.domain.currencies import DOLLAR
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.route import Leg
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Unavailable
from cryptwire.metrics import Meters
from processor.handlers.candle_book import ROWS, CandleBook
from processor.handlers.market import Asking
from processor.logic import rate_pasts as logic
from processor.logic.rate_pasts import HOUR, Span
from processor.ports.backfill import Exchanges
from processor.ports.market import RateSource, Sources
from processor.ports.rate_pasts import Pasts, RateRows, Series

_DAYS_AT_ONCE = 400
_HOUR_SECONDS = 3600


class DayReader:
    """The last rates of past days, as far back as somebody's figures need them and the month's requests allow.

    What reading the newest rates each hour takes is left alone. Each day is kept as it comes, the newest first, so a
    reader that is cut off goes on where it was.
    """

    def __init__(
        self, source: RateSource, rows: RateRows, pasts: Pasts, sources: Sources, asking: Asking, clock: Clock
    ) -> None:
        self._source = source
        self._rows = rows
        self._pasts = pasts
        self._sources = sources
        self._asking = asking
        self._clock = clock

    async def read(self, _: datetime) -> str:
        """A job's run."""
        since = logic.wanted(await self._pasts.needs()).fiat
        if since is None:
            return "nobody needs another day"
        known = await self._pasts.days(since.date() - logic.DAY)
        missing = logic.missing_days(since, self._clock.now(), known)
        if not missing:
            return "no day is missing"

        async def ask(now: datetime) -> str:
            allowance = await self._source.allowance()
            share = logic.spare(allowance.left, allowance.remaining, _DAYS_AT_ONCE)
            for day in missing[:share]:
                rates = await self._source.of_day(day)
                if rates is not None:
                    await self._rows.add(rates, Told.OF_THE_DAY)
                await self._pasts.day_read(day, 0 if rates is None else len(rates.per_usd))
            await self._sources.read(self._asking.name, now)
            return f"{min(share, len(missing))} days, {max(0, len(missing) - share)} wait for requests to spare"

        return await self._asking.run(ask)


class CoinReader:
    """Coins' prices at past full hours of which nobody else tells, from the exchanges on which hoppers trade.

    At a full hour the close of the candle that ended there counts. Begun again anywhere it goes on with what is not
    looked at yet.
    """

    def __init__(
        self,
        rows: RateRows,
        series: Series,
        pasts: Pasts,
        exchanges: Exchanges,
        book: CandleBook,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._rows = rows
        self._series = series
        self._pasts = pasts
        self._exchanges = exchanges
        self._book = book
        self._clock = clock
        self._meters = meters

    async def read(self, _: datetime) -> str:
        """A job's run. Raises Unavailable when something is away; what could be read is kept.

        An exchange of which there are no prices may not be followed at all: coins that none of the others has wait.
        """
        coins = logic.wanted(await self._pasts.needs()).coins
        done, now = await self._pasts.hours(), self._clock.now()
        todo = {coin: logic.spans(since, now, done.get(coin), ROWS) for coin, since in coins.items()}
        if not any(todo.values()):
            return "no hour is missing"
        places = await self._pasts.exchanges()
        markets, silent = await self._markets(places)
        count, away, waiting = 0, [], []
        for coin, spans in todo.items():
            ways = logic.ways(coin, places, markets)
            if not ways and silent:
                waiting.append(coin)
                continue
            try:
                for span in spans:
                    count += await self._read(coin, span, ways)
            except Unavailable as error:
                away.append(f"{coin}: {error}")
        if away:
            raise Unavailable("; ".join(away))
        waits = f"; {', '.join(waiting)} wait for prices of {', '.join(silent)}" if waiting else ""
        return f"{count} hours of {len(coins) - len(waiting)} coins{waits}"

    async def _markets(self, places: Sequence[Exchange]) -> tuple[set[Pair], list[Exchange]]:
        """What is traded, and the exchanges of which that is not known now."""
        found: set[Pair] = set()
        silent: list[Exchange] = []
        for exchange in places:
            try:
                found |= await self._exchanges.markets(exchange)
            except Unavailable:
                silent.append(exchange)
        return found, silent

    async def _read(self, coin: Asset, span: Span, ways: Sequence[tuple[Leg, Asset]]) -> int:
        """Keep what the markets tell of hours that lack a price, the best market first; how many that were."""
        begin, end = span.first * _HOUR_SECONDS, span.end * _HOUR_SECONDS
        told = await self._series.told(coin, begin - _seconds(FRESH), end)
        hours = logic.uncovered(told, span)
        count, market = 0, ""
        for leg, quote in ways:
            if not len(hours):
                break
            bars = (await self._book.bars([leg.pair], HOUR, span.first - 1, span.end - 1))[leg.pair]
            closes = bars[3][hours - span.first]
            is_known = ~np.isnan(closes)
            kept = await self._keep(coin, leg, quote, hours[is_known].tolist(), closes[is_known].tolist())
            hours = hours[~is_known]
            if kept:
                count, market = count + kept, str(leg.pair)
        await self._pasts.hours_read(coin, logic.moment_of(span.first), logic.moment_of(span.end), market)
        self._meters.count("processor_rate_hours", "Coins' past prices that were read from exchanges", count)
        return count

    async def _keep(self, coin: Asset, leg: Leg, quote: Asset, hours: list[int], closes: list[float]) -> int:
        if not hours:
            return 0
        first, last = logic.moment_of(hours[0]), logic.moment_of(hours[-1])
        begin, end = hours[0] * _HOUR_SECONDS, hours[-1] * _HOUR_SECONDS
        told = await self._series.told(quote, begin - _seconds(held(quote)), end + 1)
        of_quote = worth(quote, told, begin, end)
        dollars = Conversion(of_quote, worth(DOLLAR, told, begin, end), first, last)
        at = np.array(hours) * _HOUR_SECONDS
        counted_as_one = of_quote.counts_as_one(at).tolist()
        prices: dict[Told, dict[datetime, Decimal]] = {Told.TRADED: {}, Told.TRADED_FOR_ONE: {}}
        for hour, close, worth_of_one, is_assumed in zip(
            hours, closes, dollars.exactly_at(at), counted_as_one, strict=True
        ):
            if worth_of_one is not None:
                price = logic.per_usd(close, worth_of_one, is_inverse=leg.is_inverse)
                prices[Told.TRADED_FOR_ONE if is_assumed else Told.TRADED][logic.moment_of(hour)] = price
        for by, found in prices.items():
            if found:
                await self._rows.add_series(coin, found, by)
        return sum(map(len, prices.values()))


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)

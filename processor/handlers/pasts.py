"""What a hopper held back then and what it was worth: read from trades, balances and the exchanges' candles."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from cryptwire.clock import EPOCH, MICROSECOND, Clock, to_us
from cryptwire.domain.candle import SPAN
from cryptwire.domain.hopper import Asset, Hopper
from cryptwire.domain.route import Route, route
from cryptwire.domain.ticker import Pair
from processor.handlers.candle_book import ROWS, CandleBook
from processor.logic import backfill as logic
from processor.logic.backfill import Rewinding, Run, Steps
from processor.logic.backfill_values import Market, Values, folded, last_price, values
from processor.ports.backfill import Account, Exchanges, Flows, Trades

_BARS = ROWS
"""Bars that are valued at once; whole quarters of an hour, in minutes too."""
_LOOKBACK = 480
"""Bars before the first one among which the price before it is looked for."""
_PAGE = timedelta(days=10)
"""Trades of so long are read at once."""
_SETTLES_WITHIN = timedelta(minutes=5)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Past:
    """What a hopper held at every moment, the routes by which that is priced, and what cannot be told of it."""

    steps: dict[Asset, Steps]
    routes: dict[Asset, Route]
    troubles: list[str] = field(default_factory=list)

    @property
    def pairs(self) -> set[Pair]:
        """Every market that its value depends on."""
        return {leg.pair for legs in self.routes.values() for leg in legs}


class Pasts:
    """Reads pasts and values them."""

    def __init__(
        self,
        account: Account,
        trades: Trades,
        flows: Flows,
        exchanges: Exchanges,
        book: CandleBook,
        clock: Clock,
    ) -> None:
        self._account = account
        self._trades = trades
        self._flows = flows
        self._exchanges = exchanges
        self._book = book
        self._clock = clock

    async def of(self, hopper: Hopper, since: datetime) -> Past:
        """The past of ``hopper`` from ``since`` on.

        Raises LinkAgain, Exhausted, Unavailable, Refused and Corrupt as the gateway does.
        """
        rewinding, read_at, troubles = await self._settled(hopper, since)
        flows = [flow for flow in await self._flows.counting(hopper.id, since, read_at) if since <= flow.at < read_at]
        end = read_at
        while end > since:
            begin = max(since, end - _PAGE)
            trades = await self._trades.within(hopper.id, begin, end)
            rewinding.take_back(logic.changes_of(trades, (flow for flow in flows if begin <= flow.at < end)))
            end = begin
        if rewinding.unexplained:
            shown = list(rewinding.unexplained.items())[:_SHOWN]
            told = ", ".join(f"{quantity.normalize():f} {asset}" for asset, quantity in shown)
            troubles.append(f"money came or went that no trade explains: {told}")
        return await self.priced_in(hopper, Past(rewinding.steps(), {}, troubles))

    async def priced_in(self, hopper: Hopper, past: Past) -> Past:
        """The same past, valued in the base currency of ``hopper``; what cannot be told is added to its troubles."""
        markets = await self._exchanges.markets(hopper.exchange)
        found = {asset: route(hopper.exchange, asset, hopper.base, markets) for asset in past.steps}
        routes = {asset: legs for asset, legs in found.items() if legs is not None}
        if unpriced := sorted(found.keys() - routes.keys()):
            trouble = f"no market prices {', '.join(unpriced[:_SHOWN])} in {hopper.base}"
            if trouble not in past.troubles:
                past.troubles.append(trouble)
        return replace(past, routes=routes)

    async def _settled(self, hopper: Hopper, since: datetime) -> tuple[Rewinding, datetime, list[str]]:
        """Balances that hold every trade of the list, and when they were read.

        They may be a refresh older than the list, so they are waited for; a hopper that trades without a pause is taken
        as it is after five minutes, which is told.
        """
        deadline = self._clock.now() + _SETTLES_WITHIN
        max_age = hopper.refresh_every  # who is tracked was just polled: no need to ask again
        while True:
            quantities, read_at = await self._account.assets(hopper.user, hopper.id, max_age)
            await self._account.catch_up(hopper, since)
            last = await self._trades.last_at(hopper.id)
            if logic.is_settled(last, read_at, hopper.refresh_every):
                return Rewinding(quantities), read_at, []
            if self._clock.now() > deadline:
                return Rewinding(quantities), read_at, ["it trades without a pause: balances may lack the last trade"]
            assert last is not None
            max_age = timedelta(0)
            settles = logic.settles_at(last, hopper.refresh_every)
            await self._clock.sleep(max(timedelta(seconds=1), settles - self._clock.now()))

    async def valued(self, past: Past, run: Run, close_before: float | None) -> AsyncIterator[tuple[datetime, Values]]:
        """The values of each quarter of an hour of ``run``, some days at a time: when the first opens, and they.

        The first opens at ``close_before``, if that is known. Where an exchange has too few one-minute candles to price
        everything, its fifteen-minute ones are taken.
        """
        carried = await self._prices_before(past, run)
        begin, opening = run.first, close_before
        while begin < run.end:
            end = _window_end(run, begin)
            found, carried = await self._window(past, replace(run, first=begin, end=end), opening, carried)
            if begin == run.first and not found.is_whole and run.span < SPAN:
                async for each in self.valued(past, replace(run, span=SPAN), close_before):
                    yield each
                return
            yield begin, folded(found, SPAN // run.span) if run.span < SPAN else found
            begin, opening = end, float(found.closes[-1])

    async def _prices_before(self, past: Past, run: Run) -> dict[Pair, float]:
        width = run.span // MICROSECOND
        first, end = to_us(run.first) // width, to_us(_window_end(run, run.first)) // width
        looked = await self._book.bars(past.pairs, run.span, first - _LOOKBACK, end)  # with what is valued next
        return {pair: last_price(Market(bars[:, :_LOOKBACK], np.nan)) for pair, bars in looked.items()}

    async def _window(
        self, past: Past, run: Run, opening: float | None, before: dict[Pair, float]
    ) -> tuple[Values, dict[Pair, float]]:
        """The values of the bars of ``run``, and the prices that stand after it."""
        width = run.span // MICROSECOND
        first, end = to_us(run.first) // width, to_us(run.end) // width
        bars = await self._book.bars(past.pairs, run.span, first, end)
        markets = {pair: Market(found, before[pair]) for pair, found in bars.items()}
        edges = np.arange(first, end + 1, dtype=np.int64) * width
        found = values(past.steps, past.routes, markets, edges, opening)
        return found, {pair: last_price(market) for pair, market in markets.items()}


def _window_end(run: Run, begin: datetime) -> datetime:
    """Where the bars end that are valued with the one that opens at ``begin``: with a block of the book."""
    width = run.span * _BARS
    return min(run.end, begin - (begin - EPOCH) % width + width)

"""What the routes answer of the portfolio of one hopper."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from candles.datafeed.handlers.kinds import History
from candles.datafeed.handlers.live import LiveBook, is_live
from candles.datafeed.handlers.masked import is_masked
from candles.datafeed.handlers.rules import LIVE, Rules
from candles.datafeed.handlers.zones import zone_of
from candles.datafeed.logic.descriptions import symbol_info
from candles.datafeed.logic.marks import marks
from candles.datafeed.logic.questions import Question, Window, bars_of, wider, window
from candles.datafeed.logic.symbols import HopperSymbol, Symbol
from candles.datafeed.ports import Caller, Hoppers, People, Series, Trades
from cryptwire.clock import Clock
from cryptwire.domain.bar import GRID, Columns, bar_at, columns_of, joined, with_volumes
from cryptwire.domain.hopper import Hopper
from cryptwire.errors import NotFound
from cryptwire.permissions import Needs, roles_of

_DAY = 86_400


class Portfolios:
    """Hoppers of the caller; one of somebody else's is not there."""

    needs: Needs | None = None

    def __init__(
        self,
        people: People,
        hoppers: Hoppers,
        trades: Trades,
        series: Series,
        book: LiveBook,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._people = people
        self._hoppers = hoppers
        self._trades = trades
        self._series = series
        self._book = book
        self._rules = rules
        self._clock = clock

    async def info(self, caller: Caller, symbol: Symbol, text: str) -> dict[str, Any]:
        """One portfolio, in the user's zone."""
        return symbol_info(*await self._of(caller, symbol))

    async def history(self, caller: Caller, symbol: Symbol, asked: Question) -> History:
        """Bars, the one in progress included for who may see it; countback reaches over gaps."""
        sees_live = self._rules.may(roles_of(caller), LIVE)
        hopper, zone = await self._of(caller, symbol)
        taken = window(asked, zone, self._now())
        bars, are_cut = await self._bars(asked, zone, hopper, taken, sees_live=sees_live)
        if are_cut and asked.countback is not None and len(bars) < asked.countback:
            bars, _ = await self._bars(asked, zone, hopper, wider(asked, taken), sees_live=sees_live)
        if len(bars) or asked.countback is not None:
            return History(bars)
        earlier = await self._series.latest(hopper.id, taken.since)
        return History(bars, None if earlier is None else bar_at(asked.resolution, zone, earlier).time)

    async def _bars(
        self, asked: Question, zone: ZoneInfo, hopper: Hopper, taken: Window, *, sees_live: bool
    ) -> tuple[Columns, bool]:
        """The bars of an answer, and whether there are more candles than it took."""
        # candles and volumes at the same time: without gaps the candles reach back just so far
        begin = max(taken.since, taken.until - taken.limit * GRID, 0)
        stored, volumes = await asyncio.gather(
            self._series.newest(hopper.id, *taken),
            self._series.volumes(hopper.id, hopper.base, begin, taken.until),
        )
        are_cut = len(stored) >= taken.limit
        candles, live = self._fresh(hopper, stored, taken)
        if len(candles) and candles.at[0] < begin:
            earlier = await self._series.volumes(hopper.id, hopper.base, int(candles.at[0]), begin)
            candles = with_volumes(candles, earlier)
        candles = with_volumes(candles, volumes)
        if live is not None and sees_live:
            candles = joined(candles, live)
        return bars_of(asked, zone, candles, are_cut=are_cut), are_cut

    def _fresh(self, hopper: Hopper, stored: Columns, taken: Window) -> tuple[Columns, Columns | None]:
        """``stored`` with what has closed and is not in the database yet; and the candle in progress, if it belongs."""
        now = self._clock.now()
        candles = joined(stored, within(columns_of(self._book.closed(hopper.id, now)), taken))
        portfolio = self._book.live(hopper.id)
        if portfolio is None or not is_live(portfolio, now):
            return candles, None
        live = within(columns_of([portfolio.candle]), taken)
        at = int(portfolio.candle.opened_at.timestamp())
        if not len(live) or (len(candles) and candles.at[-1] >= at):
            return candles, None
        live.volume[0] = portfolio.volume
        return candles, live

    async def marks(
        self, caller: Caller, symbol: Symbol, asked: Question, *, masked: bool | None
    ) -> list[dict[str, Any]]:
        """The hopper's trades."""
        hopper, zone = await self._of(caller, symbol)
        trades = await self._trades.within(hopper.id, *span_of_marks(asked))
        return marks(trades, asked, zone, is_masked=await is_masked(self._people, caller.user, masked))

    async def levels(self, caller: Caller, symbol: Symbol, *, masked: bool | None) -> list[dict[str, Any]]:
        """None: these are prices of pairs, and a portfolio has a value."""
        await self._of(caller, symbol)
        return []

    async def _of(self, caller: Caller, symbol: Symbol) -> tuple[Hopper, ZoneInfo]:
        """The caller's hopper under a symbol, and his zone; raises NotFound."""
        if not isinstance(symbol, HopperSymbol):
            raise NotFound("unknown_symbol")
        hopper, zone = await asyncio.gather(
            self._hoppers.of(caller.user, symbol.hopper), zone_of(self._people, caller.user)
        )
        return hopper, zone

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def span_of_marks(asked: Question) -> tuple[datetime, datetime]:
    """Within which instants that lies which is stamped within the span of a question, and a little more."""
    # a stamp differs from the instants of its bar by a day at most, and a bar lasts up to a month
    margin = 0 if asked.resolution.is_intraday else 33 * _DAY
    since = datetime.fromtimestamp(max(0, asked.since - margin), UTC)
    return since, datetime.fromtimestamp(asked.until, UTC) + timedelta(seconds=margin)


def within(candles: Columns, taken: Window) -> Columns:
    """Those of ``candles`` that opened within the window."""
    begin, end = candles.at.searchsorted([taken.since, taken.until])
    return candles.between(int(begin), int(end))

"""What the routes answer of a pair of an exchange."""

import asyncio
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from candles.datafeed.handlers.asking import Pay
from candles.datafeed.handlers.kinds import History
from candles.datafeed.handlers.live import LiveBook
from candles.datafeed.handlers.markets import Markets
from candles.datafeed.handlers.masked import is_masked
from candles.datafeed.handlers.pair_book import Loaded, PairBook
from candles.datafeed.handlers.portfolios import span_of_marks
from candles.datafeed.handlers.rules import LIVE, MARKET, Rules
from candles.datafeed.handlers.zones import zone_of
from candles.datafeed.logic.budget import Budget
from candles.datafeed.logic.descriptions import pair_info
from candles.datafeed.logic.grains import Grain, Span, coarsest_of, span_of
from candles.datafeed.logic.marks import MOST_MARKS, levels, marks
from candles.datafeed.logic.questions import MOST_BARS, Question
from candles.datafeed.logic.symbols import PairSymbol, Symbol
from candles.datafeed.ports import Caller, HeldPosition, KnownHoppers, PairTrades, People, Positions
from cryptwire.clock import Clock
from cryptwire.domain.account import Position
from cryptwire.domain.bar import Columns, edges, folded, joined
from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.domain.pair_names import Named
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid, NotFound
from cryptwire.permissions import Needs, roles_of

_MOST_LOOKS = 8  # each twice as far back as the one before
_PATIENCE = 8.0  # seconds that an answer may take; clients wait for some ten


class OpenCandles(Protocol):
    """Candles in progress, of pairs that are followed live."""

    def open_candle(self, pair: Pair, grain: Grain, since: int, until: int) -> Columns:
        """None or one, if it opened in ``[since, until)``."""
        ...


class _Held(NamedTuple):
    hopper: HopperId
    position: Position
    is_short: bool
    read_at: datetime


class Pairs:
    """Pairs of allowed exchanges, for everybody alike; the caller's own trades and positions in them."""

    needs: Needs | None = MARKET

    def __init__(
        self,
        people: People,
        hoppers: KnownHoppers,
        markets: Markets,
        book: PairBook,
        forming: OpenCandles,
        trades: PairTrades,
        positions: Positions,
        live: LiveBook,
        budget: Budget,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._people = people
        self._hoppers = hoppers
        self._markets = markets
        self._book = book
        self._forming = forming
        self._trades = trades
        self._positions = positions
        self._live = live
        self._budget = budget
        self._rules = rules
        self._clock = clock

    async def info(self, caller: Caller, symbol: Symbol, text: str) -> dict[str, Any]:
        """One pair, in the user's zone."""
        named, zone = await self._of(caller, symbol)
        return pair_info(named, text, await self._markets.price_of(named.pair), zone)

    async def history(self, caller: Caller, symbol: Symbol, asked: Question) -> History:
        """Bars, the one in progress included; countback reaches over gaps.

        What an exchange takes long to tell is answered in part, the newest bars, where countback lets the reader ask
        for the rest; raises Unavailable where it does not.
        """
        named, zone = await self._of(caller, symbol)
        self._budget.pair(caller.user, named.pair, self._clock.now())

        def pay() -> None:
            self._budget.block(caller.user, self._clock.now())

        until = asyncio.get_running_loop().time() + _PATIENCE
        bars = await self._bars(asked, zone, named.pair, pay, until)
        if len(bars) or asked.countback is not None:
            return History(bars)
        before = Question(asked.symbol, asked.resolution, 0, asked.since, 1)
        earlier = await self._bars(before, zone, named.pair, pay, until)
        return History(bars, int(earlier.at[-1]) if len(earlier) else None)

    async def _bars(self, asked: Question, zone: ZoneInfo, pair: Pair, pay: Pay, deadline: float) -> Columns:
        now = int(self._clock.now().timestamp())
        coarsest = coarsest_of(pair.exchange)
        span = span_of(asked, zone, now, coarsest)
        if asked.countback is None and span.bars > MOST_BARS:
            raise Invalid(f"more than {MOST_BARS:,} bars from {asked.since} to {asked.until}: ask for a shorter span")
        for _ in range(_MOST_LOOKS):
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            loaded = await self._book.candles(pair, span.grain, span.since, span.until, pay, left)
            bars = self._folded(asked, zone, pair, span, loaded)
            missing = 0 if asked.countback is None else asked.countback - len(bars)
            if missing <= 0 or loaded.is_first or loaded.error is not None:
                break
            longer = span_of(asked, zone, now, coarsest, 2 * span.bars)
            if longer.since >= span.since:
                break
            span = longer
        if loaded.error is not None and (asked.countback is None or not len(bars)):
            raise loaded.error
        return bars if asked.countback is None else bars.between(max(0, len(bars) - asked.countback), len(bars))

    def _folded(self, asked: Question, zone: ZoneInfo, pair: Pair, span: Span, loaded: Loaded) -> Columns:
        """The bars whose candles are all there."""
        candles = joined(self._forming.open_candle(pair, span.grain, span.since, span.until), loaded.candles)
        if not len(candles):
            return candles
        bars = edges(asked.resolution, zone, int(candles.at[0]), int(candles.at[-1]) + 1)
        if loaded.known_from > span.since:  # the first one may lack some
            whole = int(bars.starts.searchsorted(loaded.known_from))
            if whole == len(bars.starts):
                return candles.between(0, 0)
            candles = candles.between(int(candles.at.searchsorted(bars.starts[whole])), len(candles))
        return folded(candles, bars)

    async def marks(
        self, caller: Caller, symbol: Symbol, asked: Question, *, masked: bool | None
    ) -> list[dict[str, Any]]:
        """The caller's trades in this pair, of all his hoppers."""
        named, zone = await self._of(caller, symbol)
        hoppers = {hopper.id: hopper for hopper in await self._hoppers.of_user(caller.user)}
        span = span_of_marks(asked)
        trades = await self._trades.of_pair(list(hoppers), named.pair, *span, 2 * MOST_MARKS)
        return marks(trades, asked, zone, hoppers, is_masked=await is_masked(self._people, caller.user, masked))

    async def levels(self, caller: Caller, symbol: Symbol, *, masked: bool | None) -> list[dict[str, Any]]:
        """What the caller's open positions in this pair cost, and where they are sold."""
        named, _ = await self._of(caller, symbol)
        hoppers = await self._on(caller.user, named.pair)
        held: list[HeldPosition] = list(await self._positions.in_pair(list(hoppers), *named.pair[1:]))
        if self._rules.may(roles_of(caller), LIVE):
            held = self._now_held(named.pair, hoppers, held)
        return levels(held, hoppers, is_masked=await is_masked(self._people, caller.user, masked))

    async def _on(self, user: UserId, pair: Pair) -> dict[HopperId, Hopper]:
        """A user's hoppers on the exchange of ``pair`` that can be read."""
        known = await self._hoppers.known(user)
        return {one.hopper.id: one.hopper for one in known if one.is_linked and one.hopper.exchange == pair.exchange}

    def _now_held(self, pair: Pair, hoppers: dict[HopperId, Hopper], stored: list[HeldPosition]) -> list[HeldPosition]:
        """``stored``, with the open positions of hoppers that are followed live as these tell them."""
        held = stored
        for hopper in hoppers:
            portfolio = self._live.portfolio(hopper, self._clock.now())
            if portfolio is None:
                continue
            held = [one for one in held if one.hopper != hopper or one.is_short]
            for position in portfolio.positions:
                if (position.base, position.quote) == pair[1:]:
                    held.append(_Held(hopper, position, False, portfolio.assets_at))
        return held

    async def _of(self, caller: Caller, symbol: Symbol) -> tuple[Named, ZoneInfo]:
        """The pair under a symbol, and the caller's zone; raises NotFound, Invalid, Unavailable."""
        if not isinstance(symbol, PairSymbol):
            raise NotFound("unknown_symbol")
        named, zone = await asyncio.gather(self._markets.find(symbol), zone_of(self._people, caller.user))
        return named, zone

"""What the routes answer of ``HOPPER:ALL``, all of the caller's live hoppers together."""

import asyncio
from typing import Any, Protocol

from candles.datafeed.handlers.kinds import History
from candles.datafeed.handlers.masked import is_masked
from candles.datafeed.handlers.portfolios import span_of_marks
from candles.datafeed.handlers.rules import LIVE, Rules
from candles.datafeed.handlers.together import Group, Together
from candles.datafeed.handlers.zones import zone_of
from candles.datafeed.logic.descriptions import all_info
from candles.datafeed.logic.marks import marks
from candles.datafeed.logic.questions import Question, Window, bars_of, wider, window
from candles.datafeed.logic.symbols import Symbol
from candles.datafeed.ports import Caller, People, TradesOfMany
from cryptwire.clock import Clock
from cryptwire.domain.bar import Columns, bar_at, joined
from cryptwire.permissions import Needs, roles_of


class OpenSums(Protocol):
    """Sums as portfolios are told live."""

    async def open_candle(self, group: Group) -> Columns:
        """The candle in progress: none, or one."""
        ...


class Everything:
    """One portfolio out of many, in the caller's currency and zone. Paper hoppers are never part of it."""

    needs: Needs | None = None

    def __init__(
        self, people: People, together: Together, sums: OpenSums, trades: TradesOfMany, rules: Rules, clock: Clock
    ) -> None:
        self._people = people
        self._together = together
        self._sums = sums
        self._trades = trades
        self._rules = rules
        self._clock = clock

    async def info(self, caller: Caller, symbol: Symbol, text: str) -> dict[str, Any]:
        """The sum, in the user's currency and zone."""
        group, zone = await asyncio.gather(self._together.group(caller.user), zone_of(self._people, caller.user))
        return all_info(group.currency, group.left_out, zone)

    async def history(self, caller: Caller, symbol: Symbol, asked: Question) -> History:
        """Bars, the one in progress included for who may see it; countback reaches over gaps."""
        group, zone = await asyncio.gather(self._together.group(caller.user), zone_of(self._people, caller.user))
        taken = window(asked, zone, int(self._clock.now().timestamp()))
        live = await self._sums.open_candle(group) if self._rules.may(roles_of(caller), LIVE) else None
        candles, are_cut = await self._candles(group, taken, live)
        bars = bars_of(asked, zone, candles, are_cut=are_cut)
        if are_cut and asked.countback is not None and len(bars) < asked.countback:
            candles, are_cut = await self._candles(group, wider(asked, taken), live)
            bars = bars_of(asked, zone, candles, are_cut=are_cut)
        if len(bars) or asked.countback is not None:
            return History(bars)
        earlier = await self._together.latest(group, taken.since)
        return History(bars, None if earlier is None else bar_at(asked.resolution, zone, earlier).time)

    async def _candles(self, group: Group, taken: Window, live: Columns | None) -> tuple[Columns, bool]:
        candles, are_cut = await self._together.candles(group, *taken)
        if live is not None and len(live) and taken.since <= int(live.at[0]) < taken.until:
            candles = joined(candles, live)
        return candles, are_cut

    async def marks(
        self, caller: Caller, symbol: Symbol, asked: Question, *, masked: bool | None
    ) -> list[dict[str, Any]]:
        """The trades of all these hoppers."""
        group, zone = await asyncio.gather(self._together.group(caller.user), zone_of(self._people, caller.user))
        hoppers = {member.hopper.id: member.hopper for member in group.members}
        since, until = span_of_marks(asked)
        found = await self._trades.of_many([(hopper, since, until) for hopper in hoppers])
        trades = sorted((trade for of_one in found.values() for trade in of_one), key=lambda trade: trade.at)
        return marks(trades, asked, zone, hoppers, is_masked=await is_masked(self._people, caller.user, masked))

    async def levels(self, caller: Caller, symbol: Symbol, *, masked: bool | None) -> list[dict[str, Any]]:
        """None: these are prices of pairs."""
        return []

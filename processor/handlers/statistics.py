"""Daily statistics: what was held is taken at each midnight, and the days that ended are computed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from cryptwire.clock import Clock
from cryptwire.domain.daily import Daily, Midnight, Progress, Standing
from cryptwire.domain.day import Day, day_at, days_ended, last_midnight, zone_of
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.domain.result import Ledger, Prices, ledger_of
from cryptwire.domain.trade import Trade
from cryptwire.errors import CryptwireError, Exhausted, Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from processor.handlers.statistics_work import DAY_BEFORE, Work, figures, next_group
from processor.logic import statistics as logic
from processor.logic.statistics import Before, Facts
from processor.ports.statistics import Account, Days, FlowsOfMany, Live, Markets, Midnights, Trades

_log = Log(__name__)
_SETTLES = timedelta(seconds=4)
"""So long after a midnight every live hopper has told how it stands: they do so each 2 s."""
_PAGE = 200
_STANDINGS = 1_000
_LONGEST = timedelta(days=3_700)
_WAITS = timedelta(hours=6)
"""A day of whose end nothing is known is waited for so long: candles may be filled, or upstream may come back."""
_AWAY_AFTER = 20

Wanted = tuple[Exchange, Asset, Asset, datetime]
T = TypeVar("T")


class Statistics:
    """Days of hoppers in their user's zone.

    A midnight may be taken until ``within`` after it; what was missed is made up as far as ``makes_up`` back from
    trades, flows and what was held next. Upstream is asked about ``at_once`` hoppers together.
    """

    def __init__(
        self,
        days: Days,
        midnights: Midnights,
        trades: Trades,
        flows: FlowsOfMany,
        account: Account,
        live: Live,
        markets: Markets,
        clock: Clock,
        meters: Meters,
        *,
        within: timedelta = timedelta(minutes=5),
        makes_up: timedelta = timedelta(days=90),
        at_once: int = 16,
    ) -> None:
        self._days = days
        self._midnights = midnights
        self._trades = trades
        self._flows = flows
        self._account = account
        self._live = live
        self._markets = markets
        self._clock = clock
        self._meters = meters
        self._within = within
        self._makes_up = makes_up
        self._at_once = at_once
        self._failures = 0  # of upstream, in a row

    async def ring(self, due_at: datetime) -> str:
        """At a boundary: take what hoppers hold whose day ends there, then compute what is due.

        Raises Unavailable when the database is away. Begun again after it was cut off anywhere, it goes on.
        """
        taken = await self._take(due_at)
        return f"{taken} midnights taken, {await self.compute(due_at)}"

    async def mend(self, due_at: datetime) -> str:
        """Compute what is due, but for midnights that may still be taken: these are left to the ring at them."""
        return await self.compute(due_at - self._within)

    # ---- what is held at midnight --------------------------------------------------------------------------------

    async def _take(self, due_at: datetime) -> int:
        if self._clock.now() > due_at + self._within:
            return 0
        ending = [name for name, zone in await self._zones() if last_midnight(zone, due_at) == due_at]
        if not ending:
            return 0
        await self._clock.sleep(due_at + _SETTLES - self._clock.now())
        taken, after = 0, ""
        self._failures = 0
        while hoppers := await self._days.untaken(ending, due_at, after, _PAGE):
            after = hoppers[-1].id
            found = await self._each(hoppers, lambda hopper: self._midnight(hopper, due_at))
            taken += await self._midnights.put([midnight for midnight in found if midnight is not None])
        self._meters.count("processor_midnights", "Midnights of hoppers taken at their time", taken)
        return taken

    async def _zones(self) -> list[tuple[str, ZoneInfo]]:
        """Every zone in use."""
        return [(name, _zone(name)) for name in await self._days.zones()]

    async def _each(self, hoppers: Sequence[Hopper], do: Callable[[Hopper], Awaitable[T]]) -> list[T]:
        """``do`` for each, ``at_once`` together; results in their order."""
        gate = asyncio.Semaphore(self._at_once)

        async def one(hopper: Hopper) -> T:
            async with gate:
                return await do(hopper)

        return await asyncio.gather(*map(one, hoppers))

    async def _midnight(self, hopper: Hopper, at: datetime) -> Midnight | None:
        """As it lives; else as upstream tells, at the last prices; None when neither is to be had now."""
        live = self._live.at(hopper.id, at)
        if live is not None and logic.is_at(live, at, self._within):
            reserved = await self._asked(hopper, lambda: self._account.reserved(hopper, hopper.refresh_every))
            return logic.lived(live, at, reserved)
        return await self._asked(hopper, lambda: self._polled(hopper, at))

    async def _polled(self, hopper: Hopper, at: datetime) -> Midnight | None:
        age = hopper.refresh_every
        quantities, read_at = await self._account.assets(hopper, age)
        positions = await self._account.positions(hopper, age)
        reserved = await self._account.reserved(hopper, age)
        if self._clock.now() > at + self._within:
            return None
        prices = await self._markets.now(hopper.exchange, hopper.base, [*quantities, *(p.base for p in positions)])
        return logic.held(hopper.id, hopper.base, at, read_at, quantities, prices, positions, reserved)

    async def _asked(self, hopper: Hopper, ask: Callable[[], Awaitable[T]]) -> T | None:
        """What upstream tells, None when it cannot be asked; not asked at all when it is plainly away."""
        if self._failures >= _AWAY_AFTER:
            return None
        try:
            told = await ask()
            self._failures = 0
            return told
        except CryptwireError as error:
            if isinstance(error, Unavailable) and not isinstance(error, Exhausted):
                self._failures += 1
            _log.warning("a hopper cannot be read at midnight", hopper=hopper.id, reason=error)
            return None

    # ---- the days ------------------------------------------------------------------------------------------------

    async def compute(self, due_at: datetime) -> str:
        """Every day that ended by ``due_at`` and is not there, or is not as what it was computed from is now."""
        lasts = {name: last_midnight(zone, due_at) for name, zone in await self._zones()}
        hoppers = days = 0
        after = ""
        self._failures = 0
        while standing := await self._days.due(lasts, after, _STANDINGS):
            after = standing[-1].hopper.id
            hoppers += len(standing)
            pending = [begun for each in standing if (begun := await self._begun(each)) is not None]
            while pending:
                group, pending = next_group(pending)
                written, rest = await self._compute(group)
                days += written
                pending = [*rest, *pending]
        self._meters.count("processor_days", "Days of hoppers computed", days)
        return f"{days} days of {hoppers} hoppers computed"

    async def _begun(self, standing: Standing) -> Work | None:
        """What is to be done of a hopper, from the day on that is missing or not right."""
        zone = _zone(standing.zone)
        start = standing.until_at
        begins_at = standing.begins_at
        if start is None or begins_at is None:
            if standing.earliest is None:
                return None
            floor = standing.last_at - _LONGEST
            start = begins_at = day_at(zone, max(standing.earliest, floor)).begins_at
        anew = False
        if standing.anew_from is not None and standing.anew_from < start:
            # What was made up before the change was made up from what was held after it.
            taken_at = await self._midnights.last_taken(standing.hopper.id, standing.anew_from)
            made_up_from = min(standing.anew_from, max(taken_at or begins_at, self._clock.now() - self._makes_up))
            start, anew = day_at(zone, max(made_up_from, standing.last_at - _LONGEST)).begins_at, True
            begins_at = min(begins_at, start)
        last_at = standing.last_at if standing.until_at is None else max(standing.last_at, standing.until_at)
        if standing.gone_at is not None:
            last_at = max(start, min(last_at, day_at(zone, standing.gone_at).ends_at))
        days = days_ended(zone, start, last_at)
        ledger = ledger_of(standing.ledger)
        before = Before()
        if standing.until_at is not None:
            last = await self._days.before(standing.hopper.id, standing.zone, day_at(zone, start).date)
            if last is not None and last.ends_at == start:
                before = Before(last.index, last.closing, last.currency)
        if anew or standing.until_at is None:
            kept = standing.ledger.get(DAY_BEFORE)
            if isinstance(kept, dict) and kept["at"] == start.isoformat():
                ledger = ledger_of(kept)  # most trades that come late are of the last day
            else:
                ledger = await self._replayed(standing.hopper, start)
        return Work(standing, days, begins_at, start, ledger, before, is_anew=anew)

    async def _replayed(self, hopper: Hopper, until: datetime) -> Ledger:
        """What the trades before ``until`` have left."""
        ledger = Ledger()
        async for page in self._trades.pages(hopper.id, until):
            prices = await self._prices([(hopper, page)])
            for trade in page:
                ledger.add(trade, prices)
            await asyncio.sleep(0)
        return ledger

    async def _compute(self, group: Sequence[tuple[Work, Sequence[Day]]]) -> tuple[int, list[Work]]:
        """Compute and write some days of some hoppers; how many, and what is left to do of these hoppers."""
        spans = [(work.hopper.id, days[0].begins_at, days[-1].ends_at) for work, days in group if days]
        each_day = [(work.hopper.id, day.begins_at, day.ends_at) for work, days in group for day in days]
        candles = await self._days.candles(each_day) if each_day else []
        trades = await self._trades.of_many(spans) if spans else {}
        flows = await self._flows.of_many(spans) if spans else {}
        midnights = await self._known_midnights(group)
        now = self._clock.now()
        wanted = [(work.hopper, trades.get(work.hopper.id, [])) for work, days in group if days]
        prices = await self._prices(wanted, group, flows)
        written: list[Daily] = []
        moved: list[tuple[Standing, Progress]] = []
        rest: list[Work] = []
        place = 0
        for work, days in group:
            facts = Facts(
                candles[place : place + len(days)],
                {at: midnight for (hopper, at), midnight in midnights.items() if hopper == work.hopper.id},
                trades.get(work.hopper.id, []),
                flows.get(work.hopper.id, []),
                work.standing.bases,
            )
            place += len(days)
            standing = work.standing
            done, day_before = figures(work, days, facts, prices)
            settled = next((n for n, day in enumerate(done) if not logic.is_settled(day, now, _WAITS)), len(done))
            if settled < len(done):
                if not settled and standing.until_at is not None:
                    continue  # nothing to write down; it is looked at again
                done = done[:settled]
                work.ledger, day_before = await self._replayed(work.hopper, days[settled].begins_at), None
            until = done[-1].ends_at if done else work.start
            progress = Progress(
                work.hopper.id,
                standing.zone,
                standing.newest_version,
                work.begins_at,
                until,
                {**work.ledger.as_json(), DAY_BEFORE: day_before},
                standing.read_at,
            )
            written += done
            moved.append((standing, progress))
            if settled == len(days) and len(days) < len(work.days):
                rest.append(work.after(len(days), progress, done[-1]))
        kept = await self._days.put(written, moved)
        return sum(day.hopper in kept for day in written), [work for work in rest if work.hopper.id in kept]

    async def _prices(
        self,
        trades: Sequence[tuple[Hopper, Sequence[Trade]]],
        group: Sequence[tuple[Work, Sequence[Day]]] = (),
        flows: Mapping[HopperId, Sequence[Flow]] = MappingProxyType({}),
    ) -> Prices:
        """What results need to know of the past: third coins' fees, quotes and flows not in the base currency."""
        wanted: set[Wanted] = set()
        for hopper, listed in trades:
            wanted |= logic.prices_needed(hopper, listed, (), ())
        for work, days in group:
            listed = next((each for hopper, each in trades if hopper.id == work.hopper.id), ())
            for hopper in {work.standing.hopper_at(day.ends_at) for day in days}:
                wanted |= logic.prices_needed(hopper, listed, work.ledger.lots, [d.ends_at for d in days])
            bases, moved = work.standing.bases, flows.get(work.hopper.id, ())
            for day in days if bases and moved else ():
                wanted |= logic.prices_of_flows(work.standing.hopper_at(day.ends_at), day, moved, bases)
        found = await self._markets.then(wanted) if wanted else {}
        return lambda exchange, asset, into, at: found.get((exchange, asset, into, at))

    # ---- midnights that were missed ------------------------------------------------------------------------------

    async def _known_midnights(
        self, group: Sequence[tuple[Work, Sequence[Day]]]
    ) -> dict[tuple[HopperId, datetime], Midnight]:
        """Those that the days begin and end with; what was missed is made up and kept."""
        keys = [
            (work.hopper.id, at)
            for work, days in group
            if days
            for at in (days[0].begins_at, *(day.ends_at for day in days))
        ]
        found = await self._midnights.at(keys) if keys else {}
        anew = {work.hopper.id for work, _ in group if work.is_anew}
        found = {key: each for key, each in found.items() if each.taken_at is not None or key[0] not in anew}
        horizon = self._clock.now() - self._makes_up
        for work, days in group:
            missing = [
                day.ends_at for day in days if (work.hopper.id, day.ends_at) not in found and day.ends_at > horizon
            ]
            if missing:
                made = await self._made_up(work.standing, missing)
                await self._midnights.put(made)
                found.update({(midnight.hopper, midnight.at): midnight for midnight in made})
        return found

    async def _made_up(self, standing: Standing, ends: Sequence[datetime]) -> list[Midnight]:
        """What was held at ``ends``: what was held next, without what trades and flows have changed since."""
        hopper = standing.hopper
        made: list[Midnight] = []
        known_at: datetime | None = None
        quantities: dict[Asset, Decimal] = {}
        for at in sorted(ends, reverse=True):
            following = await self._midnights.next_taken(hopper.id, at)
            if following is not None and (known_at is None or following.at < known_at):
                known_at, quantities = following.at, dict(following.quantities)
            if known_at is None:
                now = await self._held_now(hopper)
                if now is None:
                    return made
                quantities, known_at = now
            if at < known_at:
                trades = await self._trades.within(hopper.id, at, known_at)
                flows = await self._flows.moved(hopper.id, at, known_at)
                quantities, known_at = logic.undone(quantities, trades, flows), at
            base = standing.hopper_at(at).base
            wanted = {asset: (hopper.exchange, asset, base, at) for asset in quantities}
            told = await self._markets.then(wanted.values())
            prices = {asset: told[key] for asset, key in wanted.items() if key in told}
            if set(prices) <= {base} < set(wanted):
                prices = {}  # nobody could tell: the candle's close says more than the base currency alone
            made.append(Midnight(hopper.id, at, dict(quantities), prices))
        return made

    async def _held_now(self, hopper: Hopper) -> tuple[dict[Asset, Decimal], datetime] | None:
        live = self._live.last(hopper.id)
        if live is not None and live.at > self._clock.now() - timedelta(minutes=1):
            return {each.asset: each.quantity for each in live.holdings}, live.assets_at
        told = await self._asked(hopper, lambda: self._account.assets(hopper, hopper.refresh_every))
        return None if told is None else (dict(told[0]), told[1])


def _zone(name: str) -> ZoneInfo:
    """The zone of a user; one that tzdata does not know any more is UTC."""
    try:
        return zone_of(name)
    except Invalid as error:
        _log.error("a user's zone is unknown; his days are those of UTC", reason=error)
        return zone_of("UTC")

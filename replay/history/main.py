"""Filling: ask, replay, join, push; once for the past, and once more for the quarter in which the live chain began."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cryptwire import gateway_client
from cryptwire.clock import Clock, from_us, to_us
from cryptwire.codec.candle import candle_to_wire
from cryptwire.codec.ohlcv import MOST, CandlesRequest, Ohlcv, reply_from_wire, request_to_wire
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.account import Account
from cryptwire.domain.candle import SPAN, Candle, Quality, opening
from cryptwire.domain.hopper import Asset, Assignment, Exchange, HopperId
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import Trade
from cryptwire.errors import Invalid, Unavailable
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.log import Log
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.runtime import Runtime, until_there
from cryptwire.storage import database, redis
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.candles import Candles
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.trades import Trades
from cryptwire.storage.write_queue import WriteQueue
from replay.history.logic import (
    Neighbours,
    Run,
    after,
    held_before,
    is_settled,
    joined,
    missing_runs,
    pairs_needed,
    settles_at,
)
from replay.history.settings import Settings
from replay.recorded import four_ticks
from tracker.logic.shard import Shard

_log = Log(__name__)
T = TypeVar("T")
Columns = list[tuple[Pair, npt.NDArray[np.int64], npt.NDArray[np.float64]]]
"""Per pair: moments (ticks,) in microseconds and prices (ticks,)."""
_WAITING = 20_000
"""Candles that may wait in the Redis list before more are pushed."""
_SETTLES_WITHIN = timedelta(minutes=5)
_LATE = timedelta(seconds=15)
"""The others do not wait longer for a hopper whose balances are older than its last trade."""
_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Past:
    """A hopper that lacks candles: which, what it holds now, and its trades since the first of them, oldest first."""

    assignment: Assignment
    runs: list[Run]
    held_now: dict[Asset, Decimal]
    trades: list[Trade]


class History:
    """One filling of a pod's hoppers."""

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime,
        assignments: Assignments,
        candles: Candles,
        trades: Trades,
        queue: WriteQueue,
        prices: LastPrices,
        gateway: GatewayClient,
        bus: NatsBus,
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._clock: Clock = runtime.clock
        self._assignments = assignments
        self._candles = candles
        self._trades = trades
        self._queue = queue
        self._prices = prices
        self._gateway = gateway
        self._bus = bus
        self._live: dict[HopperId, bytes] = {}

    async def on_live(self, message: Message) -> None:
        """``portfolio.*.live``: what the live chain's candle in progress opened at."""
        self._live[HopperId(message.subject.split(".")[1])] = message.payload

    async def fill(self, until: datetime) -> int:
        """Fill what is missing before the boundary ``until``; how many candles were pushed."""
        held = await until_there(self._held, self._runtime.stop, what="assignments")
        first = until - self._settings.reach
        lacking: list[tuple[Assignment, list[Run]]] = []
        for assignment in held:
            known = await self._candles.within(assignment.hopper.id, first, until)
            runs = missing_runs({candle.opened_at: candle.quality for candle in known}, first, until)
            if runs:
                lacking.append((assignment, runs))
        if not lacking:
            return 0
        total = sum((end - begin) // SPAN for _, runs in lacking for begin, end in runs)
        self._tell(f"{total} candles of {len(lacking)} hoppers are missing; reading trades and balances")
        first, last = min(runs[0][0] for _, runs in lacking) - SPAN, max(runs[-1][1] for _, runs in lacking)
        prices = _Prices(lambda pair: self._bars(pair, first, last), self._tell)
        reading = [asyncio.create_task(self._past(assignment, runs, prices)) for assignment, runs in lacking]
        try:
            ready, late = await asyncio.wait(reading, timeout=_LATE.total_seconds())
            pasts = [task.result() for task in ready]
            told = {past.assignment.hopper.id for past in pasts}
            pushed = await self._replay(pasts, await prices.columns(), total)
            if late:
                names = ", ".join(sorted(a.hopper.name for a, _ in lacking if a.hopper.id not in told))
                self._tell(f"{names}: traded just now; waiting for balances that hold it")
                pasts = await asyncio.gather(*late)
                pushed += await self._replay(pasts, await prices.columns(), total)
            return pushed
        finally:
            for task in reading:
                task.cancel()

    async def _held(self) -> list[Assignment]:
        held = await self._assignments.of_pod(self._settings.pod)
        if not held:
            raise Unavailable(f"pod {self._settings.pod} is not confirmed or holds nothing")
        return held

    async def _past(self, assignment: Assignment, runs: list[Run], prices: "_Prices") -> Past:
        """Trades and balances that agree: balances may be a refresh older than the trade list, so wait if need be.

        The prices that the hopper's value depends on are wanted as soon as its assets are known.
        """
        hopper = assignment.hopper
        markets = frozenset(ticker.pair for ticker in await self._patiently(partial(self._known, hopper.exchange)))
        deadline = self._clock.now() + _SETTLES_WITHIN
        max_age = hopper.refresh_every  # the tracker has just polled: no need to ask again
        while True:
            quantities, read_at = await self._patiently(partial(self._gateway.assets, hopper.user, hopper.id, max_age))
            trades = await self._patiently(partial(self._gateway.trades_since, hopper.user, hopper.id, runs[0][0]))
            if is_settled(trades, read_at, hopper.refresh_every) or self._clock.now() > deadline:
                break
            max_age = timedelta(0)
            settles = settles_at(trades[-1], hopper.refresh_every)
            await self._clock.sleep(max(timedelta(seconds=1), settles - self._clock.now()))
        assets = {*quantities, *(asset for trade in trades for asset in trade.changes())}
        prices.want(pairs_needed(hopper.exchange, hopper, assets, markets))
        await self._trades.add(trades)
        return Past(assignment, runs, quantities, trades)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, asked for until what is asked is there."""
        return await until_there(ask, self._runtime.stop, what="history")

    async def _known(self, exchange: Exchange) -> list[Ticker]:
        tickers = await self._prices.all_of(exchange)
        if not tickers:
            raise Unavailable(f"{exchange} has no prices yet")
        return tickers

    async def _bars(self, pair: Pair, first: datetime, last: datetime) -> list[Ohlcv]:
        """The exchange's quarters of an hour opened in ``[first, last)``, as far as it has them."""
        bars: list[Ohlcv] = []
        since = first
        while since < last:
            request = CandlesRequest("15m", since, MOST)

            async def ask(request: CandlesRequest = request) -> list[Ohlcv]:
                return reply_from_wire(await self._bus.request(LIVE.candles(pair), request_to_wire(request), 30))

            page = [bar for bar in await self._patiently(ask) if since <= bar.opened_at < last]
            if not page:
                since += SPAN * MOST  # nothing there: perhaps later
                continue
            bars += page
            since = page[-1].opened_at + SPAN
        return bars

    async def _replay(self, pasts: list[Past], columns: Columns, total: int) -> int:
        """Through the tracker's shard, then joined and pushed; how many candles."""
        if not pasts or not columns:
            return 0
        pairs = [pair for pair, _, _ in columns]
        at = np.concatenate([moments for _, moments, _ in columns])
        number = np.concatenate([np.full(len(moments), i) for i, (_, moments, _) in enumerate(columns)])
        price = np.concatenate([prices for _, _, prices in columns])
        order = np.lexsort((number, at))
        shard = Shard(SPAN, fresh=2 * SPAN)
        shard.book.know(pairs)
        begin = from_us(int(at[order[0]]))
        held: dict[HopperId, dict[Asset, Decimal]] = {}
        changes: list[Trade] = []
        missing: dict[HopperId, set[datetime]] = {}
        for past in pasts:
            hopper = past.assignment.hopper
            since_begin = [trade for trade in past.trades if trade.at >= begin]
            held[hopper.id] = held_before(past.held_now, since_begin)
            changes += since_begin
            shard.take_in(hopper, past.assignment.fence, Account(hopper.id, begin, held[hopper.id], ()), begin)
            missing[hopper.id] = {first + SPAN * n for first, end in past.runs for n in range((end - first) // SPAN)}
        changes.sort(key=lambda trade: trade.at)
        upcoming = iter(changes)
        trade = next(upcoming, None)
        changes_at = to_us(trade.at) if trade else 0
        found: dict[HopperId, list[Candle]] = {hopper: [] for hopper in held}
        moments, indexes, prices = at[order], number[order], price[order]
        for start in range(0, len(order), 2_000):
            end = start + 2_000
            for moment, index, value in zip(
                moments[start:end].tolist(), indexes[start:end].tolist(), prices[start:end].tolist(), strict=True
            ):
                while trade is not None and changes_at <= moment:
                    _keep(found, shard.advance(changes_at))
                    held[trade.hopper] = after(held[trade.hopper], trade)
                    shard.renew(Account(trade.hopper, trade.at, held[trade.hopper], ()), trade.at)
                    trade = next(upcoming, None)
                    changes_at = to_us(trade.at) if trade else 0
                if closed := shard.on_price(moment, pairs[index], value):
                    _keep(found, closed)
            self._tell(
                f"{min(100, 100 * end // len(order))} % of the past replayed", only_each=40, number=start // 2_000
            )
            await asyncio.sleep(0)
        last = max(past.runs[-1][1] for past in pasts)
        _keep(found, shard.advance(to_us(last)))
        pushed = 0
        for past in pasts:
            wanted = missing[past.assignment.hopper.id]
            candles = [
                replace(candle, quality=Quality.BACKFILLED)
                for candle in found[past.assignment.hopper.id]
                if candle.opened_at in wanted
            ]
            pushed += await self._push(past, candles)
            await self._settle()
            await self._bus.publish(LIVE.rewritten(past.assignment.hopper.id), b"")
            self._tell(f"{100 * pushed // max(1, total)} % of the missing candles written")
        return pushed

    async def _push(self, past: Past, candles: list[Candle]) -> int:
        """Join each run to its neighbours and push it, never far ahead of the writers."""
        hopper = past.assignment.hopper.id
        ready: list[Candle] = []
        for first, end in past.runs:
            run = [candle for candle in candles if first <= candle.opened_at < end]
            ready += joined(run, await self._neighbours(hopper, first, end))
        for start in range(0, len(ready), 5_000):
            while await self._patiently(self._queue.waiting) > _WAITING:
                await self._clock.sleep(timedelta(milliseconds=50))
            values = [candle_to_wire(candle) for candle in ready[start : start + 5_000]]
            await self._patiently(partial(self._queue.push, values))
        return len(ready)

    async def _settle(self) -> None:
        """Return when the writers have taken what was pushed, and had a moment to commit it."""
        while await self._patiently(self._queue.waiting):
            await self._clock.sleep(timedelta(milliseconds=50))
        await self._clock.sleep(timedelta(milliseconds=500))

    async def _neighbours(self, hopper: HopperId, first: datetime, end: datetime) -> Neighbours:
        before = await self._candles.within(hopper, first - SPAN, first)
        stored = await self._candles.within(hopper, end, end + SPAN)
        open_after = stored[0].open if stored else None
        if open_after is None and hopper in self._live:
            try:
                live = portfolio_from_wire(self._live[hopper]).candle
            except Invalid:
                live = None
            if live is not None and live.opened_at == end and live.quality is not Quality.PARTIAL:
                open_after = live.open
        return Neighbours(before[0].close if before else None, open_after)

    def _tell(self, line: str, *, only_each: int = 1, number: int = 0) -> None:
        """Show progress: the development stack passes these lines on."""
        if number % only_each == 0:
            print(f"progress: {line}", flush=True)


class _Prices:
    """The exchanges' candles of the pairs that are wanted, each asked for once, a few at the same time."""

    def __init__(self, bars: Callable[[Pair], Awaitable[list[Ohlcv]]], tell: Callable[[str], None]) -> None:
        self._bars = bars
        self._tell = tell
        self._gate = asyncio.Semaphore(4)
        self._asked: dict[Pair, asyncio.Task[list[Ohlcv]]] = {}
        self._done = 0

    def want(self, pairs: Iterable[Pair]) -> None:
        for pair in sorted(pairs):
            if pair not in self._asked:
                self._asked[pair] = asyncio.create_task(self._ask(pair))

    async def _ask(self, pair: Pair) -> list[Ohlcv]:
        async with self._gate:
            bars = await self._bars(pair)
        self._done += 1
        if self._done % 4 == 0 or self._done == len(self._asked):
            self._tell(f"prices of {self._done} of {len(self._asked)} pairs")
        return bars

    async def columns(self) -> Columns:
        """Per pair: moments and prices, four ticks for each candle."""
        columns: Columns = []
        for pair, asked in sorted(self._asked.items()):
            bars = await asked
            if bars:
                at = np.array([to_us(bar.opened_at) for bar in bars])
                prices = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in bars])
                columns.append((pair, *four_ticks(at, SPAN // _US, prices)))
        return columns


def _keep(found: dict[HopperId, list[Candle]], candles: Iterable[Candle]) -> None:
    for candle in candles:
        found[candle.hopper].append(candle)


async def main(settings: Settings, runtime: Runtime) -> None:
    """Fill the past; then, when the first whole live quarter has begun, the one in which the live chain began."""
    runtime.health.mark("history", True, "fills")
    async with (
        database.connect(settings.database_url, "history", 2) as rows,
        redis.connect(settings.redis_url) as values,
        gateway_client.connect(settings.gateway_address, Identity(settings.certificates, "processor")) as gateway,
        messaging.connect(settings.nats_url, "replay") as bus,
    ):
        history = History(
            settings,
            runtime,
            Assignments(rows),
            Candles(rows),
            Trades(rows),
            WriteQueue(values),
            LastPrices(values),
            gateway,
            bus,
        )
        await bus.subscribe(LIVE.all_live, history.on_live)
        work = asyncio.ensure_future(_both(history, runtime.clock))
        stopping = asyncio.ensure_future(runtime.stop.wait())
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait({work})
            return
        await work


async def _both(history: History, clock: Clock) -> None:
    began = clock.now()
    passed = opening(began)
    filled = await history.fill(passed)
    took = (clock.now() - began).total_seconds()
    print(f"progress: done, {filled} candles filled in {took:.0f} s", flush=True)
    settled = passed + SPAN + timedelta(seconds=8)
    await clock.sleep(settled - clock.now())
    filled = await history.fill(passed + SPAN)
    print(f"progress: the quarter of the start is joined, {filled} candles filled", flush=True)

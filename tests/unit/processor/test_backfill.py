"""Filling: over the simulator's history it agrees with the truth; cut off anywhere it goes on where it was."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from cryptwire.clock import EPOCH
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.backfill import Grant
from cryptwire.domain.candle import SPAN, Candle, Quality, opening
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.route import route
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import Exhausted, LinkAgain, Unavailable
from cryptwire.memory.candles import MemoryCandles
from cryptwire.memory.clock import HandClock, settled
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from processor.handlers.backfill import Backfill
from processor.handlers.candle_book import CandleBook
from processor.handlers.filling import Filler
from processor.handlers.pasts import Pasts
from processor.logic.backfill import MINUTE, Change
from simulator.market.prices import NODE, Market
from simulator.worlds.demo import HOPPERS
from simulator.worlds.trader import Trader
from simulator.worlds.world import World
from tests.unit.processor.backfill_twins import (
    Row,
    TwinAccount,
    TwinBus,
    TwinExchanges,
    TwinFillings,
    TwinFlows,
    TwinLive,
    TwinQueue,
    TwinTrades,
)

BEGAN = datetime(2025, 12, 1, tzinfo=UTC)
BTC = Asset("BTC")
NOW = BEGAN + timedelta(days=6, hours=3, minutes=7)
REACH = timedelta(days=3)
LAST_TICK = 14_000  # of a node's segment, with a tick a second
END = opening(NOW)


def ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


@lru_cache
def market() -> Market:
    return Market("test")


@lru_cache
def world() -> World:
    made = World(market(), ms(BEGAN), 300_000)
    made.advance(ms(NOW))
    return made


def trades_of(trader: Trader) -> list[Trade]:
    hopper = trader.hopper
    return [
        Trade(
            HopperId(hopper.id),
            TradeId(str(trade.id)),
            Pair(Exchange(hopper.exchange), Asset(trade.coin), Asset(hopper.base)),
            Side.BUY if trade.kind == "buy" else Side.SELL,
            trade.amount,
            trade.rate,
            trade.total,
            trade.fee,
            Asset(trade.fee_coin or hopper.base),
            EPOCH + timedelta(milliseconds=trade.at),
        )
        for trade in trader.trades
    ]


@dataclass
class Stage:
    """One hopper of the simulated world, and everything around a back-fill."""

    hopper: Hopper
    clock: HandClock
    table: MemoryCandles
    fillings: TwinFillings
    trades: TwinTrades
    flows: TwinFlows
    account: TwinAccount
    exchanges: TwinExchanges
    live: TwinLive
    queue: TwinQueue
    bus: TwinBus
    backfill: Backfill
    filler: Filler

    async def candles(self) -> list[Candle]:
        return await self.table.within(self.hopper.id, EPOCH, NOW + timedelta(days=9))

    def anew(self) -> Backfill:
        """A worker who remembers nothing."""
        book = CandleBook(self.exchanges, self.clock)
        return Backfill(
            self.fillings,
            Pasts(self.account, self.trades, self.flows, self.exchanges, book, self.clock),
            self.table,
            self.live,
            self.queue,
            self.bus,
            self.clock,
            Meters(),
            reach=REACH,
            minutes_reach=timedelta(days=1),
            patience=timedelta(seconds=60),
        )


def staged(number: str = "1042001", now: datetime = NOW) -> Stage:
    trader = world().traders[number]
    hopper = Hopper(
        HopperId(number),
        UserId("u"),
        trader.hopper.name,
        Exchange(trader.hopper.exchange),
        Asset(trader.hopper.base),
        trader.hopper.paper,
        timedelta(seconds=60),
    )
    clock, table = HandClock(now), MemoryCandles()
    fillings, account, exchanges = (
        TwinFillings(clock, table, hopper),
        TwinAccount(clock),
        TwinExchanges(market(), clock),
    )
    trades = TwinTrades()
    held = {Asset(coin): amount for coin, amount in trader.state(ms(NOW)).balances.items()}
    for trade in trades_of(trader):
        if trade.at < now:
            trades.trades.append(trade)
            continue
        for asset, quantity in trade.changes().items():
            held[asset] = held.get(asset, Decimal(0)) - quantity
    account.held[hopper.id] = held
    queue, bus = TwinQueue(table), TwinBus()
    unmade: Any = None
    stage = Stage(
        hopper, clock, table, fillings, trades, TwinFlows(), account, exchanges, TwinLive(), queue, bus, unmade, unmade
    )
    stage.backfill = stage.anew()
    stage.filler = Filler(stage.backfill, fillings, clock, minutes_reach=timedelta(days=1), at_once=4)
    return stage


@dataclass
class Truth:
    """What a trader really had: at each node and last tick before the next, and at each trade."""

    trader: Trader

    def __post_init__(self) -> None:
        hopper = self.trader.hopper
        self.base, self.exchange = Asset(hopper.base), Exchange(hopper.exchange)
        held: dict[str, Decimal] = {hopper.base: hopper.start, **dict(hopper.reserved)}
        self.steps: list[tuple[int, dict[str, Decimal]]] = [(0, dict(held))]
        for trade in trades_of(self.trader):
            for asset, quantity in trade.changes().items():
                held[asset] = held.get(asset, Decimal(0)) + quantity
            self.steps.append((ms(trade.at), dict(held)))
        self.pairs = frozenset(
            Pair(self.exchange, Asset(base), Asset(quote))
            for base, quote in (name.split("/") for name in market().exchanges[self.exchange])
        )

    def held(self, at: int, *, is_after: bool) -> dict[str, Decimal]:
        return next(held for since, held in reversed(self.steps) if since < at or (is_after and since == at))

    def price(self, coin: str, at: int) -> float:
        price = 1.0
        for leg in route(self.exchange, Asset(coin), self.base, self.pairs) or ():
            played = market().pair(leg.pair.exchange, leg.pair.base, leg.pair.quote)
            one = float(played.shown(played.at(at)))
            price = price / one if leg.is_inverse else price * one
        return price

    def value(self, at: int, *, is_after: bool = True) -> float:
        """At a tick; ``is_after``: with what changed at this instant."""
        return sum(float(amount) * self.price(coin, at) for coin, amount in self.held(at, is_after=is_after).items())

    def over(self, begin: int) -> tuple[float, float, float, float]:
        """Highest, lowest, last and Σ |quantity| × range over a quarter of an hour."""
        end = begin + 900_000
        moments = sorted({at for node in range(begin, end, NODE) for at in (node, node + LAST_TICK)})
        prices: dict[str, list[float]] = {}
        seen: list[float] = []
        most: dict[str, float] = {}
        for at in sorted({*moments, *(since for since, _ in self.steps if begin <= since < end)}):
            held = self.held(at, is_after=True)
            total = 0.0
            for coin, amount in held.items():
                price = self.price(coin, at)
                prices.setdefault(coin, []).append(price)
                most[coin] = max(most.get(coin, 0.0), float(amount))
                total += float(amount) * price
            seen.append(total)
        spread = sum(most[coin] * (max(found) - min(found)) for coin, found in prices.items())
        last = sum(
            float(amount) * self.price(coin, end - 1000) for coin, amount in self.held(end, is_after=False).items()
        )
        return max(seen), min(seen), last, spread


@pytest.mark.parametrize("number", [hopper.id for hopper in HOPPERS])
async def test_over_the_simulators_history_candles_agree_with_the_truth(number: str) -> None:
    stage = staged(number)
    assert await stage.backfill.fill(stage.hopper) == REACH // SPAN
    candles = await stage.candles()
    truth = Truth(world().traders[number])
    assert [candle.opened_at for candle in candles] == [END - REACH + n * SPAN for n in range(REACH // SPAN)]
    assert {(candle.quality, candle.gap, candle.fence) for candle in candles} == {(Quality.BACKFILLED, timedelta(0), 0)}
    for earlier, later in itertools.pairwise(candles):
        assert earlier.close == later.open
    traded = {opening(trade.at) for trade in stage.trades.trades}
    looked = [candle for n, candle in enumerate(candles) if n % 7 == 0 or candle.opened_at in traded]
    for candle in looked:
        high, low, last, spread = truth.over(ms(candle.opened_at))
        assert candle.close == pytest.approx(last, rel=1e-9), candle.opened_at
        slack = spread + 1e-9 * last
        gap = abs(
            candle.open - truth.value(ms(candle.opened_at), is_after=False)
        )  # between the last tick and the first
        assert abs(candle.high - max(high, candle.open)) <= slack + gap, candle.opened_at
        assert abs(candle.low - min(low, candle.open)) <= slack + gap, candle.opened_at
    assert stage.bus.told == [LIVE.rewritten(stage.hopper.id)]
    assert stage.fillings.rows[stage.hopper.id].said == ""


async def test_what_was_before_the_base_currency_changed_is_valued_in_that_of_then() -> None:
    stage, other = staged(), staged()
    other.hopper = other.fillings.hoppers[other.hopper.id] = replace(other.hopper, base=BTC)
    await stage.backfill.fill(stage.hopper)
    await other.backfill.fill(other.hopper)
    usual, in_btc = [{candle.opened_at: candle for candle in await each.candles()} for each in (stage, other)]
    changed_at = END - 50 * SPAN + MINUTE
    both = staged()
    both.fillings.bases = [(changed_at, BTC)]
    both.fillings.rows[both.hopper.id] = Row(END - REACH, END - REACH)
    partial = replace(in_btc[END - 52 * SPAN], quality=Quality.PARTIAL, gap=SPAN)
    await both.table.write([partial, replace(usual[END - 40 * SPAN], quality=Quality.PARTIAL, gap=SPAN)])
    assert await both.backfill.fill(both.hopper) == REACH // SPAN
    candles = await both.candles()
    assert len(candles) == REACH // SPAN
    for candle in candles:
        expected = in_btc if candle.opened_at + SPAN <= changed_at else usual
        assert candle.close == pytest.approx(expected[candle.opened_at].close, rel=1e-3), candle.opened_at
        assert candle.high <= expected[candle.opened_at].high * 1.05, candle.opened_at
        assert candle.low >= expected[candle.opened_at].low * 0.95, candle.opened_at


async def test_a_second_filling_has_nothing_to_do_and_asks_nobody() -> None:
    stage = staged()
    await stage.backfill.fill(stage.hopper)
    asked, balances = stage.exchanges.asked, len(stage.account.asked)
    assert await stage.backfill.fill(stage.hopper) == 0
    assert (stage.exchanges.asked, len(stage.account.asked)) == (asked, balances)
    assert len(stage.bus.told) == 1


async def test_cut_off_anywhere_and_begun_again_by_another_the_rows_are_the_same() -> None:
    undisturbed = staged()
    await undisturbed.backfill.fill(undisturbed.hopper)
    expected = await undisturbed.candles()
    for kept in (1, 17, 100, 287):
        stage = staged()
        await stage.backfill.fill(stage.hopper)
        for row in (await stage.candles())[kept:]:
            del stage.table._rows[row.hopper, row.opened_at]  # what was not yet written when it was killed
        stage.fillings.rows[stage.hopper.id].filled = False
        assert await stage.anew().fill(stage.hopper) == REACH // SPAN - kept
        assert await stage.candles() == expected


async def test_live_candles_stay_and_what_is_filled_meets_them() -> None:
    stage = staged()
    live = Candle(
        stage.hopper.id, END - 10 * SPAN, 20_000.0, 20_500.0, 19_000.0, 20_200.0, timedelta(0), Quality.COMPLETE, 3
    )
    await stage.table.write([live])
    stage.live.openings[stage.hopper.id, END] = 12_345.0
    stage.fillings.grants[stage.hopper.id] = Grant(3, END - 11 * SPAN)
    await stage.backfill.fill(stage.hopper)
    candles = {candle.opened_at: candle for candle in await stage.candles()}
    assert min(candles) == live.opened_at - REACH  # ninety days, here three, before the first that was seen
    assert candles[live.opened_at] == live
    assert candles[live.opened_at - SPAN].close == live.open
    assert candles[live.opened_at + SPAN].open == live.close
    assert candles[END - SPAN].close == 12_345.0
    for earlier, later in itertools.pairwise(sorted(candles)):
        assert candles[earlier].close == candles[later].open
        assert later - earlier == SPAN
    assert candles[live.opened_at + SPAN].fence == 3
    assert candles[live.opened_at - 2 * SPAN].fence == 0


async def test_an_outage_is_made_anew_of_minutes_and_the_seams_stay() -> None:
    """Flat, partial candles between two that were seen; the running quarter of an hour is left alone."""
    stage = staged()
    await stage.backfill.fill(stage.hopper)
    rows = {candle.opened_at: candle for candle in await stage.candles()}
    outage = [END - n * SPAN for n in (6, 5, 4)]
    for at in rows:
        if at in outage:
            flat = rows[outage[0] - SPAN].close
            stage.table._rows[stage.hopper.id, at] = Candle(
                stage.hopper.id, at, flat, flat, flat, flat, SPAN, Quality.PARTIAL, 5
            )
    running = Candle(stage.hopper.id, END, 1.0, 1.0, 1.0, 1.0, SPAN, Quality.PARTIAL, 5)
    await stage.table.write([running])
    stage.fillings.grants[stage.hopper.id] = Grant(5, END - timedelta(days=2))
    stage.exchanges.spans.clear()
    assert await stage.backfill.fill(stage.hopper) == 3
    assert set(stage.exchanges.spans) == {MINUTE}
    found = {candle.opened_at: candle for candle in await stage.candles()}
    truth = Truth(world().traders[stage.hopper.id])
    for at in outage:
        candle = found[at]
        high, low, last, spread = truth.over(ms(at))
        assert (candle.quality, candle.fence, candle.gap) == (Quality.BACKFILLED, 5, timedelta(0))
        assert candle.close == pytest.approx(last, rel=1e-9)
        assert abs(candle.high - high) <= spread / 2
        assert abs(candle.low - low) <= spread / 2
    assert found[outage[0]].open == found[outage[0] - SPAN].close
    assert found[outage[-1]].close == found[outage[-1] + SPAN].open
    assert found[END] == running


async def test_without_minutes_an_outage_is_made_anew_of_quarters() -> None:
    stage = staged()
    await stage.backfill.fill(stage.hopper)
    at = END - 4 * SPAN
    flat = Candle(stage.hopper.id, at, 5.0, 5.0, 5.0, 5.0, SPAN, Quality.PARTIAL, 5)
    before = stage.table._rows[stage.hopper.id, at]
    stage.table._rows[stage.hopper.id, at] = flat

    class NoMinutes(TwinExchanges):
        async def candles(self, pair: Pair, span: timedelta, since: datetime, most: int) -> list[Ohlcv]:
            return [] if span == MINUTE else await super().candles(pair, span, since, most)

    stage.exchanges = NoMinutes(market(), stage.clock)
    assert await stage.anew().fill(stage.hopper) == 1
    again = stage.table._rows[stage.hopper.id, at]
    assert replace(again, fence=0) == before


async def test_holes_keep_the_price_and_a_silent_exchange_is_a_gap() -> None:
    stage = staged()
    silent, quiet = END - 20 * SPAN, END - 40 * SPAN
    pairs = sorted(await stage.exchanges.markets(stage.hopper.exchange))
    stage.exchanges.holes = {(pair, silent) for pair in pairs} | {(pairs[0], quiet)}
    await stage.backfill.fill(stage.hopper)
    found = {candle.opened_at: candle for candle in await stage.candles()}
    assert [at for at, candle in found.items() if candle.gap] == [silent]
    assert found[silent].gap == SPAN
    assert found[silent].close == pytest.approx(found[silent].open, rel=0.01)


async def test_nothing_is_filled_before_prices_begin_and_it_is_not_asked_for_again() -> None:
    stage = staged()
    begin = END - 50 * SPAN
    first = END - REACH - timedelta(days=20)
    pairs = await stage.exchanges.markets(stage.hopper.exchange)
    stage.exchanges.holes = {(pair, first + n * SPAN) for pair in pairs for n in range((begin - first) // SPAN)}
    assert await stage.backfill.fill(stage.hopper) == 49
    row = stage.fillings.rows[stage.hopper.id]
    assert (row.since, row.whole_until) == (begin + SPAN, END)
    assert await stage.backfill.fill(stage.hopper) == 0


async def test_what_cannot_be_priced_or_explained_is_told() -> None:
    stage = staged()
    stage.account.held[stage.hopper.id][Asset("DUST")] = Decimal(7)
    stage.flows.flows.append(Change(END - SPAN, Asset("GIFT"), Decimal(3)))  # and it left again, unseen
    bought = Pair(stage.hopper.exchange, Asset("DOGE"), stage.hopper.base)
    one = stage.trades.trades[0]
    gone = replace(one, id=TradeId("x"), pair=bought, side=Side.BUY, quantity=Decimal(5), at=END - SPAN)
    stage.trades.trades.append(replace(gone, total=Decimal(0), fee=Decimal(0)))
    await stage.backfill.fill(stage.hopper)
    said = stage.fillings.rows[stage.hopper.id].said
    assert "no market prices DUST" in said
    assert "5 DOGE" in said
    assert "3 GIFT" in said
    assert all(candle.low >= 0 for candle in await stage.candles())


async def test_balances_that_may_lack_the_last_trade_are_waited_for() -> None:
    stage = staged()
    last = max(trade.at for trade in stage.trades.trades)
    stage.clock.set(last + timedelta(seconds=20))
    filling = asyncio.create_task(stage.backfill.fill(stage.hopper))
    await settled()
    assert not filling.done()
    assert stage.account.asked == [timedelta(seconds=60)]
    await stage.clock.turn(timedelta(seconds=45))
    await asyncio.wait_for(filling, 20)
    assert stage.account.asked == [timedelta(seconds=60), timedelta(0)]


async def test_of_two_who_fill_the_same_hopper_the_second_waits_and_finds_it_done() -> None:
    stage = staged()
    stage.queue.sleeps = True
    first = asyncio.create_task(stage.backfill.fill(stage.hopper))
    await stage.clock.turn(timedelta(seconds=1))
    told: list[tuple[int, int]] = []

    async def tell(done: int, total: int) -> None:
        told.append((done, total))

    second = asyncio.create_task(stage.anew().fill(stage.hopper, tell))
    await stage.clock.turn(timedelta(seconds=3))
    assert not second.done()
    assert set(told) == {(REACH // SPAN, REACH // SPAN)}
    asked = stage.exchanges.asked
    stage.queue.sleeps = False
    await filled(stage, second.done)
    assert (first.result(), second.result()) == (REACH // SPAN, 0)
    assert stage.exchanges.asked == asked


async def test_progress_counts_the_candles_that_are_done() -> None:
    stage, told = staged(), []

    async def tell(done: int, total: int) -> None:
        told.append((done, total))

    await stage.backfill.fill(stage.hopper, tell)
    assert told[0] == (0, REACH // SPAN)
    assert told[-1] == (REACH // SPAN, REACH // SPAN)
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("trouble", "pause"),
    [(LinkAgain("again"), 3_600), (Exhausted("later", 42), 42), (Unavailable("away"), 5)],
    ids=["link again", "no budget", "away"],
)
async def test_who_cannot_be_read_is_let_go_with_a_reason_and_tried_again_later(trouble: Exception, pause: int) -> None:
    stage = staged()
    stage.account.trouble = [trouble]  # type: ignore[list-item]
    with pytest.raises(type(trouble)):
        await stage.backfill.fill(stage.hopper)
    row = stage.fillings.rows[stage.hopper.id]
    assert (row.worker, row.said) == (None, str(trouble))
    assert row.again_at == NOW + timedelta(seconds=pause)


async def test_candles_that_no_writer_takes_are_no_filling() -> None:
    stage = staged()
    stage.queue.sleeps = True
    filling = asyncio.create_task(stage.backfill.fill(stage.hopper))
    for _ in range(200):
        await stage.clock.turn(timedelta(seconds=1))
        await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="not written yet"):
        await asyncio.wait_for(filling, 5)
    assert not stage.fillings.rows[stage.hopper.id].filled
    stage.queue.sleeps = False
    await stage.queue.write()
    assert await stage.backfill.fill(stage.hopper) == 0
    assert stage.fillings.rows[stage.hopper.id].filled


async def test_a_streamer_that_is_away_for_a_moment_holds_nothing_up() -> None:
    stage = staged()
    stage.exchanges.trouble = [Unavailable("no answer"), Unavailable("no answer")]
    filling = asyncio.create_task(stage.backfill.fill(stage.hopper))
    for _ in range(50):
        await stage.clock.turn(timedelta(seconds=1))
        await asyncio.sleep(0)
    assert await asyncio.wait_for(filling, 10) == REACH // SPAN


async def filled(stage: Stage, is_so: Callable[[], bool]) -> None:
    for _ in range(400):
        if is_so():
            return
        await stage.clock.turn(timedelta(seconds=1))
        await asyncio.sleep(0)
    pytest.fail("in vain")


async def test_who_is_new_is_filled_within_seconds_and_one_in_trouble_later() -> None:
    stage = staged()
    stage.account.trouble = [Exhausted("later", 30)]
    working = asyncio.create_task(stage.filler.fill_new())
    try:
        await filled(stage, lambda: stage.hopper.id in stage.fillings.rows)
        assert stage.clock.now() - NOW < timedelta(seconds=5)
        await filled(stage, lambda: stage.fillings.rows[stage.hopper.id].filled)
        assert timedelta(seconds=30) <= stage.clock.now() - NOW < timedelta(seconds=60)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_the_quarter_in_which_tracking_began_is_joined_when_it_is_over() -> None:
    """Filled up to the start; the live chain's first candle opens a quarter of an hour later."""
    stage = staged(now=NOW - timedelta(hours=1))
    end = opening(stage.clock.now())
    await stage.backfill.fill(stage.hopper)
    stage.fillings.grants[stage.hopper.id] = Grant(1, stage.clock.now())
    stage.clock.set(end + SPAN)
    stage.live.openings[stage.hopper.id, end + SPAN] = 11_111.0
    mending = asyncio.create_task(stage.filler.mend(end + SPAN))
    await stage.clock.turn(timedelta(seconds=10))
    assert await asyncio.wait_for(mending, 10) == "1 filled"
    last = (await stage.candles())[-1]
    assert (last.opened_at, last.close) == (end, 11_111.0)
    assert await stage.filler.mend(end) == "nothing to fill"


async def test_who_is_not_tracked_goes_on_hourly_and_who_is_does_not() -> None:
    stage = staged(now=NOW - timedelta(hours=2))
    await stage.backfill.fill(stage.hopper)
    stage.clock.set(NOW)
    assert await stage.filler.mend(END - SPAN) == "nothing to fill"
    assert await stage.filler.go_on(END - SPAN) == "1 filled"
    candles = await stage.candles()
    assert candles[-1].opened_at == END - SPAN
    assert np.all([a.close == b.open for a, b in itertools.pairwise(candles)])

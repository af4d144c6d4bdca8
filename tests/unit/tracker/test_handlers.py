"""The tracker at work, with twins for the world and a clock in hand: rounds, boundaries, outages, polls, holes."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from cryptwire.codec.candle import candle_from_wire
from cryptwire.codec.portfolio import flow_from_wire, portfolio_from_wire
from cryptwire.codec.ticker import feed_to_wire, ticker_to_wire
from cryptwire.codec.trade import trade_to_wire
from cryptwire.domain.account import Account
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Assignment, Exchange, Hopper, HopperId
from cryptwire.domain.portfolio import Portfolio
from cryptwire.domain.ticker import Feed, Ticker
from cryptwire.domain.trade import Trade
from cryptwire.errors import CryptwireError, Exhausted, Invalid, LinkAgain, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock, settled
from cryptwire.memory.write_queue import MemoryWriteQueue
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from tests.unit.tracker.builders import BINANCE, MS, S, T, account, hopper, pair, tick, trade
from tracker.handlers import Tracker
from tracker.logic.shard import Shard

SPAN = 60 * S
ONE, TWO = HopperId("1"), HopperId("2")


class Duty:
    """What the pod holds; None while it is not confirmed."""

    def __init__(self, *hoppers: Hopper) -> None:
        self.held: list[Assignment] | None = [Assignment(one, 1) for one in hoppers]
        self.is_away = False

    async def of_pod(self, pod: str) -> list[Assignment] | None:
        assert pod == "pod"
        if self.is_away:
            raise Unavailable("the database is away")
        return None if self.held is None else list(self.held)


class Cryptohopper:
    """Answers polls; ``faults`` are raised first, one a poll."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.quantities: dict[HopperId, dict[str, str]] = {}
        self.faults: list[CryptwireError] = []
        self.polls: list[tuple[HopperId, datetime]] = []
        self.listed: list[Trade] = []

    async def read(self, hopper: Hopper) -> Account:
        self.polls.append((hopper.id, self.clock.now()))
        if self.faults:
            raise self.faults.pop(0)
        return account(hopper.id, self.clock.now(), **self.quantities.get(hopper.id, {"BTC": "1"}))

    async def trades_since(self, hopper: Hopper, since: datetime) -> list[Trade]:
        return [one for one in self.listed if one.hopper == hopper.id and one.at >= since]

    def seconds(self, of: HopperId = ONE) -> list[float]:
        return [(at - T).total_seconds() for name, at in self.polls if name == of]


class Kept:
    """Accounts through a restart, and where their flows go."""

    def __init__(self, flows: "Sink") -> None:
        self.accounts: dict[HopperId, Account] = {}
        self.is_away = False
        self._flows = flows

    async def keep(self, account: Account, flows: Sequence[bytes] = ()) -> None:
        if self.is_away:
            raise Unavailable("Redis is away")
        self.accounts[account.hopper] = account
        self._flows.values += flows

    async def all(self) -> dict[HopperId, Account]:
        return dict(self.accounts)

    async def drop(self, hoppers: Iterable[HopperId]) -> None:
        for name in hoppers:
            self.accounts.pop(name, None)


class Sink:
    """Takes flow candidates."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def push(self, values: Sequence[bytes]) -> None:
        self.values += values


class Prices:
    """Last prices, as the streamer keeps them."""

    def __init__(self, *tickers: Ticker) -> None:
        self.tickers = list(tickers)
        self.fault: CryptwireError | None = None
        self.reads = 0

    async def all_of(self, exchange: Exchange) -> list[Ticker]:
        self.reads += 1
        if self.fault is not None:
            raise self.fault
        return [ticker for ticker in self.tickers if ticker.pair.exchange == exchange]


class World:
    """A tracker and all that it meets."""

    def __init__(self, *hoppers: Hopper) -> None:
        self.clock = HandClock(T + S)
        self.bus = MemoryBus()
        self.queue = MemoryWriteQueue(self.clock)
        self.duty = Duty(*(hoppers or (hopper(refresh=600 * S),)))
        self.cryptohopper = Cryptohopper(self.clock)
        self.prices = Prices(tick(10.0, T - S))
        self.flows = Sink()
        self.kept = Kept(self.flows)
        self.meters = Meters()
        self.sequence = 0
        self.rounds: list[int] = []
        self._pushed: list[Candle] = []
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.shard = Shard(SPAN)
        tracker = Tracker(
            "pod",
            self.shard,
            duties=self.duty,
            balances=self.cryptohopper,
            accounts=self.kept,
            prices=self.prices,
            candles=self.queue,
            flows=self.flows,
            bus=self.bus,
            world=LIVE,
            clock=self.clock,
            meters=self.meters,
            on_live=self.rounds.append,
        )
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(tracker.run(self._stop))
        await settled()

    async def stop(self) -> None:
        """As on SIGTERM."""
        if self._task is not None:
            self._stop.set()
            await asyncio.wait_for(self._task, 5)
            self._task = None

    async def kill(self) -> None:
        """As SIGKILL leaves it: nothing more is told or kept."""
        assert self._task is not None
        self.queue.is_away = self.bus.is_away = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self.queue.is_away = self.bus.is_away = False

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def until(self, second: float) -> None:
        """Let time pass until so many seconds after 12:00."""
        await self.clock.turn(T + timedelta(seconds=second) - self.clock.now())

    async def turn(self, seconds: float) -> None:
        await self.clock.turn(timedelta(seconds=seconds))

    async def pass_with_feed(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.turn(1)
            await self.feed()

    async def feed(self, sequence: int | None = None, session: str = "s") -> None:
        now = self.clock.now()
        feed = Feed(BINANCE, session, self.sequence if sequence is None else sequence, now, timedelta(0))
        await self.bus.publish(LIVE.feed(BINANCE), feed_to_wire(feed))
        await settled()

    async def tick(self, price: float, at: datetime | None = None, skip: int = 0, session: str = "s") -> None:
        self.sequence += 1 + skip
        ticker = tick(price, at or self.clock.now(), sequence=self.sequence, session=session)
        await self.bus.publish(LIVE.ticker(ticker.pair), ticker_to_wire(ticker))
        await settled()

    def live(self, name: HopperId = ONE) -> list[Portfolio]:
        return [portfolio_from_wire(payload) for payload in self.bus.sent(LIVE.live(name))]

    def told_closed(self, name: HopperId = ONE) -> list[Candle]:
        return [candle_from_wire(payload) for payload in self.bus.sent(LIVE.closed(name))]

    async def pushed(self) -> list[Candle]:
        """Every candle pushed so far."""
        self._pushed += map(candle_from_wire, await self.queue.take("reader", 10_000))
        await self.queue.done("reader")
        return list(self._pushed)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """One hopper with one BTC at 10; the clock stands a second after 12:00."""
    made = World()
    await made.start()
    yield made
    if made.is_running:
        await made.stop()


def opened(candles: Iterable[Candle]) -> list[float]:
    return [(candle.opened_at - T).total_seconds() for candle in candles]


def prices(candle: Candle) -> tuple[float, float, float, float]:
    return candle.open, candle.high, candle.low, candle.close


# -- rounds and boundaries ---------------------------------------------------------------------------------------------


async def test_a_live_message_every_two_seconds(world: World) -> None:
    await world.turn(21)
    stamps = [(portfolio.at - T).total_seconds() for portfolio in world.live()]
    assert stamps[-9:] == [5, 7, 9, 11, 13, 15, 17, 19, 21]
    assert world.live()[-1].candle.close == 10.0
    assert world.rounds[-1] == 1


async def test_a_boundary_is_closed_by_the_clock_300_ms_after_it(world: World) -> None:
    await world.until(120.299)  # the first quarter is not recorded
    assert await world.queue.waiting() == 0
    await world.until(120.3)
    (closed,) = await world.pushed()
    assert (closed.opened_at, closed.fence) == (T + SPAN, 1)
    assert world.told_closed() == [closed]


async def test_a_tick_stamped_after_the_boundary_closes_it_at_once(world: World) -> None:
    await world.until(120.1)
    assert await world.queue.waiting() == 0
    await world.tick(13.0)
    (closed,) = await world.pushed()
    assert prices(closed) == (10.0, 10.0, 10.0, 10.0)
    await world.turn(2)
    assert prices(world.live()[-1].candle) == (10.0, 13.0, 10.0, 13.0)


async def test_every_tick_counts_and_candles_join(world: World) -> None:
    await world.pass_with_feed(61)
    for price in (11.0, 25.0, 4.0, 12.0):
        await world.tick(price)
    await world.pass_with_feed(60)
    await world.tick(7.0)
    await world.pass_with_feed(60)
    first, second = await world.pushed()
    assert prices(first) == (10.0, 25.0, 4.0, 12.0)
    assert prices(second) == (12.0, 12.0, 7.0, 7.0)
    assert {first.quality, second.quality} == {Quality.COMPLETE}


async def test_the_state_is_kept_with_each_round(world: World) -> None:
    await world.until(4)
    world.queue.calls.clear()
    await world.tick(11.0)
    await world.until(4.9)
    assert world.queue.calls == []
    await world.until(5)  # a round
    assert world.queue.calls == ["push"]
    state = await world.queue.state("pod")
    assert state is not None
    shard = Shard(SPAN)
    shard.restore(state, [(hopper(), 1)], world.kept.accounts)
    assert shard.book.last(pair("BTC")) == 11.0


async def test_no_live_message_shows_more_than_the_state_that_was_kept() -> None:
    """Whatever a browser was shown, a tracker killed right after it goes on from there."""
    world = World()
    seen: list[tuple[float, float]] = []

    class Watching(MemoryBus):
        async def publish(self, subject: str, payload: bytes) -> None:
            if subject == LIVE.live(ONE):
                state = await world.queue.state("pod")
                assert state is not None
                shard = Shard(SPAN)
                shard.restore(state, [(hopper(), 1)], world.kept.accounts)
                row = shard.book.rows[ONE]
                seen.append((portfolio_from_wire(payload).candle.high, float(shard.book.highs[row])))
            await super().publish(subject, payload)

    world.bus = Watching()
    await world.start()
    for number in range(10):
        await world.tick(10.0 + number)
        await world.turn(1)
    await world.stop()
    assert len(seen) >= 5
    assert all(told == kept for told, kept in seen)
    assert seen[-1][0] > 15.0


# -- outages -----------------------------------------------------------------------------------------------------------


async def test_while_redis_is_away_candles_stay_and_come_later_none_lost_none_twice(world: World) -> None:
    await world.pass_with_feed(61)
    world.queue.is_away = True
    await world.pass_with_feed(200)
    world.queue.is_away = False
    assert await world.queue.waiting() == 0
    await world.pass_with_feed(3)
    candles = await world.pushed()
    assert opened(candles) == [60, 120, 180]
    assert {c.quality for c in candles} == {Quality.COMPLETE}
    await world.pass_with_feed(60)
    assert opened(await world.pushed()) == [60, 120, 180, 240]
    assert world.meters.value("tracker_candles") == 4


async def test_a_push_whose_answer_was_lost_is_pushed_again_as_the_same_candle(world: World) -> None:
    """It was done, and nobody can know: the table takes one of the two, which are equal."""
    await world.pass_with_feed(61)
    world.queue.loses_answers = True
    await world.pass_with_feed(61)
    world.queue.loses_answers = False
    await world.pass_with_feed(3)
    candles = await world.pushed()
    assert set(opened(candles)) == {60}
    assert len(set(candles)) == 1
    count = len(candles)
    await world.pass_with_feed(10)
    assert len(await world.pushed()) == count


async def test_while_nats_is_away_candles_are_pushed_all_the_same(world: World) -> None:
    await world.turn(61)
    world.bus.is_away = True
    await world.turn(130)
    world.bus.is_away = False
    assert opened(await world.pushed()) == [60, 120]
    assert world.told_closed() == []
    before = len(world.live())
    await world.turn(4)
    assert len(world.live()) > before


async def test_while_the_database_is_away_it_goes_on_and_falls_silent_after_ten_seconds(world: World) -> None:
    await world.turn(4)
    world.duty.is_away = True
    await world.turn(60)
    silent_since = (world.live()[-1].at - T).total_seconds()
    assert 10 <= silent_since < 14
    world.duty.is_away = False
    await world.turn(4)
    assert (world.live()[-1].at - T).total_seconds() > 60


async def test_an_unconfirmed_pod_tells_nothing_and_loses_nothing(world: World) -> None:
    await world.pass_with_feed(61)
    held, world.duty.held = world.duty.held, None
    await world.pass_with_feed(12)
    told = len(world.bus.sent(LIVE.live(ONE)))
    state = await world.queue.state("pod")
    await world.pass_with_feed(110)
    assert len(world.bus.sent(LIVE.live(ONE))) == told
    assert world.told_closed() == []
    assert await world.queue.waiting() == 0
    assert state is not None
    world.duty.held = held
    await world.pass_with_feed(6)
    candles = await world.pushed()
    assert opened(candles) == [60, 120]
    assert {c.quality for c in candles} == {Quality.COMPLETE}
    assert world.told_closed() == candles


async def test_a_pod_that_is_told_it_is_not_confirmed_stops_at_once(world: World) -> None:
    """The database says so after ten seconds: another ten would bring it to the moment its hoppers are given away."""
    await world.turn(4)
    world.duty.held = None
    await world.turn(3)
    told = len(world.live())
    await world.turn(20)
    assert len(world.live()) == told


async def test_stopping_pushes_what_was_closed() -> None:
    world = World()
    await world.start()
    await world.turn(61)
    world.queue.is_away = True
    await world.turn(60)
    world.queue.is_away = False
    await world.stop()
    assert opened(await world.pushed()) == [60]


async def test_after_a_kill_it_goes_on_and_passed_boundaries_are_flat_and_partial() -> None:
    world = World()
    await world.start()
    await world.pass_with_feed(70)
    await world.tick(30.0)
    await world.tick(12.0)
    await world.pass_with_feed(3)
    await world.kill()
    await world.turn(140)
    await world.start()
    candles = await world.pushed()
    assert opened(candles) == [60, 120]
    assert prices(candles[0]) == (10.0, 30.0, 10.0, 12.0)
    assert prices(candles[1]) == (12.0, 12.0, 12.0, 12.0)
    assert [c.quality for c in candles] == [Quality.PARTIAL] * 2
    assert candles[1].gap == SPAN
    await world.pass_with_feed(60)
    await world.stop()
    candles = await world.pushed()
    assert opened(candles) == [60, 120, 180]
    for before, after in itertools.pairwise(candles):
        assert after.open == before.close


async def test_a_damaged_state_is_counted_and_candles_begin_anew() -> None:
    world = World()
    await world.queue.push([], "pod", b"\xff\xff damaged")
    await world.start()
    await world.turn(130)
    assert world.meters.value("tracker_states_lost") == 1
    assert opened(await world.pushed()) == [60]
    await world.stop()


async def test_it_waits_at_its_start_for_what_is_away() -> None:
    world = World()
    world.duty.is_away = world.queue.is_away = True
    await world.start()
    await world.turn(30)
    assert world.is_running
    world.duty.is_away = world.queue.is_away = False
    await world.turn(5)
    assert world.live()
    await world.stop()


async def test_it_can_be_stopped_while_it_waits_at_its_start() -> None:
    world = World()
    world.duty.is_away = True
    await world.start()
    await world.stop()
    assert not world.live()


async def test_a_first_message_from_long_ago_does_not_make_it_close_half_a_century() -> None:
    """A message without a stamp is from 1970."""
    world = World()
    world.prices.tickers.clear()

    class Eager(MemoryBus):
        async def subscribe(self, subject: str, handler, queue: str = ""):  # type: ignore[no-untyped-def]
            end = await super().subscribe(subject, handler, queue)
            if subject == LIVE.all_tickers:
                old = tick(10.0, datetime.fromisoformat("1970-01-01T00:00:00+00:00"))
                await self.publish(LIVE.ticker(old.pair), ticker_to_wire(old))
                await settled()
            return end

    world.bus = Eager()
    await asyncio.wait_for(world.start(), 5)
    assert world.shard.opened_at == (T - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) / timedelta(
        microseconds=1
    )
    await world.stop()


# -- what it holds -----------------------------------------------------------------------------------------------------


async def test_a_hopper_given_to_another_pod_is_dropped() -> None:
    world = World(hopper("1", refresh=600 * S), hopper("2", refresh=600 * S))
    await world.start()
    await world.turn(61)
    world.duty.held = [Assignment(hopper("2", refresh=600 * S), 1)]
    await world.turn(4)
    told = len(world.live(ONE))
    await world.turn(60)
    assert len(world.live(ONE)) == told
    assert {c.hopper for c in await world.pushed()} == {TWO}
    assert not world.shard.holds(ONE)
    polls = len(world.cryptohopper.seconds(ONE))
    await world.turn(700)
    assert len(world.cryptohopper.seconds(ONE)) == polls
    await world.stop()


async def test_a_hopper_that_comes_is_polled_and_tracked_under_its_fence(world: World) -> None:
    await world.turn(10)
    assert world.duty.held is not None
    world.duty.held.append(Assignment(hopper("2", refresh=600 * S), 9))
    world.cryptohopper.quantities[TWO] = {"BTC": "3"}
    await world.turn(6)
    assert world.live(TWO)[-1].candle.close == 30.0
    assert world.live(TWO)[-1].candle.fence == 9


async def test_a_new_fence_is_taken_up(world: World) -> None:
    await world.turn(10)
    world.duty.held = [Assignment(hopper(refresh=600 * S), 5)]
    await world.turn(6)
    assert world.live()[-1].candle.fence == 5


# -- polls -------------------------------------------------------------------------------------------------------------


async def test_polls_follow_the_plan() -> None:
    world = World(hopper(refresh=120 * S))
    await world.start()
    await world.turn(700)
    await world.stop()
    seconds = world.cryptohopper.seconds()
    assert seconds[0] < 3
    assert [round(b - a) for a, b in itertools.pairwise(seconds)][1:] == [120] * (len(seconds) - 2)
    assert len(seconds) >= 5


async def test_polls_of_a_users_hoppers_are_spread_and_within_the_budget() -> None:
    """Eight hoppers of one user and a plan of 60 s: four calls a poll, eighteen a minute."""
    names = [str(number) for number in range(8)]
    world = World(*(hopper(name, refresh=60 * S) for name in names))
    await world.start()
    await world.turn(600)
    late = [(name, at) for name, at in world.cryptohopper.polls if at > T + 200 * S]
    for second in range(200, 540):
        window = [at for _, at in late if T + second * S <= at < T + (second + 60) * S]
        assert 4 * len(window) <= 18 + 4
    for name in names:
        seconds = [at for at in world.cryptohopper.seconds(HopperId(name)) if at > 200]
        assert all(106 <= b - a <= 109 for a, b in itertools.pairwise(seconds))
    await world.stop()


async def test_hoppers_whose_first_polls_failed_are_spread_all_the_same() -> None:
    names = [str(number) for number in range(6)]
    world = World(*(hopper(name, refresh=60 * S) for name in names))
    world.cryptohopper.faults = [Unavailable("the gateway is away")] * 12
    await world.start()
    await world.turn(400)
    late = sorted(at for name in names for at in world.cryptohopper.seconds(HopperId(name)) if 250 <= at < 330)
    assert len(late) == 6
    assert all(b - a > 5 for a, b in itertools.pairwise(late))
    await world.stop()


async def test_a_poll_that_fails_comes_again_ever_later_and_at_the_rhythm_at_most() -> None:
    world = World(hopper(refresh=60 * S))
    world.cryptohopper.faults = [Unavailable("away")] * 9
    await world.start()
    await world.turn(500)
    seconds = world.cryptohopper.seconds()
    waits = [b - a for a, b in itertools.pairwise(seconds)]
    assert waits[:8] == pytest.approx([2, 4, 8, 16, 32, 60, 60, 60], abs=0.5)
    assert world.meters.value("tracker_polls", outcome="Unavailable") == 9
    assert world.meters.value("tracker_polls", outcome="ok") >= 1
    await world.stop()


async def test_who_must_link_again_is_asked_less_often() -> None:
    world = World(hopper(refresh=20 * S))
    world.cryptohopper.faults = [LinkAgain("link again")] * 20
    await world.start()
    await world.turn(500)
    seconds = world.cryptohopper.seconds()
    waits = [b - a for a, b in itertools.pairwise(seconds)]
    assert max(waits) == pytest.approx(100, abs=0.5)
    await world.stop()


async def test_a_budget_that_is_used_up_is_waited_for() -> None:
    world = World(hopper(refresh=60 * S))
    world.cryptohopper.faults = [Exhausted("slow down", 45.0)]
    await world.start()
    await world.turn(60)
    first, second, *_ = world.cryptohopper.seconds()
    assert second - first == pytest.approx(45, abs=0.5)
    await world.stop()


async def test_polls_that_fail_for_days_go_on_being_counted() -> None:
    """Doubling the wait each time leaves what a timedelta can hold after 47 failures."""
    world = World(hopper(refresh=20 * S))
    world.cryptohopper.faults = [Unavailable("away")] * 50
    await world.start()
    await world.turn(20 * 52)
    assert world.meters.value("tracker_polls", outcome="Unavailable") == 50
    assert world.live()
    await world.stop()


async def test_balances_that_cannot_be_are_a_failed_poll_and_the_tracker_goes_on() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    await world.turn(5)
    world.cryptohopper.quantities[ONE] = {"BTC": "-5"}
    await world.turn(70)
    assert world.meters.value("tracker_polls", outcome="Invalid") >= 1
    assert world.live()[-1].candle.close == 10.0
    world.duty.held = [Assignment(hopper("2"), 1)]
    world.cryptohopper.quantities[TWO] = {"BTC": "-1"}
    await world.turn(200)
    assert world.is_running
    assert not world.live(TWO)
    await world.stop()


async def test_a_trade_brings_the_next_poll_forward_but_not_sooner_than_ten_seconds_after_the_last(
    world: World,
) -> None:
    await world.turn(100)
    await world.bus.publish(LIVE.trade(BINANCE, ONE), trade_to_wire(trade(1, world.clock.now())))
    await world.turn(1)
    seconds = world.cryptohopper.seconds()
    assert seconds[-1] == pytest.approx(101, abs=0.5)
    await world.bus.publish(LIVE.trade(BINANCE, ONE), trade_to_wire(trade(2, world.clock.now())))
    await world.turn(8)
    assert len(world.cryptohopper.seconds()) == len(seconds)
    await world.turn(2)
    assert world.cryptohopper.seconds()[-1] == pytest.approx(111.3, abs=0.5)
    assert world.live()[-1].volume == 20.0


async def test_who_asks_for_a_poll_has_it_at_once_when_upstream_can_show_something_new() -> None:
    world = World(hopper(refresh=20 * S))
    world.cryptohopper.faults = [LinkAgain("link again")] * 20
    await world.start()
    await world.turn(300)
    last = world.cryptohopper.seconds()[-1]
    polls = len(world.cryptohopper.polls)
    await world.turn(25 - (300 - last) if 300 - last < 25 else 0)
    assert len(world.cryptohopper.polls) == polls, "who must link again is asked each 100 s"
    for payload in (b"2", b"", b"\xff" * 1_000):
        await world.bus.publish(LIVE.poll(TWO), payload)
    await world.turn(1)
    assert len(world.cryptohopper.polls) == polls
    await world.bus.publish(LIVE.poll(ONE), ONE.encode())
    await world.turn(1)
    assert len(world.cryptohopper.polls) == polls + 1
    await world.turn(12)
    await world.bus.publish(LIVE.poll(ONE), ONE.encode())
    await world.turn(2)
    assert len(world.cryptohopper.polls) == polls + 1, "within the plan's rhythm there is nothing new"
    await world.stop()


async def test_a_hopper_whose_currency_has_changed_is_valued_anew(world: World) -> None:
    await world.turn(5)
    assert world.live()[-1].base == "USDT"
    polls = len(world.cryptohopper.polls)
    world.duty.held = [Assignment(hopper(refresh=600 * S, base="BTC"), 1)]
    await world.turn(10)
    assert len(world.cryptohopper.polls) == polls + 1  # at once, not when the next was due
    assert world.live()[-1].base == "BTC"


async def test_a_trade_of_a_hopper_held_elsewhere_changes_nothing(world: World) -> None:
    await world.turn(100)
    polls = len(world.cryptohopper.polls)
    await world.bus.publish(LIVE.trade(BINANCE, TWO), trade_to_wire(trade(1, world.clock.now(), name="2")))
    await world.turn(20)
    assert len(world.cryptohopper.polls) == polls


async def test_a_poll_changes_quantities_and_keeps_the_account() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    await world.turn(5)
    world.cryptohopper.quantities[ONE] = {"BTC": "4"}
    await world.turn(70)
    assert world.live()[-1].candle.close == 40.0
    await world.stop()
    assert world.kept.accounts[ONE].quantities == {"BTC": Decimal(4)}


# -- what comes in -----------------------------------------------------------------------------------------------------


async def test_a_hole_in_the_sequence_makes_it_read_the_last_prices_again(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    reads = world.prices.reads
    await world.tick(11.5)
    await world.turn(3)
    assert world.prices.reads == reads
    world.prices.tickers = [tick(33.0, world.clock.now())]
    await world.tick(12.0, skip=1)
    await world.turn(1)
    assert world.prices.reads == reads + 1
    await world.turn(2)
    assert world.live()[-1].candle.close == 33.0
    assert world.meters.value("tracker_holes") == 1


async def test_a_feed_that_is_ahead_shows_a_missed_tick_although_no_other_comes(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    await world.feed()
    await world.turn(1)
    world.prices.tickers = [tick(44.0, world.clock.now())]
    await world.feed(sequence=world.sequence + 1)
    await world.turn(1)
    await world.feed(sequence=world.sequence + 1)
    await world.turn(3)
    assert world.live()[-1].candle.close == 44.0


async def test_another_session_makes_it_read_the_last_prices_again(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    world.prices.tickers = [tick(55.0, world.clock.now())]
    world.sequence = 0
    await world.tick(12.0, session="another")
    await world.turn(3)
    assert world.live()[-1].candle.close == 55.0


async def test_a_reconnect_makes_it_read_the_last_prices_again(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    world.prices.tickers = [tick(66.0, world.clock.now())]
    world.bus.tell_gap()
    await world.turn(3)
    assert world.live()[-1].candle.close == 66.0


async def test_last_prices_that_are_away_are_read_when_they_are_back(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    world.prices.tickers = [tick(77.0, world.clock.now())]
    world.prices.fault = Unavailable("Redis is away")
    await world.tick(12.0, skip=3)
    await world.turn(5)
    world.prices.fault = None
    await world.turn(3)
    assert world.live()[-1].candle.close == 77.0


async def test_last_prices_that_cannot_be_read_do_not_end_the_tracker(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    world.prices.fault = Invalid("not a Ticker message")
    await world.tick(12.0, skip=3)
    await world.turn(5)
    assert world.is_running
    assert world.live()[-1].candle.close == 12.0


@pytest.mark.parametrize("kind", ["ticker", "feed", "trade"])
@pytest.mark.parametrize("payload", [b"\xff", b"", b"\x0a\x01", b"x" * 10_000], ids=["ff", "empty", "cut", "long"])
async def test_malformed_messages_are_counted_and_the_tracker_goes_on(world: World, kind: str, payload: bytes) -> None:
    await world.turn(2)
    subject = {
        "ticker": LIVE.ticker(pair("BTC")),
        "feed": LIVE.feed(BINANCE),
        "trade": LIVE.trade(BINANCE, ONE),
    }[kind]
    await world.bus.publish(subject, payload)
    await world.turn(1)
    assert world.meters.value("tracker_refused_messages", subject=kind) == 1
    await world.tick(13.0)
    await world.turn(2)
    assert world.live()[-1].candle.close == 13.0


async def test_a_ticker_from_the_future_is_refused_and_closes_nothing(world: World) -> None:
    await world.turn(61)
    await world.tick(99.0, world.clock.now() + timedelta(days=1))
    await world.tick(88.0, world.clock.now() + 5 * S + MS)
    assert world.meters.value("tracker_refused_messages", subject="ticker") == 2
    assert await world.queue.waiting() == 0
    await world.tick(12.0, world.clock.now() + 5 * S)
    await world.turn(2)
    assert prices(world.live()[-1].candle) == (10.0, 12.0, 10.0, 12.0)


async def test_a_tick_that_is_refused_after_a_boundary_does_not_take_its_candles_along() -> None:
    """Its stamp closes the candle; its price makes one that cannot be."""
    world = World()
    world.cryptohopper.quantities[ONE] = {"BTC": "1", "XRP": "1"}
    world.prices.tickers.append(tick(1.0, T - S, pair("XRP", "BTC")))
    await world.start()
    await world.until(64)
    assert world.live()[-1].candle.close == 20.0
    await world.until(120.1)
    assert await world.queue.waiting() == 0
    mad = tick(1e308, world.clock.now(), pair("XRP", "BTC"))
    await world.bus.publish(LIVE.ticker(mad.pair), ticker_to_wire(mad))
    await world.turn(3)
    assert world.meters.value("tracker_refused_messages", subject="ticker") == 1
    assert opened(await world.pushed()) == [60]
    await world.stop()


async def test_money_that_came_without_a_trade_is_told_and_goes_to_its_list() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    try:
        await world.pass_with_feed(5)
        world.cryptohopper.quantities[ONE] = {"BTC": "1.5"}
        await world.pass_with_feed(120)
        (flow,) = map(flow_from_wire, world.flows.values)
        assert (flow.hopper, flow.asset, flow.quantity) == (ONE, "BTC", Decimal("0.5"))
        assert (flow.price, flow.value_before) == (10.0, 10.0)
    finally:
        await world.stop()


async def test_money_that_came_is_known_as_soon_as_its_balance_is_kept_whatever_is_killed_then() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    await world.pass_with_feed(5)
    world.cryptohopper.quantities[ONE] = {"BTC": "1.5"}
    while world.kept.accounts[ONE].quantities != {"BTC": Decimal("1.5")}:
        await world.turn(0.05)
    assert world.live()[-1].flow is None, "nobody was told yet"
    await world.kill()
    await world.start()
    try:
        await world.pass_with_feed(120)
        (flow,) = map(flow_from_wire, world.flows.values)
        assert (flow.asset, flow.quantity, flow.value_before) == ("BTC", Decimal("0.5"), 10.0)
    finally:
        await world.stop()


async def test_money_that_came_while_accounts_cannot_be_kept_is_told_later() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    try:
        await world.pass_with_feed(5)
        world.cryptohopper.quantities[ONE] = {"BTC": "1.5"}
        world.kept.is_away = True
        await world.pass_with_feed(70)
        world.kept.is_away = False
        await world.pass_with_feed(70)
        (flow,) = map(flow_from_wire, world.flows.values)
        assert (flow.asset, flow.quantity) == ("BTC", Decimal("0.5"))
        assert world.kept.accounts[ONE].quantities == {"BTC": Decimal("1.5")}
    finally:
        await world.stop()


async def test_a_change_that_trades_explain_is_no_flow() -> None:
    world = World(hopper(refresh=60 * S))
    world.cryptohopper.quantities[ONE] = {"BTC": "1", "USDT": "100"}
    await world.start()
    try:
        await world.pass_with_feed(5)
        world.cryptohopper.listed = [trade(1, world.clock.now(), total="10")]
        world.cryptohopper.quantities[ONE] = {"BTC": "1.5", "USDT": "89.99"}
        await world.pass_with_feed(120)
        assert world.flows.values == []
    finally:
        await world.stop()

"""Several gateways, one budget: never more than the limit, the reserve kept, the most urgent first."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from cryptwire.clock import SystemClock
from cryptwire.config import environment
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage import redis
from cryptwire.storage.rate_budget import Limits, RateBudget
from gateway.budget import TokenBudget
from gateway.ports import Urgency
from tests.integration.gateway.budgets import SECOND, World, limits, world

USER = UserId("u")
ACTION, SIGN_IN, POLL, TRADES, IMPORT = Urgency
SEEDS, HOPPERS = (200, 1_000) if environment().get("CRYPTWIRE_FULL") else (4, 40)


@pytest.fixture
async def roomy(redis_url: str) -> AsyncIterator[World]:
    """The real limits."""
    async with world(redis_url, limits()) as made:
        yield made


@pytest.fixture
async def narrow(redis_url: str) -> AsyncIterator[World]:
    """One request a window."""
    async with world(redis_url, limits(1, 0)) as made:
        yield made


def go(
    made: World, budget: TokenBudget, urgency: Urgency = POLL, within: float = 3600, *, is_order: bool = False
) -> "asyncio.Task[datetime]":
    """One request: when its turn came."""

    async def take() -> datetime:
        await budget.take(USER, made.until(within), urgency, is_order=is_order)
        return made.clock.now()

    return asyncio.create_task(take())


async def test_reads_leave_the_reserve_to_actions(roomy: World) -> None:
    one, two = roomy.budget(), roomy.budget()
    for budget in (one, two) * 12:
        await budget.take(USER, roomy.clock.now(), POLL)
    for budget in (one, two):
        with pytest.raises(Exhausted) as refused:
            await budget.take(USER, roomy.until(60), SIGN_IN)
        assert refused.value.retry_after == 61
    for budget in (one, two) * 3:
        await budget.take(USER, roomy.clock.now(), ACTION)
    with pytest.raises(Exhausted):
        await two.take(USER, roomy.clock.now(), ACTION)


async def test_another_user_has_a_budget_of_his_own(narrow: World) -> None:
    budget = narrow.budget()
    await budget.take(USER, narrow.clock.now(), POLL)
    await budget.take(UserId("other"), narrow.clock.now(), POLL)


async def test_orders_have_a_narrower_bucket_which_holds_nobody_else(roomy: World) -> None:
    one, two = roomy.budget(), roomy.budget()
    for budget in (one, two) * 4:
        await budget.take(USER, roomy.clock.now(), ACTION, is_order=True)
    ninth = go(roomy, one, ACTION, is_order=True)
    await roomy.clock.turn(0)
    await two.take(USER, roomy.clock.now(), ACTION)
    await two.take(USER, roomy.clock.now(), POLL)
    began = roomy.clock.now()
    await roomy.clock.turn(10)
    assert timedelta(seconds=9) <= await ninth - began < timedelta(seconds=9.1)


async def test_the_most_urgent_goes_first_and_equals_in_the_order_of_coming_wherever_they_came(narrow: World) -> None:
    one, two = narrow.budget(), narrow.budget()
    await one.take(USER, narrow.clock.now(), POLL)
    came = [(one, IMPORT), (two, TRADES), (one, POLL), (two, POLL), (two, ACTION), (one, SIGN_IN), (one, TRADES)]
    tasks = []
    for budget, urgency in came:
        tasks.append(go(narrow, budget, urgency))
        await narrow.clock.turn(0.01)
    await narrow.clock.turn(62 * 8)
    times = [await task for task in tasks]
    assert sorted(range(7), key=lambda number: times[number]) == [4, 5, 2, 3, 1, 6, 0]
    assert (max(times) - min(times)).total_seconds() == pytest.approx(6 * 61, abs=0.1)


async def test_the_wait_counts_those_ahead(narrow: World) -> None:
    one, two = narrow.budget(), narrow.budget()
    await one.take(USER, narrow.clock.now(), POLL)
    waiting = [go(narrow, one), go(narrow, two)]
    await narrow.clock.turn(0.01)
    with pytest.raises(Exhausted) as refused:
        await one.take(USER, narrow.until(150), POLL)
    assert refused.value.retry_after == pytest.approx(182.99)
    with pytest.raises(Exhausted) as refused:
        await one.take(USER, narrow.until(60), ACTION)
    assert refused.value.retry_after == pytest.approx(60.99)
    await narrow.clock.turn(200)
    assert all([await task for task in waiting])


async def test_who_stops_waiting_leaves_his_turn_to_the_next_in_another_gateway(narrow: World) -> None:
    one, two = narrow.budget(), narrow.budget()
    await one.take(USER, narrow.clock.now(), POLL)
    gone = go(narrow, one)
    await narrow.clock.turn(1)
    stays = go(narrow, two)
    await narrow.clock.turn(1)
    gone.cancel()
    await narrow.clock.turn(59.5)
    assert stays.done()


async def test_who_stops_waiting_late_is_noticed_within_a_second(narrow: World) -> None:
    """The turn has come and its owner, in a process that hangs, does not take it."""
    one, two = narrow.budget(), narrow.budget()
    await one.take(USER, narrow.clock.now(), POLL)
    dies, stays = go(narrow, one), None
    await narrow.clock.turn(1)
    stays = go(narrow, two)
    await narrow.clock.turn(59)
    narrow.wires[0].is_cut = True
    await narrow.clock.turn(1.5)
    assert not stays.done()
    await narrow.clock.turn(1.1)
    assert stays.done()
    with suppress(Unavailable):
        await dies


async def test_upstreams_word_holds_everybody_in_every_gateway(roomy: World) -> None:
    one, two = roomy.budget(), roomy.budget()
    await one.hold(USER, 10)
    await one.hold(USER, 2)
    with pytest.raises(Exhausted) as refused:
        await two.take(USER, roomy.until(9), ACTION)
    assert refused.value.retry_after == 10
    waits = go(roomy, two, within=11)
    await roomy.clock.turn(9.9)
    assert not waits.done()
    await roomy.clock.turn(0.2)
    assert waits.done()


async def test_while_redis_is_away_reads_are_refused_and_few_actions_go(roomy: World) -> None:
    budget = roomy.budget()
    for _ in range(20):
        await budget.take(USER, roomy.clock.now(), POLL)
    roomy.wires[0].is_cut = True
    with pytest.raises(Unavailable, match="Redis is away"):
        await budget.take(USER, roomy.until(60), POLL)
    for _ in range(6):
        await budget.take(USER, roomy.clock.now(), ACTION)
    with pytest.raises(Exhausted) as refused:
        await budget.take(USER, roomy.until(60), ACTION)
    assert refused.value.retry_after == 61
    late = go(roomy, budget, ACTION)
    await roomy.clock.turn(62)
    assert late.done()


async def test_a_redis_that_does_not_answer_holds_actions_for_a_second_and_once(roomy: World) -> None:
    budget = roomy.budget()
    roomy.wires[0].is_dead = True
    began = SystemClock().now()
    for _ in range(3):
        await budget.take(USER, roomy.clock.now(), ACTION)
    with pytest.raises(Unavailable):
        await budget.take(USER, roomy.clock.now(), POLL)
    assert SystemClock().now() - began < timedelta(seconds=1.9)
    roomy.wires[0].is_dead = False
    await roomy.clock.turn(1)
    await budget.take(USER, roomy.clock.now(), POLL)


async def test_what_went_while_redis_was_away_counts_when_it_is_back(roomy: World) -> None:
    budget, other = roomy.budget(), roomy.budget()
    for _ in range(20):
        await budget.take(USER, roomy.clock.now(), POLL)
    roomy.wires[0].is_cut = True
    for _ in range(4):
        await budget.take(USER, roomy.clock.now(), ACTION)
    roomy.wires[0].is_cut = False
    with pytest.raises(Exhausted):
        await budget.take(USER, roomy.clock.now(), POLL)
    with pytest.raises(Exhausted):
        await other.take(USER, roomy.clock.now(), POLL)


async def test_orders_are_few_also_while_redis_is_away(redis_url: str) -> None:
    async with world(redis_url, limits(30, 20, 3)) as made:
        budget = made.budget()
        made.wires[0].is_cut = True
        for _ in range(3):
            await budget.take(USER, made.clock.now(), ACTION, is_order=True)
        with pytest.raises(Exhausted):
            await budget.take(USER, made.clock.now(), ACTION, is_order=True)
        await budget.take(USER, made.clock.now(), ACTION)


async def test_a_redis_that_has_forgotten_everything_is_told_again(roomy: World) -> None:
    budget = roomy.budget()
    for number in range(24):
        await budget.take(USER, roomy.clock.now(), POLL)
        await roomy.clock.turn(1)
        if number == 12:
            await budget.hold(USER, 2)
            await roomy.client.flushall()
            with pytest.raises(Exhausted):
                await budget.take(USER, roomy.until(1), ACTION)
            await roomy.clock.turn(2)
    await roomy.client.flushall()
    await roomy.client.script_flush()
    with pytest.raises(Exhausted) as refused:
        await budget.take(USER, roomy.clock.now(), POLL)
    assert refused.value.retry_after == pytest.approx(61 - 24 - 2, abs=0.1)


async def test_what_redis_has_forgotten_by_itself_is_not_told_again(roomy: World) -> None:
    budget = roomy.budget()
    await budget.take(USER, roomy.clock.now(), POLL)
    await roomy.clock.turn(60.5)
    calls = roomy.wires[0].calls
    await budget.take(USER, roomy.clock.now(), POLL)
    assert roomy.wires[0].calls == calls + 1


async def test_keys_expire(roomy: World) -> None:
    budget = roomy.budget()
    for urgency in Urgency:
        await budget.take(USER, roomy.clock.now(), urgency, is_order=urgency is ACTION)
    await budget.hold(USER, 300)
    waits = go(roomy, budget)
    await roomy.clock.turn(0)
    keys = [key async for key in roomy.client.scan_iter()]
    assert len(keys) == 5
    for key in keys:
        assert key.startswith(b"cw:budget:u:")
        assert 100 < await roomy.client.ttl(key) <= 301
    waits.cancel()


async def test_an_import_never_keeps_a_poll_from_going(roomy: World) -> None:
    """Five hoppers are polled each minute, two requests each, while a long history is read as fast as it may be."""
    one, two = roomy.budget(), roomy.budget()
    pages: list[datetime] = []

    async def read_history() -> None:
        while True:
            await one.take(USER, roomy.until(600), IMPORT)
            pages.append(roomy.clock.now())

    history = asyncio.create_task(read_history())
    await roomy.clock.turn(130)
    late: list[float] = []
    for _ in range(3):
        for _ in range(5):
            polls = [go(roomy, two), go(roomy, two)]
            due = roomy.clock.now()
            await roomy.clock.turn(12)
            late += [(await poll - due).total_seconds() for poll in polls]
    assert max(late) < 0.1
    began = roomy.clock.now()
    burst = [go(roomy, two) for _ in range(10)]
    await roomy.clock.turn(61)
    assert max([await poll - began for poll in burst]) < timedelta(seconds=30)
    history.cancel()
    assert len([page for page in pages if page < pages[0] + timedelta(seconds=122)]) == pytest.approx(36, abs=2)
    assert all(later - page > timedelta(seconds=3.3) for page, later in pairwise(pages))


async def test_a_wait_costs_few_round_trips(roomy: World) -> None:
    """A hundred that wait for a minute: one look in half a second, and a bounded number of calls for each."""
    budget = roomy.budget()
    for _ in range(24):
        await budget.take(USER, roomy.clock.now(), POLL)
    before = roomy.wires[0].calls
    waiting = [go(roomy, budget) for _ in range(100)]
    await roomy.clock.turn(61 * 5 + 1)
    assert all(task.done() for task in waiting)
    assert roomy.wires[0].calls - before < 3 * 100 + 61 * 5 * 2 + 10


# ---- anything at all ----


@dataclass
class Asked:
    """One request of a random world, and what became of it."""

    urgency: Urgency
    is_order: bool
    came: datetime
    went: datetime | None = None
    left: datetime | None = None

    def precedes(self, other: "Asked") -> bool:
        return (self.urgency, self.came) < (other.urgency, other.came)


@dataclass
class History:
    given: Limits
    asked: list[Asked] = field(default_factory=list)

    def went(self) -> list[Asked]:
        return sorted((one for one in self.asked if one.went is not None), key=lambda one: one.went or one.came)

    def within(self, at: datetime, span: timedelta, *, is_order: bool = False) -> list[Asked]:
        return [one for one in self.asked if one.went and at - span < one.went <= at and (one.is_order or not is_order)]

    def check(self) -> None:
        """Limits, reserve and order."""
        given = self.given
        for one in self.went():
            at = one.went
            assert at is not None
            assert len(self.within(at, given.window)) <= given.requests
            assert len(self.within(at, given.order_window, is_order=True)) <= given.orders
            if one.urgency is not ACTION:
                before = [
                    other
                    for other in self.within(at, given.window)
                    if other is one or other.urgency is not ACTION or (other.went and other.went < at)
                ]
                assert len(before) <= given.requests - given.reserved
            self._check_order(one, at)

    def _check_order(self, one: Asked, at: datetime) -> None:
        """Who comes before goes at the latest with him, unless orders that come before both fill their bucket.

        A turn that was left is noticed within half a second.
        """
        soon = at + timedelta(seconds=0.6)
        orders = self.within(soon, self.given.order_window + (soon - at), is_order=True)
        for other in self.asked:
            if other is one or not other.precedes(one) or other.came >= at or (other.left and other.left <= at):
                continue
            if other.is_order and len(orders) >= self.given.orders:
                continue
            assert other.went is None or other.went <= soon, (one, other)
            assert other.went is not None or other.left is not None


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_no_window_ever_has_more_and_nobody_is_overtaken(redis_url: str, seed: int) -> None:
    chance = random.Random(seed)
    given = limits(chance.choice([6, 12]), chance.choice([0, 2, 3]), chance.choice([2, 3]))
    history = History(given)
    async with world(redis_url, given) as made:
        budgets = [made.budget() for _ in range(3)]

        async def one(asked: Asked, within: float) -> None:
            try:
                await chance.choice(budgets).take(USER, made.until(within), asked.urgency, is_order=asked.is_order)
                asked.went = made.clock.now()
            except Exhausted:
                asked.left = made.clock.now()
            except asyncio.CancelledError:
                asked.left = made.clock.now()
                raise

        tasks = []
        for _ in range(100):
            urgency = chance.choice([ACTION, ACTION, SIGN_IN, POLL, POLL, POLL, TRADES, IMPORT])
            asked = Asked(urgency, urgency is ACTION and chance.random() < 0.6, made.clock.now())
            history.asked.append(asked)
            tasks.append(asyncio.create_task(one(asked, chance.choice([0, 30, 100, 400]))))
            await made.clock.turn(chance.choice([0.001, 0.001, 0.5, 3, 9]))
            if chance.random() < 0.05:
                await chance.choice(budgets).hold(USER, chance.uniform(0, 20))
            if chance.random() < 0.1:
                chance.choice(tasks).cancel()
        await made.clock.turn(500)
        assert all(task.done() for task in tasks)
        await asyncio.gather(*tasks, return_exceptions=True)
    assert len(history.went()) > 30
    history.check()


# ---- everybody at once ----


async def test_hoppers_polled_at_their_plans_rhythm_for_ten_minutes_never_hear_429(redis_url: str) -> None:
    """Users with one to six hoppers of every plan, four requests a poll, through three gateways; actions now and then.

    Upstream counts 30 in a minute; each request travels up to 0.9 s.
    """
    chance = random.Random(5)
    arrived: dict[UserId, list[datetime]] = {}
    polls: list[tuple[timedelta, timedelta]] = []
    async with world(redis_url, limits()) as made:
        budgets = [made.budget() for _ in range(3)]

        async def send(user: UserId, urgency: Urgency) -> None:
            await chance.choice(budgets).take(user, made.until(300), urgency)
            arrived.setdefault(user, []).append(made.clock.now() + timedelta(seconds=chance.uniform(0, 0.9)))

        async def poll(user: UserId, every: timedelta) -> None:
            await made.clock.sleep(every * chance.random())
            while True:
                due = made.clock.now()
                for _ in range(4):
                    await send(user, POLL)
                polls.append((every, made.clock.now() - due))
                await made.clock.sleep(every - (made.clock.now() - due))

        async def act(user: UserId) -> None:
            while True:
                await made.clock.sleep(timedelta(seconds=chance.uniform(5, 120)))
                for _ in range(chance.randint(1, 3)):
                    await send(user, ACTION)

        tasks = []
        left = HOPPERS
        while left > 0:
            user = UserId(f"user-{left}")
            rhythm = timedelta(seconds=chance.choice([60, 120, 300, 600]))
            owned = min(left, chance.randint(1, 6))
            left -= owned
            tasks += [asyncio.create_task(poll(user, rhythm)) for _ in range(owned)]
            tasks += [asyncio.create_task(act(user))] * (chance.random() < 0.3)
        await made.clock.turn(600)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert len(polls) > 2 * HOPPERS
    assert max(late for _, late in polls) < timedelta(seconds=122)  # six hoppers a minute are all there is, and more
    slow = [late > SECOND for every, late in polls if every > timedelta(seconds=60)]
    assert sum(slow) < 0.02 * len(slow)
    for times in arrived.values():
        times.sort()
        assert all(later - first > timedelta(seconds=60) for first, later in zip(times, times[30:], strict=False))


# ---- by the real clock ----


async def test_by_redis_own_clock(redis_url: str) -> None:
    given = Limits(8, 2, timedelta(seconds=0.6), 2, timedelta(seconds=0.3))
    clock = SystemClock()
    meters = Meters()
    sent: list[datetime] = []
    async with redis.connect(redis_url) as client:
        budgets = [TokenBudget(RateBudget(client, given), clock, meters) for _ in range(2)]

        async def one(number: int) -> None:
            await budgets[number % 2].take(USER, clock.now() + 20 * SECOND, POLL)
            sent.append(clock.now())

        await asyncio.gather(*(one(number) for number in range(30)))
        for budget in budgets:
            await budget.finish()
    sent.sort()
    assert timedelta(seconds=2.4) <= sent[-1] - sent[0] < timedelta(seconds=6)
    for first, seventh in zip(sent, sent[6:], strict=False):
        assert seventh - first > timedelta(seconds=0.55)
    assert meters.value("gateway_budget_round_trips") < 120

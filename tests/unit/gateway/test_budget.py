"""Never more than so many requests within a minute, first come first served, and no wait that is for nothing."""

import asyncio
import random
from datetime import datetime, timedelta

import pytest

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted
from gateway.budget import Budget
from tests.unit.gateway.clock import HandClock, settled

USER = UserId("u")
LONG = timedelta(hours=1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def test_reads_leave_the_reserve_to_what_is_urgent(clock: HandClock) -> None:
    budget = Budget(clock, 30, 6)
    for _ in range(24):
        await budget.take(USER, clock.now())
    with pytest.raises(Exhausted) as refused:
        await budget.take(USER, clock.now() + timedelta(seconds=60))
    assert refused.value.retry_after == 61
    for _ in range(6):
        await budget.take(USER, clock.now(), is_urgent=True)
    with pytest.raises(Exhausted):
        await budget.take(USER, clock.now(), is_urgent=True)


async def test_another_user_has_a_budget_of_his_own(clock: HandClock) -> None:
    budget = Budget(clock, 1, 0)
    await budget.take(USER, clock.now())
    await budget.take(UserId("other"), clock.now())


async def test_who_waits_goes_in_the_order_of_asking(clock: HandClock) -> None:
    budget = Budget(clock, 2, 0)
    went: list[tuple[int, datetime]] = []

    async def go(number: int) -> None:
        await budget.take(USER, clock.now() + LONG)
        went.append((number, clock.now()))

    tasks = [asyncio.create_task(go(number)) for number in range(6)]
    await settled()
    assert [number for number, _ in went] == [0, 1]
    await clock.turn(200)
    await asyncio.gather(*tasks)
    assert [number for number, _ in went] == [0, 1, 2, 3, 4, 5]
    assert (went[5][1] - went[0][1]).total_seconds() == 122


async def test_the_wait_counts_those_ahead(clock: HandClock) -> None:
    budget = Budget(clock, 1, 0)
    await budget.take(USER, clock.now())
    waiting = [asyncio.create_task(budget.take(USER, clock.now() + LONG)) for _ in range(2)]
    await settled()
    with pytest.raises(Exhausted) as refused:
        await budget.take(USER, clock.now() + timedelta(seconds=150))
    assert refused.value.retry_after == 183
    await clock.turn(200)
    await asyncio.gather(*waiting)


async def test_who_stops_waiting_leaves_his_turn_to_the_next(clock: HandClock) -> None:
    budget = Budget(clock, 1, 0)
    await budget.take(USER, clock.now())
    gone, stays = (asyncio.create_task(budget.take(USER, clock.now() + LONG)) for _ in range(2))
    await settled()
    gone.cancel()
    await clock.turn(61)
    assert stays.done()


async def test_upstreams_word_holds_everybody(clock: HandClock) -> None:
    budget = Budget(clock, 30, 6)
    budget.hold(USER, 10)
    with pytest.raises(Exhausted) as refused:
        await budget.take(USER, clock.now() + timedelta(seconds=9), is_urgent=True)
    assert refused.value.retry_after == 10
    waits = asyncio.create_task(budget.take(USER, clock.now() + timedelta(seconds=11)))
    await clock.turn(9.9)
    assert not waits.done()
    await clock.turn(0.1)
    assert waits.done()


@pytest.mark.parametrize("seed", range(20))
async def test_no_minute_ever_has_more(clock: HandClock, seed: int) -> None:
    chance = random.Random(seed)
    budget = Budget(clock, 6, 2)
    sent: list[datetime] = []

    async def go() -> None:
        try:
            await budget.take(
                USER, clock.now() + timedelta(seconds=chance.uniform(0, 200)), is_urgent=chance.random() < 0.2
            )
        except Exhausted:
            return
        sent.append(clock.now())

    tasks = []
    for _ in range(80):
        tasks.append(asyncio.create_task(go()))
        await clock.turn(chance.choice([0, 0, 1, 5, 30]))
        if chance.random() < 0.1:
            budget.hold(USER, chance.uniform(0, 20))
        if chance.random() < 0.1:
            chance.choice(tasks).cancel()
    await clock.turn(600)
    await asyncio.gather(*tasks, return_exceptions=True)
    sent.sort()
    assert len(sent) > 10
    for first, seventh in zip(sent, sent[6:], strict=False):
        assert seventh - first >= timedelta(seconds=60)

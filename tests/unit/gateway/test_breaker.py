"""A host that does not answer is left alone, and tried again with one request."""

import asyncio
from datetime import timedelta

import pytest

from cryptwire.errors import Unavailable
from cryptwire.metrics import Meters
from gateway.breaker import FAILURES, PAUSE, Breaker
from tests.unit.gateway.clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def breaker(clock: HandClock) -> Breaker:
    return Breaker("api", clock, Meters())


def once(breaker: Breaker, is_well: bool | None) -> None:
    with breaker.passing() as passage:
        passage.is_well = is_well


def opened(breaker: Breaker) -> None:
    for _ in range(FAILURES):
        once(breaker, False)


def is_open(breaker: Breaker) -> bool:
    try:
        breaker.check()
    except Unavailable:
        return True
    return False


def test_it_opens_after_failures_in_a_row_and_not_before(breaker: Breaker) -> None:
    for is_well in [False] * (FAILURES - 1) + [True] + [False] * (FAILURES - 1):
        once(breaker, is_well)
    assert not is_open(breaker)
    once(breaker, False)
    with pytest.raises(Unavailable, match="nothing was sent"):
        once(breaker, True)


def test_what_says_nothing_neither_opens_nor_closes_it(breaker: Breaker) -> None:
    for _ in range(FAILURES - 1):
        once(breaker, False)
        once(breaker, None)
    with pytest.raises(ValueError, match="ours"), breaker.passing():
        raise ValueError("ours")
    assert not is_open(breaker)
    once(breaker, False)
    assert is_open(breaker)


async def test_one_request_finds_out_whether_the_host_is_back(breaker: Breaker, clock: HandClock) -> None:
    opened(breaker)
    clock.at += PAUSE - timedelta(seconds=0.1)
    assert is_open(breaker)
    clock.at += timedelta(seconds=0.1)
    with breaker.passing() as passage:
        assert is_open(breaker)
        with pytest.raises(Unavailable):
            once(breaker, True)
        passage.is_well = True
    assert not is_open(breaker)


def test_a_failed_trial_leaves_it_open_for_as_long_again(breaker: Breaker, clock: HandClock) -> None:
    opened(breaker)
    for _ in range(3):
        clock.at += PAUSE
        once(breaker, False)
        assert is_open(breaker)
    clock.at += PAUSE
    once(breaker, True)
    for _ in range(FAILURES - 1):
        once(breaker, False)
    assert not is_open(breaker)


async def test_a_trial_that_is_cancelled_lets_the_next_one_try(breaker: Breaker, clock: HandClock) -> None:
    opened(breaker)
    clock.at += PAUSE

    async def trial() -> None:
        with breaker.passing():
            await asyncio.sleep(60)

    task = asyncio.create_task(trial())
    await asyncio.sleep(0)
    assert is_open(breaker)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not is_open(breaker)
    once(breaker, True)


def test_an_answer_to_what_was_sent_before_it_opened_closes_it(breaker: Breaker) -> None:
    with breaker.passing() as slow:
        opened(breaker)
        assert is_open(breaker)
        slow.is_well = True
    assert not is_open(breaker)


def test_failures_of_what_was_sent_before_it_opened_do_not_keep_it_open(breaker: Breaker, clock: HandClock) -> None:
    with breaker.passing() as slow:
        opened(breaker)
        clock.at += PAUSE
        slow.is_well = False
    assert not is_open(breaker)


def test_it_is_metered(clock: HandClock) -> None:
    meters = Meters()
    breaker = Breaker("api", clock, meters)
    opened(breaker)
    assert meters.value("gateway_breaker_open", host="api") == 1
    assert is_open(breaker)
    assert meters.value("gateway_breaker_refusals", host="api") == 1
    clock.at += PAUSE
    once(breaker, True)
    assert meters.value("gateway_breaker_open", host="api") == 0

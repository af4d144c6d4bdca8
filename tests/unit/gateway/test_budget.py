"""What a token may do by the settings, and what an action may do while nobody can tell."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted, Invalid, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.rate_budget import Answer, Limits, RateBudget
from gateway.budget import TokenBudget, limits
from gateway.ports import Urgency
from gateway.settings import Settings
from tests.unit.gateway.clock import HandClock

USER = UserId("u")
SECOND = timedelta(seconds=1)


def settings(**other: Any) -> Settings:
    return Settings("none", "none", Path(), "client", "secret", **other)


class AwayTable(RateBudget):
    """Redis that nobody reaches."""

    def __init__(self, given: Limits) -> None:
        self.limits = given

    async def take(
        self, user: UserId, who: str, urgency: int, patience: timedelta, place: int, last: str, held: timedelta
    ) -> Answer:
        raise Unavailable("away")

    async def look(self, waiting: Mapping[UserId, Sequence[str]]) -> dict[UserId, list[timedelta | None]]:
        raise Unavailable("away")

    async def leave(self, user: UserId, who: str) -> None:
        raise Unavailable("away")

    async def hold(self, user: UserId, span: timedelta) -> None:
        raise Unavailable("away")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def budget(clock: HandClock) -> TokenBudget:
    return TokenBudget(AwayTable(Limits(30, 6, 61 * SECOND, 4, 9 * SECOND)), clock, Meters())


def test_windows_are_a_second_longer_than_upstreams() -> None:
    assert limits(settings()) == Limits(30, 12, 61 * SECOND, 8, 9 * SECOND)


@pytest.mark.parametrize("other", [{"requests_per_window": 6}, {"reserved_per_window": -1}, {"orders_per_window": 0}])
def test_limits_that_leave_nothing_are_refused(other: dict[str, int]) -> None:
    with pytest.raises(Invalid, match="CRYPTWIRE_GATEWAY_"):
        limits(settings(**other))


@pytest.mark.parametrize("urgency", [each for each in Urgency if each is not Urgency.ACTION])
async def test_no_read_goes_untold(budget: TokenBudget, clock: HandClock, urgency: Urgency) -> None:
    with pytest.raises(Unavailable, match="Redis is away"):
        await budget.take(USER, clock.now() + SECOND, urgency)


async def test_actions_go_by_what_is_reserved_and_orders_by_their_own_window(
    budget: TokenBudget, clock: HandClock
) -> None:
    for _ in range(4):
        await budget.take(USER, clock.now(), Urgency.ACTION, is_order=True)
    with pytest.raises(Exhausted) as refused:
        await budget.take(USER, clock.now() + SECOND, Urgency.ACTION, is_order=True)
    assert refused.value.retry_after == 9
    for _ in range(2):
        await budget.take(USER, clock.now(), Urgency.ACTION)
    with pytest.raises(Exhausted) as refused:
        await budget.take(USER, clock.now() + SECOND, Urgency.ACTION)
    assert refused.value.retry_after == 61
    await budget.take(UserId("other"), clock.now(), Urgency.ACTION)


async def test_upstreams_word_is_heeded_without_redis_too(budget: TokenBudget, clock: HandClock) -> None:
    await budget.hold(USER, 5)
    with pytest.raises(Exhausted) as refused:
        await budget.take(USER, clock.now(), Urgency.ACTION)
    assert refused.value.retry_after == 5
    waits = asyncio.create_task(budget.take(USER, clock.now() + 6 * SECOND, Urgency.ACTION))
    await clock.turn(4.9)
    assert not waits.done()
    await clock.turn(1)
    assert waits.done()
    await budget.finish()

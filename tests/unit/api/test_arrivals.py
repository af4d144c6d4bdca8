"""Who signs in finds his balance read anew, and nobody waits for it."""

import asyncio
from datetime import timedelta

from api.handlers.arrivals import Arrivals
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.errors import Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters

USER = UserId("00000000-0000-0000-0000-000000000001")
SLOW = timedelta(seconds=600)


class Play:
    """A gateway, rows and a queue in memory."""

    def __init__(self, *hoppers: Hopper) -> None:
        self.clock, self.meters, self.bus = HandClock(), Meters(), MemoryBus()
        self.asked: list[tuple[HopperId, timedelta]] = []
        self.looks: list[UserId] = []
        self.is_away = False
        self._hoppers = list(hoppers)
        self.arrivals = Arrivals(self, self, self, self.clock, self.meters)
        self.arrivals.speak(self.bus)

    async def assets(
        self, user: UserId, hopper: HopperId, max_age: timedelta = SLOW, *, within: timedelta | None = None
    ) -> object:
        if self.is_away:
            raise Unavailable("away")
        self.asked.append((hopper, max_age))
        return {}

    async def readable(self, user: UserId) -> list[Hopper]:
        return self._hoppers

    async def put_look(self, user: UserId) -> None:
        self.looks.append(user)

    async def sign_in(self) -> None:
        self.arrivals.signed_in(USER)
        for _ in range(5):
            await asyncio.sleep(0)


def hopper(name: str, every: timedelta) -> Hopper:
    return Hopper(HopperId(name), USER, name, Exchange("binance"), Asset("USDT"), False, every)


async def test_balances_are_read_as_new_as_the_plan_has_them_and_trackers_are_told() -> None:
    play = Play(hopper("1", timedelta(seconds=60)), hopper("2", SLOW))
    await play.sign_in()
    assert play.asked == [(HopperId("1"), timedelta(seconds=60)), (HopperId("2"), SLOW)]
    assert [subject for subject, _ in play.bus.published] == ["control.1.tracker.poll", "control.2.tracker.poll"]
    assert play.looks == [USER]


async def test_it_is_done_once_a_minute() -> None:
    play = Play(hopper("1", SLOW))
    await play.sign_in()
    await play.sign_in()
    assert len(play.asked) == 1
    await play.clock.turn(timedelta(seconds=61))
    await play.sign_in()
    assert len(play.asked) == 2


async def test_who_has_linked_nothing_costs_nothing_and_is_not_put_off() -> None:
    play = Play()
    await play.sign_in()
    assert (play.asked, play.looks) == ([], [])


async def test_a_gateway_that_is_away_is_counted_and_nobody_hears_of_it() -> None:
    play = Play(hopper("1", SLOW))
    play.is_away = True
    await play.sign_in()
    assert play.meters.value("api_refreshes", outcome="failed") == 1

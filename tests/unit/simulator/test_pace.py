"""A crowd that acts at one instant keeps nothing waiting, and nobody is answered before all have acted."""

import asyncio
from datetime import timedelta

from simulator.clock import TurnedClock, milliseconds
from simulator.market.prices import Market
from simulator.pace import Pace
from simulator.worlds.plan import parsed
from simulator.worlds.world import World
from tests.unit.simulator.conftest import Caller, Start, link

CROWD = {"users": 20, "hoppers_per_user": 10}
SCENARIO = {"world": CROWD, "settings": {}}


async def test_other_things_go_on_between_the_pieces(clock: TurnedClock) -> None:
    world = World(Market("test"), milliseconds(clock.now()) // 60_000 * 60_000, 10_000, plan=parsed(CROWD))
    pace, turns = Pace(world, clock), 0

    async def else_() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(else_())
    clock.turn(timedelta(minutes=30))
    assert await pace.now() == milliseconds(clock.now())
    assert world.advance(milliseconds(clock.now()))
    assert turns > 200 / 32  # each hopper has looked at its market at least once
    before = turns
    await pace.now()
    assert turns == before  # nothing is due
    other.cancel()


async def test_nobody_is_answered_from_a_world_that_is_half_way(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    simulator = start(scenario=SCENARIO, history_days=0, decision_seconds=10)
    user = Caller(
        simulator.app, (await link(simulator.app, asked | {"username": "user-20"}, "user-20"))["access_token"]
    )
    clock.turn(timedelta(minutes=30))
    now = milliseconds(clock.now())
    assert not simulator.world.advance(now, 5)  # as when the loop is let in between two pieces
    answers = await asyncio.gather(*(user.get(f"/hopper/{2_000_001 + number}/trade") for number in range(190, 200)))
    again = start(scenario=SCENARIO, history_days=0, decision_seconds=10)  # makes all of it up at once
    for number, answer in zip(range(190, 200), answers, strict=True):
        there = await Caller(again.app, user.token).get(f"/hopper/{2_000_001 + number}/trade")
        assert answer.body == there.body
    assert any(answer.data["trades"] for answer in answers)


async def test_without_history_the_world_begins_at_the_minute_and_a_restart_repeats_it(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    simulator = start(scenario=SCENARIO, history_days=0, decision_seconds=10)
    began_at = simulator.world.began_at
    assert 0 <= milliseconds(clock.now()) - began_at < 60_000
    assert began_at % 60_000 == 0
    user = Caller(simulator.app, (await link(simulator.app, asked | {"username": "user-1"}, "user-1"))["access_token"])
    for minutes in (1, 7, 40):
        clock.turn(timedelta(minutes=minutes))
        assert (
            await user.tell("PATCH", f"/hopper/2000001/{'enable' if minutes == 7 else 'disable'}/buying")
        ).status == 200
        await user.get("/hopper")
    again = start(scenario=SCENARIO, history_days=0, decision_seconds=10)
    assert again.world.began_at == began_at
    for id_, trader in simulator.world.traders.items():
        assert trader.trades == again.world.traders[id_].trades
        assert trader.state(milliseconds(clock.now())) == again.world.traders[id_].state(milliseconds(clock.now()))
    assert any(trader.trades for trader in again.world.traders.values())

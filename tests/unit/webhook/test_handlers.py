"""Hints become reads: soon, seldom enough, and each for itself."""

from datetime import timedelta
from itertools import pairwise

import pytest

from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Exhausted, LinkAgain, Unavailable
from cryptwire.metrics import Meters
from tests.unit.webhook.twins import START, HandClock, TwinBus, TwinHints, TwinHoppers, TwinList, TwinTrades, trade
from webhook.handlers.reads import Reads

A, B = HopperId("1"), HopperId("2")


class Play:
    """Reads among twins, and the clock in hand."""

    def __init__(self, most: int = 10) -> None:
        self.clock, self.list, self.trades, self.bus, self.meters = (
            HandClock(),
            TwinList([trade("1", "t1"), trade("2", "t2")]),
            TwinTrades(),
            TwinBus(),
            Meters(),
        )
        self.hints = TwinHints()
        self.reads = Reads(
            self.list,
            TwinHoppers("1", "2"),
            self.trades,
            self.hints,
            self.bus,
            self.clock,
            self.meters,
            every=timedelta(seconds=10),
            most=most,
        )

    def reads_of(self, hopper: HopperId) -> int:
        return sum(asked == hopper for asked, _ in self.list.asked)


async def test_a_hint_is_served_at_once_and_told_once() -> None:
    play = Play()
    play.reads.want(A)
    await play.clock.turn()
    assert play.list.asked == [(A, START - timedelta(days=1))]
    assert play.bus.told == ["trade.binance.1"]
    assert [kept.id for kept in play.trades.kept] == ["t1"]


async def test_when_something_was_heard_is_noted_once_also_when_the_table_was_away() -> None:
    play = Play()
    play.hints.trouble = [Unavailable("away")]
    play.reads.want(A)
    play.reads.want(HopperId("nobody's"))
    await play.clock.turn()
    assert play.hints.kept == []
    await play.clock.turn(120)
    assert play.hints.kept == [(A, START)]
    play.reads.want(A)
    await play.clock.turn(10)
    assert play.hints.kept == [(A, START), (A, START + timedelta(seconds=120))]


async def test_hints_within_ten_seconds_are_served_by_one_read_later() -> None:
    play = Play()
    play.reads.want(A)
    await play.clock.turn(3)
    for _ in range(5):
        play.reads.want(A)
    await play.clock.turn(6.9)
    assert play.reads_of(A) == 1
    play.list.trades.append(trade("1", "t3", START + timedelta(seconds=5)))
    await play.clock.turn(0.1)
    assert play.reads_of(A) == 2
    assert play.bus.told == ["trade.binance.1"] * 2
    await play.clock.turn(60)
    assert play.reads_of(A) == 2
    play.reads.want(A)
    await play.clock.turn()
    assert play.reads_of(A) == 3


async def test_reading_goes_on_from_the_last_trade() -> None:
    play = Play()
    play.reads.want(A)
    await play.clock.turn(20)
    play.reads.want(A)
    await play.clock.turn()
    assert play.list.asked[-1] == (A, START - timedelta(minutes=5))
    assert play.bus.told == ["trade.binance.1"]


async def test_a_hopper_that_cannot_be_read_holds_up_no_other() -> None:
    play = Play()
    play.list.trouble[A] = [Exhausted("spent", 30.0), Unavailable("away")]
    play.reads.want(A)
    play.reads.want(B)
    await play.clock.turn()
    assert play.bus.told == ["trade.binance.2"]
    await play.clock.turn(29.9)
    assert play.reads_of(A) == 1
    await play.clock.turn(0.1)
    assert play.reads_of(A) == 2
    await play.clock.turn(2)
    assert play.reads_of(A) == 3
    assert play.bus.told == ["trade.binance.2", "trade.binance.1"]


@pytest.mark.parametrize("hopper", ["1", "unknown"])
async def test_what_can_never_be_read_is_dropped(hopper: str) -> None:
    play = Play()
    play.list.trouble[A] = [LinkAgain("link again")]
    play.reads.want(HopperId(hopper))
    await play.clock.turn(100)
    assert play.trades.kept == []
    assert play.reads.has_room_for([HopperId(str(n)) for n in range(10)])


async def test_room_is_for_so_many_hoppers_and_hints_of_one_take_one_place() -> None:
    play = Play(most=2)
    play.list.trouble[A] = [Unavailable("away")]
    play.reads.want(A)
    await play.clock.turn()
    assert play.reads.has_room_for([A, B])
    assert not play.reads.has_room_for([B, HopperId("3")])
    await play.clock.turn(5)
    assert play.reads.has_room_for([B, HopperId("3")])


async def test_a_flood_is_read_at_a_steady_pace() -> None:
    play = Play(most=500)
    play.list.trades = [trade(str(number), f"t{number}") for number in range(500)]
    play.reads = Reads(
        play.list, TwinHoppers(*map(str, range(500))), play.trades, play.hints, play.bus, play.clock, play.meters,
        every=timedelta(seconds=10), most=500, rate=100,
    )  # fmt: skip
    for number in range(500):
        play.reads.want(HopperId(str(number)))
    counts = []
    for _ in range(200):
        await play.clock.turn(0.01)
        counts.append(len(play.list.asked))
    assert 180 <= counts[-1] <= 220
    assert max(later - sooner for sooner, later in pairwise([0, *counts])) <= 17
    await play.reads.finish(5)
    assert len(play.list.asked) == 500


async def test_at_the_end_what_waits_is_read_without_waiting() -> None:
    play = Play()
    play.reads.want(A)
    await play.clock.turn()
    play.reads.want(A)
    play.list.trouble[B] = [Unavailable("away")]
    play.reads.want(B)
    await play.clock.turn()
    await play.reads.finish(5)
    assert (play.reads_of(A), play.reads_of(B)) == (2, 1)
    assert not play.reads.has_room_for([A])


async def test_of_a_first_look_only_what_is_recent_is_told_and_the_newest_in_any_case() -> None:
    play = Play()
    play.list.trades = [trade("1", f"t{hours}", START - timedelta(hours=hours)) for hours in (20, 3, 2)]
    play.reads.want(A)
    await play.clock.turn(20)
    assert len(play.trades.kept) == 3
    assert play.bus.told == ["trade.binance.1"]
    play.list.trades += [trade("1", f"l{minutes}", START - timedelta(minutes=120 - minutes)) for minutes in (1, 2)]
    play.reads.want(A)
    await play.clock.turn()
    assert play.bus.told == ["trade.binance.1"] * 3


async def test_a_flood_of_hoppers_nobody_knows_costs_no_read_and_no_more_than_so_much_memory() -> None:
    play = Play(most=20)
    taken = 0
    for number in range(200):
        named = [HopperId(f"x{number}")]
        if play.reads.has_room_for(named):
            play.reads.want(named[0])
            taken += 1
        await play.clock.turn(0.01)
    assert 20 <= taken <= 60
    assert play.list.asked == []
    assert play.meters.value("webhook_reads", outcome="unknown_hopper") == taken
    await play.clock.turn(11)
    assert play.reads.has_room_for([A])

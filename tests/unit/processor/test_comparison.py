"""What of a trade list is not stored is added and told; who cannot be read holds up no other."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Corrupt, CryptwireError, Exhausted, Forbidden, LinkAgain, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from processor.handlers.comparison import Comparison
from tests.unit.processor.twins import TwinComparisons, TwinList, broken_links
from tests.unit.webhook.twins import START, TwinTrades, hopper, trade

A, B, C = HopperId("1"), HopperId("2"), HopperId("3")
OTHER = UserId("00000000-0000-0000-0000-000000000002")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Play:
    """Two hoppers of one user, and one of another."""

    def __init__(self) -> None:
        self.clock, self.meters, self.bus = HandClock(START), Meters(), MemoryBus()
        self.list, self.trades = TwinList(), TwinTrades()
        self.comparisons = TwinComparisons(hopper(A), hopper(B), replace(hopper(C), user=OTHER))
        broken, self.links, self.notices = broken_links(self.bus, self.clock)
        self.comparison = Comparison(
            self.list, self.comparisons, self.trades, self.bus, self.clock, self.meters, broken,
            first=90 * DAY, at_once=2,
        )  # fmt: skip

    async def compare(self) -> str:
        return await self.comparison.compare(self.clock.now())

    def told(self) -> list[str]:
        return [subject for subject, _ in self.bus.published]


async def test_the_first_time_it_reads_far_back_and_then_a_day_before_what_is_complete() -> None:
    play = Play()
    await play.compare()
    assert sorted(play.list.asked) == [(id, START - 90 * DAY) for id in (A, B, C)]
    play.list.asked.clear()
    await play.clock.turn(HOUR)
    await play.compare()
    assert sorted(play.list.asked) == [(id, START - DAY) for id in (A, B, C)]
    assert play.list.imports == [True] * 3 + [False] * 3


async def test_what_is_missing_is_added_once_counted_and_told() -> None:
    play = Play()
    await play.compare()
    await play.clock.turn(HOUR)
    play.list.trades = [trade(A, "t1", START + timedelta(minutes=5)), trade(A, "t2", START - HOUR), trade(C, "t3")]
    await play.trades.add([trade(C, "t3")])
    assert await play.compare() == "2 complete, 1 mended"
    assert [kept.id for kept in play.trades.kept] == ["t3", "t1", "t2"]
    assert play.told() == ["trade.binance.1"] * 2
    assert (play.comparisons.mended, play.meters.value("processor_mended_trades")) == ({A: 2, B: 0, C: 0}, 2)
    await play.clock.turn(HOUR)
    assert await play.compare() == "3 complete"


async def test_of_a_past_that_is_read_for_the_first_time_the_newest_speaks() -> None:
    play = Play()
    play.list.trades = [trade(A, f"t{days}", START - days * DAY) for days in range(80, 0, -1)]
    await play.compare()
    assert len(play.trades.kept) == 80
    assert play.told() == ["trade.binance.1"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (LinkAgain("link"), "to be linked again"),
        (Exhausted("spent", 60), "without budget"),
        (Unavailable("away"), "unavailable"),
        (Corrupt("junk"), "refused"),
        (Forbidden("no"), "refused"),
    ],
)
async def test_who_cannot_be_read_holds_up_no_other_and_is_read_from_the_same_moment_later(
    error: CryptwireError, outcome: str
) -> None:
    play = Play()
    await play.compare()
    play.list.asked.clear()
    await play.clock.turn(2 * DAY)
    play.list.trouble[A] = [error]
    said = await play.compare()
    assert said == ", ".join(sorted(["2 complete", f"1 {outcome}"], key=lambda each: each[2:]))
    assert (play.comparisons.until[A], play.comparisons.until[B]) == (START, START + 2 * DAY)
    await play.clock.turn(HOUR)
    await play.compare()
    assert [since for id, since in play.list.asked if id == A] == [START - DAY, START - DAY]


async def test_a_run_that_is_begun_again_goes_on_with_the_rest() -> None:
    play = Play()
    play.comparisons.until[B] = START
    await play.comparison.compare(START)
    assert sorted(id for id, _ in play.list.asked) == [A, C]


async def test_when_the_bus_is_away_trades_are_kept_all_the_same() -> None:
    play = Play()
    play.bus.is_away = True
    play.list.trades = [trade(A, "t1")]
    assert await play.compare() == "2 complete, 1 mended"
    assert len(play.trades.kept) == 1


async def test_when_the_database_is_away_the_run_ends_and_is_not_called_complete() -> None:
    class Away(TwinTrades):
        async def add(self, trades: object) -> list[object]:  # type: ignore[override]
            raise Unavailable("the database is away")

    play = Play()
    comparison = Comparison(
        play.list, play.comparisons, Away(), play.bus, play.clock, play.meters,  # type: ignore[arg-type]
        broken_links(play.bus, play.clock)[0], first=DAY, at_once=2,
    )  # fmt: skip
    with pytest.raises(Unavailable):
        await comparison.compare(START)
    assert play.comparisons.until == {}


async def test_who_must_link_again_is_told_once_for_each_link() -> None:
    play = Play()

    async def refused() -> list[str]:
        play.list.trouble = {A: [LinkAgain("revoked")], B: [LinkAgain("revoked")]}
        await play.compare()
        await play.clock.turn(HOUR)
        return [notice.kind for notice in play.notices.kept]

    play.links.is_away = True
    assert await refused() == []
    play.links.is_away = False
    assert await refused() == ["link-again"]
    assert await refused() == ["link-again"]
    assert play.notices.kept[0].facts == {"reason": "revoked"}
    play.links.at = play.clock.now()
    assert await refused() == ["link-again"] * 2
    play.links.at = None
    assert await refused() == ["link-again"] * 2

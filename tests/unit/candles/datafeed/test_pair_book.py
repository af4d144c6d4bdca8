"""Each closed candle of a pair is asked for once, however many want it; nothing that has not closed is stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from candles.datafeed.handlers.asking import Asking, free
from candles.datafeed.handlers.pair_book import Loaded, PairBook
from candles.datafeed.logic.grains import REACH, Grain
from cryptwire.domain.bar import Columns
from cryptwire.errors import Exhausted, NotFound, Unavailable
from cryptwire.metrics import Meters
from tests.unit.candles.datafeed.played_exchange import (
    BTC,
    NOON,
    Hands,
    Leases,
    MemoryTable,
    PlayedExchange,
    candle_at,
)

NOW = int(NOON.timestamp()) + 100
DAY, QUARTER = 86_400, 900


@dataclass
class World:
    clock: Hands
    exchange: PlayedExchange
    table: MemoryTable
    leases: Leases
    book: PairBook

    async def candles(self, since: int, until: int, grain: Grain = Grain.QUARTER, patience: float = 8.0) -> Loaded:
        return await self.book.candles(BTC, grain, since, until, free, patience)

    def another(self) -> PairBook:
        """That of another process."""
        return PairBook(Asking(self.exchange, self.clock, Meters()), self.table, self.leases.of, self.clock)


@asynccontextmanager
async def world(**exchange: object) -> AsyncIterator[World]:
    clock = Hands(NOON + timedelta(seconds=100))
    played, table, leases = PlayedExchange(clock, **exchange), MemoryTable(clock), Leases()  # type: ignore[arg-type]
    book = PairBook(Asking(played, clock, Meters()), table, leases.of, clock)
    try:
        yield World(clock, played, table, leases, book)
    finally:
        await book.close()


def assert_true(loaded: Columns, since: int, until: int, grain: int = QUARTER, now: int = NOW) -> None:
    """Just the candles that there are."""
    assert loaded.at.tolist() == list(range(-(-since // grain) * grain, min(until, now + 1), grain))
    rows = zip(loaded.open, loaded.high, loaded.low, loaded.close, loaded.volume, strict=True)
    for at, row in zip(loaded.at.tolist(), rows, strict=True):
        assert tuple(map(float, row)) == candle_at(at, grain, now + 1)


async def test_what_was_read_is_not_asked_for_again_by_anybody() -> None:
    async with world() as it:
        since = NOW - 30 * DAY
        assert_true((await it.candles(since, NOW + 900)).candles, since, NOW + 900)
        asked = len(it.exchange.asked)
        assert_true((await it.candles(since, NOW + 900)).candles, since, NOW + 900)
        assert_true((await it.candles(since + DAY, NOW - DAY)).candles, since + DAY, NOW - DAY)
        assert len(it.exchange.asked) == asked, "memory"
        later = it.another()
        assert_true((await later.candles(BTC, Grain.QUARTER, since, NOW - DAY, free)).candles, since, NOW - DAY)
        assert set(it.exchange.told.values()) == {1}, "the database"
        await later.close()


async def test_who_asks_at_the_same_time_waits_for_the_same_answers() -> None:
    async with world(seconds=0.01) as it:
        spans = [(NOW - days * DAY, NOW + 900) for days in (5, 20, 40, 20, 5, 40)]
        found = await asyncio.gather(*(it.candles(*span) for span in spans))
        for (since, until), loaded in zip(spans, found, strict=True):
            assert_true(loaded.candles, since, until)
        assert set(it.exchange.told.values()) == {1}
        assert it.exchange.most_at_once == 4, "the streamer answers few together"


async def test_two_processes_ask_once_and_both_answer() -> None:
    async with world(seconds=0.01) as it:
        other = it.another()
        since, until = NOW - 40 * DAY, NOW - 15 * DAY
        one, two = await asyncio.gather(
            it.candles(since, until), other.candles(BTC, Grain.QUARTER, since, until, free)
        )  # fmt: skip
        assert_true(one.candles, since, until)
        assert_true(two.candles, since, until)
        assert set(it.exchange.told.values()) == {1}
        assert it.leases.held == set()
        await other.close()


async def test_without_leases_two_may_ask_and_nothing_is_lost() -> None:
    async with world() as it:
        it.leases.is_away = True
        since, until = NOW - 40 * DAY, NOW - 15 * DAY
        assert_true((await it.candles(since, until)).candles, since, until)


@pytest.mark.parametrize(("skips", "page"), [(True, 1000), (False, 1000), (True, 300), (False, 300)])
async def test_a_pair_is_asked_for_no_further_back_than_it_is_traded(skips: bool, page: int) -> None:
    began = NOW - 27 * DAY
    async with world(began=began, skips=skips, page=page) as it:
        loaded = await it.candles(NOW - 3000 * DAY, NOW + 900)
        first = began // QUARTER * QUARTER
        assert_true(loaded.candles, first, NOW + 900)
        assert (loaded.is_first, loaded.known_from, loaded.error) == (True, NOW - 3000 * DAY, None)
        asked = len(it.exchange.asked)
        assert asked < (20 if skips and page == 1000 else 50)
        assert len((await it.candles(NOW - 3000 * DAY, NOW + 900)).candles) == len(loaded.candles)
        assert len(it.exchange.asked) == asked
        other = it.another()
        again = await other.candles(BTC, Grain.QUARTER, NOW - 3000 * DAY, NOW - DAY, free)
        assert (again.is_first, len(again.candles)) == (True, len(loaded.candles) - 96)
        assert len(it.exchange.asked) <= asked + 1, "and where it begins is kept"
        await other.close()


async def test_a_gap_stays_a_gap_and_is_asked_for_once() -> None:
    silent = (NOW - 30 * DAY, NOW - 12 * DAY)
    async with world(silent=silent, skips=False, began=NOW - 200 * DAY) as it:
        loaded = (await it.candles(NOW - 50 * DAY, NOW + 900)).candles
        gap = [at for at in loaded.at.tolist() if silent[0] <= at < silent[1]]
        assert gap == []
        assert loaded.at[0] == -(-(NOW - 50 * DAY) // QUARTER) * QUARTER
        asked = len(it.exchange.asked)
        await it.candles(NOW - 50 * DAY, NOW + 900)
        other = it.another()
        await other.candles(BTC, Grain.QUARTER, NOW - 50 * DAY, NOW - 12 * DAY, free)
        assert len(it.exchange.asked) == asked
        await other.close()


async def test_the_open_candle_is_told_and_never_stored() -> None:
    async with world() as it:
        loaded = (await it.candles(NOW - 3600, NOW + 900)).candles
        assert loaded.at[-1] == NOW // QUARTER * QUARTER
        series = it.table.ids[BTC, Grain.QUARTER]
        assert max(at for id, at in it.table.rows if id == series) == NOW // QUARTER * QUARTER - QUARTER
        asked = len(it.exchange.asked)
        it.clock.moment += timedelta(seconds=9)
        await it.candles(NOW - 3600, NOW + 900)
        assert len(it.exchange.asked) == asked, "ten seconds are no age"
        it.clock.moment += timedelta(seconds=2)
        await it.candles(NOW - 3600, NOW + 900)
        assert it.exchange.asked[asked:] == [("15m", NOW // QUARTER * QUARTER, 1)]


async def test_a_candle_that_nothing_follows_counts_as_closed_a_minute_later() -> None:
    boundary = NOW // QUARTER * QUARTER + QUARTER
    async with world(silent=(boundary, boundary + DAY), skips=False) as it:
        it.clock.moment = NOON + timedelta(seconds=QUARTER + 5)
        assert int(it.clock.moment.timestamp()) == boundary + 5
        newest = await it.book.newest(BTC, Grain.QUARTER)
        assert (newest.closed_until, newest.open.at.tolist()) == (boundary - QUARTER, [boundary - QUARTER])
        it.clock.moment += timedelta(seconds=60)
        newest = await it.book.newest(BTC, Grain.QUARTER)
        assert (newest.closed_until, newest.open.at.tolist()) == (boundary, [])
        assert it.book.in_memory(BTC, Grain.QUARTER, boundary - QUARTER, boundary).at.tolist() == [boundary - QUARTER]


async def test_the_newest_are_brought_up_to_date_over_the_end_of_a_block() -> None:
    async with world() as it:
        block = Grain.QUARTER.block
        edge = NOW // block * block + block
        since = edge - 3 * QUARTER
        for second in range(edge - QUARTER + 5, edge + 3 * QUARTER, 300):
            it.clock.moment += timedelta(seconds=second - it.clock.now().timestamp())
            loaded = (await it.candles(since, second + 900)).candles
            assert_true(loaded, since, second + 900, now=second)
        assert {count for (_, at), count in it.exchange.told.items() if at >= edge - block} == {1}


async def test_what_takes_long_is_told_in_part_and_goes_on() -> None:
    async with world(first=6) as it:
        since = NOW - 200 * DAY
        loaded = await it.candles(since, NOW + 900, patience=1.0)
        assert since < loaded.known_from < NOW - DAY
        assert isinstance(loaded.error, Unavailable)
        assert_true(loaded.candles, loaded.known_from, NOW + 900)
        it.exchange.goes_on.set()
        known = -1
        async with asyncio.timeout(30):
            while len(it.exchange.told) > known:  # it goes on, however slow the machine is
                known = len(it.exchange.told)
                await asyncio.sleep(0.5)
        whole = await it.candles(since, NOW + 900)
        assert (whole.known_from, whole.error) == (since, None)
        assert_true(whole.candles, since, NOW + 900)
        assert set(it.exchange.told.values()) == {1}


async def test_when_an_exchange_is_away_what_is_known_is_told_and_nothing_else_is_claimed() -> None:
    async with world() as it:
        it.exchange.is_away = True
        with pytest.raises(Unavailable):
            await it.candles(NOW - DAY, NOW + 900)
        it.exchange.is_away = False
        it.clock.moment = NOON + timedelta(seconds=100)
        assert_true((await it.candles(NOW - DAY, NOW + 900)).candles, NOW - DAY, NOW + 900)
        it.exchange.is_away = True
        loaded = await it.candles(NOW - 40 * DAY, NOW + 900)
        assert isinstance(loaded.error, Unavailable)
        assert loaded.known_from == NOW // Grain.QUARTER.block * Grain.QUARTER.block
        it.clock.moment += timedelta(hours=3)
        with pytest.raises(Unavailable):
            await it.candles(NOW - DAY, NOW + 4 * 3600)


async def test_while_the_database_is_away_nothing_is_remembered_as_asked() -> None:
    async with world() as it:
        it.table.is_away = True
        with pytest.raises(Unavailable):
            await it.candles(NOW - DAY, NOW + 900)
        it.table.is_away = False
        assert_true((await it.candles(NOW - DAY, NOW + 900)).candles, NOW - DAY, NOW + 900)


async def test_what_the_exchange_does_not_have_is_not_there_and_not_asked_for_again_soon() -> None:
    async with world(refuses=True) as it:
        for _ in range(3):
            with pytest.raises(NotFound):
                await it.candles(NOW - DAY, NOW + 900)
        it.exchange.refuses = False
        with pytest.raises(NotFound):
            await it.candles(NOW - DAY, NOW + 900)
        it.clock.moment += timedelta(minutes=10)
        await it.candles(NOW - DAY, NOW + 900)


async def test_whoever_may_ask_no_more_gets_what_is_there() -> None:
    async with world() as it:
        left = 5

        def pay() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Exhausted("too much", 30)

        loaded = await it.book.candles(BTC, Grain.QUARTER, NOW - 300 * DAY, NOW + 900, pay)
        assert isinstance(loaded.error, Exhausted)
        assert 50 < (NOW - loaded.known_from) / DAY < 70, "five blocks of ten days, and the newest"
        assert_true(loaded.candles, loaded.known_from, NOW + 900)


async def test_ten_years_of_hours_are_some_ninety_questions() -> None:
    async with world() as it:
        loaded = await it.candles(NOW - REACH, NOW + 3600, Grain.HOUR, patience=60.0)  # on a busy machine, too
        assert len(loaded.candles) == REACH // 3600
        assert len(it.exchange.asked) < 95


async def test_few_blocks_are_kept_and_what_was_dropped_is_read_from_the_database() -> None:
    async with world() as it:
        small = PairBook(Asking(it.exchange, it.clock, Meters()), it.table, it.leases.of, it.clock, most=3)
        for days in (25, 60, 90):
            since, until = NOW - days * DAY, NOW - (days - 20) * DAY
            assert_true((await small.candles(BTC, Grain.QUARTER, since, until, free)).candles, since, until)
            assert_true((await small.candles(BTC, Grain.QUARTER, since, until, free)).candles, since, until)
        loaded = await small.candles(BTC, Grain.QUARTER, NOW - 70 * DAY, NOW - 45 * DAY, free)
        assert_true(loaded.candles, NOW - 70 * DAY, NOW - 45 * DAY)
        assert set(it.exchange.told.values()) == {1}
        await small.close()


async def test_what_is_in_memory_makes_no_room_for_the_rest_of_the_same_question() -> None:
    async with world() as it:
        small = PairBook(Asking(it.exchange, it.clock, Meters()), it.table, it.leases.of, it.clock, most=6)
        since, until = NOW // Grain.QUARTER.block * Grain.QUARTER.block - 50 * DAY, NOW - 11 * DAY
        for first, last in ((since, until - 20 * DAY), (NOW - 200 * DAY, NOW - 175 * DAY), (since, until)):
            assert_true((await small.candles(BTC, Grain.QUARTER, first, last, free)).candles, first, last)
        await small.close()

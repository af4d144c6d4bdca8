"""Trades come newest first, page by page, and go out once each, oldest first, in little room."""

import asyncio
import gc
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.clock import EPOCH
from gateway.ports import Urgency
from gateway.reads import History
from tests.unit.gateway import reading
from tests.unit.gateway.reading import HOPPER, USER, Stage, trade


@pytest.fixture
async def stage() -> Stage:
    return reading.stage()


@given(st.lists(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=12), max_size=8), st.integers(0, 9))
def test_pages_in_any_order_that_overlap_come_out_sorted_and_once(
    pages: list[list[tuple[int, int]]], since: int
) -> None:
    history = History(trade(0, since).at)
    minutes: dict[int, int] = {}
    for page in pages:
        for number, minute in page:
            minutes.setdefault(number, minute)
        known = [trade(number, minutes[number]) for number, _ in page]
        history.add(known)
    history.end()
    wanted = [trade(number, minute) for number, minute in minutes.items() if minute >= since]
    wanted.sort(key=lambda each: (each.at, len(each.id), each.id))
    assert list(history) == wanted
    assert list(history) == wanted
    assert len(history) == len(wanted)
    assert [each for chunk in history.chunks(7) for each in chunk] == wanted
    assert all(0 < len(chunk) <= 7 for chunk in history.chunks(7))


def test_a_page_that_brings_nothing_new_is_told() -> None:
    history = History(EPOCH)
    assert history.add([trade(1), trade(2)])
    assert history.add([trade(2), trade(3)])
    assert not history.add([trade(1), trade(3)])
    assert not history.add([])


async def test_all_pages_are_read_until_the_last(stage: Stage) -> None:
    stage.upstream.trade_list = [trade(number) for number in range(1_700, 0, -1)]
    read = await stage.reads.trades(USER, HOPPER, EPOCH, stage.until(), Urgency.IMPORT)
    assert [each.id for each in read.value] == [str(number) for number in range(1, 1_701)]
    assert stage.upstream.calls == ["hopper", "trades 0", "trades 500", "trades 1000", "trades 1500"]


async def test_a_trade_that_comes_while_pages_are_read_moves_the_others_and_is_no_second_one(stage: Stage) -> None:
    stage.upstream.seconds = 1
    stage.upstream.trade_list = [trade(number) for number in range(1_200, 0, -1)]
    task = asyncio.create_task(stage.reads.trades(USER, HOPPER, EPOCH, stage.until(60), Urgency.TRADES))
    for number in range(1_201, 1_206):
        await stage.clock.turn(0.9)
        stage.upstream.trade_list.insert(0, trade(number))
    await stage.clock.turn(10)
    ids = [int(each.id) for each in (await task).value]
    assert ids[:1_200] == list(range(1, 1_201))


async def test_an_upstream_that_does_not_heed_the_offset_is_not_asked_for_ever(stage: Stage) -> None:
    stage.upstream.trade_list = [trade(number) for number in range(1_700, 0, -1)]
    stage.upstream.heeds_offset = False
    read = await stage.reads.trades(USER, HOPPER, EPOCH, stage.until(), Urgency.TRADES)
    assert len(read.value) == 500
    assert stage.upstream.calls == ["hopper", "trades 0", "trades 500"]


async def test_no_page_is_read_beyond_the_moment(stage: Stage) -> None:
    stage.upstream.trade_list = [trade(number) for number in range(5_000, 0, -1)]
    stage.upstream.heeds_since = False
    since = trade(4_900).at
    read = await stage.reads.trades(USER, HOPPER, since, stage.until(), Urgency.TRADES)
    assert [each.id for each in read.value] == [str(number) for number in range(4_900, 5_001)]
    assert stage.upstream.calls == ["hopper", "trades 0"]


async def test_a_history_is_not_kept(stage: Stage) -> None:
    for _ in range(2):
        await stage.reads.trades(USER, HOPPER, EPOCH, stage.until(), Urgency.TRADES)
    assert stage.upstream.calls.count("trades 0") == 2


def test_twenty_thousand_trades_take_little_room() -> None:
    chance = random.Random(1)
    history = History(EPOCH)
    gc.collect()
    tracemalloc.start()
    try:
        for begin in range(20_000, 0, -500):
            history.add([trade(number, chance.randrange(10**6)) for number in range(begin, begin - 500, -1)])
        during = tracemalloc.get_traced_memory()[0]
        history.end()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert during < 20_000 * 150
    assert after < 20_000 * 60
    assert [each.at for each in history] == sorted(each.at for each in history)

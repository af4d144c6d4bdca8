"""A pair's candle in progress is what its exchange told and what was heard since it was asked, in whatever order."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from candles.datafeed.logic.live_sum import LiveSum
from candles.datafeed.logic.marks import levels
from candles.datafeed.logic.open_candle import OpenCandle
from cryptwire.domain.account import Position
from cryptwire.domain.bar import Part
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId


def part(*prices: float, volume: float = 5.0) -> Part:
    opened, high, low, close = prices
    return Part(opened, high, low, close, volume)


def test_prices_stretch_what_was_told() -> None:
    candle = OpenCandle(900)
    assert candle.part is None
    candle.asks()
    candle.on_told(900, part(10, 12, 9, 11))
    assert candle.on_price(1000, 13)
    assert candle.part == part(10, 13, 9, 13)
    assert not candle.on_price(899, 1), "over"
    assert candle.part == part(10, 13, 9, 13)


def test_what_was_heard_before_the_question_is_in_its_answer_and_what_came_after_is_not() -> None:
    candle = OpenCandle(900)
    candle.on_price(900, 100)
    candle.asks()
    candle.on_price(901, 7)
    candle.on_told(900, part(5, 6, 4, 5))
    assert candle.part == part(5, 7, 4, 7)
    candle.asks()
    candle.on_told(900, part(5, 8, 4, 6))
    assert candle.part == part(5, 8, 4, 6)


def test_a_price_opens_the_next_candle_and_an_answer_of_the_one_before_changes_nothing() -> None:
    candle = OpenCandle(900)
    candle.on_told(0, part(1, 1, 1, 1))
    candle.asks()
    candle.on_price(905, 3)
    candle.on_told(0, part(1, 2, 1, 2))
    assert (candle.at, candle.part) == (900, part(3, 3, 3, 3, volume=0.0))
    candle.on_told(1800, part(4, 4, 4, 4))
    assert (candle.at, candle.part) == (1800, part(4, 4, 4, 4))


steps = st.one_of(
    st.tuples(st.just("price"), st.integers(0, 3000), st.floats(1, 100)),
    st.tuples(st.just("told"), st.integers(0, 3), st.floats(1, 100)),
    st.tuples(st.just("asks"), st.just(0), st.just(0.0)),
)


@given(st.lists(steps, max_size=30))
def test_it_never_goes_back_and_always_encloses_its_prices(drawn: list[tuple[str, int, float]]) -> None:
    candle, newest = OpenCandle(900), 0
    for what, second, price in drawn:
        if what == "price":
            candle.on_price(second, price)
        elif what == "told":
            candle.on_told(second * 900, part(price, price * 2, price / 2, price))
        else:
            candle.asks()
        if candle.part is not None:
            assert candle.at is not None
            assert candle.at >= newest
            newest = candle.at
            low, high = candle.part.low, candle.part.high
            assert low <= min(candle.part.open, candle.part.close) <= max(candle.part.open, candle.part.close) <= high


def test_a_sum_keeps_its_extremes_until_it_has_closed() -> None:
    total = LiveSum()
    for now in (100, 130, 90, 110):
        total.on_sum(0, 105, now, 1.0)
    assert total.part == Part(105, 130, 90, 110, 1.0)
    total.on_sum(900, 111, 112, 0.0)
    assert (total.unclosed, total.part) == (0, Part(111, 112, 111, 112, 0.0))
    total.on_sum(0, 1, 1, 1)
    assert total.at == 900, "too late"
    assert total.closed(0, 105, 111) == Part(105, 130, 90, 111, 0.0)
    assert total.unclosed is None
    assert total.closed(0, 105, 111) == Part(105, 111, 105, 111, 0.0), "of what is forgotten the ends are known"
    assert total.closed(900, 111, 115) == Part(111, 115, 111, 115, 0.0)


@dataclass(frozen=True)
class Held:
    hopper: HopperId
    position: Position
    is_short: bool = False
    read_at: datetime = datetime(2026, 3, 4, tzinfo=UTC)


def held(
    number: int, quantity: str, rate: str, cost: str, *, stop: str = "", arm: str = "", is_short: bool = False
) -> Held:
    amounts = Decimal(quantity), Decimal(rate), Decimal(cost)
    levels = (None, Decimal(stop) if stop else None, Decimal(arm) if arm else None)
    position = Position(str(number), Asset("BTC"), Asset("USDT"), *amounts, None, "", False, *levels)
    return Held(HopperId("1"), position, is_short)


def told(*positions: Held) -> list[tuple[Any, ...]]:
    hopper = Hopper(HopperId("1"), UserId("u"), "n", Exchange("e"), Asset("USDT"), False, datetime.resolution)
    return [
        (one["kind"], one["price"], one["quantity"], one["isShort"])
        for one in levels(positions, {hopper.id: hopper}, is_masked=False)
    ]


def test_the_average_cost_is_of_all_positions_and_stops_are_of_each() -> None:
    assert told(held(1, "1", "100", "101", stop="7.5"), held(2, "3", "200", "603", arm="2")) == [
        ("cost", "176", "4", False), ("stop", "92.5", "1", False), ("arm", "204", "3", False)
    ]  # fmt: skip
    assert told() == []


def test_masked_levels_tell_prices_in_six_digits_and_no_quantity() -> None:
    positions = held(1, "0.0731", "123.456789", "9.03912377", stop="5"), held(2, "0.0731", "123.456789", "9.03912377")
    hopper = Hopper(HopperId("1"), UserId("u"), "n", Exchange("e"), Asset("USDT"), False, datetime.resolution)
    lines = levels(positions, {hopper.id: hopper}, is_masked=True)
    assert [(one["kind"], one["price"], one["quantity"]) for one in lines] == [
        ("cost", "123.654", None), ("stop", "117.284", None)
    ]  # fmt: skip


def test_odd_positions_draw_no_line_that_cannot_be() -> None:
    assert told(held(1, "1", "0", "0", stop="5")) == []
    assert told(held(1, "1", "10", "10", stop="100")) == [("cost", "10", "1", False)]
    assert told(held(1, "2", "10", "20", is_short=True, stop="5")) == [("cost", "10", "2", True)]
    assert told(held(1, "3", "0.00000001", "0.00000001"))[0][1] == "0.00000000333333333333333333"
    assert told(held(1, "1", "1E+5", "1E+5"))[0][1] == "100000"
    fine = "123456789012.123456789012345678"
    assert told(held(1, fine, "1", fine), held(2, "1", "1", "1"))[0][2] == "123456789013.123456789012345678"

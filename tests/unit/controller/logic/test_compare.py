"""A figure above, below, or across."""

import pytest

from controller.logic.verdict import Stage
from cryptwire.domain.figure import figure_key
from cryptwire.domain.rule_set import Compare, FigureOf, Relation
from tests.unit.controller.logic.builders import BTC, LIVE, T, Watch, pair, told

FAST, SLOW = FigureOf(figure_key("ema(length=9)@60")), FigureOf(figure_key("ema(length=21)@60"))
RSI = FigureOf(figure_key("rsi@60"), BTC)


def course(relation: Relation, values: list[float], right: float | FigureOf = 30.0) -> list[bool]:
    watch = Watch.of(Compare(FAST, relation, right))
    watch.see(100)
    other = {str(right.key): 30.0} if isinstance(right, FigureOf) else {}
    stages = []
    for value in values:
        watch.see(100, figures=told({str(FAST.key): value, **other}))
        assert watch.last is not None
        stages.append(watch.last.verdict.parts[0].stage is Stage.TRUE)
    return stages


@pytest.mark.parametrize("right", [30.0, SLOW])
@pytest.mark.parametrize(
    ("relation", "values", "true"),
    [
        (Relation.ABOVE, [29, 30, 31], [False, False, True]),
        (Relation.BELOW, [29, 30, 31], [True, False, False]),
        (
            Relation.CROSSES_ABOVE,
            [31, 32, 29, 31, 32, 30, 29, 31],
            [False, False, False, True, True, False, False, True],
        ),
        (
            Relation.CROSSES_BELOW,
            [29, 28, 31, 29, 28, 30, 31, 29],
            [False, False, False, True, True, False, False, True],
        ),
        (Relation.CROSSES_ABOVE, [30, 31], [False, True]),
        (Relation.CROSSES_BELOW, [30, 29], [False, True]),
        (Relation.CROSSES_ABOVE, [29, 29], [False, False]),
    ],
)
def test_a_crossing_needs_the_other_side_first(
    relation: Relation, values: list[float], true: list[bool], right: float | FigureOf
) -> None:
    assert course(relation, values, right) == true


def test_it_says_what_is_compared() -> None:
    watch = Watch.of(Compare(RSI, Relation.ABOVE, 70.0), Compare(FAST, Relation.CROSSES_BELOW, SLOW))
    shown = told({str(FAST.key): 20.0, str(SLOW.key): 25.0})
    for number in (1, 2):
        watch.see(100, pair(50_000, T + number * LIVE, {"rsi@60": 56.0}), figures=shown)
    assert watch.last is not None
    one, two = watch.last.verdict.parts
    assert one.text == "rsi(length=14)@60 of binance BTC/USDT is 56 %, not above 70 %"
    assert one.numbers == {"left": 56, "right": 70}
    assert one.distance == pytest.approx(0.25)
    assert two.text == ("ema(length=9)@60 is 20, below ema(length=21)@60 at 25; it must be on the other side first")
    assert (two.stage, two.distance, two.numbers) == (Stage.WAITS, None, {"left": 20, "right": 25})


def test_true_is_no_distance_and_zero_has_none() -> None:
    watch = Watch.of(Compare(FAST, Relation.ABOVE, 30.0), Compare(SLOW, Relation.BELOW, -1.0))
    for _ in (1, 2):
        watch.see(100, figures=told({str(FAST.key): 40.0, str(SLOW.key): 0.0}))
    assert watch.last is not None
    assert [part.distance for part in watch.last.verdict.parts] == [0, None]


@pytest.mark.parametrize("missing", [FAST, SLOW])
def test_r3_either_side_may_be_missing(missing: FigureOf) -> None:
    watch = Watch.of(Compare(FAST, Relation.CROSSES_ABOVE, SLOW))
    values: dict[str, float | None] = {str(FAST.key): 1.0, str(SLOW.key): 2.0}
    for _ in (1, 2):
        watch.see(100, figures=told(values))
    before = watch.state.rules
    assert before[0].was_across
    watch.see(100, figures=told({**values, str(missing.key): None}))
    assert watch.last is not None
    assert watch.last.verdict.parts[0].stage is Stage.NO_DATA
    assert str(missing.key) in watch.last.verdict.parts[0].text
    assert watch.state.rules == before


@pytest.mark.parametrize(
    ("relation", "values", "texts"),
    [
        (
            Relation.ABOVE,
            [900.0, 1100.0],
            ["balance is 900 USDT, not above 1,000 USDT", "balance is 1,100 USDT, above 1,000 USDT"],
        ),
        (
            Relation.CROSSES_ABOVE,
            [900.0, 1100.0],
            ["balance is 900 USDT, not above 1,000 USDT", "balance is 1,100 USDT, above 1,000 USDT"],
        ),
        (
            Relation.CROSSES_BELOW,
            [1100.0, 900.0],
            ["balance is 1,100 USDT, not below 1,000 USDT", "balance is 900 USDT, below 1,000 USDT"],
        ),
    ],
)
def test_on_both_sides_it_says_where_it_is(relation: Relation, values: list[float], texts: list[str]) -> None:
    watch = Watch.of(Compare(FigureOf(figure_key("balance")), relation, 1000.0))
    watch.see(100)
    said = []
    for value in values:
        watch.see(100, figures=told({"balance": value}))
        assert watch.last is not None
        said.append(watch.last.verdict.parts[0])
    assert [each.text for each in said] == texts
    assert [each.numbers for each in said] == [{"left": value, "right": 1000} for value in values]
    assert said[0].stage is Stage.WAITS
    assert said[0].distance == pytest.approx(abs(1000 / values[0] - 1))
    assert (said[1].stage, said[1].distance) == (Stage.TRUE, 0)

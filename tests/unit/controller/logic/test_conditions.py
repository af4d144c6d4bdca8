"""Conditions that are read from one message."""

import pytest

from controller.logic.verdict import Stage, Verdict
from cryptwire.domain.figure import figure_key
from cryptwire.domain.rule_set import (
    Condition,
    DrawdownGuard,
    FundsUsage,
    PairChange,
    PositionCount,
    Relation,
    StopLoss,
    TakeProfit,
)
from tests.unit.controller.logic.builders import BTC, LIVE, T, Watch, pair, told

ABOVE, BELOW = Relation.ABOVE, Relation.BELOW


def last(condition: Condition, *indexes: float, **more: object) -> Verdict:
    """The rule's verdict after these messages, the first of which is told twice."""
    watch = Watch.of(condition)
    for index in (indexes[0], *indexes):
        watch.see(index, **more)  # type: ignore[arg-type]
    assert watch.last is not None
    return watch.last.verdict.parts[0]


@pytest.mark.parametrize(
    ("index", "stage", "distance"), [(57, Stage.WAITS, 1 - 56 / 57), (56, Stage.TRUE, 0), (55.6, Stage.TRUE, 0)]
)
def test_a_stop_loss_is_below_where_the_epoch_began(index: float, stage: Stage, distance: float) -> None:
    verdict = last(StopLoss(0.125), 64, 61, 58.5, index)
    assert verdict.stage is stage
    assert verdict.distance == pytest.approx(distance)
    side = "at or below" if stage is Stage.TRUE else "above"
    assert verdict.text == f"the value is {index * 10:g} USDT, {side} the stop of 560 USDT, 12.5 % below the start"
    assert verdict.numbers == pytest.approx({"value": index * 10, "start": 640, "stop": 560})


def test_a_stop_loss_does_not_care_for_peaks() -> None:
    assert last(StopLoss(0.125), 64, 67, 70, 67, 64, 61, 58).stage is Stage.WAITS


@pytest.mark.parametrize(
    ("index", "stage", "distance"), [(71, Stage.WAITS, 72 / 71 - 1), (72, Stage.TRUE, 0), (73, Stage.TRUE, 0)]
)
def test_a_take_profit_is_above_where_the_epoch_began(index: float, stage: Stage, distance: float) -> None:
    verdict = last(TakeProfit(0.125), 64, 67, 70, index)
    assert verdict.stage is stage
    assert verdict.distance == pytest.approx(distance)
    side = "at or above" if stage is Stage.TRUE else "below"
    assert verdict.text == f"the value is {index * 10:g} USDT, {side} the goal of 720 USDT, 12.5 % above the start"
    assert verdict.numbers == pytest.approx({"value": index * 10, "start": 640, "goal": 720})


@pytest.mark.parametrize(
    ("fall", "stage", "distance"),
    [(0.0, Stage.WAITS, 0.1), (0.0999, Stage.WAITS, 0.000111), (0.1, Stage.TRUE, 0), (1.0, Stage.TRUE, 0)],
)
def test_a_drawdown_is_of_its_window(fall: float, stage: Stage, distance: float) -> None:
    verdict = last(DrawdownGuard(0.1, 1440), 100, figures=told({"drawdown(minutes=1440)": fall}))
    assert verdict.stage is stage
    assert verdict.distance == pytest.approx(distance, abs=1e-6)
    assert verdict.numbers == {"fall": fall, "wanted": 0.1}


@pytest.mark.parametrize(("fall", "side"), [(0.031, "3.1 %, less than 10 %"), (0.12, "12 %, 10 % or more")])
def test_a_drawdown_says_it_in_words(fall: float, side: str) -> None:
    verdict = last(DrawdownGuard(0.1, 1440), 100, figures=told({"drawdown(minutes=1440)": fall}))
    found, _, wanted = side.partition(", ")
    assert verdict.text == f"the value is {found} below its peak of the past 1 day, {wanted}"


@pytest.mark.parametrize(
    ("wanted", "change", "is_true", "distance"),
    [
        (-0.05, -0.05, True, 0),
        (-0.05, -0.06, True, 0),
        (-0.05, -0.01, False, 1 - 0.95 / 0.99),
        (-0.05, 0.06, False, 1 - 0.95 / 1.06),
        (0.05, 0.05, True, 0),
        (0.05, 0.06, True, 0),
        (0.05, 0.049, False, 1.05 / 1.049 - 1),
        (0.05, -0.06, False, 1.05 / 0.94 - 1),
        (0.05, -1.0, False, None),
    ],
)
def test_a_pairs_change_has_a_direction(wanted: float, change: float, is_true: bool, distance: float | None) -> None:
    watch = Watch.of(PairChange(BTC, wanted, 30))
    for number in (1, 2):
        watch.see(100, pair(50_000, T + number * LIVE, {"change(minutes=30)": change}))
    assert watch.last is not None
    verdict = watch.last.verdict.parts[0]
    assert (verdict.stage is Stage.TRUE) is is_true
    assert verdict.distance == (None if distance is None else pytest.approx(distance))
    assert verdict.numbers == {"change": change, "wanted": wanted}


@pytest.mark.parametrize(
    ("wanted", "change", "text"),
    [
        (-0.05, -0.012, "has fallen by 1.2 % within 1 hour, and has not fallen by 5 % or more"),
        (-0.05, -0.06, "has fallen by 6 % within 1 hour, by 5 % or more"),
        (-0.05, 0.06, "has risen by 6 % within 1 hour, and has not fallen by 5 % or more"),
        (0.05, 0.06, "has risen by 6 % within 1 hour, by 5 % or more"),
        (0.05, -0.06, "has fallen by 6 % within 1 hour, and has not risen by 5 % or more"),
    ],
)
def test_a_pairs_change_says_it_in_words(wanted: float, change: float, text: str) -> None:
    watch = Watch.of(PairChange(BTC, wanted, 60))
    for number in (1, 2):
        watch.see(100, pair(50_000, T + number * LIVE, {"change(minutes=60)": change}))
    assert watch.last is not None
    assert watch.last.verdict.parts[0].text == f"binance BTC/USDT {text}"


@pytest.mark.parametrize(
    ("relation", "count", "is_true"),
    [
        (ABOVE, 11, True),
        (ABOVE, 12, False),
        (ABOVE, 13, False),
        (BELOW, 11, False),
        (BELOW, 12, False),
        (BELOW, 13, True),
    ],
)
def test_more_or_fewer_positions_than_a_count(relation: Relation, count: int, is_true: bool) -> None:
    verdict = last(PositionCount(relation, count), 100, positions=12)
    assert (verdict.stage is Stage.TRUE) is is_true
    than = f"{'' if is_true else 'not '}{'more' if relation is ABOVE else 'fewer'} than"
    assert verdict.text == f"12 positions are open, {than} {count}"
    assert verdict.numbers == {"count": 12, "wanted": count}


def test_one_position_is_open() -> None:
    assert last(PositionCount(ABOVE, 0), 100, positions=1).text == "1 position is open, more than 0"


@pytest.mark.parametrize(
    ("relation", "share", "is_true"),
    [
        (ABOVE, 0.4, True),
        (ABOVE, 0.5, False),
        (ABOVE, 0.6, False),
        (BELOW, 0.4, False),
        (BELOW, 0.5, False),
        (BELOW, 0.6, True),
    ],
)
def test_more_or_less_invested_than_a_share(relation: Relation, share: float, is_true: bool) -> None:
    verdict = last(FundsUsage(relation, share), 100, figures=told({"funds.usage": 0.5}))
    assert (verdict.stage is Stage.TRUE) is is_true
    than = f"{'' if is_true else 'not '}{'more' if relation is ABOVE else 'less'} than"
    assert verdict.text == f"50 % of the balance is invested, {than} {share * 100:.0f} %"
    assert verdict.numbers == {"share": 0.5, "wanted": share}


@pytest.mark.parametrize(
    "condition",
    [DrawdownGuard(0.1, 60), FundsUsage(ABOVE, 0.5), FundsUsage(BELOW, 0.5), PairChange(BTC, -0.05, 60)],
)
def test_r3_what_is_not_told_is_no_zero(condition: Condition) -> None:
    verdict = last(condition, 100)
    assert verdict.stage is Stage.NO_DATA
    assert "not told yet" in verdict.text or "not heard yet" in verdict.text


@pytest.mark.parametrize("value", [None, float("nan")])
def test_r3_a_figure_without_a_value_is_no_zero(value: float | None) -> None:
    verdict = last(FundsUsage(BELOW, 0.5), 100, figures=told({"funds.usage": value}))
    assert (verdict.stage, verdict.text) == (Stage.NO_DATA, "funds.usage needs more than the 10 readings there are")
    assert figure_key("funds.usage").name == "funds.usage"

"""A rule set over the past: what it would have done, by the very evaluation that acts; and what that is worth."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from controller.logic.evaluation import evaluate
from controller.logic.inputs import OF_CANDLES
from controller.logic.replay import FEE, Recorded, Replayer, is_enough, must_be_told
from controller.logic.state import Phase
from controller.logic.verdict import Stage
from cryptwire.domain.candle import SPAN
from cryptwire.domain.figure import FigureKey, Snapshot
from cryptwire.domain.rule_set import (
    Action,
    After,
    Again,
    Compare,
    Condition,
    Confirmation,
    FigureOf,
    FundsUsage,
    Notify,
    Once,
    PairChange,
    PanicSell,
    PositionCount,
    Recovery,
    Relation,
    Rule,
    SellPositions,
    StopLoss,
    TrailingStop,
    Wait,
    Which,
)
from cryptwire.errors import Invalid
from tests.unit.controller.logic.builders import BTC, ZONE, T, body, inputs, pair, rule_set, snapshot, told

STOP = Rule(TrailingStop(0.0, 0.1), Confirmation(2, 0))
OFFSETS = (timedelta(0), SPAN / 4, SPAN / 2, SPAN - timedelta(milliseconds=1))


def points(candles: Sequence[Sequence[float]], factor: float = 10.0, first: int = 0) -> list[Snapshot]:
    """Four snapshots a candle; each is (open, second, third, close)."""
    return [
        snapshot(value, 4 * number + place + 1, at=T + number * SPAN + offset, factor=factor)
        for number, candle in enumerate(candles, first)
        for place, (value, offset) in enumerate(zip(candle, OFFSETS, strict=True))
    ]


def replayed(shots: Iterable[Snapshot], *when: Condition | Rule, again: Again = Once(), **more: object) -> Replayer:  # noqa: B008
    said = rule_set(*when, again=again)
    said = replace(said, body=replace(said.body, **more))  # type: ignore[arg-type]
    replayer = Replayer(said, ZONE, T)
    for shot in shots:
        replayer.see(shot, {})
    return replayer


CALM = [(100.0, 99.0, 101.0, 100.0)] * 4
FALL = [(100.0, 95.0, 89.0, 88.0), (88.0, 87.0, 89.0, 88.0), (88.0, 60.0, 89.0, 80.0)]


def test_it_fires_at_the_second_point_below_the_stop() -> None:
    """By hand: the peak that was seen twice is 100, the stop 90; 89 is the first below it, 88 confirms."""
    replayer = replayed(points(CALM + FALL), STOP)
    (firing,) = replayer.fires
    assert firing.at == T + 4 * SPAN + OFFSETS[3]
    assert (firing.index, firing.value) == (88, 880)
    assert firing.why == ("the value is 880 USDT, at or below the stop of 900 USDT, 10 % below the peak of 1,000 USDT",)
    assert replayer.state.phase is Phase.OVER


def test_R2_decisions_are_those_of_the_evaluation_that_acts() -> None:
    shots = points(CALM + FALL + CALM + FALL)
    replayer = Replayer(rule_set(STOP), ZONE, T)
    state = replayer.state
    for shot in shots:
        by_hand = evaluate(replayer.rule_set, state, inputs(shot, care=OF_CANDLES))
        said = replayer.see(shot, {})
        assert said == by_hand
        if by_hand.fires:
            break
        state = by_hand.state
        assert replayer.state == state
    assert replayer.count == 1


def test_what_it_saves_is_the_end_had_it_sold_there_less_the_end() -> None:
    replayer = replayed(points(CALM + FALL), STOP)
    result = replayer.result(T, T + 7 * SPAN, Recorded(7))
    assert result.saved == pytest.approx(880 * (1 - FEE) - 800)
    assert result.fires[0].at == replayer.fires[0].at
    text = " ".join(result.fires[0].words)
    assert "Fired at 2026-03-02 13:14:59 UTC, at 880 USDT (index 88)." in text
    assert "for a fee of 0.25 %, and kept in USDT, at the end it would be 877.8 USDT instead of 800 USDT" in text
    assert "saved 77.8 USDT" in text
    assert "sells all positions at market price" in text
    assert result.is_approximation
    assert any("This is an approximation" in word for word in result.words)


def test_a_sale_before_a_rise_cost() -> None:
    replayer = replayed(points([*CALM, *FALL, (80.0, 80.0, 150.0, 150.0)]), STOP)
    result = replayer.result(T, T + 8 * SPAN, Recorded(8))
    assert result.saved == pytest.approx(880 * (1 - FEE) - 1500)
    assert "would have cost 622.2 USDT" in " ".join(result.words)


def test_money_that_came_since_came_all_the_same() -> None:
    """The index is what it was; the balance doubles by a deposit after it fired."""
    shots = points(CALM + FALL[:1]) + points(FALL[1:], factor=20.0, first=5)
    replayer = replayed(shots, STOP)
    assert replayer.saved(replayer.fires[0]) == pytest.approx(1600 * (88 * (1 - FEE) / 80 - 1))


def test_R19_it_watches_anew_by_its_policy_and_fires_again() -> None:
    """Cooled down for an hour, after a wait of fifteen minutes: a new start and peak of 88, and below 79.2 again."""
    deep = [(88.0, 86.0, 88.0, 87.0)] * 8 + [(80.0, 79.0, 78.0, 77.0), (77.0, 76.0, 77.0, 76.0)]
    then = (Action(PanicSell()), Action(Wait(900)))
    replayer = replayed(points(CALM + FALL[:2] + deep), STOP, again=After(60), then=then)
    first, second = replayer.fires
    assert second.epoch == first.epoch + 1
    assert second.at - first.at >= timedelta(hours=1, minutes=15)
    assert second.index == 77
    result = replayer.result(T, T + SPAN, Recorded(16))
    assert result.saved == replayer.saved(first) != replayer.saved(second)
    assert "would have fired 2 times" in result.words[0]
    assert "who has sold at the first has nothing left to sell" in " ".join(result.words)


def test_R19_recovery_is_waited_for() -> None:
    up = [(88.0, 88.0, 95.0, 95.0), (95.0, 94.0, 96.0, 95.0), (95.0, 84.0, 84.0, 84.0)]
    at_once = replayed(points(CALM + FALL[:2] + up), STOP, again=Recovery(0.05, 1))
    assert [firing.index for firing in at_once.fires] == [88, 84]
    never = replayed(points(CALM + FALL[:2] + up), STOP, again=Recovery(0.2, 1))
    assert [firing.index for firing in never.fires] == [88]
    assert never.state.phase is Phase.RECOVERING


def test_R4_a_partial_candle_neither_arms_nor_fires() -> None:
    blind = [replace(shot, is_fresh=False, prices_at=None) for shot in points(FALL[:2], first=4)]
    replayer = replayed([*points(CALM), *blind, *points([(95.0, 95.0, 96.0, 96.0)], first=6)], STOP)
    assert not replayer.count
    peaks = [replace(shot, is_fresh=False, prices_at=None) for shot in points([(200.0, 200.0, 200.0, 200.0)], first=4)]
    replayer = replayed([*points(CALM), *peaks, *points(CALM, first=5)], STOP)
    assert not replayer.count
    assert replayer.state.peak == 100
    words = " ".join(replayer.result(T, T + SPAN, Recorded(9, partial=1)).words)
    assert "9 candles of fifteen minutes, 1 partial (they tell nothing)" in words
    assert "At 5 of 36 points nothing could be told; at 4 of them: the exchange is not heard" in words


def test_R17_after_a_gap_with_a_jump_a_person_must_look() -> None:
    late = points([(70.0, 70.0, 70.0, 70.0)], first=4 + 100)
    replayer = replayed([*points(CALM), *late], STOP)
    assert not replayer.count
    words = " ".join(replayer.result(T, T + SPAN, Recorded(5, missing=100)).words)
    assert "100 missing" in words
    assert "it would not have watched: the index changed by -30.0 % while" in words.replace("-30.0%", "-30.0 %")


def test_a_short_gap_is_none() -> None:
    replayer = replayed([*points(CALM), *points(FALL, first=4 + 3)], STOP)
    assert [firing.index for firing in replayer.fires] == [88]


@pytest.mark.parametrize(
    ("condition", "what"),
    [
        (PositionCount(Relation.ABOVE, 1), "positions"),
        (FundsUsage(Relation.ABOVE, 0.5), "funds.usage"),
        (Compare(FigureOf(FigureKey.of("positions.losing")), Relation.ABOVE, 1), "positions.losing"),
        (
            Compare(FigureOf(FigureKey.of("index")), Relation.ABOVE, FigureOf(FigureKey.of("positions.profit"))),
            "positions.profit",
        ),
    ],
)
def test_R3_what_the_past_does_not_tell_is_refused_and_never_taken_for_nothing(condition: Condition, what: str) -> None:
    with pytest.raises(Invalid, match=f"rule 2 reads {what}, which the recorded past does not tell"):
        must_be_told(body(STOP, condition))
    must_be_told(body(STOP, Compare(FigureOf(FigureKey.of("balance")), Relation.ABOVE, 1)))


def test_funds_usage_is_known_of_ticks() -> None:
    must_be_told(body(FundsUsage(Relation.ABOVE, 0.5)), is_usage_told=True)
    with pytest.raises(Invalid, match="positions"):
        must_be_told(body(PositionCount(Relation.ABOVE, 1)), is_usage_told=True)


def test_a_pair_whose_past_cannot_be_had_is_named_and_nothing_fires() -> None:
    replayer = replayed(points(CALM + FALL), PairChange(BTC, -0.05, 60))
    assert not replayer.count
    words = " ".join(replayer.result(T, T + SPAN, Recorded(7, silent={BTC: "the exchange is away"})).words)
    assert (
        "The past of binance BTC/USDT cannot be had, so rules that read it tell nothing: the exchange is away." in words
    )
    assert replayer.told == 0


def test_a_rule_on_a_pair_fires_with_its_past() -> None:
    replayer = Replayer(rule_set(PairChange(BTC, -0.05, 60)), ZONE, T)
    fires = []
    for number, shot in enumerate(points(CALM * 4)):
        change = -0.06 if number >= 30 else 0.0
        figures = told({"price": 100.0, "change(minutes=60)": change})
        said = replayer.see(shot, {BTC: replace(pair(100.0, shot.at), figures=figures)})
        fires.append(said.fires)
    assert fires.index(True) == 30
    assert sum(fires) == 1


@pytest.mark.parametrize(
    "then",
    [
        (Action(Notify("look")),),
        (Action(SellPositions(Which.LOSING)),),
    ],
)
def test_what_sells_not_all_says_that_nobody_knows(then: tuple[Action, ...]) -> None:
    replayer = replayed(points(CALM + FALL), STOP, then=then)
    result = replayer.result(T, T + SPAN, Recorded(7))
    assert result.saved is None
    assert "cannot be told: it does not sell everything" in " ".join(result.fires[0].words)


def test_without_candles_it_says_so() -> None:
    result = replayed([], STOP).result(T, T + SPAN, Recorded())
    assert not result.fires
    assert result.saved is None
    assert "There are no candles of the hopper in that time." in result.words


def test_R22_a_day_of_the_hoppers_own_past_is_enough_and_less_is_not() -> None:
    """Points that told nothing are no past."""
    day = points([(100.0, 99.0, 101.0, 100.0)] * 97)
    assert is_enough(replayed(day[: 96 * 4], STOP).result(T, T + SPAN, Recorded(96)))
    assert not is_enough(replayed(day[: 95 * 4], STOP).result(T, T + SPAN, Recorded(95)))
    blind = [replace(shot, is_fresh=False) for shot in day[: 4 * 50]] + day[4 * 50 :]
    assert not is_enough(replayed(blind, STOP).result(T, T + SPAN, Recorded(97, partial=50)))


def test_of_very_many_firings_the_first_are_listed_and_all_are_counted() -> None:
    falls = [(100.0 * 0.995**number,) * 4 for number in range(400)]
    replayer = replayed(points(falls), Rule(StopLoss(0.001), Confirmation(1, 0)), again=After(1))
    assert replayer.count > len(replayer.fires) == 100
    assert f"fired {replayer.count} times; the first 100 are listed" in replayer.result(T, T, Recorded(400)).words[0]
    assert all(math.isfinite(replayer.saved(firing) or math.nan) for firing in replayer.fires)


def test_nothing_that_was_seen_stays_but_what_fired() -> None:
    """Its memory does not grow with the past."""
    replayer = replayed(points(CALM * 50), STOP)
    assert replayer.points == 4 * 4 * 50
    kept = [getattr(replayer, name) for name in vars(replayer)]
    assert not any(isinstance(each, list | tuple | dict) and len(each) > 50 for each in kept)
    assert replayer.last is not None
    assert replayer.see(points([(100.0,) * 4], first=1000)[0], {}).verdict.stage is not Stage.TRUE

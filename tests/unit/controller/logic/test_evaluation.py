"""R2, R5: the same from the same; duplicates and reorderings change nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.logic import epochs
from controller.logic.evaluation import evaluate, overdue, would_fire_now
from controller.logic.inputs import OF_CANDLES, Care
from controller.logic.state import Phase, Seen
from controller.logic.verdict import EventKind, Stage
from cryptwire.domain.figure import Snapshot, figure_key
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.rule_set import (
    AllOf,
    AnyOf,
    Compare,
    Confirmation,
    FigureOf,
    Not,
    PairChange,
    PositionCount,
    Relation,
    Rule,
    StopLoss,
    TakeProfit,
    TrailingStop,
)
from cryptwire.domain.ticker import Pair
from tests.unit.controller.logic.builders import BTC, LIVE, T, Watch, body, inputs, pair, rule_set, snapshot, told


def test_r2_the_same_comes_out_of_the_same() -> None:
    watch = Watch.of(TrailingStop(0.1, 0.05))
    watch.fires([100, 100, 104])
    given = inputs(snapshot(104, 9))
    assert evaluate(watch.rules, watch.state, given) == evaluate(watch.rules, watch.state, given)


@pytest.mark.parametrize(
    "shot",
    [
        snapshot(1, 5),
        snapshot(1, 4),
        snapshot(1, 5, session="another"),
        snapshot(1, 4, session="another"),
        snapshot(1, 9, at=T + 5 * LIVE),
        snapshot(1, 5, at=T + 9 * LIVE),
        snapshot(1, 4, at=T + 9 * LIVE),
    ],
)
def test_r5_what_was_seen_already_changes_nothing(shot: Snapshot) -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100] * 5)
    said = evaluate(watch.rules, watch.state, inputs(shot))
    assert (said.state, said.events, said.fires) == (watch.state, (), False)
    assert said.verdict.stage is Stage.NO_DATA
    assert said.verdict.text == "this message was seen already, or a newer one"


@pytest.mark.parametrize("shot", [snapshot(100, 6), snapshot(100, 1, at=T + 6 * LIVE, session="another")])
def test_r5_a_newer_message_counts_whoever_tells_it(shot: Snapshot) -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100] * 5)
    assert watch.take(shot).verdict.stage is Stage.WAITS
    assert watch.state.seen == Seen(shot.session, shot.sequence, shot.at)


def test_r4_a_message_that_tells_nothing_was_seen_all_the_same() -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100, 100])
    bad = snapshot(100, 3, is_fresh=False)
    watch.take(bad)
    assert watch.state.seen == Seen("s", 3, bad.at)


def test_all_rules_must_be_true() -> None:
    watch = Watch.of(StopLoss(0.02), PositionCount(Relation.ABOVE, 5))
    watch.fires([100, 100])
    assert not watch.see(97, positions=5).fires
    assert watch.see(97, positions=6).fires


def test_the_peak_is_the_epochs_and_nobody_elses() -> None:
    watch = Watch.of(StopLoss(0.5))
    watch.fires([104, 104, 100, 100])
    assert (watch.state.start, watch.state.peak) == (104, 104)
    watch.fires([103, 106, 106, 103])
    assert (watch.state.start, watch.state.peak) == (104, 106)


def test_r16_what_must_be_kept_and_what_may_be_a_minute_old() -> None:
    watch = Watch.of(Rule(StopLoss(0.02), Confirmation(2, 0)))
    watch.fires([100, 100, 100])

    def keeps(index: float, **more: object) -> bool:
        before = watch.state
        watch.see(index, **more)  # type: ignore[arg-type]
        assert watch.state != before
        return not watch.state.is_kept_by(before)

    assert not keeps(100)
    assert not keeps(99.5)
    assert not keeps(101)
    assert keeps(101)  # a peak
    assert not keeps(99.9, is_fresh=False)
    assert keeps(97)  # a count
    assert keeps(97)  # it fired
    assert watch.state.phase is Phase.FIRED
    assert keeps(97, is_settling=True)
    assert keeps(97)
    assert keeps(97, flows_version=2)


@pytest.mark.parametrize(("seconds", "is_told"), [(300, False), (301, True)])
def test_r4_silence_is_told_once_also_when_no_message_comes(seconds: int, is_told: bool) -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100, 100])
    told_at = T + 2 * LIVE
    assert watch.state.told_at == told_at
    state, events = overdue(watch.state, told_at + timedelta(seconds=seconds), Care())
    assert [event.kind for event in events] == [EventKind.SILENT] * is_told
    assert state.is_silent is is_told
    assert overdue(state, told_at + timedelta(seconds=900), Care())[0].is_silent
    assert len(overdue(state, told_at + timedelta(seconds=900), Care())[1]) == (not is_told)


def test_r4_waiting_for_a_flow_is_no_silence() -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100, 100])
    care = Care(alert_after=timedelta(seconds=10))
    for _ in range(20):
        watch.see(100, is_settling=True, care=care)
    assert EventKind.SILENT not in watch.kinds()


def test_a_replay_over_candles_takes_large_steps() -> None:
    watch = Watch.of(Rule(StopLoss(0.1), Confirmation(2, 15)))
    fires = []
    for number, index in enumerate([100, 100, 80, 80]):
        shot = snapshot(index, number, at=T + number * timedelta(minutes=5))
        fires.append(watch.take(shot, care=OF_CANDLES).fires)
    assert fires == [False, False, False, True]


# ---- R28 ----


def now(*rules: StopLoss | PositionCount | Compare | PairChange | TrailingStop | TakeProfit, **more: object) -> Stage:
    return would_fire_now(body(*rules), inputs(snapshot(100, 1, **more))).stage  # type: ignore[arg-type]


def test_r28_what_would_fire_as_soon_as_it_is_armed_is_told() -> None:
    slowly = Rule(PositionCount(Relation.ABOVE, 5), Confirmation(1000, 3600))
    assert would_fire_now(body(slowly), inputs(snapshot(100))).stage is Stage.TRUE
    assert would_fire_now(body(Not(slowly)), inputs(snapshot(100))).stage is Stage.WAITS
    assert would_fire_now(body(AnyOf((Not(slowly), slowly))), inputs(snapshot(100))).stage is Stage.TRUE
    assert would_fire_now(body(AllOf((Not(slowly), slowly))), inputs(snapshot(100))).stage is Stage.WAITS
    assert now(PositionCount(Relation.ABOVE, 12)) is Stage.WAITS


def test_r28_what_is_measured_from_the_epoch_begins_with_it() -> None:
    assert now(StopLoss(0.001)) is Stage.WAITS
    assert now(TakeProfit(0.001)) is Stage.WAITS
    assert now(TrailingStop(0, 0.001)) is Stage.WAITS
    verdict = would_fire_now(body(TrailingStop(0, 0.05)), inputs(snapshot(100)))
    assert verdict.parts[0].numbers == pytest.approx({"value": 1000, "start": 1000, "peak": 1000, "stop": 950})


def test_r28_a_crossing_must_happen_first_and_a_pair_is_asked() -> None:
    rsi = FigureOf(figure_key("rsi@60"))
    shown = told({"rsi@60": 80.0})
    assert now(Compare(rsi, Relation.ABOVE, 70.0), figures=shown) is Stage.TRUE
    assert now(Compare(rsi, Relation.CROSSES_ABOVE, 70.0), figures=shown) is Stage.WAITS
    fallen = pair(50_000, T, {"change(minutes=60)": -0.2})
    assert would_fire_now(body(PairChange(BTC, -0.05, 60)), inputs(snapshot(100), fallen)).stage is Stage.TRUE


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"is_fresh": False}, "the exchange is not heard, last at 12:00:02"),
        ({"is_settling": True}, "money may have come or gone, and nobody has decided yet"),
        ({"unpriced_share": 0.5}, "50.0% of the value has no price"),
        ({"index": None}, "there is nothing left to watch"),
    ],
)
def test_r28_what_cannot_be_told_is_said(more: dict[str, object], why: str) -> None:
    shot = snapshot(100, 1)
    shot = shot.__class__(**{**{name: getattr(shot, name) for name in shot.__slots__}, **more})
    verdict = would_fire_now(body(PositionCount(Relation.ABOVE, 5)), inputs(shot))
    assert (verdict.stage, verdict.text) == (Stage.NO_DATA, why)


ETH = Pair(Exchange("binance"), Asset("ETH"), Asset("USDT"))


def test_r4_one_pair_that_cannot_be_told_does_not_hide_another() -> None:
    rules = (PairChange(BTC, -0.05, 60), PairChange(ETH, -0.05, 60))
    blind = replace(pair(50_000, T), is_fresh=False)
    for one, other in ((0, 1), (1, 0)):
        watch = Watch.of(*rules)
        watch.see(100)
        for number in (2, 3):
            told_now = [pair(50_000, T + number * LIVE, {"change(minutes=60)": -0.2}) for _ in rules]
            told_now[1] = replace(told_now[1], pair=ETH)
            told_now[one] = replace(blind, pair=told_now[one].pair, at=T + number * LIVE)
            said = watch.see(100, *told_now)
        assert said.verdict.parts[one].stage is Stage.NO_DATA
        assert said.verdict.parts[other].stage is Stage.TRUE
        doubted = [replace(each, at=T + 8 * LIVE, is_fresh=True) for each in told_now]
        assert watch.state.pairs.keys() == {told_now[other].pair}
        watch.number = 7
        doubted[other] = pair(10_000, T + 8 * LIVE, {"change(minutes=60)": -0.2}, pair=doubted[other].pair)
        doubted[one] = pair(50_000, T + 8 * LIVE, {"change(minutes=60)": -0.2}, pair=doubted[one].pair)
        said = watch.see(100, *doubted)
        assert said.verdict.parts[other].stage is Stage.NO_DATA
        assert said.verdict.parts[one].stage is Stage.TRUE


def test_what_was_seen_of_a_pair_is_kept_while_it_is_not_told_and_dropped_when_nobody_reads_it() -> None:
    watch = Watch.of(PairChange(BTC, -0.05, 60))
    watch.see(100)
    watch.see(100, pair(50_000, T + 2 * LIVE, {"change(minutes=60)": 0.0}))
    watch.see(100)
    assert watch.state.pairs.keys() == {BTC}
    rules = rule_set(StopLoss(0.1), version=2)
    state, _ = epochs.edited(watch.state, rules, T)
    assert not evaluate(rules, state, inputs(snapshot(100, 9))).state.pairs


def test_r18_what_happens_while_a_flow_is_undecided_is_told_all_the_same() -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100, 100])
    watch.see(50, base=Asset("BTC"), is_settling=True)
    assert watch.kinds().count(EventKind.EPOCH) == 2


def test_r4_silence_counts_from_when_a_flow_was_last_waited_for() -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100, 100])
    waited = watch.see(100, is_settling=True)
    assert waited.state.told_at == waited.state.looked_at == T + 3 * LIVE


def test_r4_what_is_heard_again_is_said() -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100, 100])
    care = Care(alert_after=timedelta(seconds=3))
    for is_fresh in (False, False, True):
        watch.see(100, is_fresh=is_fresh, care=care)
    assert watch.events[-1].text == "it can be told again"

"""R3, R4: what is stale or incomplete neither triggers nor arms."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.logic.inputs import Care
from controller.logic.state import Phase
from controller.logic.verdict import EventKind, Stage
from cryptwire.domain.figure import Snapshot
from cryptwire.domain.rule_set import PairChange, Rule, StopLoss, TakeProfit, TrailingStop
from tests.unit.controller.logic.builders import BTC, LIVE, T, Watch, pair, snapshot

SECOND = timedelta(seconds=1)
NUMBER = 5
AT = T + NUMBER * LIVE

BAD = [
    ({"is_fresh": False}, "the exchange is not heard, last at 12:00:10"),
    ({"prices_at": None}, "the exchange is not heard, never"),
    ({"assets_at": AT - 121 * SECOND}, "balances and positions were last read at 11:58:09"),
    ({"refresh_seconds": 600, "assets_at": AT - 1201 * SECOND}, "balances and positions were last read at 11:40:09"),
    ({"unpriced_share": 0.0101}, "1.0% of the value has no price"),
    ({"unpriced_share": float("nan")}, "has no price"),
    ({"index": None}, "there is nothing left"),
    ({"index": 0.0}, "there is nothing left"),
    ({"index": float("nan")}, "there is nothing left"),
    ({"index": float("inf")}, "there is nothing left"),
    ({"balance": 0.0}, "there is nothing left"),
    ({"balance": float("inf")}, "there is nothing left"),
    ({"balance": float("nan")}, "there is nothing left"),
]
GOOD = [
    {"assets_at": AT - 120 * SECOND},
    {"refresh_seconds": 600, "assets_at": AT - 1200 * SECOND},
    {"unpriced_share": 0.01},
    {"prices_at": AT - 60 * SECOND},  # polled: whether it lives the tracker knows
    {"newest_price_at": T},  # nothing traded
]


def changed(shot: Snapshot, more: dict[str, object]) -> Snapshot:
    return replace(shot, **more)  # type: ignore[arg-type]


def watching(*rules: TrailingStop | StopLoss | TakeProfit) -> Watch:
    watch = Watch.of(*rules)
    watch.fires([100, 100, 100, 100])
    return watch


@pytest.mark.parametrize(("more", "why"), BAD)
def test_r3_r4_what_is_not_complete_is_no_data(more: dict[str, object], why: str) -> None:
    watch = watching(StopLoss(0.02))
    state = watch.state
    said = watch.take(changed(snapshot(97, NUMBER), more))
    assert (said.verdict.stage, said.verdict.parts[0].stage, said.fires) == (Stage.NO_DATA, Stage.NO_DATA, False)
    assert why in said.verdict.text
    assert (watch.state.peak, watch.state.start, watch.state.rules) == (state.peak, state.start, state.rules)


@pytest.mark.parametrize("more", GOOD)
def test_r4_what_is_merely_quiet_is_fresh(more: dict[str, object]) -> None:
    assert watching(StopLoss(0.5)).take(changed(snapshot(100, NUMBER), more)).verdict.stage is Stage.WAITS


@pytest.mark.parametrize(
    ("off", "stage"), [(10, Stage.WAITS), (10.1, Stage.NO_DATA), (-10, Stage.WAITS), (-10.1, Stage.NO_DATA)]
)
def test_r4_an_old_message_and_one_of_the_future_are_none(off: float, stage: Stage) -> None:
    said = watching(StopLoss(0.5)).take(snapshot(100, NUMBER), now=AT + timedelta(seconds=off))
    assert said.verdict.stage is stage
    assert stage is Stage.WAITS or said.verdict.text == "the last message is of 12:00:10"


@pytest.mark.parametrize(("more", "why"), BAD[:6])
def test_r4_stale_values_neither_trigger_nor_arm(more: dict[str, object], why: str) -> None:
    watch = watching(StopLoss(0.02), TrailingStop(0.02, 0.001))
    for number, index in enumerate([97, 97, 97, 103, 103, 103], NUMBER):
        shot = snapshot(index, number)
        aged: dict[str, object] = {"assets_at": shot.at - 1201 * SECOND} if "assets_at" in more else more
        assert not watch.take(changed(shot, aged)).fires
    assert not watch.state.rules[1].is_armed
    assert watch.state.peak == 100


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"is_fresh": False}, "the exchange of binance BTC/USDT is not heard"),
        ({"price_at": None}, "the exchange of binance BTC/USDT is not heard"),
        ({"at": AT - 11 * SECOND}, "the last message of binance BTC/USDT is of 11:59:59"),
        ({"at": AT + 11 * SECOND}, "the last message of binance BTC/USDT is of 12:00:21"),
    ],
)
def test_r4_the_same_of_pairs(more: dict[str, object], why: str) -> None:
    watch = Watch.of(PairChange(BTC, -0.05, 60))
    watch.fires([100] * 4)
    values = {"change(minutes=60)": -0.2}
    said = watch.take(snapshot(100, NUMBER), replace(pair(50_000, AT, values), **more))  # type: ignore[arg-type]
    assert (said.verdict.stage, said.verdict.text) == (Stage.NO_DATA, why)
    quiet = [pair(50_000, AT + number * LIVE, values, price_at=T) for number in (1, 2)]
    fires = [watch.take(snapshot(100, NUMBER + n), each).fires for n, each in enumerate(quiet, 1)]
    assert fires == [False, True]  # a whole evaluation comes first


def test_r4_an_older_message_of_a_pair_is_none() -> None:
    watch = Watch.of(PairChange(BTC, -0.05, 60))
    watch.fires([100] * 4)
    watch.take(snapshot(100, NUMBER), pair(50_000, AT, {"change(minutes=60)": 0.0}))
    said = watch.take(snapshot(100, NUMBER + 1), pair(50_000, AT - LIVE, {"change(minutes=60)": -0.2}))
    assert (said.verdict.stage, said.verdict.text) == (
        Stage.NO_DATA,
        "a newer message of binance BTC/USDT was seen already",
    )
    said = watch.take(snapshot(100, NUMBER + 2), pair(50_000, AT, {"change(minutes=60)": 0.0}))
    assert said.verdict.stage is Stage.WAITS


def test_r4_what_cannot_be_told_for_too_long_alerts_once_and_is_heard_again_once() -> None:
    care = Care(alert_after=timedelta(seconds=20))
    watch = watching(StopLoss(0.02))
    for number in range(NUMBER, 25):
        watch.take(snapshot(100, number, is_fresh=False), care=care)
    silent = [event for event in watch.events if event.kind is EventKind.SILENT]
    assert [event.text for event in silent] == ["nothing can be told since 2026-03-02 12:00:08 UTC"]
    assert silent[0].kind.is_alarm
    assert watch.state.is_silent
    for number in (25, 26):
        watch.take(snapshot(100, number), care=care)
    assert watch.kinds().count(EventKind.HEARD) == 1
    assert not watch.state.is_silent
    for number in range(27, 40):
        watch.take(snapshot(100, number, is_fresh=False), care=care)
    assert watch.kinds().count(EventKind.SILENT) == 2


@pytest.mark.parametrize(("seconds", "is_told"), [(20, False), (22, True)])
def test_r4_the_alert_comes_after_its_time_also_where_a_figure_is_missing(seconds: int, is_told: bool) -> None:
    care = Care(alert_after=timedelta(seconds=20))
    watch = Watch.of(Rule(PairChange(BTC, -0.05, 60)))
    for number in range(1, seconds // 2 + 1):
        watch.take(snapshot(100, number), care=care)
    assert (EventKind.SILENT in watch.kinds()) is is_told


def test_r4_who_does_not_watch_is_not_silent() -> None:
    watch = watching(StopLoss(0.02))
    assert watch.take(snapshot(97, NUMBER)).fires
    for number in range(6, 400):
        watch.take(snapshot(100, number, is_fresh=False))
    assert watch.state.phase is Phase.FIRED
    assert EventKind.SILENT not in watch.kinds()

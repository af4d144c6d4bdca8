"""R21: what a rule set will do, in plain words and today's numbers."""

from dataclasses import replace
from datetime import time

import pytest

from controller.logic.preview import preview
from cryptwire.domain.figure import figure_key
from cryptwire.domain.hopper import Asset
from cryptwire.domain.rule_set import (
    Action,
    After,
    Again,
    AllOf,
    AnyOf,
    CancelOrders,
    ChangeConfig,
    Compare,
    Condition,
    Confirmation,
    Deed,
    DrawdownGuard,
    FigureOf,
    FundsUsage,
    Node,
    Not,
    Notify,
    Once,
    PairChange,
    PanicSell,
    PositionCount,
    Recovery,
    Relation,
    Restore,
    Rule,
    SellPositions,
    StopLoss,
    Switch,
    TakeProfit,
    TimeWindow,
    TrailingStop,
    Turn,
    Wait,
    Which,
)
from tests.unit.controller.logic.builders import BTC, T, Watch, body, inputs, pair, snapshot, told

RSI = FigureOf(figure_key("rsi@60"), BTC)
BALANCE = FigureOf(figure_key("balance"))
SHOWN = told({"drawdown(minutes=1440)": 0.031, "funds.usage": 0.8, "balance": 1040.0, "positions.losing": 3.0})
MARKET = pair(50_000, T, {"rsi@60": 55.5, "change(minutes=30)": -0.012})


def watched(*rules: Condition) -> Watch:
    """Started at 1,000, with a peak of 1,045; now at 1,040 of 12 positions."""
    watch = Watch.of(*rules)
    watch.fires([100, 100, 104.5, 104.5, 104])
    return watch


def when(condition: Condition | Node) -> str:
    rule = condition if isinstance(condition, Rule | Not | AnyOf | AllOf) else Rule(condition, Confirmation(1, 0))
    watch = watched(StopLoss(0.5))
    state = replace(watch.state, rules=watch.state.rules * 9)
    return preview(body(rule), state, inputs(snapshot(104, 9, figures=SHOWN), MARKET)).when[0]


def bare(condition: Condition) -> str:
    return preview(body(condition), None, None).when[0].removesuffix(" (seen by 1 tick and for 0 seconds)")


def then(deed: Deed, positions: int = 12) -> str:
    return preview(
        body(StopLoss(0.1), then=(Action(deed),)), None, inputs(snapshot(104, positions=positions, figures=SHOWN))
    ).then[0]


def test_r21_the_trailing_stop_of_the_requirement() -> None:
    watch = Watch.of(Rule(TrailingStop(0.045, 0.05)))
    watch.fires([1000, 1000, 1045, 1045, 1024.5])
    said = preview(watch.rules.body, watch.state, inputs(snapshot(1024.5, 9)))
    assert said.text == (
        "Sells all 12 positions at market price and stops buying until a person ends the panic if the value falls "
        "from its peak of 10,450 to 9,928 USDT; today's distance 3.1 % (seen by 3 ticks and for 15 seconds). "
        "After that it is over until you arm it again."
    )


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (
            TrailingStop(0.1, 0.05),
            "the value, having risen to 1,100 USDT (today's distance 5.8 %), falls by 5 % from its peak: "
            "to 1,045 USDT at first, and higher with each new peak",
        ),
        (TrailingStop(0.045, 0.05), "the value falls from its peak of 1,045 to 992.75 USDT; today's distance 4.5 %"),
        (TrailingStop(0, 0.05), "the value falls from its peak of 1,045 to 992.75 USDT; today's distance 4.5 %"),
        (StopLoss(0.1), "the value falls by 10 %, from 1,000 at the start to 900 USDT; today's distance 13.46 %"),
        (TakeProfit(0.25), "the value rises by 25 %, from 1,000 at the start to 1,250 USDT; today's distance 20.19 %"),
        (DrawdownGuard(0.1, 1440), "the value is 10 % or more below its peak of the past 1 day; today 3.1 %"),
        (
            DrawdownGuard(0.1, 60),
            "the value is 10 % or more below its peak of the past 1 hour; "
            "today unknown: drawdown(minutes=60) is not told yet",
        ),
        (Compare(RSI, Relation.ABOVE, 70.0), "rsi(length=14)@60 of binance BTC/USDT is above 70 %; today 55.5 %"),
        (Compare(RSI, Relation.BELOW, 30.0), "rsi(length=14)@60 of binance BTC/USDT is below 30 %; today 55.5 %"),
        (Compare(BALANCE, Relation.CROSSES_ABOVE, 2000.0), "balance crosses above 2,000 USDT; today 1,040 USDT"),
        (
            Compare(BALANCE, Relation.CROSSES_BELOW, FigureOf(figure_key("sma@1D"))),
            "balance crosses below sma(length=20)@1D; today 1,040 USDT",
        ),
        (PairChange(BTC, -0.05, 30), "binance BTC/USDT falls by 5 % or more within 30 minutes; today -1.2 %"),
        (PairChange(BTC, 0.05, 30), "binance BTC/USDT rises by 5 % or more within 30 minutes; today -1.2 %"),
        (PositionCount(Relation.ABOVE, 5), "more than 5 positions are open; today 12"),
        (PositionCount(Relation.BELOW, 1), "fewer than 1 position is open; today 12"),
        (FundsUsage(Relation.ABOVE, 0.9), "more than 90 % of the balance is invested; today 80 %"),
        (FundsUsage(Relation.BELOW, 0.9), "less than 90 % of the balance is invested; today 80 %"),
        (TimeWindow(time(22), time(6)), "the clock in Europe/Amsterdam shows 22:00 to 06:00 every day"),
    ],
)
def test_r21_every_rule_is_told_in_numbers(condition: Condition, text: str) -> None:
    if isinstance(condition, TimeWindow):
        said = when(AllOf((Rule(condition, Confirmation(1, 0)), Rule(StopLoss(0.1)))))
        assert said.startswith(f"all of [{text} (seen by 1 tick and for 0 seconds); and the value falls")
        return
    assert when(condition) == f"{text} (seen by 1 tick and for 0 seconds)"


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (TrailingStop(0.1, 0.05), "the value, having risen by 10 %, falls by 5 % from its peak"),
        (StopLoss(0.1), "the value falls by 10 % from the start"),
        (TakeProfit(0.25), "the value rises by 25 % from the start"),
        (DrawdownGuard(0.1, 1440), "the value is 10 % or more below its peak of the past 1 day"),
        (Compare(RSI, Relation.ABOVE, 70.0), "rsi(length=14)@60 of binance BTC/USDT is above 70 %"),
        (Compare(BALANCE, Relation.ABOVE, 2000.0), "balance is above 2,000"),
        (PairChange(BTC, -0.05, 60), "binance BTC/USDT falls by 5 % or more within 1 hour"),
        (PositionCount(Relation.ABOVE, 5), "more than 5 positions are open"),
        (FundsUsage(Relation.ABOVE, 0.9), "more than 90 % of the balance is invested"),
    ],
)
def test_r21_without_live_data_it_is_told_in_shares(condition: Condition, text: str) -> None:
    assert bare(condition) == text


def test_r21_without_live_data_no_zone_is_told_and_no_count() -> None:
    night = AllOf((Rule(TimeWindow(time(22), time(6)), Confirmation(1, 0)), Rule(StopLoss(0.1))))
    losing = (Action(SellPositions(Which.LOSING)),)
    said = preview(body(night, then=losing), None, None)
    assert said.when[0].startswith("all of [the clock shows 22:00 to 06:00 every day (seen")
    assert said.then == ("sells the losing positions at market price",)


def test_r21_an_armed_stop_is_told_as_armed_though_its_peak_was_rebased() -> None:
    watch = watched(TrailingStop(0.045, 0.05))
    assert watch.state.rules[0].is_armed
    state = replace(watch.state, peak=104.4)
    said = preview(watch.rules.body, state, inputs(snapshot(104, 9))).when[0]
    assert said.startswith("the value falls from its peak of 1,044 to 991.8 USDT")


def test_r21_without_a_state_the_epoch_begins_now() -> None:
    said = preview(body(StopLoss(0.1), TrailingStop(0, 0.05)), None, inputs(snapshot(104))).when
    assert said[0].startswith("the value falls by 10 %, from 1,040 at the start to 936 USDT; today's distance 10 %")
    assert said[1].startswith("the value falls from its peak of 1,040 to 988 USDT; today's distance 5 %")


def test_r21_without_a_state_nothing_is_armed() -> None:
    said = preview(body(TrailingStop(0.1, 0.05)), None, inputs(snapshot(100))).when[0]
    assert said.startswith("the value, having risen to 1,100 USDT (today's distance 10 %)")


def test_r21_an_index_may_be_small() -> None:
    said = preview(body(StopLoss(0.1)), None, inputs(snapshot(0.5))).when[0]
    assert said.startswith("the value falls by 10 %, from 5 at the start to 4.5 USDT")


def test_r21_a_value_above_the_peak_is_the_peak_of_today() -> None:
    watch = watched(TrailingStop(0, 0.05))
    said = preview(watch.rules.body, watch.state, inputs(snapshot(106, 9))).when[0]
    assert said.startswith("the value falls from its peak of 1,060 to 1,007 USDT; today's distance 5 %")


@pytest.mark.parametrize("index", [None, 0.0])
def test_r21_without_an_index_it_is_told_in_shares(index: float | None) -> None:
    said = preview(body(StopLoss(0.1)), None, inputs(snapshot(index)))
    assert said.when[0].startswith("the value falls by 10 % from the start")
    assert said.then == ("sells all positions at market price and stops buying until a person ends the panic",)


def test_r21_groups_are_told_as_they_stand_and_each_with_its_own_state() -> None:
    stop, goal = Rule(StopLoss(0.1), Confirmation(2, 60)), Rule(TakeProfit(0.1), Confirmation(1, 0))
    said = preview(body(Not(AnyOf((stop, AllOf((goal, stop)))))), None, None).when[0]
    low = "the value falls by 10 % from the start (seen by 2 ticks and for 1 minute)"
    high = "the value rises by 10 % from the start (seen by 1 tick and for 0 seconds)"
    assert said == f"not [any of [{low}; or all of [{high}; and {low}]]]"
    told_with = preview(body(Not(AnyOf((stop, AllOf((goal, stop)))))), None, inputs(snapshot(100))).when[0]
    low, high = "from 1,000 at the start to 900 USDT", "from 1,000 at the start to 1,100 USDT"
    assert [told_with.count(low), told_with.count(high)] == [2, 1]
    trailing = Rule(TrailingStop(0.045, 0.05))
    watch = watched(StopLoss(0.5))
    state = replace(watch.state, peak=104.4, rules=(watch.state.rules[0], replace(watch.state.rules[0], is_armed=True)))
    said_of = preview(body(Rule(TrailingStop(0.2, 0.05)), trailing), state, inputs(snapshot(104, 9))).when
    assert said_of[0].startswith("the value, having risen to 1,200 USDT")
    assert said_of[1].startswith("the value falls from its peak of 1,044")


@pytest.mark.parametrize(
    ("deed", "text"),
    [
        (PanicSell(), "sells all 12 positions at market price and stops buying until a person ends the panic"),
        (PanicSell(False), "sells all 12 positions by limit orders and stops buying until a person ends the panic"),
        (SellPositions(Which.ALL), "sells all 12 positions at market price"),
        (SellPositions(Which.LOSING, is_market=False), "sells the losing positions (today 3) by limit orders"),
        (SellPositions(Which.WINNING), "sells the winning positions at market price"),
        (
            SellPositions(Which.COINS, (Asset("BTC"), Asset("ETH"))),
            "sells the positions in BTC and ETH at market price",
        ),
        (Turn(Switch.BUYING, False), "turns buying off"),
        (Turn(Switch.SELLING, True), "turns selling on"),
        (Turn(Switch.HOPPER, False), "turns the hopper off"),
        (ChangeConfig({"max": "5", "amount": "10"}), "sets amount to '10' and max to '5'"),
        (CancelOrders(), "cancels all open orders"),
        (Notify("look"), "tells you 'look'"),
        (Wait(3600), "waits 1 hour"),
        (Restore(), "sets back what it changed before"),
    ],
)
def test_r21_every_action_is_told(deed: Deed, text: str) -> None:
    assert then(deed) == text


@pytest.mark.parametrize(
    ("positions", "text"),
    [(0, "sells all positions (today none) at"), (1, "sells the one position at"), (2, "sells all 2 positions at")],
)
def test_r21_as_many_positions_as_there_are(positions: int, text: str) -> None:
    assert then(SellPositions(Which.ALL), positions).startswith(text)


@pytest.mark.parametrize(
    ("again", "text"),
    [
        (Once(), "After that it is over until you arm it again"),
        (After(60), "It watches anew 1 hour after that"),
        (
            Recovery(0.1, 90),
            "It watches anew once the value is 10 % above where it fired, 90 minutes after that at least",
        ),
    ],
)
def test_r21_what_comes_after_is_told(again: Again, text: str) -> None:
    assert preview(body(StopLoss(0.1), again=again), None, None).again == text


def test_r21_actions_are_told_in_their_order_and_what_may_fail() -> None:
    actions = (Action(CancelOrders(), may_fail=True), Action(PanicSell()))
    said = preview(body(StopLoss(0.1), TakeProfit(0.2), then=actions), None, None)
    assert said.text == (
        "Cancels all open orders (what follows is done even if this fails), then sells all positions at market price "
        "and stops buying until a person ends the panic if the value falls by 10 % from the start "
        "(seen by 1 tick and for 0 seconds), and the value rises by 20 % from the start "
        "(seen by 1 tick and for 0 seconds). After that it is over until you arm it again."
    )

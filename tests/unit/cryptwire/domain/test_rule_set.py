"""A rule set that makes no sense is refused when it is made."""

from collections.abc import Callable
from datetime import UTC, time

import pytest

from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.rule_set import (
    Action,
    After,
    AllOf,
    AnyOf,
    ChangeConfig,
    Compare,
    Condition,
    Confirmation,
    DrawdownGuard,
    FigureOf,
    FundsUsage,
    Node,
    Not,
    Notify,
    PairChange,
    PositionCount,
    Recovery,
    Relation,
    Restore,
    Rule,
    RuleSetBody,
    SellPositions,
    StopLoss,
    TakeProfit,
    TimeWindow,
    TrailingStop,
    Wait,
    Which,
    figures_of,
    rules_of,
)
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
RSI = FigureOf(FigureKey.of("rsi", "60"), BTC)
BALANCE = FigureOf(FigureKey.of("balance"))
NAN, INF = float("nan"), float("inf")
STOP = Rule(StopLoss(0.1))


def body(*when: Node, name: str = "guard", then: tuple[Action, ...] = (Action(Restore()),)) -> RuleSetBody:
    return RuleSetBody(name, AllOf(when), then)


def nested(depth: int) -> Node:
    return STOP if depth == 0 else Not(nested(depth - 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: TrailingStop(-0.01, 0.05),
        lambda: TrailingStop(100.1, 0.05),
        lambda: TrailingStop(0.1, 0),
        lambda: TrailingStop(0.1, 1),
        lambda: TrailingStop(NAN, 0.05),
        lambda: TrailingStop(0.1, NAN),
        lambda: StopLoss(0.0009),
        lambda: StopLoss(0.991),
        lambda: TakeProfit(0),
        lambda: TakeProfit(INF),
        lambda: DrawdownGuard(0.1, 14),
        lambda: DrawdownGuard(1, 60),
        lambda: Compare(RSI, Relation.ABOVE, NAN),
        lambda: Compare(RSI, Relation.ABOVE, RSI),
        lambda: FigureOf(FigureKey.of("balance"), BTC),
        lambda: FigureOf(FigureKey.of("price")),
        lambda: PairChange(BTC, 0, 60),
        lambda: PairChange(BTC, -1, 60),
        lambda: PairChange(BTC, 101, 60),
        lambda: PairChange(BTC, -0.05, 0),
        lambda: PositionCount(Relation.CROSSES_ABOVE, 3),
        lambda: PositionCount(Relation.ABOVE, -1),
        lambda: FundsUsage(Relation.CROSSES_BELOW, 0.5),
        lambda: FundsUsage(Relation.ABOVE, 1.01),
        lambda: TimeWindow(time(1), time(2), frozenset()),
        lambda: TimeWindow(time(1), time(2), frozenset({7})),
        lambda: TimeWindow(time(1, tzinfo=UTC), time(2)),
        lambda: TimeWindow(time(1), time(2, 0, 1)),
        lambda: Confirmation(0),
        lambda: Confirmation(1001),
        lambda: Confirmation(3, -1),
        lambda: Confirmation(3, 86_401),
        lambda: SellPositions(Which.COINS),
        lambda: SellPositions(Which.ALL, (Asset("BTC"),)),
        lambda: SellPositions(Which.COINS, (Asset("BTC"), Asset("BTC"))),
        lambda: SellPositions(Which.COINS, (Asset("btc"),)),
        lambda: SellPositions(Which.COINS, (Asset("A" * 31),)),
        lambda: ChangeConfig({}),
        lambda: ChangeConfig({str(n): "1" for n in range(51)}),
        lambda: ChangeConfig({"a": "x" * 5001}),
        lambda: ChangeConfig({"a" * 61: "x"}),
        lambda: ChangeConfig({"a": "\0"}),
        lambda: Notify(""),
        lambda: Notify("  "),
        lambda: Notify("x" * 501),
        lambda: Notify("a\x1b[31m"),
        lambda: Wait(0),
        lambda: Wait(86_401),
        lambda: After(0),
        lambda: Recovery(0, 60),
        lambda: Recovery(0.1, 0),
        lambda: body(STOP, name=""),
        lambda: body(STOP, name=" "),
        lambda: body(STOP, name="x" * 81),
        lambda: body(STOP, name="a\nb"),
        lambda: body(STOP, then=()),
        lambda: body(STOP, then=(Action(Restore()),) * 13),
        lambda: body(*[STOP] * 21),
        lambda: body(AnyOf(())),
        lambda: body(),
        lambda: body(nested(4)),
        lambda: body(Rule(TimeWindow(time(1), time(2)))),
    ],
)
def test_nonsense_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(Invalid) as refused:
        make()
    assert len(str(refused.value)) > 10


def test_the_limits_themselves_are_fine() -> None:
    assert TrailingStop(0, 0.001) == TrailingStop(0, 0.001)
    assert body(*[STOP] * 20, then=(Action(Restore()),) * 12, name="x" * 80)
    assert body(nested(3))
    assert body(STOP, Rule(TimeWindow(time(1), time(1))))
    assert Notify("two\nlines").text == "two\nlines"


@pytest.mark.parametrize(
    ("condition", "figures"),
    [
        (StopLoss(0.1), []),
        (PositionCount(Relation.ABOVE, 3), []),
        (TimeWindow(time(1), time(2)), []),
        (DrawdownGuard(0.1, 60), ["drawdown(minutes=60)"]),
        (FundsUsage(Relation.ABOVE, 0.5), ["funds.usage"]),
        (Compare(BALANCE, Relation.ABOVE, 3.0), ["balance"]),
        (
            PairChange(BTC, -0.05, 60),
            ["change(minutes=60) of binance BTC/USDT", "price of binance BTC/USDT"],
        ),
        (
            Compare(BALANCE, Relation.ABOVE, RSI),
            ["balance", "rsi(length=14)@60 of binance BTC/USDT", "price of binance BTC/USDT"],
        ),
    ],
)
def test_what_a_rule_reads_is_told_and_each_pairs_price_too(condition: Condition, figures: list[str]) -> None:
    assert [str(each) for each in figures_of(Rule(condition))] == figures
    pairs = {BTC} if any("BTC" in each for each in figures) else set()
    assert body(Rule(condition), STOP).pairs == pairs


def test_rules_are_listed_as_they_are_written() -> None:
    one, two, three = (Rule(StopLoss(each)) for each in (0.1, 0.2, 0.3))
    assert list(rules_of(AllOf((one, Not(AnyOf((two, one))), three)))) == [one, two, one, three]

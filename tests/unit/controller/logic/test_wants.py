"""What rule sets read is wanted of the analysers: every figure of each hopper and pair, once, and no other."""

from collections.abc import Mapping

import pytest

from controller.logic.wants import wanted_by, wanted_of
from cryptwire.domain.figure import FigureKey, figure_key
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.rule_set import (
    AllOf,
    AnyOf,
    Compare,
    DrawdownGuard,
    FigureOf,
    FundsUsage,
    Not,
    PairChange,
    Relation,
    RuleSetBody,
    StopLoss,
)
from cryptwire.domain.ticker import Pair
from tests.unit.controller.logic.builders import BTC, USDT, at_once, body

ONE, OTHER = HopperId("1"), HopperId("2")
ETH = Pair(Exchange("binance"), Asset("ETH"), USDT)
STOP = StopLoss(0.1)
DRAWDOWN = DrawdownGuard(0.1, 60)
FUNDS = FundsUsage(Relation.ABOVE, 0.5)
CHANGE = PairChange(BTC, 0.05, 30)
RSI = Compare(FigureOf(figure_key("rsi@60"), BTC), Relation.ABOVE, 70.0)
PRICES = Compare(
    FigureOf(FigureKey.of("price"), BTC), Relation.CROSSES_ABOVE, FigureOf(FigureKey.of("change", minutes=5), ETH)
)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (body(STOP), {ONE: {"index"}}),
        (body(DRAWDOWN), {ONE: {"index", "drawdown(minutes=60)"}}),
        (body(DRAWDOWN, FUNDS), {ONE: {"index", "drawdown(minutes=60)", "funds.usage"}}),
        (body(CHANGE), {ONE: {"index"}, BTC: {"change(minutes=30)", "price"}}),
        (body(RSI, CHANGE), {ONE: {"index"}, BTC: {"rsi(length=14)@60", "change(minutes=30)", "price"}}),
        (body(PRICES), {ONE: {"index"}, BTC: {"price"}, ETH: {"change(minutes=5)", "price"}}),
        (
            body(AnyOf((Not(at_once(FUNDS)), AllOf((at_once(CHANGE), at_once(STOP)))))),
            {ONE: {"index", "funds.usage"}, BTC: {"change(minutes=30)", "price"}},
        ),
    ],
    ids=["none of its own", "one", "two", "a pair", "two of a pair", "two pairs", "in groups"],
)
def test_r6_a_rule_set_wants_what_its_rules_read_its_index_and_the_price_of_each_pair(
    said: RuleSetBody, wanted: Mapping[HopperId | Pair, set[str]]
) -> None:
    assert wanted_of(ONE, said) == wanted


def test_several_rule_sets_want_together_what_each_wants_once_and_in_order() -> None:
    rule_sets = [(ONE, body(FUNDS, RSI)), (OTHER, body(CHANGE)), (ONE, body(DRAWDOWN, PRICES, FUNDS))]
    assert wanted_by(rule_sets) == {
        ONE: ("drawdown(minutes=60)", "funds.usage", "index"),
        OTHER: ("index",),
        BTC: ("change(minutes=30)", "price", "rsi(length=14)@60"),
        ETH: ("change(minutes=5)", "price"),
    }


def test_without_rule_sets_nothing_is_wanted() -> None:
    assert wanted_by([]) == {}

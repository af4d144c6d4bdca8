"""What a condition reads: the figure's value, or the words that say why there is none."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from controller.logic.view import Reading, View, unknown
from cryptwire.domain.figure import figure_key
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.rule_set import FigureOf
from cryptwire.domain.ticker import Pair
from tests.unit.controller.logic.builders import BTC, USDT, ZONE, T, pair, snapshot, told

ETH = Pair(Exchange("binance"), Asset("ETH"), USDT)
DRAWDOWN = FigureOf(figure_key("drawdown(minutes=60)"))


def view(
    index: float | None = 100.0,
    counts: float = 100.0,
    figures: Mapping[str, float | None] | None = None,
    of_pair: Mapping[str, float | None] | None = None,
    **more: object,
) -> View:
    """Of a snapshot with this ``index`` whose balance is ten times that; ``counts``: the reading that counts."""
    shot = snapshot(index, figures=told(figures or {}), **more)  # type: ignore[arg-type]
    pairs = {BTC: pair(50_000, T, of_pair)}
    return View(shot, counts, None, None, T, ZONE, True, pairs, {ETH: "the past of ETH is not known"})


def of_pair(key: str, of: Pair = BTC) -> FigureOf:
    return FigureOf(figure_key(key), of)


def test_an_index_is_told_as_money_at_the_snapshots_balance() -> None:
    assert view().money(104) == 1040
    assert view().value_in_words == "the value is 1,000 USDT"


def test_the_value_in_words_is_the_one_that_counts_not_the_newest() -> None:
    assert view(index=125.0, counts=104.0).value_in_words == "the value is 1,040 USDT"


def test_it_is_told_in_the_currency_of_the_hopper() -> None:
    assert view(base=Asset("EUR")).value_in_words == "the value is 1,000 EUR"


def test_where_nothing_is_left_now_the_index_that_counts_stands_for_it() -> None:
    assert view(index=None, counts=80.0, balance=400.0).money(80) == 400
    assert view(index=None, counts=80.0, balance=400.0).money(40) == 200


def test_a_figure_of_the_hopper_is_read_from_its_snapshot() -> None:
    assert view(figures={"drawdown(minutes=60)": 0.25}).value(DRAWDOWN) == 0.25
    assert view(figures={"drawdown(minutes=60)": 0.0}).value(DRAWDOWN) == 0.0


def test_a_figure_of_a_pair_is_read_from_that_pair() -> None:
    here = view(figures={"change(minutes=60)": 0.5}, of_pair={"change(minutes=60)": -0.25})
    assert here.value(of_pair("change(minutes=60)")) == -0.25
    assert here.value(of_pair("price")) == 50_000
    assert here.value(FigureOf(figure_key("change(minutes=60)"))) == 0.5


@pytest.mark.parametrize(
    ("figure", "why"),
    [
        (DRAWDOWN, "drawdown(minutes=60) is not told yet"),
        (of_pair("change(minutes=60)"), "change(minutes=60) of binance BTC/USDT is not told yet"),
        (of_pair("price", ETH), "the past of ETH is not known"),
        (
            of_pair("price", Pair(Exchange("kraken"), Asset("XRP"), Asset("EUR"))),
            "kraken XRP/EUR is not heard yet",
        ),
    ],
)
def test_R3_what_is_not_there_is_no_number_but_says_why(figure: FigureOf, why: str) -> None:
    assert view().value(figure) == why


@pytest.mark.parametrize("value", [None, float("nan")])
def test_R3_what_is_made_of_too_little_says_how_much_there_is(value: float | None) -> None:
    why = "needs more than the 10 readings there are"
    assert view(figures={"drawdown(minutes=60)": value}).value(DRAWDOWN) == f"drawdown(minutes=60) {why}"
    here = view(of_pair={"rsi@60": value})
    assert here.value(of_pair("rsi@60")) == f"rsi(length=14)@60 of binance BTC/USDT {why}"


def test_R3_what_cannot_be_told_is_neither_true_nor_false() -> None:
    assert unknown("the exchange is away") == Reading(None, "the exchange is away", {}, None)


def test_without_pairs_nothing_is_heard_of_any() -> None:
    alone = View(snapshot(100.0), 100.0, None, None, T + timedelta(seconds=2), ZONE, is_tick=False)
    assert alone.value(of_pair("price")) == "binance BTC/USDT is not heard yet"
    assert alone.newer == frozenset()

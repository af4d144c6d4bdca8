"""Pages of the past come back as the very same, and nothing hostile comes through as one."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cryptwire.codec.recall import Page, PastWanted, Points, page_from_json, page_to_json, wish_from_json, wish_to_json
from cryptwire.domain.figure import figure_key
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
US = 1_772_366_400_000_000
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
RSI, PRICE = figure_key("rsi@60"), figure_key("price")


def points(**more: Any) -> Points:
    told = Points(
        [US, US + 225_000_000],
        [US, US],
        [True, False],
        [0.1 + 0.2, 1e-300],
        [1 / 3, math.nan],
        {RSI: ([math.nan, 55.5], [3, 4], [0, US // 1_000_000])},
    )
    return replace(told, **more)


def page(**more: Any) -> Page:
    pair = points(figures={PRICE: ([7.25, 7.5], [1, 1], [0, 0])}, price_at=[0, US])
    told = Page(
        *(HopperId("1"), Asset("USDT"), 3, points(), {BTC: pair}, {BTC._replace(base=Asset("ETH")): "away"}),
        *(1, 0, 1, 2, 900, T),
    )
    return replace(told, **more)


def through(value: dict[str, Any]) -> dict[str, Any]:
    text: dict[str, Any] = json.loads(json.dumps(value))
    return text


def test_a_page_comes_back_as_the_very_same() -> None:
    back = page_from_json(through(page_to_json(page())))
    assert repr(back) == repr(page())  # NaN is not itself
    snapshots = list(back.snapshots())
    (first, pairs), (second, _) = snapshots
    assert (first.at, first.newest_price_at, first.is_fresh, first.prices_at) == (T, T, True, T)
    assert (second.at, second.is_fresh, second.prices_at) == (T + timedelta(seconds=225), False, None)
    assert first.balance == 0.1 + 0.2
    assert first.index == 1 / 3
    assert second.index is None
    assert first.figures[RSI].value is None
    assert (second.figures[RSI].value, second.figures[RSI].sample_size) == (55.5, 4)
    assert second.figures[RSI].bar_at == T
    assert (first.flows_version, first.base, first.unpriced_share, first.is_settling) == (3, "USDT", 0, False)
    assert pairs[BTC].figures[PRICE].value == 7.25
    assert pairs[BTC].price_at is None
    assert first.id != second.id


def test_a_wish_comes_back_as_the_very_same() -> None:
    wish = PastWanted((RSI,), {BTC: (PRICE, figure_key("change"))}, T, T + timedelta(days=9), 900)
    assert wish_from_json(through(wish_to_json(wish))) == wish
    assert wish_from_json(through(wish_to_json(replace(wish, cursor=None)))).cursor is None


@pytest.mark.parametrize(
    "change",
    [
        lambda wish: wish.pop("keys"),
        lambda wish: wish.update(keys=["nothing@60"]),
        lambda wish: wish.update(keys=[7]),
        lambda wish: wish.update(keys=7),
        lambda wish: wish.update(keys=[f"rsi(length={n})@60" for n in range(2, 501)] + ["index", "balance"]),
        lambda wish: wish.update(pairs=[["binance", "BTC"]]),
        lambda wish: wish.update(since="2026-03-01T12:00:00"),
        lambda wish: wish.update(since="soon"),
        lambda wish: wish.update(since=wish["until"]),
        lambda wish: wish.update(cursor="x"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    wish = through(wish_to_json(PastWanted((RSI,), {}, T, T + timedelta(days=9))))
    change(wish)
    with pytest.raises(Invalid):
        wish_from_json(wish)


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page.pop("points"),
        lambda page: page.update(points=[]),
        lambda page: page.update(counts=[1, 2]),
        lambda page: page.update(following="x"),
        lambda page: page.update(began="2026-03-01"),
        lambda page: page["points"]["values"].pop(),
        lambda page: page["points"]["at"].append(1),
        lambda page: page["points"].update(values=["1", "2"]),
        lambda page: page["points"].update(values=[True, 2.0]),
        lambda page: page["points"].update(price_at=[1.5, 2]),
        lambda page: page["points"]["figures"].update({"nothing@60": [[1, 2], [1, 1], [0, 0]]}),
        lambda page: page["points"]["figures"].update({"index": [[1, 2], [1, 1]]}),
        lambda page: page["points"]["figures"].update({"index": [[1, 2], ["1", 1], [0, 0]]}),
        lambda page: page["points"]["figures"].update({"index": [[1, 2], [1], [0, 0]]}),
        lambda page: page["pairs"][0][3].update(at=[1, 2]),
        lambda page: page["pairs"][0].pop(),
    ],
)
def test_a_page_that_cannot_be_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    told = through(page_to_json(page()))
    change(told)
    with pytest.raises(Invalid):
        page_from_json(told)


def test_points_of_no_possible_time_are_refused() -> None:
    told = page_from_json(through(page_to_json(page(points=points(price_at=[US, US]), pairs={}))))
    far = replace(told, points=replace(told.points, figures={RSI: ([1.0, 1.0], [1, 1], [10**17, 0])}))
    with pytest.raises(Invalid, match="no possible time"):
        list(far.snapshots())

"""The past told again: each point is what live would have told then, and each close is the overlay's."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analyser.logic.forming import past_bars
from analyser.logic.panel import overlay
from analyser.logic.portfolio import Course, Open, change, drawdown
from analyser.logic.portfolio import Past as Peaks
from analyser.logic.rerun import PairPast, Past, Rerun
from cryptwire.codec.recall import Points
from cryptwire.domain.bar import Columns, Part, Resolution, edges, folded
from cryptwire.domain.candle import Quality
from cryptwire.domain.figure import FigureKey, figure_key
from cryptwire.domain.flow import DecidedBy, Flow, FlowId, FlowKind, FlowState
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair

SPAN = 900
T = 1_769_990_400  # 2 February 2026, 00:00 UTC, a Monday
BERLIN = ZoneInfo("Europe/Berlin")
KEYS = tuple(
    map(
        figure_key,
        ("index", "drawdown(minutes=1440)", "change(minutes=60)", "rsi@15", "ema(length=5)@60", "sma(length=3)@1D"),
    )
)
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))


def walk(count: int, seed: int = 1, at: int = T) -> Columns:
    """A random walk of candles that join."""
    chance = np.random.default_rng(seed)
    close = 1000 * np.exp(np.cumsum(chance.normal(0, 0.004, count)))
    open_ = np.concatenate([[1000.0], close[:-1]])
    high = np.maximum(open_, close) * (1 + chance.uniform(0, 0.002, count))
    low = np.minimum(open_, close) * (1 - chance.uniform(0, 0.002, count))
    return Columns(at + SPAN * np.arange(count, dtype=np.int64), open_, high, low, close, np.ones(count))


def without(columns: Columns, *rows: int) -> Columns:
    return Columns(*(np.delete(getattr(columns, name), rows) for name in Columns.__slots__))


def past(columns: Columns, history: int = 0, **more: object) -> Past:
    until = int(columns.at[-1]) + SPAN
    return replace(Past(KEYS, columns, int(columns.at[history]), until, False, BERLIN, SPAN), **more)  # type: ignore[arg-type]


def flow(at_us: int, amount: str, before: float) -> Flow:
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return Flow(
        *(FlowId(str(at_us)), 1, HopperId("1"), at, Asset("USDT"), Decimal(amount), 1.0, before),
        *(FlowKind.DEPOSIT, FlowState.CONFIRMED, DecidedBy.USER, at),
    )


def figure(points: Points, key: str) -> list[float]:
    return list(points.figures[figure_key(key)][0])


def test_the_points_of_a_candle_are_open_extremes_close_at_their_moments() -> None:
    rise = Columns(np.array([T]), *(np.array([x]) for x in (10.0, 14.0, 8.0, 12.0, 1.0)))
    fall = Columns(np.array([T]), *(np.array([x]) for x in (12.0, 14.0, 8.0, 10.0, 1.0)))
    told = Rerun(past(rise)).page(9).points
    assert told.values == [10, 8, 14, 12]
    assert [at - T * 1_000_000 for at in told.at] == [0, 225_000_000, 450_000_000, 899_999_000]
    assert Rerun(past(fall)).page(9).points.values == [12, 14, 8, 10]
    assert all(told.is_sure)


def test_every_close_is_the_overlay_of_the_same_bars() -> None:
    columns = walk(96 * 6)
    told = Rerun(past(columns)).page(10_000).points
    rsi = overlay(figure_key("rsi@15"), columns)
    assert figure(told, "rsi@15")[3::4] == pytest.approx(rsi, rel=1e-9, nan_ok=True)
    assert sum(map(math.isfinite, rsi)) > 500
    for text in ("ema(length=5)@60", "sma(length=3)@1D"):
        key = figure_key(text)
        lies = edges(Resolution.of(key.resolution), BERLIN, T, int(columns.at[-1]) + 1)
        whole = overlay(key, folded(columns, lies))
        last = np.searchsorted(columns.at, np.append(lies.starts[1:], columns.at[-1] + 1)) - 1
        closes = [figure(told, text)[4 * row + 3] for row in last]
        assert closes == pytest.approx(whole, rel=1e-9, nan_ok=True)
        assert sum(map(math.isfinite, whole)) >= 4


def test_a_point_within_a_bar_counts_what_there_is_of_it_so_far() -> None:
    """At the second point of the third candle of an hour: two candles, and open and one extreme of the third."""
    columns = walk(40)
    told = Rerun(past(columns)).page(100).points
    row = 30
    before, whole = past_bars(columns, Resolution.HOUR, BERLIN, int(columns.at[row]), are_cut=False)
    assert whole is not None
    extreme = columns.low[row] if columns.close[row] >= columns.open[row] else columns.high[row]
    now = whole.then(
        Part(columns.open[row], max(columns.open[row], extreme), min(columns.open[row], extreme), extreme, 0)
    )
    bars = Columns(
        np.append(before.at, before.at[-1] + 3600),
        *(np.append(getattr(before, name), value) for name, value in zip(Columns.__slots__[1:], now, strict=True)),
    )
    expected = overlay(figure_key("ema(length=5)@60"), bars)[-1]
    assert figure(told, "ema(length=5)@60")[4 * row + 1] == pytest.approx(expected, rel=1e-12)


def test_drawdown_and_change_are_those_of_the_live_lines() -> None:
    columns = walk(300)
    told = Rerun(past(columns)).page(1000).points
    course, peaks = Course(), Peaks(columns.between(0, 0), Course(), SPAN, 86_400, 3_600)
    for row in range(300):
        at, open_, high, low, close = (float(getattr(columns, name)[row]) for name in Columns.__slots__[:5])
        order = (open_, low, high, close) if close >= open_ else (open_, high, low, close)
        for point, value in enumerate(order):
            moment = told.at[4 * row + point]
            now = Open(int(at), open_, max(order[: point + 1]), value, moment)
            fall, _ = drawdown(peaks, course, now, 1440, SPAN)
            moved, _ = change(peaks, course, now, 60, SPAN)
            assert figure(told, "drawdown(minutes=1440)")[4 * row + point] == fall
            assert figure(told, "change(minutes=60)")[4 * row + point] == pytest.approx(moved, nan_ok=True)
        peaks.add(int(at), open_, high, close, course, SPAN)


def test_pages_of_any_size_begun_anywhere_tell_the_same() -> None:
    given = past(without(walk(400), 120, 121, 122, 300), 96, imperfect={T + 200 * SPAN: Quality.PARTIAL})
    whole = Rerun(given).page(10_000)
    rerun, told, counts = Rerun(given), list[Points](), [0, 0, 0, 0]
    for size in (1, 7, 100, 3, 10_000):
        if size == 100:
            rerun = Rerun(given, rerun.at)  # read anew, after it was forgotten
        page = rerun.page(size)
        told.append(page.points)
        counts = [a + b for a, b in zip(counts, page[2:], strict=True)]
    assert rerun.at is None
    assert counts == [300, 1, 0, 4] == list(whole[2:])
    assert [at for each in told for at in each.at] == whole.points.at
    assert [sure for each in told for sure in each.is_sure] == whole.points.is_sure
    for key in KEYS:
        mine = [value for each in told for value in each.figures[key][0]]
        assert mine == pytest.approx(whole.points.figures[key][0], rel=1e-9, nan_ok=True)
        assert [size for each in told for size in each.figures[key][1]] == whole.points.figures[key][1]


def test_a_partial_candle_tells_nothing_and_one_filled_in_later_does() -> None:
    given = past(walk(4), imperfect={T + SPAN: Quality.PARTIAL, T + 2 * SPAN: Quality.BACKFILLED})
    page = Rerun(given).page(9)
    assert page.points.is_sure == [True] * 4 + [False] * 4 + [True] * 8
    assert page[2:] == (4, 1, 1, 0)


def test_a_deposit_is_no_rise_of_the_index_and_what_lies_between_tells_nothing() -> None:
    """The value doubles by a deposit in the middle of the second candle."""
    columns = Columns(
        T + SPAN * np.arange(4, dtype=np.int64),
        np.array([100.0, 100, 200, 200]),
        np.array([100.0, 200, 200, 220]),
        np.array([100.0, 100, 200, 190]),
        np.array([100.0, 200, 200, 220]),
        np.zeros(4),
    )
    moved = flow((T + SPAN + 400) * 1_000_000, "100", 100.0)
    told = Rerun(past(columns, flows=[moved])).page(9).points
    assert told.is_sure == [True] * 4 + [True, False, False, True] + [True] * 8
    sure = [index for index, is_sure in zip(told.indexes, told.is_sure, strict=True) if is_sure]
    assert sure == pytest.approx([100] * 4 + [100, 100] + [100] * 4 + [100, 95, 110, 110])
    falls = figure(told, "drawdown(minutes=1440)")
    assert [falls[row] for row in (4, 7, 8)] == pytest.approx([0, 0, 0])
    assert falls[13] == pytest.approx(0.05)


def test_what_comes_later_is_not_known_before() -> None:
    """A deposit of tomorrow changes nothing of what was told today."""
    columns = walk(200)
    plain = Rerun(past(columns)).page(100).points
    later = flow(int(columns.at[150]) * 1_000_000 + 5, "5000", 1000.0)
    told = Rerun(past(columns, flows=[later])).page(100).points
    assert told.indexes == plain.indexes
    assert told.figures[KEYS[1]] == plain.figures[KEYS[1]]


def test_a_pair_beside_it_is_told_at_the_same_points_and_a_quiet_one_keeps_its_price() -> None:
    keys = (figure_key("price"), figure_key("change(minutes=60)"), figure_key("rsi(length=3)@60"))
    market = walk(200, seed=2)
    quiet = without(market, *range(100, 103))
    rerun = Rerun(past(walk(200), pairs={BTC: PairPast(keys, quiet, {})}))
    page = rerun.page(500)
    pair = page.pairs[BTC]
    assert pair.at == page.points.at
    prices = figure(pair, "price")
    assert prices[3::4][:100] == pytest.approx(market.close[:100])
    assert prices[400:412] == [market.close[99]] * 12
    assert pair.price_at[405] == pair.price_at[399] == (T + 100 * SPAN) * 1_000_000 - 1_000
    assert all(pair.is_sure)
    at, before = 4 * 50 + 3, 46
    expected = market.close[50] / market.open[before + 0] - 1
    assert figure(pair, "change(minutes=60)")[at] == pytest.approx(expected)


def test_of_a_pair_that_was_silent_for_more_than_a_day_nothing_is_told() -> None:
    market = walk(20)
    late = Columns(*(getattr(walk(300), name)[200:] for name in Columns.__slots__))
    rerun = Rerun(past(walk(250), pairs={BTC: PairPast((figure_key("price"),), market, {})}))
    sure = rerun.page(500).pairs[BTC].is_sure
    assert sure[: 4 * 20] == [True] * 80
    assert sure[4 * (20 + 95)]
    assert not any(sure[4 * (20 + 97) :])
    unheard = Rerun(past(walk(250), pairs={BTC: PairPast((figure_key("price"),), late, {})})).page(500).pairs[BTC]
    assert unheard.is_sure == [False] * 800 + [True] * 200
    assert unheard.price_at[799] == 0


@pytest.mark.parametrize("name", ["funds.usage", "positions", "positions.profit"])
def test_what_candles_do_not_tell_is_unknown_and_not_zero(name: str) -> None:
    key = FigureKey.of(name)
    told = Rerun(past(walk(3), keys=(key,))).page(3).points
    values, sizes, _ = told.figures[key]
    assert all(math.isnan(value) for value in values)
    assert list(sizes) == [0] * 12

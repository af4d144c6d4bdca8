"""A panel has the bar in progress of many series, and what it tells is what history will tell of the same bars."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyser.logic.panel import NEVER, Group, Panel, SeriesId, overlay
from cryptwire.domain.bar import Columns, Numbers, Resolution, Seconds
from cryptwire.domain.figure import FigureKey, figure_key
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid
from tests.unit.analyser.logic.walks import OF_BARS, QUARTER, walk

EVERYTHING = tuple(FigureKey.of(name, "15") for name in OF_BARS)
SHORT = tuple(
    figure_key(f"{text}@15")
    for text in (
        "sma(length=2)",
        "rsi(length=3)",
        "macd.histogram(fast=2,slow=4,signal=2)",
        "bollinger.upper(length=3)",
        "stochrsi.d(length=3,smooth_k=2,smooth_d=1)",
        "adx(length=2)",
        "cci(length=3)",
        "obv",
        "vwap.session",
        "supertrend(length=2,multiplier=1)",
        "roc(length=1)",
        "ichimoku.span_b(conversion=1,base=2,span=3)",
    )
)
ONE = SeriesId(HopperId("1"), Resolution.MINUTES_15)
TWO = SeriesId(HopperId("2"), Resolution.MINUTES_15)
BTC = SeriesId(Pair(Exchange("binance"), Asset("BTC"), Asset("USDT")), Resolution.MINUTES_15)
Bar = tuple[int, float, float, float, float, float]
NOTHING = walk(1).between(0, 0)


def bar_of(bars: Columns, index: int) -> Bar:
    open_, high, low, last, volume = (float(getattr(bars, name)[index]) for name in Columns.__slots__[1:])
    return int(bars.at[index]), open_, high, low, last, volume


def columns(bars: Sequence[Bar]) -> tuple[Seconds, Numbers, Numbers, Numbers, Numbers, Numbers]:
    start, open_, high, low, last, volume = np.array(bars, np.float64).reshape(len(bars), 6).T
    return start.astype(np.int64), open_, high, low, last, volume


def update(panel: Panel, **bars: Bar) -> None:
    panel.update([NAMES[name] for name in bars], *columns(list(bars.values())))


def close(panel: Panel, **bars: Bar) -> None:
    panel.close([NAMES[name] for name in bars], *columns(list(bars.values())))


NAMES = {"one": ONE, "two": TWO, "btc": BTC}


def told(panel: Panel, series: SeriesId) -> Group:
    (group,) = panel.values([series])
    return group


def history(keys: Sequence[FigureKey], bars: Sequence[Bar]) -> list[float]:
    past = Columns(*columns(bars))
    return [float(overlay(key, past)[-1]) for key in keys]


def assert_same(found: Numbers, expected: Sequence[float]) -> None:
    """Bit for bit."""
    assert np.array_equal(found, np.array(expected), equal_nan=True)


# -- live, closed and history are one ----------------------------------------------------------------------------------


def test_live_is_what_it_will_be_when_the_bar_has_closed_and_what_history_tells() -> None:
    bars, panel = walk(8, 220), Panel()
    panel.begin(ONE, EVERYTHING, bars.between(0, 150))
    overlays = [overlay(key, bars) for key in EVERYTHING]
    for index in range(150, 220):
        expected = [float(values[index]) for values in overlays]
        update(panel, one=bar_of(bars, index))
        assert_same(told(panel, ONE).values[0], expected)
        if index % 2:
            close(panel, one=bar_of(bars, index))
            assert_same(told(panel, ONE).values[0], expected)
    assert not np.isnan(told(panel, ONE).values).any()


def test_a_series_without_history_grows_live() -> None:
    bars, panel = walk(8, 120, jumps=0.0), Panel()
    panel.begin(ONE, EVERYTHING, NOTHING)
    overlays = [overlay(key, bars) for key in EVERYTHING]
    for index in range(120):
        update(panel, one=bar_of(bars, index))
        assert_same(told(panel, ONE).values[0], [float(values[index]) for values in overlays])


def test_what_was_live_before_in_the_same_bar_leaves_no_trace() -> None:
    bars, panel = walk(8, 160), Panel()
    panel.begin(ONE, EVERYTHING, bars.between(0, 159))
    last = bar_of(bars, 159)
    start, price = last[0], last[4]
    for move in (0.5, 3.0, 1.0, 1.2):
        update(panel, one=(start, price, price * max(move, 1), price * min(move, 1), price * move, 7.0))
    update(panel, one=last)
    assert_same(told(panel, ONE).values[0], [float(overlay(key, bars)[-1]) for key in EVERYTHING])


def test_after_history_the_last_closed_bar_is_told_until_another_opens() -> None:
    bars, panel = walk(8, 160), Panel()
    panel.begin(ONE, EVERYTHING, bars)
    group = told(panel, ONE)
    assert_same(group.values[0], [float(overlay(key, bars)[-1]) for key in EVERYTHING])
    assert (group.sample_sizes.tolist(), group.starts.tolist()) == ([160], [int(bars.at[-1])])
    update(panel, one=(int(bars.at[-1]) + QUARTER, 100, 101, 99, 100, 1))
    group = told(panel, ONE)
    assert (group.sample_sizes.tolist(), group.starts.tolist()) == ([161], [int(bars.at[-1]) + QUARTER])


def test_without_bars_nothing_can_be_told() -> None:
    panel = Panel()
    panel.begin(ONE, EVERYTHING, NOTHING)
    group = told(panel, ONE)
    assert np.isnan(group.values).all()
    assert (group.sample_sizes.tolist(), group.starts.tolist()) == ([0], [NEVER])


# -- how bars close ----------------------------------------------------------------------------------------------------

A, B, C = (QUARTER * number for number in (100, 101, 102))
BEFORE: list[Bar] = [bar_of(walk(2, 90), index) for index in range(20)]
A_LIVE, A_TRUE = (A, 100.0, 104.0, 99.0, 103.0, 2.0), (A, 100.0, 105.0, 98.0, 101.0, 3.0)
B_LIVE, B_TRUE = (B, 103.0, 108.0, 103.0, 107.0, 1.0), (B, 101.0, 108.0, 101.0, 106.0, 4.0)
C_LIVE = (C, 106.0, 106.0, 90.0, 95.0, 9.0)


def began(keys: Sequence[FigureKey] = SHORT) -> Panel:
    panel = Panel()
    panel.begin(ONE, keys, Columns(*columns(BEFORE)))
    panel.begin(TWO, keys, Columns(*columns(BEFORE)))
    return panel


def test_the_true_bar_counts_whether_it_comes_before_the_next_one_or_after() -> None:
    expected = history(SHORT, [*BEFORE, A_TRUE, B_LIVE])
    before, later = began(), began()
    update(before, one=A_LIVE)
    close(before, one=A_TRUE)
    update(before, one=B_LIVE)
    update(later, one=A_LIVE)
    update(later, one=B_LIVE)
    close(later, one=A_TRUE)
    for panel in (before, later):
        assert_same(told(panel, ONE).values[0], expected)
        assert told(panel, ONE).sample_sizes[0] == 22
        assert (panel.older, panel.repeated, panel.refused) == (0, 0, 0)


def test_what_never_heard_of_its_end_closes_as_it_was_last_seen() -> None:
    panel = began()
    update(panel, one=A_LIVE)
    update(panel, one=B_LIVE)
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_LIVE, B_LIVE]))


def test_a_bar_closes_once() -> None:
    panel = began()
    update(panel, one=A_LIVE)
    close(panel, one=A_TRUE)
    close(panel, one=A_LIVE)
    assert panel.repeated == 1
    update(panel, one=A_LIVE)
    assert panel.older == 1
    update(panel, one=B_LIVE)
    close(panel, one=A_LIVE)
    assert panel.repeated == 2
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_TRUE, B_LIVE]))


def test_a_bar_that_was_never_live_closes_all_the_same() -> None:
    panel = began()
    close(panel, one=A_TRUE)
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_TRUE]))
    update(panel, one=C_LIVE)
    close(panel, one=B_TRUE)  # between the last that has closed and the one that is open
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_TRUE, B_TRUE, C_LIVE]))


def test_what_is_open_closes_when_a_later_bar_has_closed() -> None:
    panel = began()
    update(panel, one=A_LIVE)
    close(panel, one=B_TRUE)
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_LIVE, B_TRUE]))
    close(panel, one=A_TRUE)
    assert panel.older == 1


def test_an_older_bar_does_not_count() -> None:
    panel = began()
    update(panel, one=B_LIVE)
    update(panel, one=A_LIVE)
    assert panel.older == 1
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, B_LIVE]))


def test_one_series_corrected_leaves_the_others_alone() -> None:
    panel = began()
    update(panel, one=A_LIVE, two=A_LIVE)
    update(panel, one=B_LIVE, two=B_LIVE)
    close(panel, two=A_TRUE)
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_LIVE, B_LIVE]))
    assert_same(told(panel, TWO).values[0], history(SHORT, [*BEFORE, A_TRUE, B_LIVE]))


def test_several_bars_of_one_series_in_a_batch_count_in_their_order() -> None:
    panel = began()
    panel.update([ONE, TWO, ONE, ONE], *columns([A_LIVE, A_LIVE, B_TRUE, B_LIVE]))
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_LIVE, B_LIVE]))
    assert_same(told(panel, TWO).values[0], history(SHORT, [*BEFORE, A_LIVE]))


@pytest.mark.parametrize(
    "bar",
    [
        (A, float("nan"), 104, 99, 103, 2),
        (A, 100, float("inf"), 99, 103, 2),
        (A, 100, 101, 99, 103, 2),
        (A, 100, 104, 101, 103, 2),
        (A, 100, 104, -1, 103, 2),
        (A, 100, 104, 99, 103, -2),
        (A, 100, 104, 99, 103, float("nan")),
    ],
)
def test_what_is_no_bar_is_refused_and_the_others_count(bar: Bar) -> None:
    panel = began()
    update(panel, one=bar, two=A_LIVE)
    close(panel, one=bar)
    assert panel.refused == 2
    assert_same(told(panel, ONE).values[0], history(SHORT, BEFORE))
    assert_same(told(panel, TWO).values[0], history(SHORT, [*BEFORE, A_LIVE]))


@dataclass
class Expected:
    """What should have been taken of a series, in plain Python."""

    closed: dict[int, Bar]
    final: set[int]
    open: Bar | None = None
    ignored: int = 0
    bars: list[Bar] = field(default_factory=list)

    def update(self, bar: Bar) -> None:
        if bar[0] <= max(self.closed) or (self.open and bar[0] < self.open[0]):
            self.ignored += 1
            return
        if self.open and self.open[0] < bar[0]:
            self.closed[self.open[0]] = self.open
        self.open = bar

    def close(self, bar: Bar) -> None:
        last = max(self.closed)
        if bar[0] < last or bar[0] in self.final:
            self.ignored += 1
            return
        if self.open and self.open[0] < bar[0]:
            self.closed[self.open[0]] = self.open
        if self.open and self.open[0] <= bar[0]:
            self.open = None
        self.closed[bar[0]] = bar
        self.final.add(bar[0])

    def all(self) -> list[Bar]:
        return [self.closed[start] for start in sorted(self.closed)] + ([self.open] if self.open else [])


PRICES = st.floats(50, 150)


@st.composite
def events(draw: st.DrawFn) -> tuple[bool, SeriesId, Bar]:
    a, b, c, d = sorted(draw(st.tuples(PRICES, PRICES, PRICES, PRICES)))
    open_, last = draw(st.permutations([b, c]))
    start = A + QUARTER * draw(st.integers(0, 6))
    return draw(st.booleans()), draw(st.sampled_from([ONE, TWO])), (start, open_, d, a, last, draw(st.floats(0, 9)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(events(), min_size=1, max_size=4), max_size=14))
def test_any_order_of_live_and_closed_bars(batches: list[list[tuple[bool, SeriesId, Bar]]]) -> None:
    panel = began()
    past = {bar[0]: bar for bar in BEFORE}
    expected = {one: Expected(dict(past), set(past)) for one in (ONE, TWO)}
    for batch in batches:
        for closes in (False, True):
            here = [(series, bar) for is_close, series, bar in batch if is_close == closes]
            take = panel.close if closes else panel.update
            take([series for series, _ in here], *columns([bar for _, bar in here]))
            for series, bar in here:
                (expected[series].close if closes else expected[series].update)(bar)
        for series, one in expected.items():
            group = told(panel, series)
            assert_same(group.values[0], history(SHORT, one.all()))
            assert group.sample_sizes[0] == len(one.all())
            assert group.starts[0] == one.all()[-1][0]
    assert panel.older + panel.repeated == sum(one.ignored for one in expected.values())


# -- many series -------------------------------------------------------------------------------------------------------


def test_values_are_grouped_by_keys_and_say_of_which_series_they_are() -> None:
    panel, bars = Panel(), walk(9, 60)
    hour = SeriesId(HopperId("1"), Resolution.HOUR)
    some = (FigureKey.of("sma", "15", length=5), FigureKey.of("rsi", "15"))
    panel.begin(ONE, some, bars)
    panel.begin(BTC, some, bars.between(0, 40))
    panel.begin(TWO, some[:1], bars.between(0, 50))
    panel.begin(hour, [FigureKey.of("sma", "60", length=5)], bars.between(0, 30))
    asked = [hour, BTC, TWO, ONE]
    groups = panel.values(asked)
    assert sorted(position for group in groups for position in group.positions.tolist()) == [0, 1, 2, 3]
    by_series = {asked[p]: (g.keys, g.values[i]) for g in groups for i, p in enumerate(g.positions.tolist())}
    assert next(group for group in groups if group.keys == some).positions.tolist() == [1, 3]
    for series, length in ((ONE, 60), (BTC, 40), (TWO, 50), (hour, 30)):
        keys, values = by_series[series]
        assert {key.resolution for key in keys} == {series.resolution.value}
        assert_same(values, [float(overlay(key, bars.between(0, length))[-1]) for key in keys])
    assert panel.values([]) == []


def test_what_is_dropped_is_gone_and_its_place_is_used_again_for_something_new() -> None:
    panel, bars = began(EVERYTHING), walk(9, 200)
    update(panel, one=A_LIVE, two=A_LIVE)
    size = panel.nbytes
    panel.drop(ONE)
    panel.drop(ONE)
    assert ONE not in panel
    assert len(panel) == 1
    with pytest.raises(KeyError):
        panel.values([ONE])
    panel.begin(BTC, EVERYTHING, bars)
    assert panel.nbytes == size
    assert_same(told(panel, BTC).values[0], [float(overlay(key, bars)[-1]) for key in EVERYTHING])
    assert_same(told(panel, TWO).values[0], history(EVERYTHING, [*BEFORE, A_LIVE]))
    panel.begin(BTC, EVERYTHING, NOTHING)
    assert np.isnan(told(panel, BTC).values).all()
    panel.drop(BTC)
    panel.drop(TWO)
    assert panel.nbytes < size / 10  # what nobody wants is not kept


def test_beginning_again_replaces_figures_and_bars() -> None:
    panel, bars = began(), walk(9, 200)
    keys = (FigureKey.of("ema", "15"), SHORT[0])
    panel.begin(ONE, keys, bars)
    group = told(panel, ONE)
    assert group.keys == keys
    assert_same(group.values[0], [float(overlay(key, bars)[-1]) for key in keys])
    assert_same(told(panel, TWO).values[0], history(SHORT, BEFORE))


def test_what_is_open_stays_open_when_a_series_begins_again_with_older_bars() -> None:
    panel = began()
    update(panel, one=B_LIVE)
    panel.begin(ONE, SHORT, Columns(*columns([*BEFORE, A_TRUE])))
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_TRUE, B_LIVE]))
    panel.begin(ONE, SHORT, Columns(*columns([*BEFORE, A_TRUE, B_TRUE])))
    assert_same(told(panel, ONE).values[0], history(SHORT, [*BEFORE, A_TRUE, B_TRUE]))


def test_a_hundred_series_of_different_figures_do_not_mix() -> None:
    chance = np.random.default_rng(3)
    panel, wanted = Panel(), {}
    for number in range(100):
        series = SeriesId(HopperId(str(number)), Resolution.MINUTES_15)
        keys = [EVERYTHING[i] for i in chance.permutation(len(EVERYTHING))[: chance.integers(1, 9)]]
        bars = walk(number, 70)
        panel.begin(series, keys, bars.between(0, 69))
        wanted[series] = (keys, bars)
    for series in list(wanted)[::3]:
        panel.drop(series)
        del wanted[series]
    asked = list(wanted)
    for index in (68, 69):
        if index == 69:
            panel.update(asked, *columns([bar_of(wanted[series][1], 69) for series in asked]))
        for group in panel.values(asked):
            for place, position in enumerate(group.positions.tolist()):
                keys, bars = wanted[asked[position]]
                assert_same(group.values[place], [float(overlay(key, bars)[index]) for key in keys])


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ([FigureKey.of("balance")], "balance is not made of bars of 15"),
        ([FigureKey.of("sma", "60")], "sma.length=20.@60 is not made of bars of 15"),
        ([SHORT[0], SHORT[0]], "wanted twice"),
    ],
)
def test_keys_of_other_bars_are_refused_and_change_nothing(keys: list[FigureKey], says: str) -> None:
    panel = began()
    with pytest.raises(Invalid, match=says):
        panel.begin(ONE, keys, walk(1))
    assert_same(told(panel, ONE).values[0], history(SHORT, BEFORE))
    with pytest.raises(Invalid, match="bars"):
        overlay(FigureKey.of("balance"), walk(1))


def test_history_out_of_order_or_with_holes_in_it_is_refused() -> None:
    panel, bars = began(), walk(1)
    for broken in (
        Columns(bars.at[::-1], bars.open, bars.high, bars.low, bars.close, bars.volume),
        Columns(
            bars.at, bars.open, bars.high, bars.low, np.where(bars.at == bars.at[7], np.nan, bars.close), bars.volume
        ),
    ):
        with pytest.raises(Invalid, match="each is later than the last"):
            panel.begin(ONE, SHORT, broken)
    assert_same(told(panel, ONE).values[0], history(SHORT, BEFORE))

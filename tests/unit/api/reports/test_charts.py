"""Whatever is drawn lies within its frame, gaps stay gaps, and neighbours at an axis differ."""

import math
import re
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.handlers.reports.charts import HEIGHT, WIDTH, Line, Mark, area_chart, line_chart
from api.handlers.reports.markup import Markup

VALUES = st.lists(
    st.one_of(st.none(), st.just(math.nan), st.just(math.inf), st.floats(-1e12, 1e12), st.floats(0.999, 1.001)),
    min_size=1,
    max_size=40,
)


def dates(count: int) -> list[date]:
    return [date(2026, 1, 30) + timedelta(days=number) for number in range(count)]


def told(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"


def svg(chart: Markup) -> ElementTree.Element:
    found = ElementTree.fromstring(chart).find("svg")
    assert found is not None
    return found


def places(one: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in one.attrib["points"].split())]


@given(VALUES, st.integers(1, 400))
def test_everything_lies_within_the_frame(values: list[float | None], repeats: int) -> None:
    series = (values * repeats)[:1500]
    chart = line_chart(
        "Index", dates(len(series)), [Line("a", series, "#000"), Line("b", series, "#111")], told, baseline=1
    )
    if not any(value is not None and math.isfinite(value) for value in series):
        assert chart == '<p class="none">Index: nothing is known of these days.</p>'
        return
    drawn = svg(chart)
    for one in drawn.iter("polyline"):
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places(one))
    for one in drawn.iter("circle"):
        assert 0 <= float(one.attrib["cy"]) <= HEIGHT
    labels = [
        one.text for one in drawn.iter("text") if one.attrib["text-anchor"] == "end" and float(one.attrib["x"]) < 60
    ]
    assert len(set(labels)) == len(labels) >= 2
    assert len(list(drawn.iter("text"))) < 30


@pytest.mark.parametrize("count", [1, 2, 7, 59, 61, 400, 3_700])
def test_there_is_room_for_what_stands_below(count: int) -> None:
    chart = line_chart("Index", dates(count), [Line("", [float(n) for n in range(count)], "#000")], told)
    below = [one for one in svg(chart).iter("text") if float(one.attrib["y"]) > HEIGHT - 15]
    xs = [float(one.attrib["x"]) for one in below]
    assert below
    assert xs == sorted(xs)
    assert all(b - a > 40 for a, b in pairwise(xs))


def test_a_gap_is_no_line_and_a_lonely_day_is_a_dot() -> None:
    values: Sequence[float | None] = [1, 2, None, 3, math.nan, 4, 5]
    drawn = svg(line_chart("Value", dates(7), [Line("", values, "#000")], told))
    assert [len(places(one)) for one in drawn.iter("polyline")] == [2, 2]
    assert len(list(drawn.iter("circle"))) == 1


def test_what_is_under_water_hangs_from_the_surface() -> None:
    drawn = svg(area_chart("Drawdown", dates(3), [0.0, -0.2, -0.1], "#000", told))
    (area,) = drawn.iter("polygon")
    points = places(area)
    assert points[0][1] == points[-1][1] == min(y for _, y in points)
    assert max(y for _, y in points) == points[2][1], "the deepest day is the lowest"
    assert svg(area_chart("Drawdown", dates(2), [0.0, 0.0], "#000", told)) is not None


def test_marks_say_what_they_are_and_names_stay_text() -> None:
    marks = [Mark(0, True, "<1> & came"), Mark(1, False, "went"), Mark(2, True, "unseen")]
    chart = line_chart("<Value>", dates(3), [Line("", [1.0, 2.0, None], "#000")], told, marks=marks)
    titles = [one.text for one in svg(chart).iter("title")]
    assert titles == ["<Value>", "<1> & came", "went"]
    assert not re.search(r"\s(style|on\w+|href)=", chart)

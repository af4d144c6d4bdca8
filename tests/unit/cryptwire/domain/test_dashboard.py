"""Dashboards: what stands where, which settings a copy has, and what everybody begins with."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.domain.dashboard import MOST_ROWS, Cell, DashboardBody, Widget, first_body, named
from cryptwire.domain.widget_settings import MEANINGS
from cryptwire.domain.widgets import CATALOGUE, Breakpoint, settings_of
from cryptwire.errors import Invalid

WIDE, PHONE = Breakpoint.WIDE, Breakpoint.PHONE
KPI, RISK = CATALOGUE["kpi"], CATALOGUE["risk"]
TWO = (Widget("a", KPI), Widget("b", RISK))


def body(*cells: Cell, where: Breakpoint = WIDE) -> DashboardBody:
    return DashboardBody(TWO, {where: cells})


def test_there_are_the_widgets_of_the_design_and_the_first_fourteen_are_given_to_everybody() -> None:
    assert len(CATALOGUE) == 22
    first = first_body()
    names = {each.kind.name for each in first.widgets}
    assert names == {
        "portfolio-candles", "equity", "kpi", "underwater", "calendar", "attribution", "open-positions", "coins",
        "funds-usage", "top-trades", "risk", "versus-holding", "market-balance", "rule-monitor",
    }  # fmt: skip
    for where, cells in first.layouts.items():
        assert len(cells) == 14
        assert all(cell.x + cell.w <= where.columns for cell in cells)
    assert {cell.w for cell in first.layouts[PHONE]} == {4}
    assert first.layouts[PHONE][0].widget == "kpi", "what matters most is on top"


def test_every_setting_is_explained_and_each_kind_can_be_set_to_what_is_usual() -> None:
    assert {name for kind in CATALOGUE.values() for name in kind.settings} == MEANINGS.keys()
    for kind in CATALOGUE.values():
        usual = settings_of(kind, {})
        assert list(usual) == list(kind.settings)
        assert settings_of(kind, usual) == usual
        for where in Breakpoint:
            size, least, most = kind.sizes(where)
            assert 1 <= least.w <= size.w <= most.w <= where.columns, kind.name
            assert 1 <= least.h <= size.h <= most.h, kind.name


def test_a_widget_that_a_layout_leaves_out_is_put_below_the_others() -> None:
    one = body(Cell("b", 3, 5, 4, 4))
    assert one.layouts[WIDE] == (Cell("b", 3, 5, 4, 4), Cell("a", 0, 9, 12, 2))
    assert one.layouts[PHONE] == (Cell("a", 0, 0, 4, 2), Cell("b", 0, 2, 4, 5))
    assert DashboardBody(TWO, one.layouts) == one


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([Cell("c", 0, 0, 3, 3)], "'c', which is no widget"),
        ([Cell("b", 0, 0, 3, 3), Cell("b", 4, 0, 3, 3)], "a widget twice"),
        ([Cell("b", 10, 0, 3, 3)], "'b' does not fit into 12 columns"),
        ([Cell("b", 0, MOST_ROWS - 2, 3, 3)], "500 rows at most"),
        ([Cell("b", 0, MOST_ROWS - 3, 3, 3)], "500 rows at most"),  # the other comes below
        ([Cell("b", 0, 0, 2, 3)], "'b' is 3 to 12 wide, not 2"),
        ([Cell("b", 0, 0, 3, 2)], "'b' is 3 to 30 high, not 2"),
        ([Cell("b", 0, 0, 3, 3, max_w=2)], "'b' is 3 to 2 wide"),
        ([Cell("b", 0, 0, 3, 3, min_w=2)], "kept to 2 to 12, its kind to 3 to 12"),
        ([Cell("b", 0, 0, 3, 3, max_h=31)], "kept to 3 to 31, its kind to 3 to 30"),
        ([Cell("a", 0, 0, 12, 2), Cell("b", 0, 1, 3, 3)], "'a' and 'b' overlap"),
    ],
)
def test_a_layout_that_cannot_be_is_refused_in_words(cells: list[Cell], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        body(*cells)


@settings(deadline=None)
@given(*[st.tuples(st.integers(0, 9), st.integers(0, 12), st.integers(3, 12), st.integers(3, 8)) for _ in range(2)])
def test_two_overlap_when_they_have_a_square_in_common(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    def squares(x: int, y: int, w: int, h: int) -> set[tuple[int, int]]:
        return {(column, row) for column in range(x, x + w) for row in range(y, y + h)}

    first, second = Cell("a", *one), Cell("b", *other)
    assert first.overlaps(second) == second.overlaps(first) == bool(squares(*one) & squares(*other))


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("kpi", {"range": "31d"}, "range: a range is one of"),
        ("kpi", {"range": {"since": "2026-02-30"}}, "range: a date is written"),
        ("kpi", {"range": {"since": "2026-03-01", "until": "2026-02-01"}}, "range: since is after until"),
        ("kpi", {"range": {"until": "2026-02-01"}}, "range: a range is"),
        ("market-balance", {"large": 1e9}, "mid: is less than large"),
        ("market-balance", {"mid": float("nan")}, "mid: is a finite number"),
        ("market-strip", {"note": "a\x00"}, "note: is text that can be printed"),
        ("market-strip", {"pairs": ["binance:BTC/USDT\n"]}, "pairs: are written as"),
        ("pair-chart", {"pair": "binance:BTC/\ud800"}, "pair: is written as"),
    ],
)
def test_what_no_schema_says_is_refused_in_words(kind: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        settings_of(CATALOGUE[kind], given)


def test_names_are_cut_at_their_ends_and_can_be_printed() -> None:
    assert named(" a b ", "it") == "a b"
    for wrong in ("", " ", "a\nb", "x" * 81, "a\u200b"):
        with pytest.raises(Invalid, match="1 to 80 characters"):
            named(wrong, "it")
    with pytest.raises(Invalid, match="1 to 80"):
        Widget("a", KPI, "\x00")
    with pytest.raises(Invalid, match="small letters"):
        Widget("a\n", KPI)

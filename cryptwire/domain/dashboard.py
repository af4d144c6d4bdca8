"""Dashboards: copies of widgets and where they stand. Values alone; as JSON they are codec/dashboard.py's."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NewType

from cryptwire.domain.widget_settings import is_readable
from cryptwire.domain.widgets import CATALOGUE, Breakpoint, Size, WidgetKind, settings_of
from cryptwire.errors import Invalid

DashboardId = NewType("DashboardId", str)
"""A UUID, as text."""
MOST_WIDGETS = 40
MOST_ROWS = 500
MOST_NAME = 80
FIRST_NAME = "Overview"
"""What the dashboard is called that who has none is given."""


def _must(is_so: bool, text: str) -> None:
    if not is_so:
        raise Invalid(text)


@dataclass(frozen=True, slots=True)
class Widget:
    """A copy of a widget, known by ``id`` within its dashboard; without ``title`` it has its kind's.

    ``is_locked``: it is neither moved nor resized by hand. Settings that are left out are as usual.
    """

    id: str
    kind: WidgetKind
    title: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_collapsed: bool = False
    is_locked: bool = False

    def __post_init__(self) -> None:
        _must(is_readable(self.id), "an id is written in small letters, digits and hyphens")
        if self.title is not None:
            object.__setattr__(self, "title", named(self.title, "a title"))
        object.__setattr__(self, "settings", settings_of(self.kind, self.settings))


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a widget stands: ``x`` columns from the left, ``y`` rows from the top, ``w`` wide, ``h`` high.

    ``min_w`` and the like: how far it may be resized, where that is less than its kind allows.
    """

    widget: str
    x: int
    y: int
    w: int
    h: int
    min_w: int | None = None
    min_h: int | None = None
    max_w: int | None = None
    max_h: int | None = None

    def overlaps(self, other: "Cell") -> bool:
        """Whether both want the same place."""
        return (
            self.x < other.x + other.w
            and other.x < self.x + self.w
            and self.y < other.y + other.h
            and other.y < self.y + self.h
        )


@dataclass(frozen=True, slots=True)
class DashboardBody:
    """What a version of a dashboard says; never changed. Raises Invalid when it makes no sense.

    Layouts hold each widget once; one that a layout leaves out is put below the others, in its usual size.
    """

    widgets: tuple[Widget, ...]
    layouts: Mapping[Breakpoint, tuple[Cell, ...]]

    def __post_init__(self) -> None:
        _must(len(self.widgets) <= MOST_WIDGETS, f"a dashboard has {MOST_WIDGETS} widgets at most")
        by_id = {each.id: each for each in self.widgets}
        _must(len(by_id) == len(self.widgets), "each widget has an id of its own")
        laid = {each: _laid(each, by_id, self.layouts.get(each, ())) for each in Breakpoint}
        object.__setattr__(self, "layouts", laid)


def named(text: str, what: str) -> str:
    """A name that somebody gives, without space at its ends; raises Invalid."""
    text = text.strip()
    _must(
        0 < len(text) <= MOST_NAME and is_readable(text), f"{what} has 1 to {MOST_NAME} characters that can be printed"
    )
    return text


def first_body() -> DashboardBody:
    """What who has no dashboard is given: the fourteen widgets of the first release."""
    widgets = tuple(Widget(name, CATALOGUE[name]) for row in _FIRST_ROWS for name in row)
    return DashboardBody(widgets, {Breakpoint.WIDE: tuple(_in_rows(_FIRST_ROWS))})


_FIRST_ROWS = (
    ("kpi",),
    ("portfolio-candles", "equity"),
    ("open-positions", "attribution"),
    ("underwater", "calendar"),
    ("coins", "top-trades"),
    ("versus-holding", "risk"),
    ("funds-usage", "market-balance", "rule-monitor"),
)


def _in_rows(rows: Iterable[tuple[str, ...]]) -> Iterator[Cell]:
    y = 0
    for row in rows:
        x = 0
        for name in row:
            size = CATALOGUE[name].usual
            yield Cell(name, x, y, size.w, size.h)
            x += size.w
        y += max(CATALOGUE[name].usual.h for name in row)


def _laid(where: Breakpoint, widgets: Mapping[str, Widget], cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells of a layout, those that were left out among them."""
    layout = f"the layout {where.value}"
    for cell in cells:
        _must(cell.widget in widgets, f"{layout} holds {cell.widget!r}, which is no widget")
    known = {cell.widget for cell in cells}
    _must(len(known) == len(cells), f"{layout} holds a widget twice")
    bottom = max((cell.y + cell.h for cell in cells), default=0)
    added = []
    for id, widget in widgets.items():
        if id not in known:
            size = widget.kind.sizes(where)[0]
            added.append(Cell(id, 0, bottom, size.w, size.h))
            bottom += size.h
    _must(bottom <= MOST_ROWS, f"{layout} has {MOST_ROWS} rows at most")
    for cell in cells:
        _must_have_room(cell, *widgets[cell.widget].kind.sizes(where)[1:], where)
    for one, other in combinations(cells, 2):
        _must(not one.overlaps(other), f"in {layout} {one.widget!r} and {other.widget!r} overlap")
    return (*cells, *added)


def _must_have_room(cell: Cell, least: Size, most: Size, where: Breakpoint) -> None:
    name = f"in the layout {where.value} {cell.widget!r}"
    _must(cell.x + cell.w <= where.columns, f"{name} does not fit into {where.columns} columns")
    for what, size, own, kind in (
        ("wide", cell.w, (cell.min_w, cell.max_w), (least.w, most.w)),
        ("high", cell.h, (cell.min_h, cell.max_h), (least.h, most.h)),
    ):
        low, high = (mine or kinds for mine, kinds in zip(own, kind, strict=True))
        _must(
            kind[0] <= low and high <= kind[1], f"{name} is kept to {low} to {high}, its kind to {kind[0]} to {kind[1]}"
        )
        _must(low <= size <= high, f"{name} is {low} to {high} {what}, not {size}")

"""Charts as inline SVG: lines and areas over days, printed as sharp as text and read without colours, too.

Numbers in, markup out: no scripts, no styles of their own but presentation attributes, so the strictest content policy
lets them be.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from api.handlers.reports.markup import Markup, element, joined

WIDTH, HEIGHT = 720, 205
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 12, 22
_GRID, _TEXT, _AXIS = "#d9dee5", "#4a5462", "#7b8694"
_MOST_TICKS = 8

Values = Sequence[float | None]
Told = Callable[[float, int], str]
"""Writes a value at an axis with so many decimals, which tell neighbours apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve over the days of a chart; None is a gap. ``dashes``: how it is told from others in grey."""

    name: str
    values: Values
    colour: str
    dashes: str | None = None
    width: float = 1.6


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened on a day: an arrow up or down."""

    place: int
    is_up: bool
    name: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """How days and values become places."""

    days: int
    low: float
    high: float

    def x(self, place: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (place / max(self.days - 1, 1) if self.days > 1 else 0.5)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share


def line_chart(
    title: str,
    dates: Sequence[date],
    lines: Sequence[Line],
    told: Told,
    *,
    marks: Sequence[Mark] = (),
    baseline: float | None = None,
) -> Markup:
    """Curves with a legend; a word instead where no value is known."""
    known = [value for line in lines for value in _known(line.values)] + ([] if baseline is None else [baseline])
    if not any(list(_known(line.values)) for line in lines):
        return _nothing(title)
    frame, ticks = _framed(len(dates), min(known), max(known))
    parts: list[Markup | None] = [_grid(frame, ticks, told), _months(frame, dates)]
    if baseline is not None:
        parts.append(_across(frame, baseline, _AXIS, "3 3"))
    parts += [_curve(frame, line) for line in lines]
    parts += [_arrow(frame, mark, lines[0].values) for mark in marks]
    legend = _legend(lines) if len(lines) > 1 else None
    return element("figure", _svg(title, parts), legend)


def area_chart(title: str, dates: Sequence[date], values: Values, colour: str, told: Told) -> Markup:
    """One curve below 0, filled up to 0."""
    known = list(_known(values))
    if not known:
        return _nothing(title)
    frame, ticks = _framed(len(dates), min(min(known), -1e-9), 0.0)
    parts = [_grid(frame, ticks, told), _months(frame, dates)]
    for part in _parts(values):
        points = " ".join(f"{frame.x(place):.1f},{frame.y(value):.1f}" for place, value in part)
        zero = frame.y(0.0)
        closed = f"{frame.x(part[0][0]):.1f},{zero:.1f} {points} {frame.x(part[-1][0]):.1f},{zero:.1f}"
        parts.append(element("polygon", points=closed, fill=colour, fill_opacity="0.25"))
    parts.append(_curve(frame, Line("", values, colour)))
    return element("figure", _svg(title, parts))


def _known(values: Values) -> Iterable[float]:
    return (value for value in values if value is not None and math.isfinite(value))


def _parts(values: Values) -> list[list[tuple[int, float]]]:
    """Runs of days whose values are known."""
    parts: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(values):
        if value is not None and math.isfinite(value):
            parts[-1].append((place, value))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _framed(days: int, low: float, high: float) -> tuple[_Frame, list[float]]:
    """Round numbers around what is drawn, and those at which a line is."""
    if high - low < max(abs(high), abs(low), 1e-9) * 1e-9:
        low, high = low - max(abs(low) * 0.01, 1e-9), high + max(abs(high) * 0.01, 1e-9)
    raw = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * each for each in (1, 2, 2.5, 5, 10) if size * each >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [number * step for number in range(first, last + 1)]
    return _Frame(days, ticks[0], ticks[-1]), ticks


def _grid(frame: _Frame, ticks: Sequence[float], told: Told) -> Markup:
    parts, decimals = [], _decimals(ticks[1] - ticks[0])
    for value in ticks:
        y = round(frame.y(value), 1)
        parts.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, stroke=_GRID, stroke_width="1"))
        parts.append(_label(told(value, decimals), _LEFT - 6, y + 3.5, "end"))
    return joined(*parts)


def _decimals(step: float) -> int:
    """As many as a step of ours (1, 2, 2.5 or 5 of something) has."""
    return next((number for number in range(15) if abs(step * 10**number - round(step * 10**number)) < 1e-6), 15)


def _months(frame: _Frame, dates: Sequence[date]) -> Markup:
    """Names of days, months or years below, so many as there is room for."""
    places = _ticks(dates)
    form = "%Y" if len(dates) > 900 else "%b %Y" if len(dates) > 60 else "%d %b"
    parts = []
    for place in places:
        x = round(frame.x(place), 1)
        y = HEIGHT - _BOTTOM
        parts.append(element("line", x1=x, x2=x, y1=y, y2=y + 4, stroke=_AXIS, stroke_width="1"))
        anchor = "start" if x < _LEFT + 15 else "end" if x > WIDTH - _RIGHT - 20 else "middle"
        parts.append(_label(dates[place].strftime(form), x, y + 16, anchor))
    return joined(*parts)


def _ticks(dates: Sequence[date]) -> list[int]:
    firsts = list(range(len(dates)))
    if len(dates) > 900:
        firsts = [place for place, on in enumerate(dates) if (on.month, on.day) == (1, 1)]
    elif len(dates) > 60:
        firsts = [place for place, on in enumerate(dates) if on.day == 1]
    every = max(1, math.ceil(len(firsts) / _MOST_TICKS))
    return firsts[::every]


def _across(frame: _Frame, value: float, colour: str, dashes: str) -> Markup:
    y = round(frame.y(value), 1)
    return element(
        "line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, stroke=colour, stroke_width="1", stroke_dasharray=dashes
    )


def _curve(frame: _Frame, line: Line) -> Markup:
    drawn = []
    for part in _parts(line.values):
        if len(part) == 1:  # a day alone would be no line
            (place, value) = part[0]
            drawn.append(
                element("circle", cx=round(frame.x(place), 1), cy=round(frame.y(value), 1), r="2", fill=line.colour)
            )
            continue
        points = " ".join(f"{frame.x(place):.1f},{frame.y(value):.1f}" for place, value in part)
        drawn.append(
            element(
                "polyline",
                points=points,
                fill="none",
                stroke=line.colour,
                stroke_width=line.width,
                stroke_dasharray=line.dashes,
                stroke_linejoin="round",
            )
        )
    return joined(*drawn)


def _arrow(frame: _Frame, mark: Mark, values: Values) -> Markup | None:
    value = values[mark.place]
    if value is None or not math.isfinite(value):
        return None
    x, y = frame.x(mark.place), frame.y(value) + (10 if mark.is_up else -10)
    tip, wing = (y - 6, y + 2) if mark.is_up else (y + 6, y - 2)
    points = f"{x:.1f},{tip:.1f} {x - 4:.1f},{wing:.1f} {x + 4:.1f},{wing:.1f}"
    return element("g", element("title", mark.name), element("polygon", points=points, fill=_TEXT))


def _legend(lines: Sequence[Line]) -> Markup:
    entries = []
    for line in lines:
        sample = element(
            "svg",
            element(
                "line",
                x1=0,
                x2=26,
                y1=5,
                y2=5,
                stroke=line.colour,
                stroke_width=line.width + 0.4,
                stroke_dasharray=line.dashes,
            ),
            width="26",
            height="10",
            aria_hidden="true",
        )
        entries.append(element("span", sample, " " + line.name, class_="key"))
    return element("figcaption", *entries)


def _label(words: str, x: float, y: float, anchor: str) -> Markup:
    return element("text", words, x=round(x, 1), y=round(y, 1), text_anchor=anchor, fill=_TEXT, font_size="11")


def _svg(title: str, parts: Sequence[Markup | None]) -> Markup:
    return element(
        "svg",
        element("title", title),
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=title,
        class_="chart",
    )


def _nothing(title: str) -> Markup:
    return element("p", f"{title}: nothing is known of these days.", class_="none")

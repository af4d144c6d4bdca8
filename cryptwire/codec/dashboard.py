"""Dashboards as JSON: what API, app, database and files hold.

``body_to_json`` is canonical: everything is written out, in one order, and ``body_from_json`` of it is the same body.
Bodies name the format they are of. What was written in an older one is lifted, format by format, by ``STEPS``. A new
setting needs no other format, since what is left out is as usual; a new kind of widget does, so that a release that
does not know it says so.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from cryptwire.codec.checked_json import at, must_be_small, must_fit
from cryptwire.codec.dashboard_schema import FORMAT, FORMS, validator
from cryptwire.domain.dashboard import MOST_WIDGETS, Cell, DashboardBody, Widget, named
from cryptwire.domain.widgets import CATALOGUE, Breakpoint
from cryptwire.errors import Corrupt, Invalid

MOST_BYTES = 32_768
"""Of a body in canonical form, UTF-8."""
_MOST_TEXT = 4 * MOST_BYTES  # of a file, which may be set more loosely
_HINT = f"a dashboard has {MOST_WIDGETS} widgets at most"
Json = dict[str, Any]
Steps = Mapping[int, Callable[[Json], Json]]
STEPS: Steps = {}
"""What makes a body of format n one of format n + 1; there is no older format than the first yet."""


def body_from_json(value: object) -> DashboardBody:
    """The body that parsed JSON of any known format writes down. Raises Invalid: the path, and what to do about it."""
    must_be_small(value, _HINT)
    lifted = upgraded(value)
    must_fit(lifted, validator(), FORMS, _HINT)
    body = _body(lifted)
    if len(_bytes(body_to_json(body))) > MOST_BYTES:
        raise Invalid(f"$: a dashboard is {MOST_BYTES // 1024} KB of JSON at most")
    return body


def body_from_stored(value: object) -> DashboardBody:
    """What ``body_to_json`` wrote, by this release or an older one: its form is not looked at again.

    Raises Invalid for what a newer release wrote, Corrupt for what nobody did.
    """
    lifted = upgraded(value)
    try:
        return _body(lifted)
    except (KeyError, TypeError, ValueError, AttributeError, Invalid) as error:
        raise Corrupt(f"a stored dashboard cannot be read: {error}") from None


def upgraded(value: object, steps: Steps = STEPS, newest: int = FORMAT) -> Json:
    """A body of any known format in the newest one; its form is not checked. Raises Invalid for a format nobody knows.

    The steps get a value whose format alone is sure: what else they meet they leave as it is.
    """
    found = value if isinstance(value, dict) else {}
    format = found.get("format")
    if not isinstance(value, dict):
        raise Invalid("$: is an object")
    if not isinstance(format, int) or isinstance(format, bool) or format < 1:
        raise Invalid(f"$: needs format, a whole number; the newest is {newest}")
    if format > newest:
        raise Invalid(
            f"$.format: this dashboard was written in format {min(format, 10**6)} by a newer release; this one reads"
            f" formats up to {newest}: load the app again, or in a moment"
        )
    while format < newest:
        found = steps[format](found)
        format += 1
    return {**found, "format": newest}


def body_to_json(body: DashboardBody) -> Json:
    """The canonical form of ``body``."""
    return {
        "format": FORMAT,
        "widgets": [_widget_json(each) for each in body.widgets],
        "layouts": {where.value: [_cell_json(cell) for cell in cells] for where, cells in body.layouts.items()},
    }


def to_text(name: str, body: DashboardBody) -> str:
    """A dashboard as a file: JSON, a line for each widget and each place."""
    value = body_to_json(body)
    layouts = ",\n".join(f'  "{where}": {_lines(cells, 3)}' for where, cells in value["layouts"].items())
    return (
        f'{{\n "format": {FORMAT},\n "name": {_line(name)},\n "widgets": {_lines(value["widgets"], 2)},\n'
        f' "layouts": {{\n{layouts}\n }}\n}}\n'
    )


def from_text(text: str) -> tuple[str | None, DashboardBody]:
    """The name, where there is one, and the body that a file holds. Raises Invalid."""
    if len(text) > _MOST_TEXT:
        raise Invalid(f"this file is too long; one of ours has {MOST_BYTES // 1024} KB and a little more")
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise Invalid(f"this is no JSON: {str(error)[:120]}") from None
    if not isinstance(value, dict):
        raise Invalid("$: is an object")
    must_be_small(value, _HINT)
    name = value.pop("name", None)
    if not isinstance(name, str | None):
        raise Invalid("$.name: is a string")
    with at("$.name"):
        called = None if name is None else named(name, "it")
    return called, body_from_json(value)


def without_hoppers(body: DashboardBody, known: set[str]) -> tuple[DashboardBody, tuple[str, ...]]:
    """The same body without hoppers that are not ``known``, all of the kind where none is left; what was left out."""
    widgets, left_out = [], []
    for each in body.widgets:
        hoppers = each.settings.get("hoppers")
        kept = None if hoppers is None else [id for id in hoppers if id in known] or None
        left_out += [f"{each.id}: hopper {id}" for id in hoppers or () if id not in known]
        settings = each.settings if hoppers is None else {**each.settings, "hoppers": kept}
        widgets.append(Widget(each.id, each.kind, each.title, settings, each.is_collapsed, each.is_locked))
    return DashboardBody(tuple(widgets), body.layouts), tuple(left_out)


def _body(value: Json) -> DashboardBody:
    widgets = []
    for index, each in enumerate(value["widgets"]):
        with at(f"$.widgets[{index}]"):
            widgets.append(_widget(each))
    layouts = {
        where: tuple(_cell(each) for each in value.get("layouts", {}).get(where.value, ())) for where in Breakpoint
    }
    with at("$"):
        return DashboardBody(tuple(widgets), layouts)


def _widget(value: Json) -> Widget:
    kind = CATALOGUE[value["kind"]]
    settings = {name: each for name, each in value.get("settings", {}).items() if name in kind.settings}
    is_collapsed, is_locked = value.get("collapsed", False), value.get("locked", False)
    return Widget(value["id"], kind, value.get("title"), settings, is_collapsed, is_locked)


def _cell(value: Json) -> Cell:
    at_least = (_whole(value.get(name)) for name in ("min_w", "min_h", "max_w", "max_h"))
    return Cell(value["widget"], int(value["x"]), int(value["y"]), int(value["w"]), int(value["h"]), *at_least)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _widget_json(widget: Widget) -> Json:
    return {
        "id": widget.id,
        "kind": widget.kind.name,
        "title": widget.title,
        "settings": dict(widget.settings),
        "collapsed": widget.is_collapsed,
        "locked": widget.is_locked,
    }


def _cell_json(cell: Cell) -> Json:
    limits = {"min_w": cell.min_w, "min_h": cell.min_h, "max_w": cell.max_w, "max_h": cell.max_h}
    return {
        "widget": cell.widget,
        "x": cell.x,
        "y": cell.y,
        "w": cell.w,
        "h": cell.h,
        **{name: value for name, value in limits.items() if value is not None},
    }


def _bytes(value: object) -> bytes:
    return orjson.dumps(value)


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _lines(values: list[Json], indent: int) -> str:
    if not values:
        return "[]"
    return "[\n" + ",\n".join(f"{' ' * indent}{_line(each)}" for each in values) + f"\n{' ' * (indent - 1)}]"

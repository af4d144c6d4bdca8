"""The JSON schema of dashboards, made of the catalogue of widgets: what the API serves is what it checks by."""

from functools import cache
from typing import Any

from jsonschema.protocols import Validator

from cryptwire.codec.checked_json import checker
from cryptwire.domain.dashboard import MOST_NAME, MOST_ROWS, MOST_WIDGETS
from cryptwire.domain.day_range import Rolling
from cryptwire.domain.widget_settings import (
    MEANINGS,
    Choice,
    Choices,
    Days,
    Either,
    Form,
    Forms,
    Note,
    Number,
    Setting,
    Switch,
    Whole,
)
from cryptwire.domain.widgets import CATALOGUE, Breakpoint, WidgetKind

FORMAT = 1
"""The form that is written."""
Json = dict[str, Any]
_ID = "^[a-z0-9][a-z0-9-]{0,39}$"
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def schema() -> Json:
    """The schema of a body of the newest format, a copy of one's own."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A dashboard: copies of widgets, and where they stand",
        "description": (
            "Settings that are left out are as usual; a widget that a layout leaves out is put below the others. That"
            " widgets do not overlap, fit into their grid and keep to the sizes of their kinds is checked beyond this"
            " schema."
        ),
        "type": "object",
        "required": ["format", "widgets"],
        "additionalProperties": False,
        "properties": {
            "format": {"type": "integer", "enum": [FORMAT], "description": "Of this form; older ones are read, too."},
            "widgets": {
                "type": "array",
                "maxItems": MOST_WIDGETS,
                "items": {"$ref": "#/$defs/widget"},
                "description": "On a phone they stand in this order unless its layout says otherwise.",
            },
            "layouts": {
                "type": "object",
                "additionalProperties": False,
                "properties": {each.value: {"$ref": f"#/$defs/{each.value}"} for each in Breakpoint},
            },
        },
        "$defs": {
            "widget": _widget(),
            **{f"settings of {kind.name}": _settings(kind) for kind in CATALOGUE.values()},
            **{each.value: _layout(each) for each in Breakpoint},
        },
    }


@cache
def validator() -> Validator:
    """What checks by the schema."""
    return checker(schema())


FORMS = {
    _ID: "in small letters, digits and hyphens, 40 at most, as candles-2",
    _DATE: "as 2026-01-31",
    **{
        setting.pattern: f"as {setting.example}"
        for kind in CATALOGUE.values()
        for setting in kind.settings.values()
        if isinstance(setting, Form | Forms)
    },
}
"""What a pattern of the schema looks like."""


def _widget() -> Json:
    return {
        "type": "object",
        "required": ["id", "kind"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": _ID, "description": "Within the dashboard."},
            "kind": {"type": "string", "enum": list(CATALOGUE)},
            "title": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": MOST_NAME,
                "default": None,
                "description": "Null: that of the kind.",
            },
            "settings": {"type": "object", "default": {}},
            "collapsed": {"type": "boolean", "default": False},
            "locked": {"type": "boolean", "default": False, "description": "Neither moved nor resized by hand."},
        },
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
                "then": {"properties": {"settings": {"$ref": f"#/$defs/settings of {kind.name}"}}},
            }
            for kind in CATALOGUE.values()
        ],
    }


def _settings(kind: WidgetKind) -> Json:
    return {
        "title": kind.title,
        "description": kind.shows,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {**_setting(each), "default": _usual(each), "description": MEANINGS[name]}
            for name, each in kind.settings.items()
        },
    }


def _usual(setting: Setting) -> object:
    return list(setting.usual) if isinstance(setting.usual, tuple) else setting.usual


def _setting(setting: Setting) -> Json:
    match setting:
        case Choice(options):
            return {"type": "string", "enum": list(options)}
        case Choices(options):
            items = {"type": "string", "enum": list(options)}
            return {"type": "array", "minItems": 1, "uniqueItems": True, "items": items}
        case Switch():
            return {"type": "boolean"}
        case Either():
            return {"type": ["boolean", "null"]}
        case Whole(least, most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case Number(least, most):
            return {"type": "number", "minimum": least, "maximum": most}
        case Note(most):
            return {"type": "string", "maxLength": most}
        case Form(pattern):
            return {"type": ["string", "null"], "pattern": pattern}
        case Forms(pattern, _, most, may_be_null):
            items = {"type": "string", "pattern": pattern}
            kinds = ["array", "null"] if may_be_null else "array"
            return {"type": kinds, "maxItems": most, "uniqueItems": True, "items": items}
        case Days():
            return _range()


def _range() -> Json:
    day = {"pattern": _DATE}
    return {
        "type": ["string", "object"],
        "if": {"type": "string"},
        "then": {"enum": [each.value for each in Rolling]},
        "else": {
            "required": ["since"],
            "additionalProperties": False,
            "properties": {"since": {"type": "string", **day}, "until": {"type": ["string", "null"], **day}},
        },
    }


def _layout(where: Breakpoint) -> Json:
    columns, rows = where.columns, MOST_ROWS
    size = {"w": columns, "h": rows}
    return {
        "title": f"A grid of {columns} columns; x and y count from 0, at the top left",
        "type": "array",
        "maxItems": MOST_WIDGETS,
        "default": [],
        "items": {
            "type": "object",
            "required": ["widget", "x", "y", "w", "h"],
            "additionalProperties": False,
            "properties": {
                "widget": {"type": "string", "pattern": _ID, "description": "Its id."},
                "x": {"type": "integer", "minimum": 0, "maximum": columns - 1},
                "y": {"type": "integer", "minimum": 0, "maximum": rows - 1},
                **{name: {"type": "integer", "minimum": 1, "maximum": most} for name, most in size.items()},
                **{
                    f"{edge}_{name}": {"type": ["integer", "null"], "minimum": 1, "maximum": most, "default": None}
                    for edge in ("min", "max")
                    for name, most in size.items()
                },
            },
        },
    }

"""Dashboards as JSON: what is written is read as the same, what is wrong is named by its path, what is old lifted."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cryptwire.codec.dashboard import (
    MOST_BYTES,
    body_from_json,
    body_from_stored,
    body_to_json,
    from_text,
    to_text,
    upgraded,
    without_hoppers,
)
from cryptwire.codec.dashboard_schema import FORMAT, schema
from cryptwire.domain.dashboard import MOST_WIDGETS, DashboardBody, Widget, first_body
from cryptwire.domain.widget_settings import (
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
from cryptwire.domain.widgets import CATALOGUE, Breakpoint
from cryptwire.errors import Corrupt, Invalid

Json = dict[str, Any]
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KPI: Json = {"id": "a", "kind": "kpi"}
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
_EXAMPLES = {"1234567": st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), "EUR": st.just("BTC")}


def values(setting: Setting) -> st.SearchStrategy[Any]:
    """Whatever a setting may be."""
    match setting:
        case Choice(options):
            return st.sampled_from(options)
        case Choices(options):
            return st.lists(st.sampled_from(options), min_size=1, unique=True)
        case Switch():
            return st.booleans()
        case Either():
            return st.none() | st.booleans()
        case Whole(least, most):
            return st.integers(least, most)
        case Number(least, most):
            return st.floats(least, most)
        case Note():
            return _TEXT
        case Days():
            return st.sampled_from(
                ["7d", "all", {"since": "2026-01-01"}, {"since": "2026-01-01", "until": "2026-02-01"}]
            )
        case Form(_, example):
            return st.none() | _EXAMPLES.get(example, st.just("binance:BTC/USDT"))
        case Forms(_, example, most):
            return st.lists(_EXAMPLES.get(example, st.just("binance:BTC/USDT")), unique=True, max_size=min(5, most))


@st.composite
def bodies(draw: st.DrawFn) -> DashboardBody:
    """Any dashboard of a few widgets, where they are put by themselves."""
    widgets = []
    for number in range(draw(st.integers(0, 5))):
        kind = CATALOGUE[draw(st.sampled_from([each for each in CATALOGUE if each != "market-balance"]))]
        chosen = {name: draw(values(each)) for name, each in kind.settings.items() if draw(st.booleans())}
        title = draw(st.none() | _TEXT)
        widgets.append(Widget(f"w-{number}", kind, title, chosen, draw(st.booleans()), draw(st.booleans())))
    return DashboardBody(tuple(widgets), {})


@SLOW
@given(bodies(), _TEXT)
def test_every_body_is_read_as_it_was_written_and_the_schema_agrees(body: DashboardBody, name: str) -> None:
    value = orjson.loads(orjson.dumps(body_to_json(body)))
    assert body_from_json(value) == body_from_stored(value) == body
    assert body_to_json(body_from_json(value)) == value
    assert Draft202012Validator(schema()).is_valid(value)
    assert from_text(to_text(name, body)) == (name, body)


def test_what_is_left_out_is_usual_and_written_out() -> None:
    value = body_to_json(body_from_json({"format": 1, "widgets": [KPI]}))
    settings_of_it = value["widgets"][0]["settings"]
    assert settings_of_it == {
        "hoppers": None, "kind": "live", "range": "30d", "currency": None, "table": False, "masked": None,
        "figures": ["value", "today", "realised", "unrealised", "fees", "free-funds", "return", "under-water"],
    }  # fmt: skip
    assert value["widgets"][0] | {"settings": {}} == KPI | {
        "title": None, "settings": {}, "collapsed": False, "locked": False,
    }  # fmt: skip
    assert value["layouts"] == {
        "wide": [{"widget": "a", "x": 0, "y": 0, "w": 12, "h": 2}],
        "phone": [{"widget": "a", "x": 0, "y": 0, "w": 4, "h": 2}],
    }


def test_the_schema_is_a_schema_and_says_of_each_kind_what_it_takes() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["format"]["enum"] == [FORMAT]
    for kind in CATALOGUE.values():
        assert list(schema()["$defs"][f"settings of {kind.name}"]["properties"]) == list(kind.settings)


CELL: Json = {"widget": "a", "x": 0, "y": 0, "w": 12, "h": 2}


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        ({"format": 2}, "$.format", "written in format 2 by a newer release; this one reads formats up to 1"),
        ({"format": 10**30}, "$.format", "newer release"),
        ({"format": 0}, "$", "needs format"),
        ({"format": True}, "$", "needs format"),
        ({"format": "1"}, "$", "needs format"),
        ({"more": 1}, "$", "does not know 'more'; it has format, widgets, layouts"),
        ({"widgets": None}, "$.widgets", "is an array"),
        ({"widgets": [KPI] * 41}, "$.widgets", "at most 40"),
        ({"widgets": [KPI, KPI]}, "$", "id of its own"),
        ({"widgets": [{"id": "a"}]}, "$.widgets[0]", "needs kind"),
        ({"widgets": [KPI | {"kind": "pie"}]}, "$.widgets[0].kind", "is one of portfolio-candles, equity"),
        ({"widgets": [KPI | {"id": "A"}]}, "$.widgets[0].id", "small letters"),
        ({"widgets": [KPI | {"id": "a\n"}]}, "$.widgets[0]", "small letters"),
        ({"widgets": [KPI | {"title": ""}]}, "$.widgets[0].title", "at least 1"),
        ({"widgets": [KPI | {"title": "\x00"}]}, "$.widgets[0]", "can be printed"),
        ({"widgets": [KPI | {"locked": 1}]}, "$.widgets[0].locked", "is a boolean"),
        ({"widgets": [KPI | {"settings": []}]}, "$.widgets[0].settings", "is an object"),
        (
            {"widgets": [KPI | {"settings": {"colour": "red"}}]},
            "$.widgets[0].settings",
            "does not know 'colour'; it has hoppers, kind, range, currency, table, masked, figures",
        ),
        ({"widgets": [KPI | {"settings": {"resolution": "60"}}]}, "$.widgets[0].settings", "does not know"),
        ({"widgets": [KPI | {"settings": {"figures": []}}]}, "$.widgets[0].settings.figures", "at least 1"),
        ({"widgets": [KPI | {"settings": {"figures": ["pe"]}}]}, "$.widgets[0].settings.figures[0]", "one of value"),
        ({"widgets": [KPI | {"settings": {"hoppers": ["1", "1"]}}]}, "$.widgets[0].settings.hoppers", "each one once"),
        ({"widgets": [KPI | {"settings": {"hoppers": ["a.b"]}}]}, "$.widgets[0].settings.hoppers[0]", "as 1234567"),
        ({"widgets": [KPI | {"settings": {"hoppers": "1"}}]}, "$.widgets[0].settings.hoppers", "an array or a null"),
        ({"widgets": [KPI | {"settings": {"currency": "eur"}}]}, "$.widgets[0].settings.currency", "as EUR"),
        ({"widgets": [KPI | {"settings": {"range": "1w"}}]}, "$.widgets[0].settings.range", "is one of today, 7d"),
        ({"widgets": [KPI | {"settings": {"range": {"since": "1"}}}]}, "$.widgets[0].settings.range.since", "2026-01"),
        ({"widgets": [KPI | {"settings": {"range": {"since": "2026-02-30"}}}]}, "$.widgets[0]", "range: a date"),
        (
            {"widgets": [{"id": "a", "kind": "top-trades", "settings": {"count": 51}}]},
            "$.widgets[0].settings.count",
            "at most 50",
        ),
        ({"layouts": {"tablet": []}}, "$.layouts", "does not know 'tablet'; it has wide, phone"),
        ({"layouts": {"wide": [{"widget": "a"}]}}, "$.layouts.wide[0]", "needs h, w, x, y"),
        ({"layouts": {"wide": [CELL | {"x": 12}]}}, "$.layouts.wide[0].x", "at most 11"),
        ({"layouts": {"wide": [CELL | {"x": -1}]}}, "$.layouts.wide[0].x", "at least 0"),
        ({"layouts": {"wide": [CELL | {"x": 0.5}]}}, "$.layouts.wide[0].x", "is an integer"),
        ({"layouts": {"wide": [CELL | {"x": 1}]}}, "$", "'a' does not fit into 12 columns"),
        ({"layouts": {"wide": [CELL | {"z": 1}]}}, "$.layouts.wide[0]", "does not know 'z'"),
        ({"layouts": {"phone": [CELL]}}, "$.layouts.phone[0].w", "at most 4"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(changes: Json, path: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        body_from_json({"format": 1, "widgets": [KPI], **changes})
    where, _, what = str(refused.value).partition(": ")
    assert (where, says in what) == (path, True), str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("value", [None, 3, "x", [], [{"format": 1}], {}])
def test_what_is_no_dashboard_at_all_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match=r"^\$"):
        body_from_json(value)


def test_no_depth_and_no_length_keeps_the_parser_busy() -> None:
    nested: Any = {}
    for _ in range(5_000):
        nested = [nested]
    for wrong in ({"more": nested}, {"widgets": [KPI] * 6_000}):
        with pytest.raises(Invalid, match="too deep or too long"):
            body_from_json({"format": 1, "widgets": [KPI], **wrong})
    notes = [{"id": f"n-{n}", "kind": "market-strip", "settings": {"note": "ä" * 2_000}} for n in range(8)]
    with pytest.raises(Invalid, match="32 KB"):
        body_from_json({"format": 1, "widgets": notes})
    assert body_from_json({"format": 1, "widgets": notes[:7]})
    with pytest.raises(Invalid, match="too long"):
        from_text(" " * (4 * MOST_BYTES + 1))


def test_what_is_longest_is_taken_in_again() -> None:
    """A file of the largest dashboard fits into a request, however its text is escaped."""
    widgets = [{"id": f"n-{n}", "kind": "market-strip", "settings": {"note": '\\"' * 400}} for n in range(18)]
    text = to_text("x", body_from_json({"format": 1, "widgets": widgets}))
    assert len(orjson.dumps(body_to_json(from_text(text)[1]))) > 0.9 * MOST_BYTES
    assert len(orjson.dumps({"text": text})) < 90_000


_ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "kind", "settings", "range", "since", "wide", "x", "widget", "title"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@SLOW
@given(st.dictionaries(st.sampled_from(["format", "widgets", "layouts", "name"]), _ANY))
def test_anything_else_is_refused_and_nothing_breaks(changes: Json) -> None:
    for value in ({"format": 1, "widgets": [KPI], **changes}, {"format": 1, "widgets": [KPI | changes]}):
        said = refusal(value)
        assert said == "" or said.startswith("$")
        assert len(said) < 600


def refusal(value: object) -> str:
    """Why it is no dashboard; nothing when it is one."""
    try:
        body_from_json(value)
    except Invalid as error:
        return str(error)
    return ""


# ---- formats ----


def test_an_older_format_is_lifted_step_by_step_and_a_newer_one_is_refused() -> None:
    def second(value: Json) -> Json:
        return {"format": 2, "widgets": value.get("tiles", [])}

    def third(value: Json) -> Json:
        return {**value, "widgets": [{**each, "kind": "kpi"} for each in value["widgets"]]}

    steps = {1: second, 2: third}
    assert upgraded({"format": 1, "tiles": [{"id": "a"}]}, steps, 3) == {"format": 3, "widgets": [KPI]}
    assert upgraded({"format": 2, "widgets": [{"id": "a"}]}, steps, 3) == {"format": 3, "widgets": [KPI]}
    assert upgraded({"format": 3, "more": 1}, steps, 3) == {"format": 3, "more": 1}
    with pytest.raises(Invalid, match="format 4 by a newer release; this one reads formats up to 3"):
        upgraded({"format": 4}, steps, 3)


def test_what_is_stored_is_read_with_settings_that_were_not_there_and_without_those_that_are_no_more() -> None:
    stored = {"format": 1, "widgets": [KPI | {"settings": {"kind": "paper", "gone": 1}}], "layouts": {}}
    (widget,) = body_from_stored(stored).widgets
    assert (widget.settings["kind"], widget.settings["range"], "gone" in widget.settings) == ("paper", "30d", False)
    with pytest.raises(Invalid, match="newer release"):
        body_from_stored({"format": FORMAT + 1})
    for broken in (
        {"format": 1},
        {"format": 1, "widgets": [{"id": "a", "kind": "pie"}]},
        {"format": 1, "widgets": [1]},
    ):
        with pytest.raises(Corrupt, match="stored dashboard"):
            body_from_stored(broken)


# ---- files ----


def test_a_file_has_a_line_for_each_widget_and_is_json() -> None:
    text = to_text("Mine", first_body())
    assert json.loads(text) == {"format": 1, "name": "Mine", **body_to_json(first_body())}
    assert sum(line.lstrip().startswith('{"id"') for line in text.splitlines()) == 14
    assert from_text(json.dumps(json.loads(text) | {"name": None}))[0] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "is an object"),
        ('{"format": NaN}', "no JSON"),
        ("[" * 90_000, "no JSON"),
        ('{"format": 1, "widgets": [], "name": 1}', r"\$\.name: is a string"),
        ('{"format": 1, "widgets": [], "name": " "}', r"\$\.name: it has 1 to 80"),
        ('{"format": 1, "widgets": [], "name": "\\ud800"}', "no JSON"),
        ("\ud800", "no JSON"),
        ('{"format": 7, "widgets": []}', r"^\$\.format: this dashboard was written in format 7 by a newer release"),
        ('{"format": 1, "widgets": [{"id": "a"}]}', r"^\$\.widgets\[0\]: needs kind"),
    ],
)
def test_what_is_no_file_of_ours_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        from_text(text)


def test_hoppers_of_others_are_left_out_of_what_is_taken_in() -> None:
    widgets = [
        KPI | {"id": id, "settings": {"hoppers": each}} for id, each in (("a", ["1", "2"]), ("b", ["2"]), ("c", None))
    ]
    body, left_out = without_hoppers(body_from_json({"format": 1, "widgets": widgets}), {"1", "7"})
    assert [each.settings["hoppers"] for each in body.widgets] == [["1"], None, None]
    assert left_out == ("a: hopper 2", "b: hopper 2")
    assert MOST_WIDGETS == 40
    assert set(body.layouts) == set(Breakpoint)

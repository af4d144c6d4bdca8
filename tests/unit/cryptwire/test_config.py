"""Settings come from the environment, and what is wrong with it is said by the variable's name."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from cryptwire.config import load, variables
from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Every:
    """One field of each kind."""

    text: str
    whole: int
    number: float
    is_so: bool
    span: timedelta
    place: Path
    table: dict[str, str]
    row: tuple[str, ...]
    perhaps: int | None = 7
    default: str = "as it is"
    made: dict[str, int] = field(default_factory=dict)


FULL = {
    "CRYPTWIRE_DEMO_TEXT": "a = b",
    "CRYPTWIRE_DEMO_WHOLE": "-3",
    "CRYPTWIRE_DEMO_NUMBER": "0.1",
    "CRYPTWIRE_DEMO_IS_SO": "True",
    "CRYPTWIRE_DEMO_SPAN": "0.25",
    "CRYPTWIRE_DEMO_PLACE": "some/where",
    "CRYPTWIRE_DEMO_TABLE": '{"a": "1"}',
    "CRYPTWIRE_DEMO_ROW": '["x", "y"]',
}


def test_every_kind_is_read() -> None:
    assert load(Every, "demo", FULL) == Every(
        "a = b", -3, 0.1, True, timedelta(milliseconds=250), Path("some/where"), {"a": "1"}, ("x", "y")
    )


def test_what_is_printed_is_read_again() -> None:
    every = Every("x", 1, 1e-9, False, timedelta(microseconds=1_500_000), Path("p"), {}, (), None, "other", {"one": 1})
    assert load(Every, "demo", {**variables(every, "demo"), "CRYPTWIRE_DEMO_PERHAPS": ""}) == every
    assert "CRYPTWIRE_DEMO_PERHAPS" not in variables(every, "demo")


def test_an_optional_one_may_be_empty_and_may_be_told() -> None:
    assert load(Every, "demo", {**FULL, "CRYPTWIRE_DEMO_PERHAPS": ""}).perhaps is None
    assert load(Every, "demo", {**FULL, "CRYPTWIRE_DEMO_PERHAPS": "8"}).perhaps == 8


@pytest.mark.parametrize("name", FULL)
def test_a_missing_variable_is_named(name: str) -> None:
    env = {key: value for key, value in FULL.items() if key != name}
    with pytest.raises(Invalid, match=f"{name} is not set"):
        load(Every, "demo", env)


@pytest.mark.parametrize(
    ("field_name", "text"),
    [
        ("WHOLE", "1.5"),
        ("WHOLE", ""),
        ("NUMBER", "many"),
        ("IS_SO", "yes"),
        ("IS_SO", ""),
        ("SPAN", "soon"),
        ("SPAN", "nan"),
        ("SPAN", "inf"),
        ("SPAN", "1e300"),
        ("TABLE", "{"),
        ("TABLE", "[]"),
        ("ROW", "{}"),
        ("ROW", '"x"'),
        ("PERHAPS", "x"),
    ],
)
def test_a_wrong_value_is_refused_by_the_variables_name(field_name: str, text: str) -> None:
    name = f"CRYPTWIRE_DEMO_{field_name}"
    with pytest.raises(Invalid, match=name):
        load(Every, "demo", {**FULL, name: text})


def test_a_shared_field_has_no_service_in_its_name() -> None:
    @dataclass(frozen=True)
    class Shared:
        port: int

    assert load(Shared, "demo", {"CRYPTWIRE_PORT": "8080"}, frozenset({"port"})).port == 8080
    with pytest.raises(Invalid, match="CRYPTWIRE_PORT is not set"):
        load(Shared, "demo", {"CRYPTWIRE_DEMO_PORT": "8080"}, frozenset({"port"}))

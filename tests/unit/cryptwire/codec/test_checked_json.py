"""JSON from outside is checked as the schema says, whatever it holds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cryptwire.codec.checked_json import MOST_NESTED, checker, must_be_small, must_fit
from cryptwire.errors import Invalid

UNIQUE = {"type": "array", "uniqueItems": True}
_ANY = st.recursive(
    st.one_of(st.none(), st.integers(-2, 2), st.sampled_from(["", "1", "a"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=4,
)


@settings(deadline=None)
@given(st.lists(_ANY, max_size=5))
def test_items_are_unique_as_the_library_says(value: list[Any]) -> None:
    assert checker(UNIQUE).is_valid(value) == Draft202012Validator(UNIQUE).is_valid(value)


def test_what_cannot_be_sorted_is_looked_at_once() -> None:
    """Each compared with each these would take minutes."""
    value: list[Any] = [{"a": number} if number % 2 else [number] for number in range(100_000)]
    assert checker(UNIQUE).is_valid(value)
    assert not checker(UNIQUE).is_valid([*value, [0]])
    assert checker({"uniqueItems": True}).is_valid("aa"), "no array"
    assert checker({"uniqueItems": False}).is_valid([1, 1])


def test_what_is_wrong_is_told_with_its_path_and_what_is_too_much_before_it_is_walked() -> None:
    with pytest.raises(Invalid, match=r"^\$: has each one once$"):
        must_fit([1, 1], checker(UNIQUE), {}, "less")
    with pytest.raises(Invalid, match=r"^\$: is an array$"):
        must_fit("x", checker(UNIQUE), {}, "less")
    nested: Any = 1
    for _ in range(MOST_NESTED):
        nested = [nested]
    must_be_small(nested, "less")
    with pytest.raises(Invalid, match="too deep or too long; less"):
        must_be_small([nested], "less")

"""What is decided is what is executed, field by field, for operations at random: no more and no less."""

import itertools
from collections.abc import Iterator
from typing import Any

import graphql
from graphql import GraphQLResolveInfo
from hypothesis import given, settings
from hypothesis import strategies as st

from api.schema.rules import asked
from cryptwire.config import environment

# every list that may hold types of several kinds holds one of each, so that every selection is executed
SCHEMA = graphql.build_schema("""
    interface Named { name: String named: [Named] }
    type Plain implements Named { name: String named: [Named] plain: String either: [Either] }
    type Secret implements Named { name: String named: [Secret] secret: String }
    type Lone { lone: String root: Query }
    union Either = Plain | Secret | Lone
    type Query { open: String named: [Named] either: [Either] lone: Lone root: Query }
""")
_EACH = {"Named": ("Plain", "Secret"), "Secret": ("Secret",), "Either": ("Plain", "Secret", "Lone")}
_FRAGMENTS = ("Query", "Named", "Plain", "Secret", "Either", "Lone")
_CONDITIONS = {
    "Query": ("Query",),
    "Named": ("Named", "Plain", "Secret", "Either"),
    "Plain": ("Plain", "Named", "Either"),
    "Secret": ("Secret", "Named", "Either"),
    "Lone": ("Lone", "Either"),
    "Either": ("Either", "Named", "Plain", "Secret", "Lone"),
}


class Writer:
    """Writes operations; every field has an alias of its own, so that nothing merges."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._numbers = itertools.count()

    def operation(self) -> str:
        fragments = " ".join(
            f"fragment On{kind} on {kind} {self.selection(kind, 2, fragments=False)}" for kind in _FRAGMENTS
        )
        variables = "($x: Boolean! = true, $y: Boolean = false, $z: Boolean!)"
        return f"query {variables} {self.selection('Query', 3, fragments=True)} {fragments}"

    def selection(self, kind: str, depth: int, *, fragments: bool) -> str:
        many = range(self._draw(st.integers(0, 4)))
        parts = [self._part(kind, depth, fragments=fragments) for _ in many]
        return "{ __typename " + " ".join(parts) + " }"

    def _part(self, kind: str, depth: int, *, fragments: bool) -> str:
        shape = self._draw(st.sampled_from(["field", "field", "inline", "spread"]))
        if shape == "spread" and fragments:
            return f"...On{self._draw(st.sampled_from(_CONDITIONS[kind]))} {self._directive()}"
        if shape == "inline" and depth:
            on = self._draw(st.sampled_from(["", *_CONDITIONS[kind]]))
            condition = f"on {on}" if on else ""
            return f"... {condition} {self._directive()} {self.selection(on or kind, depth - 1, fragments=fragments)}"
        fields = getattr(SCHEMA.get_type(kind), "fields", {})
        leaves = {name: graphql.get_named_type(one.type).name for name, one in fields.items()}
        names = [name for name, inner in leaves.items() if depth or inner == "String"]
        if not names:
            return f"a{next(self._numbers)}: __typename {self._directive()}"
        name = self._draw(st.sampled_from(names))
        inner = "" if leaves[name] == "String" else self.selection(leaves[name], depth - 1, fragments=fragments)
        return f"a{next(self._numbers)}: {name} {self._directive()} {inner}"

    def _directive(self) -> str:
        values = st.sampled_from(["true", "false", "$x", "$y", "$z"])
        chosen = self._draw(st.sampled_from(["", "", "include", "skip", "both"]))
        if chosen == "both":
            return f"@include(if: {self._draw(values)}) @skip(if: {self._draw(values)})"
        return f"@{chosen}(if: {self._draw(values)})" if chosen else ""


@st.composite
def operations(draw: st.DrawFn) -> tuple[str, dict[str, bool]]:
    given = {"z": draw(st.booleans())}
    for name in "xy":
        if (value := draw(st.sampled_from([None, True, False]))) is not None:
            given[name] = value
    return Writer(draw).operation(), given


def executed(document: graphql.DocumentNode, variables: dict[str, Any]) -> set[str]:
    """``Type.field`` of all that an execution resolves."""
    found: set[str] = set()

    def resolve(_: Any, info: GraphQLResolveInfo[Any], **__: Any) -> Any:
        found.add(f"{info.parent_type.name}.{info.field_name}")
        inner = graphql.get_named_type(info.return_type).name
        if inner == "String":
            return "text"
        return [{"__typename": each} for each in _EACH[inner]] if inner in _EACH else {"__typename": inner}

    result = graphql.execute_sync(SCHEMA, document, variable_values=variables, field_resolver=resolve)
    assert result.errors is None, result.errors
    return {name for name in found if not name.split(".")[1].startswith("__")}


def operation_of(document: graphql.DocumentNode) -> graphql.OperationDefinitionNode:
    (found,) = [each for each in document.definitions if isinstance(each, graphql.OperationDefinitionNode)]
    return found


@settings(max_examples=3000 if environment().get("CRYPTWIRE_FULL") else 60, deadline=None)
@given(operations())
def test_what_is_decided_is_what_is_executed(written: tuple[str, dict[str, bool]]) -> None:
    text, variables = written
    document = graphql.parse(text)
    decided = {one.name for one in asked(SCHEMA, document, operation_of(document), variables)}
    assert decided == executed(document, variables), (text, variables)


def _twice_as_deep(times: int) -> Iterator[str]:
    yield "query { root { ...F0 } }"
    for number in range(times):
        yield f"fragment F{number} on Query {{ root {{ ...F{number + 1} }} lone {{ root {{ ...F{number + 1} }} }} }}"
    yield f"fragment F{times} on Query {{ open }}"


def test_fragments_that_would_be_executed_a_billion_times_are_walked_once() -> None:
    document = graphql.parse(" ".join(_twice_as_deep(30)))
    walked = list(asked(SCHEMA, document, operation_of(document), {}))
    assert len(walked) < 200


def test_fragments_in_a_circle_end() -> None:
    document = graphql.parse(
        "query { ...A } fragment A on Query { open ...B } fragment B on Query { ...A root { ...A } }"
    )
    assert {one.name for one in asked(SCHEMA, document, operation_of(document), {})} == {"Query.open", "Query.root"}

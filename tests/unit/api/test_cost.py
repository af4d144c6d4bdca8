"""What an operation may be is measured before it is executed, in no time whatever it is."""

from typing import Any

import aiohttp
import pytest
import strawberry
from graphql import OperationDefinitionNode, get_introspection_query, get_operation_ast, parse

from api.schema.cost import Limits, TooCostly, cost_of, must_be_small, shape_of
from cryptwire.errors import Exhausted
from tests.unit.api.playing import ME, Played, playing

SPREADS = (
    "{ hoppers { ...f0 } } "
    + " ".join(f"fragment f{n} on Hopper {{ ...f{n + 1} ...f{n + 1} }}" for n in range(150))
    + " fragment f150 on Hopper { id }"
)
WIDE = "{ hoppers { " + "".join(f"a{n}: portfolio {{ holdings {{ asset }} }}" for n in range(9)) + "} }"


@strawberry.type
class Leaf:
    name: str


@strawberry.type
class Node:
    name: str
    leaf: Leaf

    @strawberry.field
    def leaves(self, first: int = 5) -> list[Leaf]:
        return []

    @strawberry.field
    def others(self) -> list["Node"]:
        return []


@strawberry.type
class Page:
    nodes: list[Node]
    has_more: bool


@strawberry.type
class Query:
    @strawberry.field
    def page(self, first: int = 7) -> Page | None:
        return None

    @strawberry.field
    def node(self) -> Node | None:
        return None

    @strawberry.field
    def nodes(self, first: int = 10) -> list[Node]:
        return []


@strawberry.type
class Mutation:
    @strawberry.mutation
    def change(self) -> bool:
        return True


SCHEMA = strawberry.Schema(Query, Mutation)._schema


def priced(query: str, **variables: Any) -> int:
    document = parse(query)
    operation = get_operation_ast(document)
    assert isinstance(operation, OperationDefinitionNode)
    return cost_of(SCHEMA, document, operation, variables)


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("{ node { name } }", 2),
        ("{ node { name leaf { name } } }", 4),
        ("{ nodes { name } }", 1 + 10),
        ("{ nodes(first: 3) { name leaves { name } } }", 1 + 3 * (1 + 1 + 5)),
        ("{ nodes(first: 3) { leaves(first: 100) { name } } }", 1 + 3 * (1 + 100)),
        ("{ node { others { name } } }", 1 + 1 + 20),
        ("{ nodes(first: 0) { name } }", 1),
        ("{ page { hasMore nodes { name } } }", 1 + 1 + 1 + 7),
        ("{ page(first: 100) { ...A } } fragment A on Page { nodes { name others { name } } }", 2 + 100 * (2 + 20)),
        ("{ a: node { name } b: node { name } }", 4),
        ("{ node { ...A ...A } } fragment A on Node { name leaf { name } }", 1 + 2 * 3),
        ("{ node { ... on Node { name } } }", 2),
        ("{ __typename node { __typename } }", 1),
        ("mutation { a: change b: change }", 100),
        ("{ node { name @skip(if: true) leaf @include(if: false) { name } } }", 1),
    ],
)
def test_a_field_costs_one_and_what_a_list_holds_counts_as_often_as_it_may(query: str, points: int) -> None:
    assert priced(query) == points


def test_variables_say_how_many_and_what_is_left_out() -> None:
    query = "query($n: Int, $out: Boolean!) { nodes(first: $n) { name @skip(if: $out) leaf { name } } }"
    assert priced(query, n=4, out=True) == 1 + 4 * 2
    assert priced(query, n=4, out=False) == 1 + 4 * 3
    assert priced(query, out=False) == 1 + 10 * 3
    assert priced(query, n=10**18, out=True) > 10**18
    assert priced(query, n="x", out=True) == 1 + 20 * 2


def test_fragments_that_spread_each_other_twice_are_measured_and_not_walked() -> None:
    shape = shape_of(parse(SPREADS))
    assert shape.fields > 2**150
    with pytest.raises(TooCostly, match="over a million fields"):
        must_be_small(shape, Limits())
    shape_of(parse("{ ...A } fragment A on Query { ...B ...A } fragment B on Query { ...A }"))


async def answered(played: Played, query: str, **variables: Any) -> dict[str, Any]:
    headers = {"Authorization": "Bearer mine"}
    body = {"query": query, "variables": variables}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{played.base}/graphql", json=body, headers=headers) as response,
    ):
        assert response.status == 200, await response.text()
        answer = await response.json()
        assert isinstance(answer, dict)
        return answer | {"cost": response.headers.get("x-cost")}


@pytest.mark.parametrize(
    ("query", "cost", "allowed", "words"),
    [
        (SPREADS, 1_000_000, 500, "fields"),
        ("{" + " ".join(f"a{n}: hoppers {{ id }}" for n in range(31)) + "}", 31, 30, "aliases"),
        ("{ hoppers { " + "id " * 500 + "} }", 501, 500, "fields"),
        ("{ hoppers { id " + "@skip(if: false) " * 51 + "} }", 51, 50, "directives"),
        ("{ hoppers { " + "portfolio { " * 10 + "value" + " }" * 11 + " }", 11, 10, "levels deep"),
        (WIDE, 3961, 3000, "points"),
    ],
)  # fmt: skip
async def test_an_error_says_what_it_costs_and_what_is_allowed(query: str, cost: int, allowed: int, words: str) -> None:
    async with playing(Limits(cost=3_000)) as played:
        played.sessions.begin("mine", ME)
        (error,) = (await answered(played, query))["errors"]
        assert error["extensions"] == {"code": "TOO_COSTLY", "cost": cost, "allowed": allowed}
        assert words in error["message"]


@pytest.mark.parametrize(
    "query", ["{a" * 300, "{ hopper(id: " + "[" * 300 + "]" * 300 + ") { id } }", "{ " + "x " * 2_001]
)
async def test_what_is_too_long_or_nested_too_deeply_is_not_even_parsed(query: str) -> None:
    async with playing() as played:
        played.sessions.begin("mine", ME)
        assert (await answered(played, query))["errors"][0]["extensions"] == {"code": "INVALID"}


async def test_every_answer_says_what_it_cost_and_points_run_out() -> None:
    class Few:
        left = 60

        def spend(self, key: str, points: int) -> int:
            assert key == f"user {ME}"
            self.left -= points
            if self.left < 0:
                raise Exhausted("wait", 7.04)
            return self.left

    async with playing(spending=Few()) as played:
        played.sessions.begin("mine", ME)
        query = "{ hoppers { id name } }"
        assert (await answered(played, query))["cost"] == "41; most=20000; left=19"
        (error,) = (await answered(played, query))["errors"]
        assert error["extensions"] == {"code": "EXHAUSTED", "retryAfter": 7.0}


async def test_a_default_of_a_variable_counts_and_what_was_priced_before_is_priced_by_what_is_said_now() -> None:
    query = "query($n: Int = 100, $out: Boolean = false) { trades(first: $n) @skip(if: $out) { nodes { id } } }"
    async with playing() as played:
        played.sessions.begin("mine", ME)
        costs = [
            (await answered(played, query, **said))["cost"].partition(";")[0]
            for said in ({}, {"n": 10}, {"n": None}, {"n": 100, "out": True}, {"n": 0}, {}, {"n": 1})
        ]
    assert costs == ["102", "12", "22", "0", "2", "102", "3"]


async def test_introspection_is_a_setting() -> None:
    for limits, is_there in ((Limits(has_introspection=True), True), (Limits(), False)):
        async with playing(limits) as played:
            played.sessions.begin("mine", ME)
            answer = await answered(played, get_introspection_query())
            assert ("errors" not in answer) is is_there
            assert await answered(played, "{ __typename }") == {
                "data": {"__typename": "Query"},
                "cost": "0; most=20000; left=1000000",
            }

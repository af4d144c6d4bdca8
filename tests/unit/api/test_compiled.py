"""What is completed in columns is what the executor tells, whatever is selected and whatever values are there."""

import asyncio
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from random import Random
from typing import Annotated, Any, NamedTuple, NewType, cast
from zoneinfo import ZoneInfo

import pytest
import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    execute,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)
from hypothesis import given, note, settings
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

from api.schema.analytics.performance import AnalyticsDays, Calendar, Drawdown, Returns
from api.schema.analytics.trades import TradeConnection
from api.schema.compiled import Executor
from api.schema.scalars import SCALARS, Json

Picky = NewType("Picky", int)


def picked(value: int) -> int | None:
    """13 is nothing, and 14 an error."""
    if value == 14:
        raise ValueError("not 14")
    return None if value == 13 else value


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.enum
class Level(IntEnum):
    LOW = 1
    HIGH = 2


@strawberry.interface
class Named:
    name: str
    maybe: int | None


@strawberry.type
class Leaf:
    id: strawberry.ID
    text: str
    maybe_text: str | None
    whole: int
    maybe_whole: int | None
    real: float
    maybe_real: float | None
    is_so: bool
    exact: Decimal
    maybe_exact: Decimal | None
    at: datetime
    on: date | None
    colour: Colour
    maybe_colour: Colour | None
    level: Level | None
    anything: Json | None
    something: Json
    picky: Picky | None
    texts: list[str]
    maybe_texts: list[str | None] | None
    colours: list[Colour | None]
    grid: list[list[float | None]]
    maybe_grid: list[list[int] | None] | None


@strawberry.type
class Root(Named):
    leaf: Leaf | None


Thing = Annotated["Leaf | Twig | Root", strawberry.union("Thing")]


@strawberry.type
class Twig:
    label: str | None
    leaf: Leaf
    maybe_leaf: Leaf | None
    leaves: list[Leaf]
    maybe_leaves: list[Leaf | None] | None
    rows: list[list[Leaf | None]]
    twig: "Twig | None"
    twigs: list["Twig"]
    maybe_twigs: list["Twig | None"] | None
    root: Root | None
    named: Named | None
    nameds: list[Named]
    thing: Thing | None
    things: list[Thing | None] | None
    held: strawberry.Private[object] = None

    @strawberry.field
    def given(self, times: int = 1) -> list[Leaf | None]:
        return [self.leaf] * times

    @strawberry.field
    async def later(self) -> list[Leaf]:
        await asyncio.sleep(0)
        return self.leaves

    @strawberry.field
    def broken(self) -> Leaf | None:
        raise ValueError("broken")

    @strawberry.field
    async def broken_later(self) -> list[Leaf] | None:
        raise ValueError("broken later")


@strawberry.type
class Query:
    twig: Twig
    maybe_twig: Twig | None
    twigs: list[Twig | None]
    things: list[Thing]
    nameds: list[Named] | None
    leaves: list[Leaf]


CONFIG = StrawberryConfig(scalar_map=SCALARS | {Picky: strawberry.scalar(name="Picky", serialize=picked)})
MADE_UP = strawberry.Schema(query=Query, config=CONFIG)._schema


# values, as recipes: what is made of one is made anew for each execution


class Made(NamedTuple):
    """An object of a class, with values by attribute."""

    kind: type
    values: dict[str, Any]


class Odd(NamedTuple):
    """Something that does not fit, made from a value that would."""

    make: Callable[[Any], Any]
    value: Any


def made(recipe: Any) -> Any:
    """What a recipe says."""
    if isinstance(recipe, Odd):
        return recipe.make(made(recipe.value))
    if isinstance(recipe, Made):
        one: Any = object.__new__(recipe.kind)
        vars(one).update({name: made(value) for name, value in recipe.values.items()})
        return one
    return [made(each) for each in recipe] if isinstance(recipe, list) else recipe


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FAR = timezone(timedelta(hours=9))


class Strange:
    """A value of its own, whose text does not tell where it lies."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self.value}"


class Later(Strange):
    """Can be awaited as often as one likes."""

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Iterates(Strange):
    """A list that is none."""

    def __iter__(self) -> Any:
        return iter(self.value if isinstance(self.value, list) else [self.value])


class IteratesLater(Strange):
    """A list that comes one by one."""

    async def __aiter__(self) -> Any:
        for each in self.value if isinstance(self.value, list) else [self.value]:
            yield each


class SubText(str):
    """Text, but not quite."""


class SomethingElse(Strange):
    """An object with attributes of other objects."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)


def fails_later(_: Any) -> Later:
    return Later(KeyError("later"))


ODD: dict[str, list[Callable[[Any], Any]]] = {
    "": [  # whatever the type is
        lambda _: None,
        lambda _: ValueError("told as a value"),
        lambda _: object,
        Later,
        fails_later,
    ],
    "Int": [lambda _: 2**31, lambda _: -(2**31) - 1, lambda _: True, lambda _: 3.0, lambda _: "7", lambda _: 0.5],
    "Float": [lambda _: math.nan, lambda _: -math.inf, lambda _: 1e308, lambda _: 3, lambda _: True, lambda _: "7"],
    "String": [lambda _: 7, lambda _: True, lambda _: 0.5, lambda _: SubText("sub"), lambda _: ["a"]],
    "ID": [lambda _: 7, lambda _: True, lambda _: 0.5],
    "Boolean": [lambda _: 1, lambda _: 0.5, lambda _: "true"],
    "Colour": [lambda _: "red", lambda _: "RED", lambda _: Level.LOW, lambda _: ["red"]],
    "Level": [lambda _: 1, lambda _: 7, lambda _: Colour.RED],
    "Decimal": [lambda _: Decimal("NaN"), lambda _: 7, lambda _: 0.5, lambda _: "0.5", lambda _: [1], str],
    "DateTime": [
        lambda _: "2026-01-01",
        lambda _: date(2026, 1, 1),
        lambda value: value.replace(tzinfo=None),
        lambda value: value.replace(tzinfo=ZoneInfo("Europe/Berlin")),
    ],
    "Date": [lambda _: "2026-01-01", lambda _: datetime(2026, 1, 1, tzinfo=UTC)],
    "JSON": [lambda _: Undefined],
    "Picky": [lambda _: 13, lambda _: 14],
    "[]": [tuple, Iterates, IteratesLater, lambda value: [value], lambda value: dict.fromkeys("ab"), lambda _: "text"],
    "{}": [lambda _: {}, lambda _: [], lambda _: "text", SomethingElse],
}


LEAVES: dict[str, Callable[[Random], Any]] = {
    "ID": lambda random: random.choice(["", "a", "7"]),
    "String": lambda random: random.choice(["", "é", "a b"]),
    "Int": lambda random: random.choice([0, -(2**31), 2**31 - 1, random.randint(-99, 99)]),
    "Float": lambda random: random.choice([0.0, -0.0, 5e-324, 1e300, random.random()]),
    "Boolean": lambda random: random.random() < 0.5,
    "Decimal": lambda random: Decimal(random.choice(["0", "1E+3", "-0.00", "0.12300", "1E-20", "7"])),
    "DateTime": lambda random: datetime(
        random.choice([1, 1970, 2026, 9999]),
        random.randint(2, 11),
        random.randint(1, 28),
        microsecond=random.choice([0, 0, 0, 1, 500_000]),
        tzinfo=FAR if random.random() < 0.1 else UTC,
    ),
    "Date": lambda random: date(2026, 1, random.randint(1, 31)),
    "Picky": lambda random: random.randint(1, 9),
    "JSON": lambda random: random.choice([1, "a", {"a": [1, None]}, [1.5]]),
}


class Values:
    """Recipes of the types of a schema: ``odds`` of a thousand do not fit, and nothing is deeper than it may be.

    Of objects only the attributes are there that fields of these names are of.
    """

    def __init__(self, random: Random, schema: GraphQLSchema, names: set[str]) -> None:
        self._random, self._schema, self._names = random, schema, names | {"leaf", "leaves"}  # which resolvers read
        self._odds = random.choice([0, 8, 30, 100])
        self._left = random.choice([5, 40, 120])

    def of(self, kind: Any, depth: int, *, is_nullable: bool = True) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self.of(kind.of_type, depth, is_nullable=False)
        if self._random.randrange(1000) < self._odds:
            return Odd(self._random.choice(ODD[""] + ODD.get(_way(kind), [])), self.plain(kind, depth))
        if is_nullable and (depth <= 0 or self._random.randrange(8) == 0):
            return None
        return self.plain(kind, depth)

    def plain(self, kind: Any, depth: int) -> Any:
        """A value that is what the type says; perhaps not all that is in it."""
        if isinstance(kind, GraphQLList):
            is_short = depth > 0 or is_leaf_type(get_named_type(kind))
            return [self.of(kind.of_type, depth) for _ in range(self._random.choice([0, 1, 2, 4]) if is_short else 0)]
        if isinstance(kind, GraphQLEnumType):
            return self._random.choice(list(kind.wrapped_cls))  # type: ignore[attr-defined]
        if kind.name in LEAVES:
            return LEAVES[kind.name](self._random)
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            kind = self._random.choice(self._schema.get_possible_types(kind))
        self._left -= 1
        if self._left < 0:
            depth = 0
        values = {}
        for name in sorted(self._names & kind.fields.keys()):
            field = kind.fields[name]
            one = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            if self._random.randrange(10_000) >= self._odds:  # of fields with resolvers too: nobody may read them
                values[one.python_name] = self.of(field.type, depth - 1)
        return Made(kind.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].origin, values)


def _way(kind: Any) -> str:
    return "[]" if isinstance(kind, GraphQLList) else kind.name if is_leaf_type(kind) else "{}"


class Selections:
    """Selections that are valid: an alias tells what it stands for, so that what is selected twice can be merged."""

    def __init__(self, random: Random, schema: GraphQLSchema) -> None:
        self._random, self._schema = random, schema
        self._left = random.choice([8, 30, 80])
        self.fragments: list[str] = []
        self._known: list[tuple[str, str]] = []

    def of(self, kind: GraphQLNamedType, depth: int) -> str:
        """A selection set on a type."""
        return "{ " + " ".join(self._one(kind, depth) for _ in range(self._random.randint(1, 8))) + " }"

    def _one(self, kind: GraphQLNamedType, depth: int) -> str:
        self._left -= 1
        way = self._random.randrange(12)
        if self._left < 0 or way > 3:
            return self._field(kind, depth)
        if way == 0:
            return f"... {self._directives()} {self.of(kind, depth)}"
        on = self._narrowed(kind)
        if way == 1:
            return f"... on {on.name} {self._directives()} {self.of(on, depth)}"
        fitting = [name for name, its in self._known if its == kind.name]
        if not fitting or way == 2:
            fitting = [self._fragment(on, depth)]
        return f"...{self._random.choice(fitting)} {self._directives()}"

    def _field(self, kind: GraphQLNamedType, depth: int) -> str:
        fields = kind.fields if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) else {}
        is_end = depth <= 0 or self._left < 0
        leaves = [name for name, one in fields.items() if is_leaf_type(get_named_type(one.type))]
        deeper = [name for name in fields if name not in leaves and not is_end]
        some = deeper if deeper and (not leaves or self._random.random() < 0.6) else leaves
        name = self._random.choice(some) if some and self._random.random() < 0.9 else "__typename"
        alias = self._random.choice(["", "", f"{name}_a: ", f"{name}_b: "])
        if name == "__typename":
            return f"{alias}{name} {self._directives()}"
        arguments = below = ""
        if fields[name].args:
            times = self._random.randint(0, 3)
            alias, arguments = f"{name}_{times}: ", f"(times: {times})"
        inner = get_named_type(fields[name].type)
        if not is_leaf_type(inner):
            below = self.of(inner, depth - 1)
        return f"{alias}{name}{arguments} {self._directives()} {below}"

    def _narrowed(self, kind: Any) -> Any:
        """The type, one that a value of it may be, or one that it is."""
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            return self._random.choice([kind, *self._schema.get_possible_types(kind)])
        wider = kind.interfaces if isinstance(kind, GraphQLObjectType) else ()
        return self._random.choice([kind, *wider])

    def _fragment(self, on: GraphQLNamedType, depth: int) -> str:
        text = self.of(on, depth)
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {on.name} {text}")
        self._known.append((name, on.name))
        return name

    def _directives(self) -> str:
        return self._random.choice([""] * 9 + ["@skip(if: $a)", "@include(if: $b)", "@skip(if: $b) @include(if: $c)"])


HEAD = "query Q($a: Boolean!, $b: Boolean! = true, $c: Boolean = true) { x: __typename @skip(if: $a) @include(if: $b)"
NOTHING: dict[str, bool | None] = {}
VARIABLES: list[dict[str, bool | None]] = [
    {"a": a, **b, **c}
    for a in (True, False)
    for b in (NOTHING, {"b": False})
    for c in (
        NOTHING,
        {"c": False},
        {"c": True},
        NOTHING,
        {"c": False},
        {"c": None},
    )  # None is an error where it is looked at
]


def operation(random: Random, schema: GraphQLSchema) -> str:
    """Of a query whose variables are used and whose fragments are."""
    selections = Selections(random, schema)
    assert schema.query_type is not None
    selected = selections.of(schema.query_type, random.choice([1, 2, 5]))
    more = selections.of(schema.query_type, random.choice([1, 5]))
    return "\n".join(
        [HEAD, "y: __typename @include(if: $b) @skip(if: $c) ...", selected, "...", more, "}", *selections.fragments]
    )


async def said(by: type[Any], schema: GraphQLSchema, document: DocumentNode, root: Any, variables: Any) -> Any:
    """What an executor answers; as text, because 1 is neither 1.0 nor True, and the order of keys counts."""
    answer: Any = execute(schema, document, root, variable_values=variables, executor_class=by)
    if not isinstance(answer, ExecutionResult):
        answer = await answer
    return repr(answer.data), [(error.message, error.path, error.locations) for error in answer.errors or ()]


async def is_the_same(schema: GraphQLSchema, document: DocumentNode, root: Any, variables: Any) -> str:
    theirs = await said(StrawberryGraphQLCoreExecutionContext, schema, document, made(root), variables)
    ours = await said(Executor, schema, document, made(root), variables)
    assert ours == theirs
    return str(ours)


def root_of(random: Random, schema: GraphQLSchema, text: str) -> Any:
    """A recipe of what an operation asks for."""
    return Values(random, schema, set(re.findall(r"\w+", text))).plain(schema.query_type, 5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
async def test_whatever_is_selected_the_executor_tells_the_same(seed: int) -> None:
    await any_operation(Random(seed), MADE_UP)


@strawberry.type
class Ours:
    trades: TradeConnection
    days: AnalyticsDays | None
    calendar: Calendar
    drawdowns: list[Drawdown]
    returns: Returns


OURS = strawberry.Schema(query=Ours, config=CONFIG)._schema


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
async def test_types_of_ours_are_told_the_same(seed: int) -> None:
    await any_operation(Random(seed), OURS)


async def any_operation(random: Random, schema: GraphQLSchema) -> None:
    """One that is valid, with several values of its variables and of what it asks for."""
    text = operation(random, schema)
    note(text)
    document = parse(text)
    assert not validate(schema, document)
    for _ in range(6):  # from the second time on it is compiled already, perhaps for other values of the variables
        variables = random.choice(VARIABLES)
        note(str(variables))
        await is_the_same(schema, document, root_of(random, schema, text), variables)


LEAF = " ".join(name for name in cast("GraphQLObjectType", MADE_UP.get_type("Leaf")).fields)
FLAT = [
    f"{{ leaves {{ {LEAF} }} }}",
    "{ twig { maybeLeaves { on at colour level whole real exact } rows { id text isSo anything texts } label } }",
    "{ twigs { leaf { grid maybeGrid colours maybeTexts } leaves { maybeReal maybeWhole maybeExact } } }",
    "{ twigs { maybeTwigs { label root { name } twigs { leaf { text } } } } nameds { ... on Root { leaf { id } } } }",
    "{ things { __typename ... on Leaf { id text at } ... on Twig { leaf { at } given { id } later { text } } } }",
    "{ twigs { thing { ... on Leaf { grid } } given { exact id } maybeLeaf { grid } later { level colour real } } }",
    "{ leaves { __typename } maybeTwig { root { maybe } } twigs { root { __typename } maybeLeaf { maybeGrid } } }",
    "{ leaves { picky something } maybeTwig { maybeLeaves { picky } maybeTwigs { leaf { picky something } } } }",
    "query Q($c: Boolean = true) { twigs { maybeLeaves { id text @skip(if: $c) } } }",
    "{ a: twig { ...F } b: twig { ...F leaves { text } } } fragment F on Twig { leaves { id } root { name } }",
]
DOCUMENTS = [(text, parse(text)) for text in FLAT]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
async def test_whatever_the_values_are_the_executor_tells_the_same(seed: int) -> None:
    random, schema = Random(seed), MADE_UP
    for text, document in DOCUMENTS:
        note(text)
        await is_the_same(schema, document, root_of(random, schema, text), {"c": None})


class Counting(Executor):
    """Counts the values that it completes one by one."""

    count = 0

    def complete_value(self, *arguments: Any) -> Any:
        type(self).count += 1
        return super().complete_value(*arguments)


@pytest.mark.parametrize(
    "text", ["{ leaves { id at colour texts } }", "{ twigs { leaves { id exact } later { id } } }"]
)
async def test_rows_are_completed_together(text: str) -> None:
    rows = [Made(Leaf, {"id": "1", "at": NOON, "colour": Colour.RED, "texts": ["a"], "exact": Decimal(1)})] * 100
    root = made(Made(Query, {"leaves": rows, "twigs": [Made(Twig, {"leaves": rows})] * 2}))
    Counting.count = 0
    await said(Counting, MADE_UP, parse(text), root, {})
    assert Counting.count < 20

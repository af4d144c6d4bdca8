"""Every field of a schema as an operation that asks for it, and everybody who may ask."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from api.schema.rules import needs_of
from cryptwire.permissions import Needs

# harmless: no password is right, no address and no id is anybody's
_LITERALS = {
    "Int": "1",
    "Float": "1.5",
    "Boolean": "true",
    "String": '"walk"',
    "ID": '"99"',
    "Decimal": '"1.5"',
    "DateTime": '"2026-01-01T00:00:00Z"',
    "Date": '"2026-01-01"',
    "JSON": "{}",
}


@dataclass(frozen=True)
class Step:
    """A field on the way to a place."""

    kind: GraphQLObjectType
    field: str

    @property
    def name(self) -> str:
        return f"{self.kind.name}.{self.field}"

    @property
    def type(self) -> GraphQLOutputType:
        one: GraphQLField = self.kind.fields[self.field]
        return one.type

    @property
    def arguments(self) -> dict[str, GraphQLArgument]:
        return dict(self.kind.fields[self.field].args)


@dataclass(frozen=True)
class Place:
    """A field of a type, and the shortest way to it from a root."""

    operation: str
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        return self.steps[-1].name

    @property
    def needs(self) -> list[Needs | None]:
        return [needs_of(step.kind, step.field) for step in self.steps]

    def text(self, told: dict[str, str] | None = None) -> str:
        """The operation; ``told``: arguments by ``Type.field.argument``, as text."""
        told = told or {}
        selection = "" if is_leaf_type(get_named_type(self.steps[-1].type)) else "{ __typename }"
        for step, following in zip(reversed(self.steps), [None, *reversed(self.steps[1:])], strict=True):
            if following is not None and following.kind is not get_named_type(step.type):
                selection = f"{{ ... on {following.kind.name} {selection} }}"
            given = {
                name: f'"{told[key]}"' if (key := f"{step.name}.{name}") in told else literal(one.type)
                for name, one in step.arguments.items()
                if is_required_argument(one) or f"{step.name}.{name}" in told
            }
            listed = ", ".join(f"{name}: {value}" for name, value in given.items())
            selection = f"{{ {step.field}{f'({listed})' if listed else ''} {selection} }}"
        return f"{self.operation} {selection}"


def literal(kind: GraphQLInputType) -> str:
    """A value of an input type."""
    match kind:
        case GraphQLNonNull():
            return literal(kind.of_type)
        case GraphQLList():
            return f"[{literal(kind.of_type)}]"
        case GraphQLEnumType():
            return str(next(iter(kind.values)))
        case GraphQLInputObjectType():
            required = {name: one for name, one in kind.fields.items() if is_required_input_field(one)}
            return "{" + ", ".join(f"{name}: {literal(one.type)}" for name, one in required.items()) + "}"
    return _LITERALS[kind.name]


def places(schema: GraphQLSchema) -> list[Place]:
    """Every field of every type that can be reached, queries first."""
    found: list[Place] = []
    seen: set[str] = set()
    for operation, root in (
        ("query", schema.query_type),
        ("mutation", schema.mutation_type),
        ("subscription", schema.subscription_type),
    ):
        waiting: deque[tuple[GraphQLObjectType, tuple[Step, ...]]] = deque([] if root is None else [(root, ())])
        while waiting:
            kind, way = waiting.popleft()
            if kind.name in seen:
                continue
            seen.add(kind.name)
            for field, one in kind.fields.items():
                steps = (*way, Step(kind, field))
                found.append(Place(operation, steps))
                waiting += [(inner, steps) for inner in _objects(schema, get_named_type(one.type))]
    return found


def unmentioned(schema: GraphQLSchema) -> Iterator[str]:
    """Fields of which no rule says what they need."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            yield from (f"{kind.name}.{field}" for field in kind.fields if needs_of(kind, field) is None)


def _objects(schema: GraphQLSchema, kind: object) -> list[GraphQLObjectType]:
    if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
        return list(schema.get_possible_types(kind))
    return [kind] if isinstance(kind, GraphQLObjectType) else []

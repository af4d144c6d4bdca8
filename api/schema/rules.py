"""What each field of the schema needs: said where the field is, decided before anything of an operation is executed.

A field says it itself (``field``, ``mutation``, ``subscription``) or its type says it for all of its fields
(``covered``). What nobody says is refused to everybody.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from cryptwire.permissions import Needs

_NEEDS = "needs"
_TYPE_NEEDS = "__cryptwire_needs__"
_BACK = GraphQLCoreConverter.DEFINITION_BACKREF
T = TypeVar("T", bound=type)
Resolver = TypeVar("Resolver", bound=Callable[..., Any])


def covered(action: str, resource: str) -> Callable[[T], T]:
    """Every field of this type needs this, unless it says otherwise. Stands above ``strawberry.type``."""

    def mark(kind: T) -> T:
        setattr(kind, _TYPE_NEEDS, Needs(action, resource))
        return kind

    return mark


def field(action: str, resource: str, description: str, **more: Any) -> Callable[[Resolver], Any]:
    """A field with a resolver, and what it needs. Root fields are made with it, too."""

    def make(resolver: Resolver) -> Any:
        return strawberry.field(
            resolver=resolver, description=description, metadata={_NEEDS: Needs(action, resource)}, **more
        )

    return make


def mutation(action: str, resource: str, description: str, **more: Any) -> Callable[[Resolver], Any]:
    """A field of ``Mutation``, and what it needs."""

    def make(resolver: Resolver) -> Any:
        return strawberry.mutation(
            resolver=resolver, description=description, metadata={_NEEDS: Needs(action, resource)}, **more
        )

    return make


def subscription(action: str, resource: str, description: str, **more: Any) -> Callable[[Resolver], Any]:
    """A field of ``Subscription``, and what it needs."""

    def make(resolver: Resolver) -> Any:
        return strawberry.subscription(
            resolver=resolver, description=description, metadata={_NEEDS: Needs(action, resource)}, **more
        )

    return make


def needs_of(kind: GraphQLObjectType | GraphQLInterfaceType, name: str) -> Needs | None:
    """What a field of a type of the built schema needs; None when nobody said."""
    one: GraphQLField = kind.fields[name]
    definition = (one.extensions or {}).get(_BACK)
    if isinstance(definition, StrawberryField) and isinstance(said := definition.metadata.get(_NEEDS), Needs):
        return said
    origin = getattr((kind.extensions or {}).get(_BACK), "origin", None)
    said = getattr(origin, _TYPE_NEEDS, None)
    return said if isinstance(said, Needs) else None


def asked(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Iterator[tuple[FieldNode, str, Needs | None]]:
    """Every field that an operation selects: its node, ``Type.field``, and what it needs. Of a validated document.

    What @skip or @include leave out for these variables is not asked; introspection needs nothing.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    root = schema.get_root_type(operation.operation)
    assert root is not None
    seen: set[tuple[str, str]] = set()

    def walk(kind: Any, selection: SelectionSetNode) -> Iterator[tuple[FieldNode, str, Needs | None]]:
        for node in selection.selections:
            if not _is_included(node, variables):
                continue
            if isinstance(node, FieldNode):
                name = node.name.value
                if name.startswith("__") or not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
                    continue
                yield node, f"{kind.name}.{name}", needs_of(kind, name)
                if node.selection_set is not None:
                    yield from walk(get_named_type(kind.fields[name].type), node.selection_set)
            elif isinstance(node, InlineFragmentNode):
                inner = kind if node.type_condition is None else schema.get_type(node.type_condition.name.value)
                yield from walk(inner, node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if (kind.name, name) not in seen:
                    seen.add((kind.name, name))
                    fragment = fragments[name]
                    yield from walk(schema.get_type(fragment.type_condition.name.value), fragment.selection_set)

    yield from walk(root, operation.selection_set)


def _is_included(node: SelectionNode, variables: Mapping[str, Any]) -> bool:
    """False when @skip or @include leave it out; a variable that was not given counts as if it did not."""
    for directive in node.directives or ():
        name, argument = directive.name.value, next(iter(directive.arguments or ()), None)
        if name not in ("skip", "include") or argument is None:
            continue
        value = argument.value
        said = variables.get(value.name.value) if isinstance(value, VariableNode) else getattr(value, "value", None)
        if said is (name == "skip"):
            return False
    return True

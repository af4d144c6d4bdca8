"""What each field of the schema needs: said where the field is, decided before anything of an operation is executed.

A field says it itself (``field``, ``mutation``, ``subscription``) or its type says it for all of its fields
(``covered``). What nobody says is refused to everybody. What stands below an ``opening`` needs what that one says.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import strawberry
from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
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
_OPENS = "opens"
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


def opening(
    action: str, resource: str, below: frozenset[Needs], description: str, **more: Any
) -> Callable[[Resolver], Any]:
    """A field whose need stands for these ``below`` it, too; any other need of what stands there is asked as ever.

    Its resolver sees to it that nothing comes out that who may ask for it may not see.
    """

    def make(resolver: Resolver) -> Any:
        metadata = {_NEEDS: Needs(action, resource), _OPENS: below}
        return strawberry.field(resolver=resolver, description=description, metadata=metadata, **more)

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
    """What a field of a type of the built schema needs; None when nobody said.

    What a type says holds for its own fields, and not for those of types that inherit it: a root would else cover
    whatever is added to it.
    """
    one: GraphQLField = kind.fields[name]
    definition = (one.extensions or {}).get(_BACK)
    if isinstance(definition, StrawberryField) and (itself := said_by(definition)) is not None:
        return itself
    origin = getattr((kind.extensions or {}).get(_BACK), "origin", None)
    said = vars(origin).get(_TYPE_NEEDS) if isinstance(origin, type) else None
    return said if isinstance(said, Needs) else None


def said_by(one: StrawberryField) -> Needs | None:
    """What a field itself says that it needs."""
    said = one.metadata.get(_NEEDS)
    return said if isinstance(said, Needs) else None


def opens(kind: GraphQLObjectType | GraphQLInterfaceType, name: str) -> frozenset[Needs]:
    """The needs below a field of a type of the built schema for which that field's own stands; none of most."""
    definition = (kind.fields[name].extensions or {}).get(_BACK)
    opened = definition.metadata.get(_OPENS) if isinstance(definition, StrawberryField) else None
    return opened if isinstance(opened, frozenset) else frozenset()


class _Opened(NamedTuple):
    """What ``needs`` stands for at some place."""

    below: frozenset[Needs]
    needs: Needs | None


class Asked(NamedTuple):
    """A field that an operation selects: where, as the answer's path without indices; its name; what it needs."""

    node: FieldNode
    path: tuple[str, ...]
    name: str
    needs: Needs | None


def asked(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Iterator[Asked]:
    """Every field that an operation can execute with these variables, once for each type and place in the document.

    An interface or a union stands for each of the types that may come. What @skip or @include leave out is not asked;
    introspection needs nothing. What the schema does not have is passed over: validation refuses it.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    given = _defaults(operation) | dict(variables)
    seen: set[tuple[str, int, _Opened]] = set()

    def walk(
        kind: GraphQLObjectType, selection: SelectionSetNode, path: tuple[str, ...], opened: _Opened
    ) -> Iterator[Asked]:
        if (kind.name, id(selection), opened) in seen:
            return
        seen.add((kind.name, id(selection), opened))
        for node in selection.selections:
            if not _is_included(node, given):
                continue
            if isinstance(node, FieldNode):
                name = node.name.value
                if name.startswith("__") or name not in kind.fields:
                    continue
                here = (*path, node.alias.value if node.alias else name)
                needs = needs_of(kind, name)
                if needs in opened.below:
                    needs = opened.needs
                yield Asked(node, here, f"{kind.name}.{name}", needs)
                if node.selection_set is not None:
                    inside = opens(kind, name)
                    below = _Opened(inside, needs) if inside else opened
                    for inner in _objects(schema, get_named_type(kind.fields[name].type)):
                        yield from walk(inner, node.selection_set, here, below)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or _is_one(schema, kind, node.type_condition.name.value):
                    yield from walk(kind, node.selection_set, path, opened)
            elif isinstance(node, FragmentSpreadNode):
                fragment = fragments.get(node.name.value)
                if fragment is not None and _is_one(schema, kind, fragment.type_condition.name.value):
                    yield from walk(kind, fragment.selection_set, path, opened)

    root = schema.get_root_type(operation.operation)
    if root is not None:
        yield from walk(root, operation.selection_set, (), _Opened(frozenset(), None))


def _objects(schema: GraphQLSchema, kind: GraphQLNamedType) -> Sequence[GraphQLObjectType]:
    """The types that a value of ``kind`` may have."""
    if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
        return schema.get_possible_types(kind)
    return [kind] if isinstance(kind, GraphQLObjectType) else []


def _is_one(schema: GraphQLSchema, kind: GraphQLObjectType, condition: str) -> bool:
    """Whether a fragment on ``condition`` is about a value of ``kind``."""
    named = schema.get_type(condition)
    return named is not None and kind in _objects(schema, named)


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """The operation's own values for variables that are true or false."""
    return {
        one.variable.name.value: one.default_value.value
        for one in operation.variable_definitions or ()
        if isinstance(one.default_value, BooleanValueNode)
    }


def _is_included(node: SelectionNode, variables: Mapping[str, Any]) -> bool:
    """False when @skip or @include leave it out; what is neither true nor false counts as if they did not."""
    for directive in node.directives or ():
        name, argument = directive.name.value, next(iter(directive.arguments or ()), None)
        if name not in ("skip", "include") or argument is None:
            continue
        value = argument.value
        said = variables.get(value.name.value) if isinstance(value, VariableNode) else getattr(value, "value", None)
        if said is (name == "skip"):
            return False
    return True

"""What an operation may be: how long, how deep, how dear. Decided before anything of it is executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_operation_ast,
    parse,
    specified_rules,
)
from strawberry.schema.schema import validate_document

from api.schema.gates import Gate
from api.schema.remembered import Remembered
from cryptwire.errors import CryptwireError, Invalid, Refused

_MOST_REMEMBERED = 128
_OPEN_RULES = tuple(specified_rules)
_CLOSED_RULES = (*specified_rules, NoSchemaIntrospectionCustomRule)

A_CHANGE = 50
"""What a field of ``Mutation`` costs: passwords are hashed, rows written, others asked."""
A_LIST = 20
"""How many a list is taken to hold when neither an argument nor BOUNDS say it."""
COUNTS = ("first", "last", "limit", "days")
"""The arguments that say how many a field gives."""
BOUNDS: Mapping[str, int] = {
    "User.permissions": 60,
    "Preferences.notices": 4,
    "ApiToken.scopes": 2,
    "NewApiToken.scopes": 2,
    "Query.plans": 4,
    "Query.ruleSets": 50,
    "Query.dashboards": 20,
    "Query.dashboardVersions": 20,
    "Query.widgetKinds": 22,
    "Query.prices": 100,
    "Query.shareLinks": 100,
    "ShareLink.parts": 10,
    "Shared.hoppers": 100,
    "FigureCatalogue.figures": 60,
    "FigureDefinition.parameters": 4,
    "Intent.steps": 12,
    "CoinProfit.hoppers": 100,
    "Analytics.comparison": 100,
    "OpenPositionPage.sums": 3,
    "DataHealth.hoppers": 100,
    "MarketSpread.tiers": 5,
    "MarketSpread.holdings": 100,
    "HopperTargets.targets": 50,
    "HopperRebalance.moves": 50,
    "DataHealth.sources": 5,
}
"""How many a list holds at most, where that is known."""


class TooCostly(Refused):
    """An operation that asks for more than one may; ``cost`` of ``allowed``, in the unit that the text names."""

    def __init__(self, message: str, cost: int, allowed: int) -> None:
        super().__init__(message)
        self.cost = cost
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Limits:
    """What one operation may be at most; ``cost`` in points (``cost_of``)."""

    tokens: int = 2_000
    depth: int = 10
    aliases: int = 30
    directives: int = 50
    fields: int = 500
    cost: int = 20_000
    has_introspection: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What a document is without knowing the schema; what fragments hold counts at every place they are spread."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0


@lru_cache(_MOST_REMEMBERED)
def parsed(text: str, tokens: int) -> DocumentNode:
    """``text`` as a document; raises GraphQLError, also for what is too long or nested too deeply."""
    try:
        return parse(text, max_tokens=tokens)
    except RecursionError:
        raise GraphQLError("the document is nested too deeply") from None


def shape_of(document: DocumentNode) -> Shape:
    """All operations of a document together, the deepest of them. Each fragment is looked at once, whatever spreads it.

    Introspection (``__schema``, ``__type``) is not looked into, nor a fragment within itself: validation refuses it.
    """
    fragments = _fragments(document)
    known: dict[str, Shape | None] = {}

    def of_fragment(name: str) -> Shape:
        if name not in known:
            known[name] = None
            fragment = fragments.get(name)
            known[name] = Shape() if fragment is None else of(fragment.selection_set, len(fragment.directives or ()))
        return known[name] or Shape()

    def of(selection: SelectionSetNode, directives: int) -> Shape:
        depth = aliases = fields = 0
        for node in selection.selections:
            directives += len(node.directives or ())
            inner = Shape()
            if isinstance(node, FieldNode):
                fields += 1
                aliases += node.alias is not None
                if node.selection_set is not None and not node.name.value.startswith("__"):
                    inner = of(node.selection_set, 0)
                    depth = max(depth, 1 + inner.depth)
            elif isinstance(node, InlineFragmentNode):
                inner = of(node.selection_set, 0)
            elif isinstance(node, FragmentSpreadNode):
                inner = of_fragment(node.name.value)
            depth = max(depth, inner.depth)
            aliases, directives, fields = (
                aliases + inner.aliases,
                directives + inner.directives,
                fields + inner.fields,
            )
        return Shape(depth, aliases, directives, fields)

    all_of_them = [
        of(node.selection_set, len(node.directives or ()))
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    return Shape(
        max((each.depth for each in all_of_them), default=0),
        sum(each.aliases for each in all_of_them),
        sum(each.directives for each in all_of_them),
        sum(each.fields for each in all_of_them),
    )


def must_be_small(shape: Shape, limits: Limits) -> None:
    """Raises TooCostly that says which limit is passed, and by how much."""
    for what, cost, allowed in (
        ("levels deep", shape.depth, limits.depth),
        ("aliases", shape.aliases, limits.aliases),
        ("directives", shape.directives, limits.directives),
        ("fields", shape.fields, limits.fields),
    ):
        if cost > allowed:
            said = f"{cost}" if cost < 1_000_000 else "over a million"
            raise TooCostly(f"this asks for {said} {what}; {allowed} are allowed", min(cost, 1_000_000), allowed)


def cost_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> int:
    """The points of a validated operation: 1 a field, 50 a change, and what stands in a list times what it may hold.

    How many that is, one of COUNTS says (of the list, or of the page that holds it), else BOUNDS, else 20. What @skip
    or @include leave out costs nothing.
    """
    fragments = _fragments(document)
    known: dict[tuple[str, str, int | None], int] = {}

    def of(kind: Any, selection: SelectionSetNode, page: int | None) -> int:
        """``page``: how many the lists of this type hold, where the field that gave it was told."""
        cost = 0
        for node in selection.selections:
            if not _is_included(node, variables):
                continue
            if isinstance(node, FieldNode):
                cost += of_field(kind, node, page)
            elif isinstance(node, InlineFragmentNode):
                inner = kind if node.type_condition is None else schema.get_type(node.type_condition.name.value)
                cost += of(inner, node.selection_set, page)
            elif isinstance(node, FragmentSpreadNode):
                key = (kind.name, node.name.value, page)
                if key not in known:
                    fragment = fragments[node.name.value]
                    known[key] = of(schema.get_type(fragment.type_condition.name.value), fragment.selection_set, page)
                cost += known[key]
        return cost

    def of_field(kind: Any, node: FieldNode, page: int | None) -> int:
        name = node.name.value
        if name.startswith("__") or not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            return 0
        own = A_CHANGE if kind is schema.mutation_type else 1
        if node.selection_set is None:
            return own
        one = kind.fields[name]
        inner, count = get_named_type(one.type), _count(one, node, variables)
        if not _is_list(one):
            return own + of(inner, node.selection_set, count)
        times = next(each for each in (count, BOUNDS.get(f"{kind.name}.{name}"), page, A_LIST) if each is not None)
        return own + times * of(inner, node.selection_set, None)

    return of(schema.get_root_type(operation.operation), operation.selection_set, None)


def _count(one: GraphQLField, node: FieldNode, variables: Mapping[str, Any]) -> int | None:
    """How many a field is asked for; None when it is not asked."""
    said = {argument.name.value: argument.value for argument in node.arguments or ()}
    for count in COUNTS:
        if count not in one.args:
            continue
        value = said.get(count)
        number: Any = one.args[count].default_value
        if isinstance(value, IntValueNode):
            number = int(value.value[:10])
        elif isinstance(value, VariableNode):
            number = variables.get(value.name.value, number)
        if isinstance(number, int):
            return max(0, number)
    return None


def _is_list(one: GraphQLField) -> bool:
    kind = one.type.of_type if isinstance(one.type, GraphQLNonNull) else one.type
    return isinstance(kind, GraphQLList)


def _counts(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> frozenset[tuple[str, int | None]]:
    """Those variables that have a part in what an operation costs: whole numbers, true, false, and null; of those that
    are not sent their defaults.
    """
    found: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        default = definition.default_value
        if isinstance(default, IntValueNode | BooleanValueNode):
            found[definition.variable.name.value] = int(default.value)
    found |= {name: said if isinstance(said, int) else None for name, said in variables.items()}
    return frozenset(found.items())


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def _is_included(node: SelectionNode, variables: Mapping[str, Any]) -> bool:
    for directive in node.directives or ():
        for argument in directive.arguments or ():
            value = argument.value
            said = variables.get(value.name.value) if isinstance(value, VariableNode) else getattr(value, "value", None)
            if (directive.name.value, said) in (("skip", True), ("include", False)):
                return False
    return True


def _faults(schema: GraphQLSchema, document: DocumentNode, *, has_introspection: bool) -> list[GraphQLError]:
    try:
        return validate_document(schema, document, _OPEN_RULES if has_introspection else _CLOSED_RULES)
    except RecursionError:
        return [GraphQLError("the document is nested too deeply")]


_SHAPES: Remembered[Shape] = Remembered(_MOST_REMEMBERED)
_FAULTS: Remembered[list[GraphQLError]] = Remembered(_MOST_REMEMBERED)
_COSTS: Remembered[int] = Remembered(_MOST_REMEMBERED)


def prepare(schema: GraphQLSchema, text: str, limits: Limits) -> None:
    """Parse, measure and validate a document that is likely to be asked, as it will be when it is: once."""
    try:
        document = parsed(text, limits.tokens)
        must_be_small(_SHAPES.of((document,), None, lambda: shape_of(document)), limits)
    except (GraphQLError, CryptwireError):
        return  # whoever asks is told
    is_open = limits.has_introspection
    _FAULTS.of((schema, document), is_open, partial(_faults, schema, document, has_introspection=is_open))


class Limited(Gate):
    """Parses, measures, validates and prices an operation; stands before ``Permitted``. Documents are remembered.

    The context may say its ``limits``, takes the ``cost`` (``spend``) and is told whether the operation is a change.
    """

    def parse(self) -> None:
        """The document of the operation, remembered."""
        run = self.execution_context
        if run.query:
            run.graphql_document = parsed(run.query, self._limits.tokens)

    async def check(self) -> None:
        """What is wrong with the operation, else what it costs is paid."""
        run, limits = self.execution_context, self._limits
        assert run.graphql_document is not None
        try:
            schema, document, is_open = run.schema._schema, run.graphql_document, limits.has_introspection
            must_be_small(_SHAPES.of((document,), None, lambda: shape_of(document)), limits)
            faults = partial(_faults, schema, document, has_introspection=is_open)
            run.pre_execution_errors = list(_FAULTS.of((schema, document), is_open, faults))
            run.validation_rules = ()  # it is done: not once more, whatever stands behind this
            operation = get_operation_ast(document, run.operation_name)
            if not run.pre_execution_errors and operation is not None:
                is_lasting = operation.operation is OperationType.SUBSCRIPTION
                if is_lasting and getattr(run.context, "response", None) is not None:
                    raise Invalid("a subscription needs a WebSocket with the sub-protocol graphql-transport-ws")
                counts = _counts(operation, run.variables or {})
                priced = partial(cost_of, schema, document, operation, dict(counts))
                cost = _COSTS.of((schema, document, operation), counts, priced)
                if cost > limits.cost:
                    text = (
                        f"this costs {cost} points; {limits.cost} are allowed: ask for less at once, or with a smaller"
                    )
                    raise TooCostly(f"{text} first", min(cost, 2**53), limits.cost)
                if hasattr(run.context, "spend"):
                    await run.context.spend(cost, is_change=operation.operation is OperationType.MUTATION)
        except CryptwireError as error:
            run.pre_execution_errors = [GraphQLError(str(error), original_error=error)]
        except RecursionError:
            run.pre_execution_errors = [GraphQLError("the document is nested too deeply")]

    @property
    def _limits(self) -> Limits:
        said = getattr(self.execution_context.context, "limits", None)
        return said if isinstance(said, Limits) else Limits()

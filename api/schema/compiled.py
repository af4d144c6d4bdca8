"""Answers of plain values completed in columns: what graphql-core's executor does field by field, for all rows at once.

Where everything that is selected below a field is attributes of objects, lists of such, and scalars, the selection is
compiled once: each selected field is then read from all objects, its values are serialised together, and the columns
become objects again. Fields with a resolver, interfaces, unions and whatever else there is are the executor's, as is
every value that is not quite what its type says: it is handed over, so that errors, their places, and what becomes null
are the executor's own. Types, resolvers, permissions and masking are not touched: only values that a resolver has given
are completed here. Attributes may be read twice.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from math import isfinite
from operator import attrgetter
from types import CoroutineType, GeneratorType, NoneType
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLString,
    UndefinedType,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from api.schema.remembered import Remembered
from api.schema.scalars import COLUMNS

_MOST_REMEMBERED = 512
_MOST_INT = 2**31 - 1
_LISTS = {list, tuple}
_AS_THEY_ARE: dict[GraphQLLeafType, type] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
    GraphQLInt: int,
    GraphQLFloat: float,
}
"""Scalars whose values of this very type are told as they are; numbers must be in their range besides."""

Completed = Callable[[Sequence[Any]], list[Any]]
"""From the values of a field in many objects to what is told of them; raises, Odd or else, when one is not plain."""


class Odd(Exception):
    """A value is not quite what its type says; the executor knows what follows."""


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's, which completes in columns what can be."""

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """See graphql-core's."""
        if not isinstance(return_type, GraphQLScalarType | GraphQLEnumType):  # one of them by itself is not worth it
            try:
                completed = self._compiled(return_type, field_details_list)
                if completed is not None:
                    return completed([result])[0]
            except Exception:  # noqa: BLE001, S110 - whatever it is, the executor comes to it, too, and tells it
                pass
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)

    def _compiled(self, kind: GraphQLOutputType, selected: FieldDetailsList) -> Completed | None:
        """How values of a type are completed with a selection; None: by the executor."""
        plans = self.__dict__.get("_plans")
        if plans is None:
            plans = self.__dict__["_plans"] = _plans_of(self)
        key = (id(kind), *(id(details.node) for details in selected))
        plan: Completed | None = plans.get(key, _UNKNOWN)
        if plan is _UNKNOWN:
            plan = plans[key] = _composite(self, kind, selected)
        return plan


def _plans_of(executor: Executor) -> dict[tuple[int, ...], Completed | None]:
    """What was compiled, by operation, its fragments, and those variables that are true or false, which choose fields.

    All of them are parts of documents. A variable of @skip and @include that is neither true nor false is an error
    wherever it stands, so that nothing is compiled with it.
    """
    said = executor.variable_values.coerced
    booleans = frozenset((name, value) for name, value in said.items() if isinstance(value, bool))
    return _PLANS.of((executor.schema, executor.operation, *executor.fragment_definitions.values()), booleans, dict)


_PLANS: Remembered[dict[tuple[int, ...], Completed | None]] = Remembered(_MOST_REMEMBERED)
_UNKNOWN: Any = object()


def _composite(executor: Executor, kind: GraphQLOutputType, selected: FieldDetailsList) -> Completed | None:
    """The same for what is worth it: one scalar by itself is not."""
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if not isinstance(inner, GraphQLList | GraphQLObjectType) or _is_special(selected):
        return None
    return _any(executor, kind, selected)


def _is_special(selected: FieldDetailsList) -> bool:
    """Whether it is below @defer or in a fragment with arguments, which nothing of ours has."""
    return any(each.defer_usage is not None or each.fragment_variable_values is not None for each in selected)


def _any(executor: Executor, kind: GraphQLOutputType, selected: FieldDetailsList) -> Completed | None:
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    completed: Completed | None = None
    if isinstance(inner, GraphQLScalarType | GraphQLEnumType):
        completed = _leaf(inner)
    elif isinstance(inner, GraphQLList):
        items = _any(executor, inner.of_type, selected)
        completed = None if items is None else _lists(items)
    elif isinstance(inner, GraphQLObjectType):
        completed = _objects(executor, inner, selected)
    if completed is None:
        return None
    return completed if inner is not kind else _nullable(completed)


def _nullable(completed: Completed) -> Completed:
    """None stays None."""

    def nullable(values: Sequence[Any]) -> list[Any]:
        if NoneType not in set(map(type, values)):
            return completed(values)
        told = iter(completed([value for value in values if value is not None]))
        return [None if value is None else next(told) for value in values]

    return nullable


def _leaf(kind: GraphQLLeafType) -> Completed:
    as_it_is, coerce = _AS_THEY_ARE.get(kind), kind.coerce_output_value
    together = COLUMNS.get(coerce)
    names = _names(kind) if isinstance(kind, GraphQLEnumType) else {}

    def leaf(values: Sequence[Any]) -> list[Any]:
        types = set(map(type, values))
        if as_it_is is not None and types == {as_it_is} and _is_in_range(kind, values):
            return list(values)
        if len(types) == 1 and types <= names.keys():
            return list(map(names[types.pop()].__getitem__, values))
        if together is not None and (texts := together(values)) is not None:
            return texts
        _must_be_plain(types)
        told = list(map(coerce, values))
        _must_be_plain(set(map(type, told)))
        return told

    return leaf


def _is_in_range(kind: GraphQLLeafType, values: Sequence[Any]) -> bool:
    """Whether numbers of a scalar's own type can be told; a sum that is not finite is only a doubt."""
    if kind is GraphQLInt:
        return bool(min(values) >= -_MOST_INT - 1 and max(values) <= _MOST_INT)
    return kind is not GraphQLFloat or isfinite(sum(values))


def _names(kind: GraphQLEnumType) -> dict[type, dict[Any, str]]:
    """How members of strawberry's enums are told, by their type."""
    members = getattr(kind, "wrapped_cls", None)
    return {} if members is None else {members: {each: kind.coerce_output_value(each) for each in members}}


def _lists(items: Completed) -> Completed:
    """All items of all lists at once."""

    def lists(values: Sequence[Any]) -> list[Any]:
        if not set(map(type, values)) <= _LISTS:
            raise Odd
        if len(values) == 1:
            return [items(values[0])]
        told = items(list(chain.from_iterable(values)))
        ends = 0
        return [told[(begin := ends) : (ends := begin + len(value))] for value in values]

    return lists


def _objects(executor: Executor, kind: GraphQLObjectType, selected: FieldDetailsList) -> Completed | None:
    """Each selected field of all objects at once; None where one is more than an attribute."""
    middleware = executor.middleware_manager
    if kind.is_type_of is not None or (middleware is not None and middleware.middlewares):
        return None
    grouped, deferred, _ = executor.collect_subfields(kind, selected)
    columns: list[Callable[[Sequence[Any]], list[Any]]] = []
    for details in grouped.values():
        column = _column(executor, kind, details)
        if column is None or _is_special(details):
            return None
        columns.append(column)
    if deferred:
        return None
    keys = tuple(grouped)

    def objects(values: Sequence[Any]) -> list[Any]:
        _must_be_plain(set(map(type, values)))
        if not values:
            return []
        told = [column(values) for column in columns]
        if any(len(column) != len(values) for column in told):
            raise Odd
        return [dict(zip(keys, row)) for row in zip(*told)] if keys else [{} for _ in values]  # noqa: B905 - as long

    return objects


def _column(executor: Executor, kind: GraphQLObjectType, details: FieldDetailsList) -> Completed | None:
    """A field of objects, read and completed."""
    name = details[0].node.name.value
    if name == "__typename":
        return lambda values: [kind.name] * len(values)
    field = kind.fields.get(name)
    attribute = None if field is None else _attribute(field.extensions, field.resolve)
    if field is None or attribute is None:
        return None
    completed, read = _any(executor, field.type, details), attrgetter(attribute)
    return None if completed is None else lambda values: completed(list(map(read, values)))


def _attribute(extensions: dict[str, Any], resolve: Any) -> str | None:
    """The attribute that a field of strawberry's is; None when it is more."""
    definition = extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryField) or not getattr(resolve, "_is_default", False):
        return None
    return definition.python_name if definition.default_resolver is getattr else None


def _must_be_plain(types: set[type]) -> None:
    if not all(map(_is_plain, types)):
        raise Odd


@lru_cache(1_000)
def _is_plain(kind: type) -> bool:
    """False for what may be awaited, errors, and nothing."""
    return not (
        hasattr(kind, "__await__")
        or issubclass(kind, Exception | CoroutineType | GeneratorType | NoneType | UndefinedType)
    )

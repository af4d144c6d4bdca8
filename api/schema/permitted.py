"""No field is executed that its caller may not ask for: decided for the whole operation before it begins."""

from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, get_operation_ast

from api.schema.context import Context
from api.schema.gates import Gate
from api.schema.remembered import Remembered
from api.schema.rules import Asked, asked
from cryptwire.errors import CryptwireError, Forbidden, Unavailable
from cryptwire.permissions import Needs

_MOST_WALKS = 512


class Permitted(Gate):
    """An operation with a field that may not be asked for is refused whole, with an error for each thing it lacks.

    A client that may not see a part leaves it out by @include with its own permissions (``me { permissions }``).
    """

    async def check(self) -> None:
        """Errors for what is refused."""
        run = self.execution_context
        if not run.pre_execution_errors and run.graphql_document is not None:
            # an operation that cannot be told is executed by nobody
            operation = get_operation_ast(run.graphql_document, run.operation_name)
            if isinstance(operation, OperationDefinitionNode):
                needed = wanted(run.schema._schema, run.graphql_document, operation, run.variables or {})
                run.pre_execution_errors = await self._refused(needed) or None

    async def _refused(self, needed: list[Asked]) -> list[GraphQLError]:
        context = self.execution_context.context
        refused: dict[str, GraphQLError] = {}
        for one in needed:
            try:
                await _decide(context, one)
            except CryptwireError as error:
                told = GraphQLError(str(error), one.node, path=one.path, original_error=error)
                if isinstance(error, Unavailable):  # nobody can be told who asks: one answer for all of it
                    return [told]
                refused.setdefault(str(error), told)
        return list(refused.values())


async def _decide(context: Any, one: Asked) -> None:
    """Raises Forbidden or Unauthenticated; Unavailable when nobody can be told who asks."""
    if one.needs is None:
        raise Forbidden(f"nobody may ask for {one.name}: no rule mentions it")
    if not isinstance(context, Context):
        raise Forbidden("nobody is there who asks")
    await context.must(one.needs.action, one.needs.resource)


def wanted(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> list[Asked]:
    """What an operation asks for, each need once with the first field that has it.

    Operations are few, and of the variables only those that are true or false choose fields.
    """

    def walked() -> list[Asked]:
        found: dict[Needs | str, Asked] = {}
        for one in asked(schema, document, operation, variables):
            found.setdefault(one.needs or one.name, one)
        return list(found.values())

    booleans = frozenset((name, value if isinstance(value, bool) else None) for name, value in variables.items())
    return _WALKS.of((schema, document, operation), booleans, walked)


_WALKS: Remembered[list[Asked]] = Remembered(_MOST_WALKS)

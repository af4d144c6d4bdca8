"""No field is executed that its caller may not ask for: decided for the whole operation before it begins."""

from collections.abc import AsyncIterator

from graphql import GraphQLError, OperationDefinitionNode, get_operation_ast
from strawberry.extensions import SchemaExtension

from api.schema.context import Context
from api.schema.rules import asked
from cryptwire.errors import CryptwireError, Forbidden
from cryptwire.permissions import Needs


class Permitted(SchemaExtension):
    """Stands after whatever validates. An operation with a field that may not be asked for is refused whole.

    A client that may not see a part leaves it out by @include with its own permissions (``me { permissions }``).
    """

    async def on_validate(self) -> AsyncIterator[None]:
        run = self.execution_context
        context = run.context
        if not run.pre_execution_errors and run.graphql_document is not None and isinstance(context, Context):
            operation = get_operation_ast(run.graphql_document, run.operation_name)
            if isinstance(operation, OperationDefinitionNode):
                run.pre_execution_errors = await self._refused(context, operation)
        yield

    async def _refused(self, context: Context, operation: OperationDefinitionNode) -> list[GraphQLError]:
        run = self.execution_context
        assert run.graphql_document is not None
        try:
            await context.roles()
        except CryptwireError as error:  # nobody can be told who asks: one answer for all of it
            return [GraphQLError(str(error), original_error=error)]
        refused: dict[str, GraphQLError] = {}
        decided: dict[Needs | None, CryptwireError | None] = {}
        for node, name, needs in asked(run.schema._schema, run.graphql_document, operation, run.variables or {}):
            if needs not in decided:
                decided[needs] = await _decision(context, needs, name)
            error = decided[needs]
            if error is not None:
                refused.setdefault(str(error), GraphQLError(str(error), node, original_error=error))
        return list(refused.values())


async def _decision(context: Context, needs: Needs | None, name: str) -> CryptwireError | None:
    if needs is None:
        return Forbidden(f"nobody may ask for {name}: no rule mentions it")
    try:
        await context.must(needs.action, needs.resource)
    except CryptwireError as error:
        return error
    return None

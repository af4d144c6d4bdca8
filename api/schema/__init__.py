"""The GraphQL schema, one module per noun. ``api/schema.graphql`` is its text and is compared by a test."""

import strawberry
from graphql import GraphQLError
from strawberry.extensions import (
    AddValidationRules,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    ValidationCache,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.schema.changes import ChangeSubscription
from api.schema.hoppers import HopperQuery
from api.schema.people import PeopleMutation, PeopleQuery
from api.schema.permitted import Permitted
from api.schema.scalars import SCALARS

_MOST_DEPTH = 8
_MOST_ALIASES = 15
_MOST_TOKENS = 1_000
_MOST_CACHED = 256


@strawberry.type(description="What can be read.")
class Query(PeopleQuery, HopperQuery):
    pass


@strawberry.type(description="What can be changed. Needs the header X-Cryptwire: 1, or an Origin of this host.")
class Mutation(PeopleMutation):
    pass


@strawberry.type(description="What is told as it happens, over the sub-protocol graphql-transport-ws.")
class Subscription(ChangeSubscription):
    pass


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Errors are logged where they are answered, once and without what the user sent."""


# made once: validation is remembered by document and rules, and rules made anew would never be found again
_RULES = [*QueryDepthLimiter(_MOST_DEPTH).validation_rules, *MaxAliasesLimiter(_MOST_ALIASES).validation_rules]

SCHEMA = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[
        lambda: MaxTokensLimiter(_MOST_TOKENS),
        lambda: AddValidationRules(_RULES),
        lambda: ParserCache(_MOST_CACHED),
        lambda: ValidationCache(_MOST_CACHED),
        Permitted,
    ],
    config=StrawberryConfig(scalar_map=SCALARS),
)

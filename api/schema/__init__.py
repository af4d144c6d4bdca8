"""The GraphQL schema, one module per noun. ``api/schema.graphql`` is its text and is compared by a test."""

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.schema.changes import ChangeSubscription
from api.schema.cost import Limited
from api.schema.hoppers import HopperQuery
from api.schema.people import PeopleMutation, PeopleQuery
from api.schema.permitted import Permitted
from api.schema.scalars import SCALARS


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


SCHEMA = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[Limited, Permitted],
    config=StrawberryConfig(scalar_map=SCALARS),
)

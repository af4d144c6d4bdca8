"""The GraphQL schema, one module per noun. ``api/schema.graphql`` is its text and is compared by a test."""

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.schema.accounts import AccountMutation
from api.schema.analytics import AnalyticsQuery
from api.schema.analytics.results import ResultQuery
from api.schema.analytics.trades import TradeQuery
from api.schema.changes import ChangeSubscription
from api.schema.compiled import Executor
from api.schema.cost import Limited
from api.schema.dashboards import DashboardMutation, DashboardQuery
from api.schema.figures import FigureQuery
from api.schema.flows import FlowMutation, FlowQuery
from api.schema.gates import GatesRunner
from api.schema.hoppers import HopperQuery, HopperSubscription
from api.schema.kill_switches import KillSwitchMutation, KillSwitchQuery
from api.schema.links import LinkMutation, LinkQuery, LinkSubscription
from api.schema.notices import NoticeMutation, NoticeQuery, NoticeSubscription
from api.schema.people import PeopleMutation, PeopleQuery
from api.schema.permitted import Permitted
from api.schema.plans import PlanMutation, PlanQuery
from api.schema.prices import PriceQuery
from api.schema.rule_history import RuleHistoryMutation, RuleHistoryQuery, RuleHistorySubscription
from api.schema.rule_sets import RuleSetMutation, RuleSetQuery
from api.schema.scalars import SCALARS
from api.schema.security import SecurityMutation, SecurityQuery
from api.schema.sessions import SessionMutation, SessionQuery
from api.schema.shares import ShareMutation, ShareQuery
from api.schema.statistics import StatisticsQuery
from api.schema.targets import TargetMutation, TargetQuery
from api.schema.trade_news import TradeSubscription


@strawberry.type(description="What can be read.")
class Query(
    PeopleQuery,
    SessionQuery,
    SecurityQuery,
    LinkQuery,
    HopperQuery,
    PlanQuery,
    NoticeQuery,
    StatisticsQuery,
    AnalyticsQuery,
    TradeQuery,
    ResultQuery,
    FlowQuery,
    FigureQuery,
    PriceQuery,
    TargetQuery,
    RuleSetQuery,
    RuleHistoryQuery,
    KillSwitchQuery,
    DashboardQuery,
    ShareQuery,
):
    pass


@strawberry.type(description="What can be changed. Needs the header X-Cryptwire: 1, or an Origin of this host.")
class Mutation(
    SessionMutation,
    AccountMutation,
    SecurityMutation,
    PeopleMutation,
    LinkMutation,
    PlanMutation,
    NoticeMutation,
    FlowMutation,
    TargetMutation,
    RuleSetMutation,
    RuleHistoryMutation,
    KillSwitchMutation,
    DashboardMutation,
    ShareMutation,
):
    pass


@strawberry.type(description="What is told as it happens, over the sub-protocol graphql-transport-ws.")
class Subscription(
    ChangeSubscription,
    LinkSubscription,
    HopperSubscription,
    TradeSubscription,
    NoticeSubscription,
    RuleHistorySubscription,
):
    pass


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Errors are logged where they are answered, once and without what the user sent."""

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> SchemaExtensionsRunner:
        """Ours are gates alone."""
        return GatesRunner(execution_context, extensions)


SCHEMA = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[Limited, Permitted],
    execution_context_class=Executor,
    config=StrawberryConfig(scalar_map=SCALARS),
)

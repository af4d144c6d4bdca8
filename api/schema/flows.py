"""Money that came or went without a trade, and what the user says of it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Self

import strawberry

from api.handlers.analytics.paging import among, between, cursor_of, place_of, up_to, within
from api.handlers.analytics.scope import Asked
from api.schema.analytics import Kind, parts
from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from cryptwire.domain import flow
from cryptwire.storage.keyset import Condition, Order, Row

_NEWEST_FIRST = Order("at", is_descending=True)


@strawberry.enum(
    description="What a flow was: deposit, withdrawal, transfer between the user's hoppers, income (airdrop, staking),"
    " conversion at the exchange, data error, or a difference too small to ask about."
)
class FlowKind(Enum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    INCOME = "income"
    CONVERSION = "conversion"
    DATA_ERROR = "data-error"
    DIFFERENCE = "difference"


@strawberry.enum(
    description="Open, confirmed, explained (by trades that came late: there was none), rejected by the user."
)
class FlowState(Enum):
    OPEN = "open"
    CONFIRMED = "confirmed"
    EXPLAINED = "explained"
    REJECTED = "rejected"


@strawberry.enum(description="Who said so.")
class FlowDecidedBy(Enum):
    TRACKER = "tracker"
    POLLS = "polls"
    USER = "user"


@covered("view", "flows")
@strawberry.type(description="Money that came to a hopper or went without a trade.")
class Flow:
    id: strawberry.ID = strawberry.field(description="Ours, a UUID.")
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    at: datetime = strawberry.field(description="When it took effect: when the balance that showed it was read.")
    asset: str = strawberry.field(description="Currency or coin, upper case.")
    quantity: Decimal | None = strawberry.field(
        description="Units; below 0 when they went; null when amounts are masked."
    )
    amount: Decimal | None = strawberry.field(
        description="What they were worth then, in the base currency that the hopper had then; null when masked."
    )
    value_before: float | None = parts.amount("The whole portfolio's value right before; null when amounts are masked.")
    kind: FlowKind = strawberry.field(description="What it was.")
    state: FlowState = strawberry.field(description="How far it is decided.")
    is_flow: bool = strawberry.field(description="True when it counts: it is taken out of performance.")
    decided_by: FlowDecidedBy = strawberry.field(description="Who said so last.")
    decided_at: datetime = strawberry.field(description="When.")
    version: int = strawberry.field(description="How often something was said of it.")
    counterpart: strawberry.ID | None = strawberry.field(description="The other side of a transfer, when it is known.")

    @classmethod
    def of(cls, one: flow.Flow) -> Self:
        return cls(
            id=strawberry.ID(one.id),
            hopper_id=strawberry.ID(one.hopper),
            at=one.at,
            asset=one.asset,
            quantity=one.quantity,
            amount=one.amount,
            value_before=one.value_before,
            kind=FlowKind(one.kind.value),
            state=FlowState(one.state.value),
            is_flow=one.counts,
            decided_by=FlowDecidedBy(one.decided_by.value),
            decided_at=one.decided_at,
            version=one.version,
            counterpart=None if one.counterpart is None else strawberry.ID(one.counterpart),
        )


@strawberry.enum(description="A column that flows can be ordered by.")
class FlowColumn(Enum):
    AT = "at"
    HOPPER = strawberry.enum_value("hopper", description="By the hoppers' names.")
    ASSET = "asset"
    QUANTITY = strawberry.enum_value("quantity", description="The number alone, whatever the asset.")
    AMOUNT = strawberry.enum_value("amount", description="The number alone, whatever the base currency.")
    VALUE_BEFORE = strawberry.enum_value("value_before", description="The number alone, whatever the base currency.")
    KIND = "kind"
    STATE = "state"
    IS_FLOW = "is_flow"
    DECIDED_BY = "decided_by"
    DECIDED_AT = "decided_at"


@strawberry.input(description="An order; what is alike goes by time, the same way.")
class FlowSort:
    column: FlowColumn = strawberry.field(default=FlowColumn.AT, description="By what.")
    descending: bool = strawberry.field(default=True, description="The largest, or newest, first.")


@strawberry.input(
    description="What flows must be, all of it; what is left out does not matter. Lists have 100 values at most."
)
class FlowFilter:
    since: datetime | None = strawberry.field(default=None, description="In effect at that moment or later.")
    until: datetime | None = strawberry.field(default=None, description="In effect before that moment.")
    assets: list[str] | None = strawberry.field(default=None, description="Any of these.")
    kinds: list[FlowKind] | None = strawberry.field(default=None, description="Any of these.")
    states: list[FlowState] | None = strawberry.field(default=None, description="Any of these.")
    is_flow: bool | None = strawberry.field(default=None, description="Only what counts, or what does not.")
    decided_by: list[FlowDecidedBy] | None = strawberry.field(default=None, description="Any of these.")
    decided_since: datetime | None = strawberry.field(default=None, description="Decided at that moment or later.")
    decided_until: datetime | None = strawberry.field(default=None, description="Decided before that moment.")
    quantity: parts.Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    amount: parts.Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    value_before: parts.Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")

    def conditions(self, *, is_masked: bool) -> list[Condition]:
        """Raises Invalid; also for bounds of what is masked, which could be found by asking again and again."""
        amounts = {"quantity": self.quantity, "amount": self.amount, "value_before": self.value_before}
        if is_masked:
            parts.refuse_bounds(amounts)
        found = within("at", self.since, self.until) + within("decided_at", self.decided_since, self.decided_until)
        found += among("is_flow", None if self.is_flow is None else [self.is_flow], "isFlow")
        found += among("asset", self.assets, "assets")
        for column, chosen, what in (
            ("kind", self.kinds, "kinds"),
            ("state", self.states, "states"),
            ("decided_by", self.decided_by, "decidedBy"),
        ):
            found += among(column, None if chosen is None else [each.value for each in chosen], what)
        for column, said in amounts.items():
            if said is not None:
                found += between(column, said.least, said.most)
        return found


@covered("view", "flows")
@strawberry.type(description="Flows, as they were asked for.")
class FlowConnection:
    nodes: list[Flow] = strawberry.field(description="At most as many as were asked for.")
    has_more: bool = strawberry.field(description="True when there are more behind them.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")
    hoppers: strawberry.Private[Sequence[str]]
    conditions: strawberry.Private[Sequence[Condition]]

    @field("view", "flows", "How many there are on all pages together; counted only when it is asked for.")
    async def total(self, info: Info) -> int:
        return await info.context.services.analytics.flows.count(self.hoppers, self.conditions)


@strawberry.type
class FlowQuery:
    @field(
        "view",
        "flows",
        "Flows of one hopper, several, or (without hopperIds) all of a kind, the newest first unless sort says"
        " otherwise; first is 1 to 100, after a cursor. NOT_FOUND also for a hopper that is somebody else's.",
    )
    async def flows(
        self,
        info: Info,
        hopper_ids: list[strawberry.ID] | None = None,
        kind: Kind | None = None,  # type: ignore[valid-type]
        first: int = 50,
        after: str | None = None,
        filter: FlowFilter | None = None,
        sort: FlowSort | None = None,
        masked: bool | None = None,
    ) -> FlowConnection:
        caller, sources = await info.context.caller(), info.context.services.analytics
        scope = await sources.scope(caller.user, Asked(hopper_ids, kind, is_masked=masked))
        order = Order(sort.column.value, sort.descending) if sort else _NEWEST_FIRST
        conditions = filter.conditions(is_masked=scope.is_masked) if filter else []
        place = None if after is None else place_of(after, order)
        found = await sources.flows.page(scope.ids, order, conditions, place, up_to(first) + 1)
        page, has_more = found[:first], len(found) > first
        nodes = [Flow.of(one) for one in page]
        return FlowConnection(
            nodes=parts.masked(nodes) if scope.is_masked else nodes,
            has_more=has_more,
            end_cursor=strawberry.ID(cursor_of(order, Row(page[-1].hopper, page[-1].id))) if page else None,
            hoppers=scope.ids,
            conditions=conditions,
        )


@strawberry.type
class FlowMutation:
    @mutation(
        "change",
        "flows",
        "Say what a flow was, and whether it counts: only deposit, withdrawal and transfer may. It is a new version of"
        " the hopper's history; the figures before stay readable. NOT_FOUND also when it is somebody else's.",
    )
    async def decide_flow(self, info: Info, id: strawberry.ID, kind: FlowKind, is_flow: bool) -> Flow:
        info.context.must_be_ours()
        caller, history = await info.context.caller(), info.context.services.history
        return Flow.of(await history.decide(caller.user, str(id), flow.FlowKind(kind.value), is_flow=is_flow))

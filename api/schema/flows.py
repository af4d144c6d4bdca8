"""Money that came or went without a trade, and what the user says of it."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Self

import strawberry

from api import logic
from api.handlers.history import cursor_of
from api.schema.analytics import parts
from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from cryptwire.domain import flow


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


@covered("view", "flows")
@strawberry.type(description="Flows, newest first.")
class FlowConnection:
    nodes: list[Flow] = strawberry.field(description="At most as many as were asked for.")
    has_more: bool = strawberry.field(description="True when there are older ones.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")


@strawberry.type
class FlowQuery:
    @field("view", "flows", "A hopper's flows, newest first; first is 1 to 100, after a cursor, of one state alone.")
    async def flows(
        self,
        info: Info,
        hopper_id: strawberry.ID,
        since: datetime | None = None,
        state: FlowState | None = None,
        first: int = 50,
        after: str | None = None,
        masked: bool | None = None,
    ) -> FlowConnection:
        caller, history = await info.context.caller(), info.context.services.history
        wanted = None if state is None else flow.FlowState(state.value)
        page = await history.flows(caller.user, logic.hopper_id(hopper_id), since, wanted, first, after)
        told = FlowConnection(
            nodes=[Flow.of(one) for one in page.flows],
            has_more=page.has_more,
            end_cursor=strawberry.ID(cursor_of(page.flows[-1])) if page.flows else None,
        )
        return parts.masked(told) if await info.context.is_masked(masked) else told


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

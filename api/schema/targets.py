"""What a user wants his hoppers to hold. Advice follows from it (``Analytics.rebalancing``); nothing acts by it."""

from datetime import datetime
from decimal import Decimal
from typing import Self

import strawberry

from api import logic
from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.market_weights import total_of
from cryptwire.domain.rebalancing import MOST_TARGETS, TargetSet


@strawberry.input(description="What share of a hopper's value one coin is to be.")
class TargetInput:
    asset: str = strawberry.field(description="Currency or coin, such as BTC.")
    weight: Decimal = strawberry.field(description="A share above 0 and at most 1: 0.25 is a quarter.")


@covered("view", "targets")
@strawberry.type(description="What share of a hopper's value one coin is to be.")
class HopperTarget:
    asset: str = strawberry.field(description="Currency or coin, upper case.")
    weight: Decimal = strawberry.field(description="A share: 0.25 is a quarter.")


@covered("view", "targets")
@strawberry.type(description="What a hopper is to hold; advice follows from it, and nothing acts by it.")
class HopperTargets:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    targets: list[HopperTarget] = strawberry.field(description=f"The largest first, {MOST_TARGETS} at most.")
    total: Decimal = strawberry.field(
        description="What they add up to. Below 1 coins without a target are left alone; at 1 nothing is left for them."
    )
    set_at: datetime | None = strawberry.field(description="When they were set; null: there are none.")

    @classmethod
    def of(cls, hopper: HopperId, found: TargetSet | None) -> Self:
        weights = {} if found is None else found.weights
        return cls(
            hopper_id=strawberry.ID(hopper),
            targets=[HopperTarget(asset=asset, weight=weight) for asset, weight in weights.items()],
            total=total_of(weights.values()),
            set_at=None if found is None else found.set_at,
        )


@strawberry.type
class TargetQuery:
    @field("view", "targets", "What a hopper is to hold; NOT_FOUND also when it is somebody else's.")
    async def targets(self, info: Info, hopper_id: strawberry.ID) -> HopperTargets:
        caller, hopper = await info.context.caller(), logic.hopper_id(hopper_id)
        return HopperTargets.of(hopper, await info.context.services.targets.of(caller.user, hopper))


@strawberry.type
class TargetMutation:
    @mutation(
        "change",
        "targets",
        f"Set what a hopper is to hold instead of what was set before: 1 to {MOST_TARGETS} coins, altogether 1 at most."
        " INVALID says what is wrong; NOT_FOUND also when the hopper is somebody else's.",
    )
    async def set_targets(self, info: Info, hopper_id: strawberry.ID, targets: list[TargetInput]) -> HopperTargets:
        info.context.must_be_ours()
        caller, hopper = await info.context.caller(), logic.hopper_id(hopper_id)
        service = info.context.services.targets
        await service.set(caller.user, hopper, [(one.asset, one.weight) for one in targets])
        return HopperTargets.of(hopper, await service.of(caller.user, hopper))

    @mutation("change", "targets", "Remove all targets of a hopper; false when there were none.")
    async def clear_targets(self, info: Info, hopper_id: strawberry.ID) -> bool:
        info.context.must_be_ours()
        caller = await info.context.caller()
        return await info.context.services.targets.clear(caller.user, logic.hopper_id(hopper_id))

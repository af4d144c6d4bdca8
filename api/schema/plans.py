"""Plans: what there is, what is the user's, and how he gets another."""

from datetime import datetime

import strawberry

from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from cryptwire.domain.plan import ADMIN, FREE, PRO, TRIAL, PlanNow
from cryptwire.errors import Invalid, Unavailable
from cryptwire.permissions import Roles

_OFFERED = (FREE, TRIAL, PRO)
_CHECKOUT = (
    "Begin to pay for a plan: the address of the provider's page, good for 30 minutes. Nothing has changed before the"
    " provider says so. INVALID for a plan that is not sold, or that is paid or had for good; UNAVAILABLE where"
    " none is sold."
)


@covered("view", "plan")
@strawberry.type(description="A plan, as it stands for who asks.")
class Plan:
    name: str = strawberry.field(description="free, trial, pro or admin.")
    is_mine: bool = strawberry.field(description="True for the user's plan of this moment.")
    ends_at: datetime | None = strawberry.field(
        description="When the user's plan ends unless it is renewed; null for another plan, or when it does not end."
    )
    can_start_trial: bool = strawberry.field(description="True for the trial while startTrial would begin it.")
    can_check_out: bool = strawberry.field(description="True for a plan that beginCheckout would sell.")
    opens: list[str] = strawberry.field(
        description='What it allows beyond the free plan: an action and a resource, e.g. "view live-candles".'
    )


def _plan(info: Info, name: str, mine: PlanNow) -> Plan:
    services = info.context.services
    free, opened = (services.permissions.of(Roles.of(plan, None)) for plan in (FREE, name))
    is_mine = mine.plan == name
    return Plan(
        name=name,
        is_mine=is_mine,
        ends_at=mine.until if is_mine else None,
        can_start_trial=name == TRIAL and mine.plan == FREE and not mine.had_trial,
        can_check_out=name == PRO and services.checkout is not None and _may_buy(mine),
        opens=[f"{action} {resource}" for resource, action, effect in opened if (resource, action, effect) not in free],
    )


def _may_buy(mine: PlanNow) -> bool:
    """Whether paying would change anything: not for who has as much for good, or has paid."""
    return not mine.is_paid and mine.plan != ADMIN and (mine.plan != PRO or mine.until is not None)


@strawberry.type
class PlanQuery:
    @field("view", "plan", "The plans that are offered, and the user's own; the least first.")
    async def plans(self, info: Info) -> list[Plan]:
        caller = await info.context.caller()
        mine = await info.context.services.plans.of(caller.user)
        names = (*_OFFERED, *(() if mine.plan in _OFFERED else (mine.plan,)))
        return [_plan(info, name, mine) for name in names]


@strawberry.type
class PlanMutation:
    @mutation(
        "change", "plan", "Begin the trial of 14 days, which can be had once. INVALID when there is none to begin."
    )
    async def start_trial(self, info: Info) -> bool:
        info.context.must_be_ours()
        services, caller = info.context.services, await info.context.caller()
        await services.plans.begin_trial(caller.user)
        services.sessions.forget(caller.user)
        await services.changes.tell("account", caller.user)
        return True

    @mutation("change", "plan", _CHECKOUT)
    async def begin_checkout(self, info: Info, plan: str) -> str:
        info.context.must_be_ours()
        services, caller = info.context.services, await info.context.caller()
        if plan != PRO:
            raise Invalid(f"the plan {plan[:20]!r} is not sold; {PRO} is")
        if not _may_buy(await services.plans.of(caller.user)):
            raise Invalid("you have this plan, paid or for good")
        if services.checkout is None:
            raise Unavailable("nothing is sold here at present")
        return services.checkout.page(caller.user, plan)

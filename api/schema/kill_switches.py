"""Kill switches of a user: what keeps a rule set, a hopper or all of his from acting, within two seconds."""

from datetime import datetime
from enum import Enum
from typing import Self

import strawberry

from api import logic
from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from cryptwire.storage import kill_switches

_TURNING = (
    " On: at once, also by a token that may write; what is on stays as it is. Off: for a signed-in person whose"
    " password was given within ten minutes (confirmPassword); FORBIDDEN for one that an administrator turned on."
)


@strawberry.enum(description="What a switch keeps still.")
class KillSwitchLevel(Enum):
    RULE = strawberry.enum_value("rule", description="One rule set.")
    HOPPER = strawberry.enum_value("hopper", description="Every rule set of one hopper, and the user's own actions.")
    ACCOUNT = strawberry.enum_value("user", description="All of the user's.")
    PLATFORM = strawberry.enum_value("platform", description="Everybody's.")


@covered("view", "kill-switches")
@strawberry.type(description="A kill switch: while it is on, nothing below it acts. Reading goes on.")
class KillSwitch:
    level: KillSwitchLevel = strawberry.field(description="What it keeps still.")
    id: strawberry.ID | None = strawberry.field(description="Of the rule set or hopper; null for account and platform.")
    is_on: bool = strawberry.field(description="Whether it is on.")
    reason: str = strawberry.field(description="What was said when it was turned on.")
    is_users: bool = strawberry.field(
        description="True when a user turned it; else only an administrator turns it off."
    )
    set_at: datetime = strawberry.field(description="When it was turned.")

    @classmethod
    def of(cls, switch: kill_switches.KillSwitch) -> Self:
        level = KillSwitchLevel(switch.level.value)
        has_id = level in (KillSwitchLevel.RULE, KillSwitchLevel.HOPPER)
        return cls(
            level=level,
            id=strawberry.ID(switch.id) if has_id else None,
            is_on=switch.is_on,
            reason=switch.reason,
            is_users=switch.is_users,
            set_at=switch.set_at,
        )

    @classmethod
    def or_none(cls, switch: kill_switches.KillSwitch | None) -> Self | None:
        """None when it was never on."""
        return None if switch is None else cls.of(switch)


@strawberry.type
class KillSwitchQuery:
    @field("view", "kill-switches", "Those that are on and keep something of the user's still, the latest first.")
    async def kill_switches(self, info: Info) -> list[KillSwitch]:
        caller, services = await info.context.caller(), info.context.services
        return [KillSwitch.of(one) for one in await services.rule_sets.switches(caller.user)]


@strawberry.type
class KillSwitchMutation:
    @mutation("change", "kill-switches", f"Keep a rule set from acting, or no longer.{_TURNING}")
    async def set_rule_kill_switch(
        self, info: Info, id: strawberry.ID, is_on: bool, reason: str = ""
    ) -> KillSwitch | None:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        return KillSwitch.or_none(await services.rule_sets.turn_rule(caller, id, is_on=is_on, reason=reason))

    @mutation("change", "kill-switches", f"Keep everything from acting on a hopper, or no longer.{_TURNING}")
    async def set_hopper_kill_switch(
        self, info: Info, hopper_id: strawberry.ID, is_on: bool, reason: str = ""
    ) -> KillSwitch | None:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        hopper = logic.hopper_id(hopper_id)
        return KillSwitch.or_none(await services.rule_sets.turn_hopper(caller, hopper, is_on=is_on, reason=reason))

    @mutation("change", "kill-switches", f"Keep everything of the user's from acting, or no longer.{_TURNING}")
    async def set_account_kill_switch(self, info: Info, is_on: bool, reason: str = "") -> KillSwitch | None:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        return KillSwitch.or_none(await services.rule_sets.turn_account(caller, is_on=is_on, reason=reason))

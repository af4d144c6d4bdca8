"""Rule sets: what a Pro user wants done with a hopper, and when; whether it watches, and whether it acts."""

from datetime import datetime
from enum import Enum
from typing import Self

import strawberry

from api import logic
from api.handlers.rule_sets import Said, Shown
from api.logic import rules
from api.schema.context import Info
from api.schema.rule_truths import RuleSetPreview, RuleSetReplay, RuleSetState
from api.schema.rules import covered, field, mutation
from api.schema.scalars import Json
from cryptwire.codec.rule_set import body_to_json
from cryptwire.domain import rule_set
from cryptwire.storage import rule_sets

_ARMING = (
    " To arm takes a signed-in person (no API token) whose password was given within ten minutes (confirmPassword, else"
    " FORBIDDEN), a linked account that may trade (LINK_AGAIN), `confirmation` where the rule set names it, `note`"
    " where this version is not proven, and `despite` where it would fire at once; INVALID says which."
)


@strawberry.enum(description="Whether a rule set does anything.")
class RuleSetMode(Enum):
    OFF = strawberry.enum_value("off", description="Nothing.")
    SHADOW = strawberry.enum_value("shadow", description="It decides and records on the live account, and acts not.")
    ARMED = strawberry.enum_value("armed", description="It acts.")


@covered("view", "rules")
@strawberry.type(description="When all rules are true, all actions are done, in order.")
class RuleSet:
    id: strawberry.ID = strawberry.field(description="Ours, a UUID.")
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    name: str = strawberry.field(description="What its user calls it.")
    version: int = strawberry.field(description="The newest; each edit makes another.")
    body: Json = strawberry.field(description="The newest version, all of it written out; ruleSetSchema is its form.")
    mode: RuleSetMode = strawberry.field(description="Whether it does anything.")
    mode_number: int = strawberry.field(description="Grows with each change of mode or version.")
    changed_at: datetime = strawberry.field(description="When that was the last time.")
    shadow_since: datetime | None = strawberry.field(
        description="Since when this version watches in shadow; null when it did not."
    )
    replayed_at: datetime | None = strawberry.field(
        description="When this version was replayed over the hopper's own history; null: never."
    )
    is_proven: bool = strawberry.field(
        description="True once this version was 24 hours in shadow, or was replayed: it is armed without a note."
    )
    confirmation: str | None = strawberry.field(
        description="What must be typed to arm it, since it sells or turns the hopper off; null when nothing."
    )

    @classmethod
    def of(cls, shown: Shown, now: datetime) -> Self:
        one = shown.rule_set
        return cls(
            id=strawberry.ID(one.id),
            hopper_id=strawberry.ID(one.hopper),
            name=one.body.name,
            version=one.version,
            body=Json(body_to_json(one.body)),
            mode=RuleSetMode(one.mode.value),
            mode_number=one.mode_number,
            changed_at=one.changed_at,
            shadow_since=one.shadow_since,
            replayed_at=one.replayed_at,
            is_proven=rules.is_proven(one, now),
            confirmation=rules.words_to_type(one.body, shown.hopper),
        )


@covered("view", "rules")
@strawberry.type(description="A version of a rule set; it is never changed.")
class RuleSetVersion:
    number: int = strawberry.field(description="1 is the first.")
    body: Json = strawberry.field(description="What it says, all of it written out.")
    made_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def of(cls, version: rule_sets.Version) -> Self:
        return cls(number=version.number, body=Json(body_to_json(version.body)), made_at=version.made_at)


@covered("view", "rules")
@strawberry.type(description="What somebody did to a rule set.")
class RuleSetChange:
    number: int = strawberry.field(description="Grows with time.")
    kind: str = strawberry.field(description="created, edited, mode, deleted, replayed, resumed, retried or abandoned.")
    version: int = strawberry.field(description="The newest version after it.")
    mode: RuleSetMode = strawberry.field(description="The mode after it.")
    by: str = strawberry.field(description="user, or an administrator.")
    note: str = strawberry.field(description="What was said of it, such as why shadow was skipped.")
    at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, change: rule_sets.Change) -> Self:
        return cls(
            number=change.number,
            kind=change.kind,
            version=change.version,
            mode=RuleSetMode(change.mode.value),
            by="user" if change.by == "user" else "administrator",
            note=change.note,
            at=change.at,
        )


@strawberry.type
class RuleSetQuery:
    @field("view", "rules", "A hopper's rule sets, the first first; 50 at most.")
    async def rule_sets(self, info: Info, hopper_id: strawberry.ID) -> list[RuleSet]:
        caller, services = await info.context.caller(), info.context.services
        found = await services.rule_sets.of_hopper(caller.user, logic.hopper_id(hopper_id))
        return [RuleSet.of(one, services.clock.now()) for one in found]

    @field("view", "rules", "One of the user's rule sets; NOT_FOUND also when it is somebody else's.")
    async def rule_set(self, info: Info, id: strawberry.ID) -> RuleSet:
        caller, services = await info.context.caller(), info.context.services
        return RuleSet.of(await services.rule_sets.of(caller.user, id), services.clock.now())

    @field("view", "rules", "A rule set's versions, the newest first; first is 1 to 100, before a number.")
    async def rule_set_versions(
        self, info: Info, id: strawberry.ID, first: int = 20, before: int | None = None
    ) -> list[RuleSetVersion]:
        caller, services = await info.context.caller(), info.context.services
        return [RuleSetVersion.of(one) for one in await services.rule_sets.versions(caller.user, id, before, first)]

    @field(
        "view",
        "rules",
        "What people did to a rule set, the newest first, also to one that was deleted; first is 1 to 100, before a"
        " number.",
    )
    async def rule_set_changes(
        self, info: Info, id: strawberry.ID, first: int = 20, before: int | None = None
    ) -> list[RuleSetChange]:
        caller, services = await info.context.caller(), info.context.services
        return [RuleSetChange.of(one) for one in await services.rule_sets.changes(caller.user, id, before, first)]

    @field(
        "view",
        "rules",
        "A rule set in plain words and the numbers of this moment, and whether it would fire now. `id`: of"
        " this rule set, so that peak and epoch are its own. Asked of whoever watches the hopper: UNAVAILABLE when"
        " nobody does.",
    )
    async def rule_set_preview(
        self, info: Info, hopper_id: strawberry.ID, body: Json, id: strawberry.ID | None = None
    ) -> RuleSetPreview:
        caller, services = await info.context.caller(), info.context.services
        found = await services.rule_sets.preview(caller.user, logic.hopper_id(hopper_id), body, id)
        return RuleSetPreview.of(found)

    @field(
        "view",
        "rules",
        "What Cryptohopper says and what the rules go by, side by side; INVALID while it is off. Asked"
        " of whoever watches the hopper: UNAVAILABLE when nobody does.",
    )
    async def rule_set_state(self, info: Info, id: strawberry.ID) -> RuleSetState:
        caller, services = await info.context.caller(), info.context.services
        return RuleSetState.of(await services.rule_sets.standing(caller.user, id))


@strawberry.type
class RuleSetMutation:
    @mutation(
        "change",
        "rules",
        "A new rule set of a hopper, off. INVALID, with the path of what is wrong, for a body that is not of"
        " ruleSetSchema or opposes another of the hopper's; 50 a hopper at most.",
    )
    async def create_rule_set(self, info: Info, hopper_id: strawberry.ID, body: Json) -> RuleSet:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        return RuleSet.of(
            await services.rule_sets.create(caller, logic.hopper_id(hopper_id), body), services.clock.now()
        )

    @mutation(
        "change",
        "rules",
        "A new version of a rule set, if `expectedVersion` is the newest; it stays in its mode. What is armed acts by"
        " the new version at once, in an epoch of its own, and takes all that arming takes; set it to SHADOW to try"
        f" first.{_ARMING}",
    )
    async def edit_rule_set(
        self,
        info: Info,
        id: strawberry.ID,
        body: Json,
        expected_version: int,
        confirmation: str | None = None,
        note: str | None = None,
        despite: bool = False,
    ) -> RuleSet:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        said = Said(await info.context.can("arm", "rules"), confirmation, note, despite)
        edited = await services.rule_sets.edit(caller, id, body, expected_version, said)
        return RuleSet.of(edited, services.clock.now())

    @mutation(
        "change",
        "rules",
        "Turn a rule set off, to shadow, or arm it; in the mode that it has it begins anew. `expectedModeNumber` is"
        f" that of now; OFF may be said without.{_ARMING}",
    )
    async def set_rule_set_mode(
        self,
        info: Info,
        id: strawberry.ID,
        mode: RuleSetMode,
        expected_mode_number: int | None = None,
        confirmation: str | None = None,
        note: str | None = None,
        despite: bool = False,
    ) -> RuleSet:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        said = Said(await info.context.can("arm", "rules"), confirmation, note, despite)
        wanted = rule_set.Mode(mode.value)
        changed = await services.rule_sets.set_mode(caller, id, wanted, expected_mode_number, said)
        return RuleSet.of(changed, services.clock.now())

    @mutation(
        "change",
        "rules",
        "Delete a rule set: what it has begun goes no further. What it did, and what was done to it, stays to be read.",
    )
    async def delete_rule_set(self, info: Info, id: strawberry.ID) -> bool:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        await services.rule_sets.delete(caller, id)
        return True

    @mutation(
        "change",
        "rules",
        "What the newest version would have done over the hopper's own candles from `since` to before `until`, 1 to 100"
        " days; it then counts as replayed. It takes seconds. Asked of whoever watches the hopper: UNAVAILABLE when"
        " nobody does.",
    )
    async def replay_rule_set(self, info: Info, id: strawberry.ID, since: datetime, until: datetime) -> RuleSetReplay:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        return RuleSetReplay.of(await services.rule_sets.replay(caller.user, id, since, until))

    @mutation(
        "arm",
        "rules",
        "Let a rule set watch anew that waits for a person to look, as ruleSetState says: much had changed while nobody"
        " watched. For a signed-in person whose password was given within ten minutes; asked of whoever watches the"
        " hopper.",
    )
    async def resume_rule_set(self, info: Info, id: strawberry.ID) -> RuleSet:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        said = Said(await info.context.can("arm", "rules"))
        return RuleSet.of(await services.rule_sets.resume(caller, id, said), services.clock.now())

"""What rule sets wanted done and what became of it; the audit; and what is told of it as it happens."""

from collections.abc import AsyncIterator
from datetime import datetime
from enum import Enum
from typing import Self

import strawberry

from api import logic
from api.handlers import rule_history as pages
from api.handlers.changes import AGAIN_EVERY
from api.handlers.controls import Verb
from api.handlers.rule_sets import Said
from api.schema.context import Info
from api.schema.rules import covered, field, mutation, subscription
from api.schema.scalars import Json
from cryptwire.codec import control
from cryptwire.domain import audit
from cryptwire.storage import rule_history


@strawberry.enum(description="How far an intent came.")
class IntentState(Enum):
    OPEN = strawberry.enum_value("open", description="It is under way.")
    WAITING = strawberry.enum_value("waiting", description="One of its actions is to wait, and that goes on.")
    DONE = strawberry.enum_value("done", description="The effect of every action was seen.")
    PARTIAL = strawberry.enum_value("partial", description="Some was seen: retryIntent or abandonIntent.")
    FAILED = strawberry.enum_value("failed", description="No effect was seen: retryIntent or abandonIntent.")
    ABANDONED = strawberry.enum_value("abandoned", description="A person ended it.")


@covered("view", "rule-history")
@strawberry.type(description="An action of an intent.")
class IntentStep:
    action: Json = strawberry.field(description="As in the rule set's body.")
    result: str | None = strawberry.field(
        description="done, nothing (there was nothing to do), partial, failed or skipped; null: it is not over."
    )
    reason: str = strawberry.field(description="Why it ended so.")
    is_next: bool = strawberry.field(description="True for the one that is under way, or comes next.")


@covered("view", "rule-history")
@strawberry.type(description="One wish to act: what a rule set that fired wanted done, and what became of it.")
class Intent:
    id: strawberry.ID = strawberry.field(description="A UUID.")
    rule_set_id: strawberry.ID = strawberry.field(description="Whose it was; that rule set may be deleted by now.")
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    version: int = strawberry.field(description="Of the rule set.")
    epoch: int = strawberry.field(description="Of the rule set: one intent each.")
    is_shadow: bool = strawberry.field(description="True when nothing was sent: it is what would have been done.")
    snapshot_id: str = strawberry.field(description="Of the figures that it was decided on; in the audit, too.")
    decided_at: datetime = strawberry.field(description="When it was decided.")
    state: IntentState = strawberry.field(description="How far it came.")
    changed_at: datetime = strawberry.field(description="When that changed last.")
    steps: list[IntentStep] = strawberry.field(description="Its actions, in order.")
    alarms: list[str] = strawberry.field(description="What was told of it on the way, by its name.")

    @classmethod
    def of(cls, one: rule_history.KeptIntent) -> Self:
        return cls(
            id=strawberry.ID(one.id),
            rule_set_id=strawberry.ID(one.rule_set),
            hopper_id=strawberry.ID(one.hopper),
            version=one.version,
            epoch=one.epoch,
            is_shadow=one.is_shadow,
            snapshot_id=one.snapshot,
            decided_at=one.decided_at,
            state=IntentState(one.state.value),
            changed_at=one.changed_at,
            steps=[
                IntentStep(action=Json(each.action), result=each.result, reason=each.reason, is_next=each.is_next)
                for each in one.steps
            ],
            alarms=list(one.alarms),
        )


@covered("view", "rule-history")
@strawberry.type(description="Intents, newest first.")
class IntentConnection:
    nodes: list[Intent] = strawberry.field(description="At most as many as were asked for.")
    has_more: bool = strawberry.field(description="True when there are older ones.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")


@covered("view", "rule-history")
@strawberry.type(
    description="An entry of a hopper's audit. `hash` is SHA-256 over the bytes of `previous` and the JSON array"
    " [chain, number, at (UTC, six digits of a second, +00:00), kind, ruleSetId, version, intentId, body], without"
    " spaces."
)
class AuditEntry:
    number: int = strawberry.field(description="1 is the first; there is no gap.")
    at: datetime = strawberry.field(description="When.")
    kind: str = strawberry.field(description="What happened.")
    rule_set_id: strawberry.ID | None = strawberry.field(description="To which rule set.")
    version: int | None = strawberry.field(description="Of the rule set.")
    intent_id: strawberry.ID | None = strawberry.field(description="On behalf of which intent.")
    body: str = strawberry.field(description="The rest, as the text of a JSON object, as it is hashed.")
    previous: str = strawberry.field(description="The hash before, hexadecimal; zeros before the first.")
    hash: str = strawberry.field(description="Hexadecimal.")

    @classmethod
    def of(cls, one: audit.Sealed) -> Self:
        return cls(
            number=one.number,
            at=one.at,
            kind=one.kind,
            rule_set_id=None if one.rule_set is None else strawberry.ID(one.rule_set),
            version=one.version,
            intent_id=None if one.intent is None else strawberry.ID(one.intent),
            body=one.body,
            previous=one.previous.hex(),
            hash=one.hash.hex(),
        )


@covered("view", "rule-history")
@strawberry.type(description="The audit of a hopper, newest first. All of it, as CSV, is in the export of one's data.")
class AuditConnection:
    chain: str | None = strawberry.field(description="Under which it is hashed; null while there is no entry.")
    nodes: list[AuditEntry] = strawberry.field(description="At most as many as were asked for.")
    has_more: bool = strawberry.field(description="True when there are older ones.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")


@covered("view", "rule-history")
@strawberry.type(description="A decision or act of whoever watches the rules, after it is in the audit.")
class RuleAction:
    rule_set_id: strawberry.ID | None = strawberry.field(description="Of which rule set.")
    version: int = strawberry.field(description="Of the rule set.")
    epoch: int = strawberry.field(description="Of the rule set.")
    intent_id: strawberry.ID | None = strawberry.field(description="On behalf of which intent.")
    audit_number: int = strawberry.field(description="Of the entry; where one is missing, read auditLog.")
    kind: str = strawberry.field(description="What happened.")
    at: datetime = strawberry.field(description="When.")
    body: Json = strawberry.field(description="The rest.")

    @classmethod
    def of(cls, told: control.ActionTold) -> Self:
        return cls(
            rule_set_id=strawberry.ID(told.rule_set) if told.rule_set else None,
            version=told.version,
            epoch=told.epoch,
            intent_id=strawberry.ID(told.intent) if told.intent else None,
            audit_number=told.audit_number,
            kind=told.kind,
            at=told.at,
            body=Json(told.body),
        )


@strawberry.type
class RuleHistoryQuery:
    @field(
        "view",
        "rule-history",
        "What a hopper's rule sets wanted done, newest first, of one rule set alone, those of deleted ones, too; first"
        " is 1 to 100, after a cursor.",
    )
    async def intents(
        self,
        info: Info,
        hopper_id: strawberry.ID,
        rule_set_id: strawberry.ID | None = None,
        first: int = 20,
        after: str | None = None,
    ) -> IntentConnection:
        caller, history = await info.context.caller(), info.context.services.rule_history
        page = await history.intents(caller.user, logic.hopper_id(hopper_id), rule_set_id, first, after)
        nodes = [Intent.of(one) for one in page.found]
        cursor = strawberry.ID(pages.cursor_of(page.found[-1])) if page.found else None
        return IntentConnection(nodes=nodes, has_more=page.has_more, end_cursor=cursor)

    @field("view", "rule-history", "A hopper's audit, newest first; first is 1 to 100, after a cursor.")
    async def audit_log(
        self, info: Info, hopper_id: strawberry.ID, first: int = 20, after: str | None = None
    ) -> AuditConnection:
        caller, history = await info.context.caller(), info.context.services.rule_history
        page = await history.audit(caller.user, logic.hopper_id(hopper_id), first, after)
        return AuditConnection(
            chain=page.found[0].chain if page.found else None,
            nodes=[AuditEntry.of(one) for one in page.found],
            has_more=page.has_more,
            end_cursor=strawberry.ID(str(page.found[-1].number)) if page.found else None,
        )


async def _decided(info: Info, verb: Verb, id: strawberry.ID) -> Intent:
    info.context.must_be_ours()
    caller, services = await info.context.caller(), info.context.services
    said = Said(await info.context.can("arm", "rules"))
    return Intent.of(await services.rule_sets.decide(caller, verb, id, said))


@strawberry.type
class RuleHistoryMutation:
    @mutation(
        "arm",
        "rules",
        "Try again what an intent could not do. For a signed-in person whose password was given within ten minutes;"
        " asked of whoever watches the hopper, who does it only when what was tried before shows no effect.",
    )
    async def retry_intent(self, info: Info, id: strawberry.ID) -> Intent:
        return await _decided(info, "retry", id)

    @mutation("change", "rules", "End an intent as it stands: what it did stays, and nothing more is done.")
    async def abandon_intent(self, info: Info, id: strawberry.ID) -> Intent:
        return await _decided(info, "abandon", id)


@strawberry.type
class RuleHistorySubscription:
    @subscription(
        "view",
        "rule-history",
        "What a hopper's rule sets decide and do, as it is done. Nothing counts but the audit: where its numbers show a"
        " gap, or after a break, read auditLog. NOT_FOUND when it is not the user's.",
    )
    async def rule_actions(self, info: Info, hopper_id: strawberry.ID) -> AsyncIterator[RuleAction]:
        services = info.context.services
        caller = await info.context.caller()
        one = await services.hoppers.of(caller.user, logic.hopper_id(hopper_id))
        looked_at = services.clock.now()
        async with services.acts.of(one.id) as acts:
            async for told in acts:
                now = services.clock.now()
                if now - looked_at >= AGAIN_EVERY:
                    await services.hoppers.of(caller.user, one.id)
                    looked_at = now
                if told.user == caller.user:
                    yield RuleAction.of(told)

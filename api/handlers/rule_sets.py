"""What people do with rule sets, with what these have begun, and with kill switches: whose it is, and what it takes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from api.handlers.changes import Changes
from api.handlers.controls import Verb
from api.handlers.linking import Linked, LinkState
from api.logic import rules as logic
from api.ports import Caller, Hoppers
from cryptwire.clock import Clock
from cryptwire.codec.rule_answers import (
    Preview,
    Replay,
    Standing,
    preview_from_json,
    replay_from_json,
    standing_from_json,
)
from cryptwire.codec.rule_set import body_from_json, body_to_json
from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.domain.rule_effects import opposing
from cryptwire.domain.rule_set import Mode, RuleSet, RuleSetBody
from cryptwire.errors import Corrupt, Forbidden, Invalid, LinkAgain, NotFound
from cryptwire.storage.kill_switches import KillSwitch, Level
from cryptwire.storage.rule_history import KeptIntent
from cryptwire.storage.rule_sets import Change, Fits, Version
from cryptwire.storage.sessions import FRESH

MOST_AT_ONCE = 100
_TRIES = 5
_REPLAYED = (timedelta(days=1), timedelta(days=100))  # at least a day, as in shadow; what is computed in seconds
_TRADE = "trade"
_UUID_LENGTH = 36
Answer = TypeVar("Answer")


class RuleSetRows(Protocol):
    """See cryptwire/storage/rule_sets.py; raises Unavailable."""

    async def of_hopper(self, user: UserId, hopper: HopperId) -> list[RuleSet]: ...

    async def of(self, user: UserId, rule_set: RuleSetId) -> RuleSet: ...

    async def versions(self, user: UserId, rule_set: RuleSetId, before: int, most: int) -> list[Version]: ...

    async def changes(self, user: UserId, rule_set: RuleSetId, before: int, most: int) -> list[Change]: ...

    async def add(self, user: UserId, hopper: HopperId, body: RuleSetBody, fits: Fits) -> RuleSet: ...

    async def edit(self, before: RuleSet, body: RuleSetBody, fits: Fits, note: str = "") -> RuleSet: ...

    async def set_mode(self, before: RuleSet, mode: Mode, note: str = "") -> RuleSet: ...

    async def delete(self, before: RuleSet) -> None: ...


class Intents(Protocol):
    """See cryptwire/storage/rule_history.py; raises Unavailable."""

    async def intent(self, user: UserId, intent: IntentId) -> KeptIntent: ...


class Switches(Protocol):
    """See cryptwire/storage/kill_switches.py; raises Unavailable."""

    async def over(self, user: UserId) -> list[KillSwitch]: ...

    async def turn(
        self, level: Level, id: str, user: UserId, *, is_on: bool, reason: str = ""
    ) -> KillSwitch | None: ...


class Controls(Protocol):
    """See api/handlers/controls.py."""

    async def ask(
        self, verb: Verb, hopper: HopperId, user: UserId, rule_set: RuleSetId | None, body: Mapping[str, Any] | None
    ) -> dict[str, Any]: ...


class Links(Protocol):
    """See api/handlers/linking.py."""

    async def state(self, user: UserId) -> Linked: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """A rule set with its hopper."""

    rule_set: RuleSet
    hopper: Hopper


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says when he makes something act: the words he typed, why, and whether it may fire at once.

    ``may_arm``: his plan and token allow it.
    """

    may_arm: bool
    typed: str | None = None
    note: str | None = None
    despite: bool = False


class RuleSets:
    """Every method raises NotFound for what is not the user's, as for what is not there, and Unavailable.

    What changes something raises Invalid, saying what is wrong with it, or Forbidden.
    """

    def __init__(
        self,
        rows: RuleSetRows,
        intents: Intents,
        switches: Switches,
        hoppers: Hoppers,
        controls: Controls,
        links: Links,
        changes: Changes,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._intents = intents
        self._switches = switches
        self._hoppers = hoppers
        self._controls = controls
        self._links = links
        self._changes = changes
        self._clock = clock

    # ---- reading ----

    async def of_hopper(self, user: UserId, hopper: HopperId) -> list[Shown]:
        """The first first."""
        one = await self._hoppers.of(user, hopper)
        return [Shown(each, one) for each in await self._rows.of_hopper(user, one.id)]

    async def of(self, user: UserId, id: str) -> Shown:
        rule_set = await self._rows.of(user, rule_set_id(id))
        return Shown(rule_set, await self._hoppers.of(user, rule_set.hopper))

    async def versions(self, user: UserId, id: str, before: int | None, first: int) -> list[Version]:
        """The newest first."""
        return await self._rows.versions(user, rule_set_id(id), below(before), up_to(first))

    async def changes(self, user: UserId, id: str, before: int | None, first: int) -> list[Change]:
        """The newest first; of a deleted rule set, too."""
        return await self._rows.changes(user, rule_set_id(id), below(before), up_to(first))

    async def preview(self, user: UserId, hopper: HopperId, body: object, id: str | None) -> Preview:
        """What a rule set would do if it were armed now; ``id``: whose body it is, whose state counts."""
        one = await self._hoppers.of(user, hopper)
        rule_set = None if id is None else await self._rows.of(user, rule_set_id(id))
        if rule_set is not None and rule_set.hopper != one.id:
            raise NotFound("there is no such rule set of this hopper")
        return await self._previewed(user, one.id, None if rule_set is None else rule_set.id, readable(body))

    async def standing(self, user: UserId, id: str) -> Standing:
        """How it stands by the controller and upstream (R20)."""
        one = await self._rows.of(user, rule_set_id(id))
        _must_be_watched(one)
        return await self._asked("state", one, None, standing_from_json)

    async def replay(self, user: UserId, id: str, since: datetime, until: datetime) -> Replay:
        """What the newest version would have done over the hopper's own candles; it counts as replayed from then on."""
        one = await self._rows.of(user, rule_set_id(id))
        if not since < until <= self._clock.now():
            raise Invalid("since is before until, and until is not in the future")
        least, most = _REPLAYED
        if not least <= until - since <= most:
            raise Invalid(f"{least.days} to {most.days} days are replayed at once")
        body = {"since": since.isoformat(), "until": until.isoformat()}
        found = await self._asked("replay", one, body, replay_from_json)
        await self._changes.tell("account", user)
        return found

    # ---- changing ----

    async def create(self, caller: Caller, hopper: HopperId, body: object) -> Shown:
        """A new one, off."""
        one, parsed = await self._hoppers.of(caller.user, hopper), readable(body)
        made = await self._rows.add(caller.user, one.id, parsed, _fits(parsed))
        await self._changes.tell("account", caller.user)
        return Shown(made, one)

    async def edit(self, caller: Caller, id: str, body: object, version: int, said: Said) -> Shown:
        """A new version, in the same mode; of what is armed, as if it were armed anew (R28).

        A body that says what the newest version says changes nothing.
        """
        shown, parsed = await self.of(caller.user, id), readable(body)
        before = shown.rule_set
        if version != before.version:
            raise Invalid(f"version {version} is not the newest, {before.version} is: read it again")
        if parsed == before.body:
            return shown
        why = logic.note(said.note)
        if before.mode is Mode.ARMED:
            why = await self._armed(caller, shown, parsed, said, is_proven=False)
        after = await self._rows.edit(before, parsed, _fits(parsed), why)
        await self._changes.tell("account", caller.user)
        return Shown(after, shown.hopper)

    async def set_mode(self, caller: Caller, id: str, mode: Mode, number: int | None, said: Said) -> Shown:
        """``number``: the mode's number that was read; nothing but off goes without."""
        if mode is Mode.OFF:
            return await self._off(caller, id, number, said)
        shown = await self.of(caller.user, id)
        before = shown.rule_set
        if number != before.mode_number:
            raise Invalid(f"expectedModeNumber is that of now, {before.mode_number}: look at the rule set again first")
        why = logic.note(said.note)
        if mode is Mode.ARMED:
            is_proven = logic.is_proven(before, self._clock.now())
            why = await self._armed(caller, shown, before.body, said, is_proven=is_proven)
        after = await self._rows.set_mode(before, mode, why)
        await self._changes.tell("account", caller.user)
        return Shown(after, shown.hopper)

    async def delete(self, caller: Caller, id: str) -> None:
        """What it has begun goes no further; what it did stays written down."""
        await self._rows.delete(await self._rows.of(caller.user, rule_set_id(id)))
        await self._changes.tell("account", caller.user)

    async def resume(self, caller: Caller, id: str, said: Said) -> Shown:
        """Let one watch anew that was stopped for a person to look (R17)."""
        shown = await self.of(caller.user, id)
        self._must_be_a_person(caller, said)
        await self._controls.ask("resume", shown.hopper.id, caller.user, shown.rule_set.id, None)
        await self._changes.tell("account", caller.user)
        return await self.of(caller.user, id)

    async def decide(self, caller: Caller, verb: Verb, intent: str, said: Said) -> KeptIntent:
        """A person's choice about what was begun (R13): ``retry`` acts, ``abandon`` ends it."""
        found = await self._intents.intent(caller.user, intent_id(intent))
        if verb != "abandon":
            self._must_be_a_person(caller, said)
        body = {"intent": found.id}
        await self._controls.ask(verb, found.hopper, caller.user, found.rule_set, body)
        await self._changes.tell("account", caller.user)
        return await self._intents.intent(caller.user, found.id)

    # ---- kill switches ----

    async def switches(self, user: UserId) -> list[KillSwitch]:
        """Those that are on and keep something of the user's still."""
        return await self._switches.over(user)

    async def turn_rule(self, caller: Caller, id: str, *, is_on: bool, reason: str) -> KillSwitch | None:
        one = await self._rows.of(caller.user, rule_set_id(id))
        return await self._turn(caller, Level.RULE, one.id, is_on, reason)

    async def turn_hopper(self, caller: Caller, id: HopperId, *, is_on: bool, reason: str) -> KillSwitch | None:
        one = await self._hoppers.of(caller.user, id)
        return await self._turn(caller, Level.HOPPER, one.id, is_on, reason)

    async def turn_account(self, caller: Caller, *, is_on: bool, reason: str) -> KillSwitch | None:
        return await self._turn(caller, Level.USER, caller.user, is_on, reason)

    async def _turn(self, caller: Caller, level: Level, id: str, is_on: bool, reason: str) -> KillSwitch | None:
        why = logic.note(reason, "reason")
        if not is_on:
            self._must_be_fresh(caller)
        switch = await self._switches.turn(level, id, caller.user, is_on=is_on, reason=why)
        await self._changes.tell("account", caller.user)
        return switch

    # ---- what it takes ----

    async def _off(self, caller: Caller, id: str, number: int | None, said: Said) -> Shown:
        """Off is never refused for what somebody else did a moment before, unless it was asked for."""
        why = logic.note(said.note)
        for _ in range(_TRIES):
            shown = await self.of(caller.user, id)
            before = shown.rule_set
            if number is not None and number != before.mode_number:
                raise Invalid(f"expectedModeNumber is that of now, {before.mode_number}; leave it out to turn it off")
            if before.mode is Mode.OFF:
                return shown
            try:
                after = await self._rows.set_mode(before, Mode.OFF, why)
            except Invalid:
                if number is not None:
                    raise
                continue
            await self._changes.tell("account", caller.user)
            return Shown(after, shown.hopper)
        raise Invalid("it is changed all the time; turn on its kill switch")

    async def _armed(self, caller: Caller, shown: Shown, body: RuleSetBody, said: Said, *, is_proven: bool) -> str:
        """What is logged of it when ``body`` may act from now on; raises what it lacks."""
        self._must_be_a_person(caller, said)
        why = logic.note(said.note)
        known = await self._hoppers.known_one(caller.user, shown.hopper.id)
        if not known.is_linked:
            raise Invalid("this hopper is not linked any more: nothing can act on it")
        logic.must_be_typed(body, shown.hopper, said.typed)
        if not is_proven:
            logic.must_have_reason(why)
        await self._must_be_allowed_to_trade(caller.user)
        preview = await self._previewed(caller.user, shown.hopper.id, shown.rule_set.id, body)
        if preview.fires_now and not said.despite:
            raise Invalid(f"it would fire at once ({preview.reason or 'all rules are true'}): say despite if it is to")
        marks = ([] if is_proven else ["armed without a day in shadow or a replay"]) + (
            ["would fire at once"] if preview.fires_now else []
        )
        return ": ".join(filter(None, ("; ".join(marks), why)))

    def _must_be_a_person(self, caller: Caller, said: Said) -> None:
        if not said.may_arm:
            raise Forbidden("only who is signed in himself lets rules act; a token may not")
        self._must_be_fresh(caller)

    def _must_be_fresh(self, caller: Caller) -> None:
        given_at = caller.authenticated_at
        if given_at is None or self._clock.now() - given_at > FRESH:
            raise Forbidden("give your password again first (confirmPassword), then do this within ten minutes")

    async def _must_be_allowed_to_trade(self, user: UserId) -> None:
        link = await self._links.state(user)
        if link.state in (LinkState.NONE, LinkState.MUST_LINK_AGAIN):
            raise LinkAgain("nothing can act while the account at Cryptohopper is not linked; link it again first")
        if _TRADE not in link.scopes:
            raise LinkAgain("Cryptohopper was not allowed to let us trade; link the account again and allow it")

    async def _previewed(self, user: UserId, hopper: HopperId, id: RuleSetId | None, body: RuleSetBody) -> Preview:
        answer = await self._controls.ask("preview", hopper, user, id, {"body": body_to_json(body)})
        return _read(preview_from_json, answer)

    async def _asked(
        self, verb: Verb, one: RuleSet, body: Mapping[str, Any] | None, read: Callable[[Mapping[str, Any]], Answer]
    ) -> Answer:
        return _read(read, await self._controls.ask(verb, one.hopper, one.user, one.id, body))


def _read(read: Callable[[Mapping[str, Any]], Answer], answer: Mapping[str, Any]) -> Answer:
    try:
        return read(answer)
    except Invalid as error:
        raise Corrupt(f"a controller's answer cannot be read: {error}") from None


def _must_be_watched(rule_set: RuleSet) -> None:
    """Raises Invalid for what is off: no controller knows it."""
    if rule_set.mode is Mode.OFF:
        raise Invalid("it is off, and nobody watches it; set it to SHADOW first")


def _fits(body: RuleSetBody) -> Fits:
    def fits(others: Sequence[RuleSet]) -> None:
        if against := opposing(body, [other.body for other in others]):
            raise Invalid(against)

    return fits


def readable(body: object) -> RuleSetBody:
    """A body from outside; raises Invalid, naming what is wrong where."""
    parsed = body_from_json(body)
    if len(json.dumps(body_to_json(parsed))) > logic.MOST_BODY:
        raise Invalid(f"a rule set is {logic.MOST_BODY // 1024} KB of JSON at most")
    return parsed


def rule_set_id(text: str) -> RuleSetId:
    """Raises NotFound when no rule set can have it."""
    return RuleSetId(_uuid(text, "there is no such rule set"))


def intent_id(text: str) -> IntentId:
    """Raises NotFound when no intent can have it."""
    return IntentId(_uuid(text, "there is no such intent"))


def _uuid(text: str, otherwise: str) -> str:
    try:
        if len(text) == _UUID_LENGTH:
            return str(UUID(text))
    except ValueError:
        pass
    raise NotFound(otherwise)


def below(number: int | None) -> int:
    """A number that a page ends before; raises Invalid."""
    if number is not None and number < 1:
        raise Invalid("before is 1 at least; leave it out for the newest")
    return 2**31 - 1 if number is None else number


def up_to(first: int) -> int:
    """How many are asked for; raises Invalid."""
    if not 1 <= first <= MOST_AT_ONCE:
        raise Invalid(f"first is 1 to {MOST_AT_ONCE}, not {first}")
    return first

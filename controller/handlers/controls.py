"""What one asks of the controller of a hopper: ``control.<hopper>.controller.<verb>`` (``codec/rule_answers.py``)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from controller.handlers.executing import Executor
from controller.handlers.watching import Heard, Rule, Watcher
from controller.logic.evaluation import would_fire_now
from controller.logic.inputs import Inputs
from controller.logic.mismatches import mismatches
from controller.logic.moves import Abandon, Retry
from controller.logic.preview import preview
from controller.logic.replay import is_enough
from controller.logic.requests import Look, Seen
from controller.logic.state import Phase
from controller.logic.verdict import Stage
from controller.logic.wants import wanted_of
from controller.ports import Replays, RuleSets, Upstream
from cryptwire.clock import Clock
from cryptwire.codec.control import ControlRequest, control_reply_to_wire, control_request_from_wire
from cryptwire.codec.figure import Wanted
from cryptwire.codec.rule_answers import (
    Preview,
    RuleTruth,
    Standing,
    UpstreamTruth,
    preview_to_json,
    replay_to_json,
    standing_to_json,
)
from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.action import IntentId
from cryptwire.domain.figure import FigureKey, figure_key
from cryptwire.domain.hopper import Assignment, HopperId
from cryptwire.domain.rule_set import RuleSet, RuleSetBody
from cryptwire.domain.ticker import Pair
from cryptwire.errors import CryptwireError, Invalid, NotFound, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Message

_log = Log(__name__)
_MOST_PAYLOAD = 200_000  # bytes
_READ_WITHIN = timedelta(seconds=4)
_LOOKED = timedelta(milliseconds=100)
"""What is shown may be so old: it is no check of an action, and does not go before everything else for the user."""
_FIGURES_WITHIN = timedelta(seconds=4.5)
_VERBS = ("state", "preview", "replay", "resume", "retry", "abandon")
_VERDICTS = {Stage.TRUE: "true", Stage.CONFIRMING: "true", Stage.WAITS: "false", Stage.NO_DATA: "no-data"}

Json = dict[str, Any]


class Controls:
    """Answers for the hoppers that this pod holds; ``held`` tells of one, None when it is not ours to answer."""

    def __init__(
        self,
        watcher: Watcher,
        executor: Executor,
        upstream: Upstream,
        rule_sets: RuleSets,
        replays: Replays | None,
        clock: Clock,
        *,
        held: Callable[[HopperId], Assignment | None],
        want: Callable[[Wanted], Awaitable[bool]],
        switched_off: Callable[[RuleSet], str],
    ) -> None:
        self._watcher = watcher
        self._executor = executor
        self._upstream = upstream
        self._rule_sets = rule_sets
        self._replays = replays
        self._clock = clock
        self._held = held
        self._want = want
        self._switched_off = switched_off

    async def answer(self, message: Message) -> bytes | None:
        """The answer; None when another pod is asked. Errors of ours are answers, too."""
        try:
            if len(message.payload) > _MOST_PAYLOAD:
                raise Invalid("the request is too long")
            request = control_request_from_wire(message.payload)
        except Invalid as error:
            _log.warning("a request cannot be read", subject=message.subject[:100], reason=error)
            return None
        assignment = self._held(request.hopper)
        if assignment is None:
            return None
        try:
            if assignment.hopper.user != request.user:
                raise NotFound(f"there is no hopper {request.hopper[:40]}")
            return control_reply_to_wire(await self._done(message.subject.rpartition(".")[2], request, assignment))
        except CryptwireError as error:
            return control_reply_to_wire(error)

    async def _done(self, verb: str, request: ControlRequest, assignment: Assignment) -> Json:
        match verb:
            case "preview":
                return await self._preview(request, assignment)
            case "state":
                return await self._state(self._rule(request), assignment)
            case "replay":
                return await self._replay(request, assignment)
            case "resume":
                rule = self._rule(request)
                if rule.state.phase is Phase.FIRED:
                    raise Invalid("its actions are being done: wait for their end, or abandon them")
                await self._watcher.resume(rule)
                await self._rule_sets.note(rule.rule_set, "resumed", request.asked_by)
                return {}
            case "retry" | "abandon":
                return await self._choose(verb, request)
            case _:
                raise Invalid(f"the controller is asked {', '.join(_VERBS)}, not {verb[:20]}")

    def _rule(self, request: ControlRequest) -> Rule:
        rule = self._watcher.rule(request.rule_set)
        if rule is None or rule.rule_set.hopper != request.hopper:
            raise NotFound(f"rule set {request.rule_set[:40]} is not watched: it is off, or not there")
        return rule

    # ---- people choose ----

    async def _choose(self, verb: str, request: ControlRequest) -> Json:
        """Of what was begun, whether its rule set is still watched or not."""
        intent = IntentId(_text(request.body, "intent"))
        choice = Retry(_who(request)) if verb == "retry" else Abandon(_who(request))
        wish = await self._executor.choose(intent, request.hopper, request.user, choice)
        await self._rule_sets.chosen(wish, "retried" if verb == "retry" else "abandoned", request.asked_by)
        return {}

    # ---- both truths (R20) ----

    async def _state(self, rule: Rule, assignment: Assignment) -> Json:
        try:
            looks = frozenset({Look.POSITIONS})
            seen = await asyncio.wait_for(
                self._upstream.read(assignment.hopper, looks, _READ_WITHIN, _LOOKED), _READ_WITHIN.total_seconds() + 0.5
            )
        except (CryptwireError, TimeoutError):
            seen = None
        heard = self._watcher.heard(rule.rule_set.hopper)
        return standing_to_json(self._standing(rule, seen, heard))

    def _standing(self, rule: Rule, seen: Seen | None, heard: Heard | None) -> Standing:
        state, one, verdict = rule.state, rule.rule_set, rule.verdict
        truth = RuleTruth(
            one.version,
            one.mode.value,
            one.mode_number,
            state.epoch,
            state.phase.value,
            "no-data" if verdict is None else _VERDICTS[verdict.stage],
            self._switched_off(one) or ("it was not looked at yet" if verdict is None else verdict.words),
            state.start,
            state.peak,
            None if heard is None else heard.snapshot.index,
            rule.evaluated_at,
            state.looked_at,
        )
        if seen is None:
            return Standing(truth, None, ())
        hopper, positions = seen.hopper, seen.positions or ()
        upstream = UpstreamTruth(hopper.is_enabled, hopper.is_buying, hopper.is_selling, len(positions), seen.asked_at)
        found = mismatches(one.body, seen, None if heard is None else heard.snapshot)
        return Standing(truth, upstream, tuple(found.values()))

    # ---- before arming (R21, R28) ----

    async def _preview(self, request: ControlRequest, assignment: Assignment) -> Json:
        named = self._watcher.rule(request.rule_set) if request.rule_set else None
        rule = named if named is not None and named.rule_set.hopper == request.hopper else None
        if request.body is not None and "body" in request.body:
            body = body_from_json(request.body["body"])
        elif rule is not None:
            body = rule.rule_set.body
        else:
            raise Invalid("a body is missing: a rule set as JSON")
        zone = ZoneInfo(await self._rule_sets.zone_of(request.user)) if rule is None else rule.zone
        state = rule.state if rule is not None and rule.rule_set.body == body else None
        inputs = await self._inputs(request.hopper, body, zone)
        told = preview(body, state, inputs)
        if inputs is None:
            why = "no figures of this hopper came; whether it would fire now cannot be told"
            return preview_to_json(Preview((told.text,), "no-data", False, why))
        verdict = would_fire_now(body, inputs)
        lines = (*told.when, *told.then, told.again)
        return preview_to_json(Preview(lines, _VERDICTS[verdict.stage], verdict.stage is Stage.TRUE, verdict.words))

    async def _inputs(self, hopper: HopperId, body: RuleSetBody, zone: ZoneInfo) -> Inputs | None:
        """What ``body`` reads, all of it, or what there is of it in a few seconds; None: nothing."""
        wanted = wanted_of(hopper, body)
        pairs = [of for of in wanted if isinstance(of, Pair)]
        self._watcher.listen_to(pairs)
        await asyncio.gather(*(self._want(Wanted(of, tuple(sorted(keys)))) for of, keys in wanted.items()))
        keys = {figure_key(text) for text in wanted[hopper]}
        heard: Heard | None = self._watcher.heard(hopper)
        until = self._clock.now() + _FIGURES_WITHIN
        while heard is None or not self._is_whole(heard, keys, pairs):
            left = until - self._clock.now()
            if left <= timedelta(0):
                break
            try:
                heard = await self._watcher.next_of(hopper, left)
            except Unavailable:
                break
        if heard is None:
            return None
        return Inputs(heard.snapshot, self._clock.now(), zone, self._watcher.pairs, self._watcher.care)

    def _is_whole(self, heard: Heard, keys: set[FigureKey], pairs: list[Pair]) -> bool:
        is_new = self._clock.now() - heard.snapshot.at <= self._watcher.care.oldest
        return is_new and keys <= heard.snapshot.figures.keys() and all(pair in self._watcher.pairs for pair in pairs)

    # ---- over the past ----

    async def _replay(self, request: ControlRequest, assignment: Assignment) -> Json:
        since, until = _moment(request.body, "since"), _moment(request.body, "until")
        one = await self._rule_sets.one(request.rule_set, request.hopper) if request.rule_set else None
        if request.body is not None and "body" in request.body:
            body = body_from_json(request.body["body"])
            zone = await self._rule_sets.zone_of(request.user)
        elif one is not None:
            body, zone = one.rule_set.body, one.zone
        else:
            raise Invalid("name a rule set, or give a body")
        if self._replays is None:
            raise Unavailable("rule sets are not replayed here")
        told = await self._replays.replay(assignment.hopper, body, zone, since, until)
        if one is not None and one.rule_set.body == body and is_enough(told):
            await self._rule_sets.replayed(one.rule_set, self._clock.now(), request.asked_by)
        return replay_to_json(told)


def _who(request: ControlRequest) -> str:
    """For the audit, which holds nothing personal: who exactly stands beside it."""
    return request.asked_by if request.asked_by.startswith("admin:") else "user"


def _text(body: Mapping[str, Any] | None, name: str) -> str:
    found = (body or {}).get(name)
    if not isinstance(found, str) or not 0 < len(found) <= 100:
        raise Invalid(f"{name} is missing")
    return found


def _moment(body: Mapping[str, Any] | None, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(_text(body, name))
    except ValueError:
        raise Invalid(f"{name} is no moment; write one as 2026-12-31T00:00:00+00:00") from None
    if found.tzinfo is None:
        raise Invalid(f"{name} has no offset")
    return found

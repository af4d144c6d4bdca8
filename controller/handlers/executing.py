"""Intents worked off: what the machine of steps says is written down, and then done."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from controller.logic.execution import advance
from controller.logic.limits import Limits, held_back
from controller.logic.moves import (
    Abandon,
    Answered,
    Begin,
    Declined,
    DoEnd,
    DoRead,
    DoRecall,
    DoSend,
    DoSleep,
    Event,
    Instruction,
    Lost,
    Move,
    NotSent,
    Patience,
    Read,
    Recalled,
    Record,
    Retry,
    Standing,
    Unknown,
    Unread,
    Whereabouts,
    Woken,
)
from controller.logic.progress import Progress, from_json, to_json
from controller.logic.requests import Look, Request
from controller.logic.standing import Facts, judge
from controller.ports import Intents, Outcomes, Points, Upstream
from cryptwire.clock import Clock
from cryptwire.codec.control import ActionTold, action_to_wire
from cryptwire.domain.action import Act, Fence, IntentId, RuleSetId
from cryptwire.domain.audit import Entry, Sealed
from cryptwire.domain.hopper import Assignment, HopperId, UserId
from cryptwire.domain.intent import Intent, IntentState, Wish
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.errors import (
    Corrupt,
    CryptwireError,
    Exhausted,
    Fenced,
    Forbidden,
    Invalid,
    LinkAgain,
    NotFound,
    Refused,
    SwitchedOff,
    Unavailable,
    Unconfirmed,
)
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.messaging.bus import Bus
from cryptwire.messaging.subjects import World
from cryptwire.metrics import Meters
from cryptwire.tasks import end

_log = Log(__name__)
_READ_WITHIN = timedelta(seconds=10)
_SEND_WITHIN = timedelta(seconds=20)
_PAUSE = timedelta(seconds=0.5)
_CHOSEN_WITHIN = timedelta(seconds=4)
_ANOTHERS = "another pod holds the hopper now; try again in a moment"
_UNREADABLE = "how far it came cannot be read, so nothing of it is tried again"
_BROKEN = timedelta(seconds=60)
"""An intent that a defect keeps from going on is taken up again so much later."""


class Executor:
    """Works off the intents of the hoppers that this pod holds, each in a task of its own.

    ``names``: a rule set's name for notices. ``may_act``: whether this pod may, now. ``on_over`` is told of each intent
    that came to an end.
    """

    def __init__(
        self,
        intents: Intents,
        outcomes: Outcomes,
        upstream: Upstream,
        bus: Bus,
        world: World,
        clock: Clock,
        meters: Meters,
        points: Points,
        *,
        plans: Collection[str],
        patience: Patience,
        limits: Limits,
        names: Callable[[RuleSetId], str],
        may_act: Callable[[], bool],
        on_over: Callable[[Intent], None],
    ) -> None:
        self._intents = intents
        self._outcomes = outcomes
        self._upstream = upstream
        self._bus = bus
        self._world = world
        self._clock = clock
        self._meters = meters
        self._points = points
        self._plans = plans
        self._patience = patience
        self._limits = limits
        self._names = names
        self._on_over = on_over
        self._held: Mapping[HopperId, Assignment] = {}
        self._working: dict[IntentId, tuple[HopperId, asyncio.Task[None]]] = {}
        self._broke_at: dict[IntentId, datetime] = {}
        self._may_act = may_act

    # ---- life ----

    async def hold(self, held: Mapping[HopperId, Assignment]) -> None:
        """From now on these hoppers: what is worked off for others, or under another fence, is let go at once."""
        gone = {
            hopper
            for hopper, assignment in self._held.items()
            if hopper not in held or held[hopper].fence != assignment.fence
        }
        self._held = held
        await end([task for hopper, task in list(self._working.values()) if hopper in gone])

    @property
    def is_acting(self) -> bool:
        """Whether any intent is worked off."""
        return bool(self._working)

    async def resume(self) -> int:
        """Take up what is open of the hoppers held and is not worked off yet; how many."""
        now = self._clock.now()
        self._broke_at = {id_: at for id_, at in self._broke_at.items() if now - at < _BROKEN}
        kept = self._working.keys() | self._broke_at.keys()
        found = [one for one in await self._intents.open_of(list(self._held)) if one.id not in kept]
        for intent in found:
            self.take(intent)
        return len(found)

    def take(self, intent: Intent, event: Event | None = None) -> None:
        """Work ``intent`` off, from where it stands."""
        hopper = intent.wish.hopper
        if hopper not in self._held or intent.id in self._working:
            return
        task = asyncio.create_task(self._work(intent, self._held[hopper], event or Begin()))
        self._working[intent.id] = (hopper, task)
        task.add_done_callback(lambda done: self._over(intent.id, done))
        self._meters.set("controller_intents", "Intents that are worked off.", len(self._working))

    async def choose(self, intent: IntentId, hopper: HopperId, user: UserId, choice: Retry | Abandon) -> Wish:
        """What a person chose of an intent of this hopper, which is his: the wish it is of.

        What is not over or has failed is abandoned whatever became of its rule set; tried again only while it may act
        (R9). Raises NotFound, Invalid when it is not there to be chosen, Unavailable.
        """
        known = await self._intents.one(intent)
        if (known.wish.hopper, known.wish.user) != (hopper, user):
            raise NotFound(f"there is no intent {intent}")
        if isinstance(choice, Retry) and known.state not in (IntentState.PARTIAL, IntentState.FAILED):
            raise Invalid(f"it is {known.state.value}: only what failed is tried again")
        if known.state in (IntentState.DONE, IntentState.ABANDONED):
            raise Invalid(f"it is {known.state.value} already")
        if known.wish.is_shadow and isinstance(choice, Retry):
            raise Invalid("what was in shadow is not done")
        working = self._working.get(intent)
        if working is not None:
            await end([working[1]])
            known = await self._intents.one(intent)
        if isinstance(choice, Retry):
            await self._must_have_right(known)
        if known.wish.hopper not in self._held:
            raise Unavailable(_ANOTHERS)
        self.take(known, choice)
        return known.wish

    async def _must_have_right(self, intent: Intent) -> None:
        """Raises Invalid that says why it may not act (any more), Unavailable when that cannot be told."""
        try:
            progress = _progress(intent)
        except Corrupt:
            raise Invalid(f"{_UNREADABLE}: look at the hopper, then abandon it") from None
        assignment = self._held.get(intent.wish.hopper)
        if assignment is None:
            raise Unavailable(_ANOTHERS)
        found = await self._read(intent, progress, assignment, frozenset(), _CHOSEN_WITHIN)
        match found:
            case Read(_, standing) if standing.is_lost:
                raise Unavailable(_ANOTHERS)
            case Read(_, standing):
                if standing.obstacle:
                    raise Invalid(f"it is not tried again: {standing.obstacle}")
            case Unread(reason, is_final=True):
                raise Invalid(f"it is not tried again: {reason}")
            case Unread(reason):
                raise Unavailable(f"whether it may be tried again cannot be told: {reason}")

    async def stop(self) -> None:
        """Let everything go; it is taken up by whoever comes next."""
        await end([task for _, task in list(self._working.values())])

    def _over(self, intent: IntentId, task: "asyncio.Task[None]") -> None:
        if self._working.get(intent, (None, None))[1] is task:
            del self._working[intent]
        self._meters.set("controller_intents", "Intents that are worked off.", len(self._working))
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broke_at[intent] = self._clock.now()
            self._meters.count("controller_execution_faults", "Intents whose execution broke.")
            _log.error("an intent could not be worked off", intent=intent, exception=error)

    # ---- work ----

    async def _work(self, intent: Intent, assignment: Assignment, event: Event) -> None:
        while True:
            try:
                progress = _progress(intent)
            except Corrupt as fault:
                await self._stuck(intent, assignment, event, str(fault))
                return
            now = self._clock.now()
            move = advance(
                intent.wish.actions,
                progress,
                intent.state,
                event,
                now,
                self._patience,
                is_shadow=intent.wish.is_shadow,
            )
            if (move.progress, move.state) != (progress, intent.state) or move.records or move.alarms:
                entries, notices = self._entries(intent, move.records), self._notices(intent, move)
                moved = await self._written(intent, to_json(move.progress), move.state, entries, notices, assignment)
                if moved is None:
                    return
                intent, is_ours = moved
                if not is_ours:  # somebody else wrote, or we did and did not hear of it
                    if intent.state.is_over:
                        self._on_over(intent)
                        return
                    event = Begin()
                    continue
            if isinstance(move.then, DoEnd):
                if intent.state.is_over:
                    self._on_over(intent)
                return
            event = await self._done(move.then, intent, move.progress, assignment)

    async def _stuck(self, intent: Intent, assignment: Assignment, event: Event, fault: str) -> None:
        """How far it came cannot be read: nothing more is sent, its user and those who run the system are told, once.

        What stands in the database stays for them to look at; the user may abandon it, and nothing else.
        """
        if isinstance(event, Abandon):
            record, state, notices = Record("abandoned", {"by": event.by}), IntentState.ABANDONED, []
        elif intent.state.is_over:
            return
        else:
            self._meters.count("controller_intents_unreadable", "Intents whose progress could not be read.")
            _log.error("an intent cannot be read", intent=intent.id, reason=fault)
            record, state = Record("unreadable", {"reason": fault[:300]}), IntentState.FAILED
            notices = self._told_stuck(intent, fault)
        entries = self._entries(intent, [record])
        moved = await self._written(intent, intent.progress, state, entries, notices, assignment)
        if moved is not None and moved[0].state.is_over:
            self._on_over(moved[0])

    def _told_stuck(self, intent: Intent, fault: str) -> list[Notice]:
        wish, now = intent.wish, self._clock.now()
        about, key = NoticeClass.FAILURE, f"intent-unreadable/{intent.id}"
        user = {"rule": self._names(wish.rule_set)}
        operators = {"intent": intent.id, "reason": fault[:300]}
        return [
            Notice(wish.user, about, "rule-unreadable", key, now, user, wish.hopper),
            Notice(None, about, "intent-unreadable", key, now, operators, wish.hopper),
        ]

    async def _written(
        self,
        intent: Intent,
        progress: Mapping[str, Any],
        state: IntentState,
        entries: list[Entry],
        notices: list[Notice],
        assignment: Assignment,
    ) -> tuple[Intent, bool] | None:
        """The intent as it stands now, and whether that is what was to be written; None: it is not ours any more."""
        right = Fence(assignment.fence)
        while True:
            try:
                self._points.passed("move")
                sealed = await self._intents.move(intent, progress, state, right, entries, notices)
                self._points.passed("moved")
                if sealed is None:
                    return await self._intents.one(intent.id), False
            except Fenced as reason:
                _log.warning("an intent is another pod's now", intent=intent.id, reason=reason)
                return None
            except NotFound:
                return None
            except Unavailable as reason:
                _log.warning("cannot be written down yet", intent=intent.id, reason=reason)
                self._meters.count("controller_unavailable", "Times something was away.", what="intents")
                await self._clock.sleep(_PAUSE)
                continue
            await self._publish(intent, entries, sealed)
            if notices:
                await self._ring(intent)
            return replace(intent, state=state, progress=progress, turn=intent.turn + 1), True

    def _entries(self, intent: Intent, records: Iterable[Record]) -> list[Entry]:
        wish, now = intent.wish, self._clock.now()
        return [
            Entry(wish.hopper, now, record.kind, record.body, wish.rule_set, wish.version, intent.id)
            for record in records
        ]

    def _notices(self, intent: Intent, move: Move) -> list[Notice]:
        wish, now, name = intent.wish, self._clock.now(), self._names(intent.wish.rule_set)
        return [
            Notice(
                wish.user,
                NoticeClass.FAILURE if alarm.is_failure else NoticeClass.ACTION,
                alarm.kind,
                f"{alarm.kind}/{intent.id}/{intent.turn}/{number}",
                now,
                {"rule": name, **alarm.facts},
                wish.hopper,
            )
            for number, alarm in enumerate(move.alarms)
        ]

    async def _publish(self, intent: Intent, entries: list[Entry], sealed: list[Sealed]) -> None:
        for entry, seal in zip(entries, sealed, strict=True):
            told = told_of(entry, seal, intent.wish.user, intent.wish.epoch)
            try:
                await self._bus.publish(self._world.action(intent.wish.hopper), action_to_wire(told))
            except Unavailable:
                return  # it is in the audit

    async def _ring(self, intent: Intent) -> None:
        with contextlib.suppress(Unavailable):  # notices are read again each half minute
            await self._bus.publish(subjects.notice(intent.wish.user), b"")

    # ---- what the machine says ----

    async def _done(self, do: Instruction, intent: Intent, progress: Progress, assignment: Assignment) -> Event:
        match do:
            case DoRead(looks):
                return await self._read(intent, progress, assignment, looks)
            case DoSend(number, request):
                if not self._may_act():
                    return Lost()
                act = Act(intent.id, number, Fence(assignment.fence), intent.wish.rule_set)
                self._points.passed("send")
                event = await self._sent(assignment, act, request)
                self._points.passed("sent")
                return event
            case DoRecall(number):
                return await self._recalled(intent, number)
            case DoSleep(until):
                await self._clock.sleep(until - self._clock.now())
                return Woken()
            case _:
                raise AssertionError("an end is no event")

    async def _read(
        self,
        intent: Intent,
        progress: Progress,
        assignment: Assignment,
        looks: frozenset[Look],
        within: timedelta = _READ_WITHIN,
    ) -> Read | Unread:
        """Everything at once: what upstream shows, what the database says, and whether the account is linked."""
        user = intent.wish.user
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._upstream.read(assignment.hopper, looks, within))
                standing = group.create_task(self._intents.standing(intent.id))
                link = group.create_task(self._upstream.link_problem(user))
                held = group.create_task(self._held_back(intent, progress))
        except BaseExceptionGroup as errors:
            return _unread(errors)
        seen, known = reading.result(), standing.result()
        facts = Facts(
            known.fence,
            known.is_confirmed,
            known.version,
            known.mode_number,
            known.plan,
            known.is_leaving,
            known.is_gone,
            known.is_paper,
            seen.hopper.hopper.is_paper,
            known.switched_off,
            link.result(),
            held.result(),
        )
        judged = judge(intent.wish, assignment.fence, facts, self._plans)
        return Read(seen, judged if self._may_act() else Standing(is_lost=True))

    async def _held_back(self, intent: Intent, progress: Progress) -> str:
        """Why rules have acted often enough (R19); what was begun is finished."""
        if progress.number:
            return ""
        return held_back(intent.wish, await self._intents.before(intent), self._limits)

    async def _sent(self, assignment: Assignment, act: Act, request: Request) -> Event:
        self._meters.count("controller_requests", "Requests that acted.", call=request.call.value)
        try:
            acted = await self._upstream.send(assignment.hopper, act, request, _SEND_WITHIN)
        except Fenced:
            return Lost()
        except SwitchedOff as error:
            return Declined(str(error), ends_all=True)
        except (LinkAgain, Forbidden) as error:
            return Declined(str(error), is_final=True)
        except Refused as error:
            return Declined(str(error))
        except Exhausted as error:
            return Declined(str(error), retry_after=error.retry_after)
        except Unavailable as error:
            return NotSent(str(error))
        except (Unconfirmed, Corrupt) as error:
            return Unknown(str(error))
        return Answered(acted.said, acted.sent_at, acted.answered_at, acted.is_repeated)

    async def _recalled(self, intent: Intent, number: int) -> Event:
        while True:
            try:
                is_there, outcome = await self._outcomes.outcome(intent.id, number, self._patience.under_way)
            except Unavailable as reason:
                _log.warning("what became of a request cannot be told yet", intent=intent.id, reason=reason)
                await self._clock.sleep(_PAUSE)
                continue
            if not is_there:
                return Recalled(Whereabouts.ABSENT)
            return Recalled(Whereabouts.UNDER_WAY if outcome is None else outcome)


def _progress(intent: Intent) -> Progress:
    """Raises Corrupt."""
    if intent.fault:
        raise Corrupt(intent.fault)
    return from_json(intent.progress)


def _unread(errors: BaseExceptionGroup[BaseException]) -> Unread:
    """The worst of what kept something from being read; what is no error of ours is raised."""
    ours: list[CryptwireError] = []
    for error in errors.exceptions:
        if not isinstance(error, CryptwireError):
            raise error
        ours.append(error)
    for error in ours:
        if isinstance(error, Refused):
            return Unread(str(error), is_final=True)
    waits = [error.retry_after for error in ours if isinstance(error, Exhausted)]
    return Unread(str(ours[0]), retry_after=max(waits, default=0.0))


def told_of(entry: Entry, seal: Sealed, user: UserId, epoch: int) -> ActionTold:
    """An entry of the audit as it is told on NATS."""
    return ActionTold(
        entry.hopper,
        user,
        entry.rule_set or RuleSetId(""),
        entry.version or 0,
        epoch,
        entry.intent or IntentId(""),
        seal.number,
        entry.kind,
        entry.at,
        entry.body,
    )

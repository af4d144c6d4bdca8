"""An intent worked off: events in, what to do next out. It neither waits nor talks.

For each part of each action: read upstream and look whether it may be done (R9); write down what is asked for, ask it
once (R11), write down what came; read back until its effect is seen (R13). What is not seen in time is asked for again
with the next number and by fresh reads, three times in all (R15); then a person chooses. Whoever carries out what this
says writes ``Move.progress`` down first, so a successor goes on from there, with the same numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controller.logic.moves import (
    Abandon,
    Alarm,
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
from controller.logic.progress import Ended, Phase, Progress, Result, request_to_json
from controller.logic.requests import (
    MOST_IDS,
    Ask,
    Call,
    Noted,
    Nothing,
    Part,
    Request,
    Seen,
    deadline,
    looks_of,
    parts_of,
    plan,
    unseen,
)
from cryptwire.domain.action import Outcome
from cryptwire.domain.intent import IntentState
from cryptwire.domain.rule_set import Action, Deed, Notify, Restore, SellPositions, Turn, Wait

_SLOWEST_LOOK = timedelta(seconds=15)
_LONGEST_PAUSE = timedelta(seconds=30)
_SECOND = timedelta(seconds=1)


def advance(
    actions: Sequence[Action],
    progress: Progress,
    state: IntentState,
    event: Event,
    now: datetime,
    spans: Patience,
    *,
    is_shadow: bool = False,
) -> Move:
    """What follows from ``event`` at ``now``; an event that does not fit leaves all as it is, and begins anew.

    ``is_shadow``: everything is read, planned and recorded, nothing is sent, waited for or told.
    """
    turn = _Turn(tuple(actions), progress, state, now, spans, is_shadow=is_shadow)
    turn.on(event)
    assert turn.then is not None
    return Move(turn.progress, turn.state, tuple(turn.records), tuple(turn.alarms), turn.then)


@dataclass
class _Turn:
    actions: tuple[Action, ...]
    progress: Progress
    state: IntentState
    now: datetime
    spans: Patience
    is_shadow: bool
    records: list[Record] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    then: Instruction | None = None

    # ---- events ----

    def on(self, event: Event) -> None:
        if self.state.is_over:
            self._on_end(event)
            return
        match event, self.progress.phase:
            case Lost(), _:
                self.then = DoEnd(is_lost=True)
            case Read(_, Standing(is_lost=True)), _:
                self.then = DoEnd(is_lost=True)
            case Abandon(by), _:
                self._abandon(by)
            case ((Begin() | Woken() | Retry()), _):
                self._begin()
            case Read(seen, standing), Phase.PREPARE:
                self._plan(seen, standing)
            case Read(seen, standing), Phase.ASKING:
                self._ask_again(seen, standing)
            case Read(seen, _), Phase.VERIFY:
                self._look(seen)
            case Unread(), _:
                self._unread(event)
            case ((Answered() | Declined() | NotSent() | Unknown()), Phase.ASKING):
                self._heard(event)
            case Recalled(found), (Phase.ASKING | Phase.VERIFY):
                self._recalled(found)
            case _:
                self._begin()

    def _begin(self) -> None:
        progress = self.progress
        match progress.phase:
            case Phase.SLEEPING if progress.pause_until is not None and progress.pause_until > self.now:
                self.then = DoSleep(progress.pause_until)
            case Phase.SLEEPING:
                self._deed_ended(Ended(Result.DONE))
            case Phase.ASKING:
                self.then = DoRecall(progress.number)
            case Phase.VERIFY:
                self.then = self._reading()
            case Phase.PREPARE if progress.pause_until is not None and progress.pause_until > self.now:
                self.then = DoSleep(progress.pause_until)
            case _:
                self._enter()

    def _enter(self) -> None:
        """Do what takes no request, and read for what does."""
        deed = self._deed
        match deed:
            case Notify(text):
                self._record("says", {"text": text})
                if not self.is_shadow:
                    self.alarms.append(Alarm("rule-says", {"text": text}, is_failure=False))
                self._deed_ended(Ended(Result.DONE))
            case Wait(seconds) if self.is_shadow:
                self._record("would-wait", {"seconds": seconds})
                self._deed_ended(Ended(Result.DONE))
            case Wait(seconds):
                until = self.now + timedelta(seconds=seconds)
                self.progress = replace(self.progress, phase=Phase.SLEEPING, pause_until=until)
                self.state = IntentState.WAITING
                self._record("waits", {"until": until.isoformat()})
                self.then = DoSleep(until)
            case Restore() if not self._parts:
                self._deed_ended(Ended(Result.NOTHING, "nothing was changed"))
            case _:
                self.then = self._reading()

    # ---- before a request ----

    def _plan(self, seen: Seen, standing: Standing) -> None:
        """Everything that must be so is looked at now, by what was just read (R9)."""
        if standing.obstacle:
            self._deed_failed(standing.obstacle, ends_all=True)
            return
        deed, part, progress = self._deed, self._part, self.progress
        was_disabled_by_us = "hopper" in progress.noted and progress.noted["hopper"].left == "0"
        planned = plan(deed, part, seen, was_disabled_by_us=was_disabled_by_us)
        if isinstance(planned, Nothing):
            self._record("nothing-to-do", {"reason": planned.reason, "attempts": progress.attempts})
            if progress.attempts and not part.is_guard:
                self.progress = replace(progress, has_effect=True)  # what was asked for before has come
            if planned.is_whole:
                self._deed_ended(self._ending(planned.reason))
            else:
                self._part_ended(planned.reason)
        elif isinstance(planned, Ask):
            self._ask(planned, seen)
        else:
            self._deed_failed(planned.reason)

    def _ask(self, ask: Ask, seen: Seen) -> None:
        progress, part = self.progress, self._part
        noted = progress.noted if part.left is not None else _with(progress.noted, ask.notes)
        if self.is_shadow:
            self._record("would-ask", request_to_json(ask.request))
            self.progress = replace(progress, noted=noted, has_effect=progress.has_effect or not part.is_guard)
            self._part_ended("")
            return
        patience = self.spans.guard if part.is_guard else deadline(seen, self.spans.settle)
        self.progress = replace(
            progress,
            phase=Phase.ASKING,
            number=progress.number + 1,
            attempts=progress.attempts + 1,
            request=ask.request,
            asked_at=self.now,
            is_unknown=False,
            patience=patience.total_seconds(),
            deadline=(progress.deadline or self.now + patience) if part.is_guard else None,
            pause_until=None,
            noted=noted,
        )
        shown = {name: {"before": note.before, "then": note.left} for name, note in ask.notes.items()}
        self._record("asks", {"number": self.progress.number, **request_to_json(ask.request), "changes_from": shown})
        self.then = DoSend(self.progress.number, ask.request)

    def _ask_again(self, seen: Seen, standing: Standing) -> None:
        """It was written down and never arrived: it is sent now if it still may be, under its number (R11)."""
        assert self.progress.request is not None
        if not unseen(self.progress.request, seen):
            self._verified()
        elif not standing.obstacle:
            self.then = DoSend(self.progress.number, self.progress.request)
        elif self.now < self._is_over_at:
            self.then = DoSleep(self._is_over_at)  # it may be on its way: what became of it is looked up then
        else:
            self._deed_failed(standing.obstacle, ends_all=True)

    # ---- after it ----

    def _heard(self, event: Answered | Declined | NotSent | Unknown) -> None:
        match event:
            case Answered(said, sent_at, answered_at, is_repeated):
                self._record(
                    "answered",
                    {
                        "said": said[:200],
                        "sent_at": sent_at.isoformat(),
                        "answered_at": answered_at.isoformat(),
                        "is_repeated": is_repeated,
                    },
                )
                self._verify(is_unknown=False)
            case Unknown(reason):
                self._record("unknown", {"reason": reason[:200]})
                self._verify(is_unknown=True)
            case Declined(reason, is_final, ends_all, retry_after):
                self._record("declined", {"reason": reason[:200]})
                if is_final or ends_all:
                    self._given_up(reason, ends_all=ends_all)
                else:
                    self._again(reason, timedelta(seconds=max(1.0, retry_after)))
            case NotSent(reason):
                self._record("not-sent", {"reason": reason[:200]})
                self._not_sent(reason)

    def _verify(self, *, is_unknown: bool) -> None:
        progress = self.progress
        until = progress.deadline if self._part.is_guard else self.now + timedelta(seconds=progress.patience)
        self.progress = replace(
            progress, phase=Phase.VERIFY, is_unknown=is_unknown, deadline=until, stalled_since=None, stalls=0
        )
        self.then = self._reading()

    def _look(self, seen: Seen) -> None:
        """Is the effect there?"""
        self.progress = progress = _unstalled(self.progress)
        assert progress.request is not None
        assert progress.deadline is not None
        left = unseen(progress.request, seen)
        if not left:
            self._verified()
        elif self.now >= progress.deadline:
            self._record("unseen", {"number": progress.number, "left": list(left)[:100]})
            if len(left) < len(progress.request.ids):
                self.progress = replace(progress, has_effect=True)
            self._again(_unseen_words(progress.request, left), timedelta(0))
        elif progress.is_unknown and self.now >= self._is_over_at:
            self.then = DoRecall(progress.number)
        else:
            self.then = DoSleep(self._next_look)

    def _verified(self) -> None:
        progress, request = self.progress, self.progress.request
        assert request is not None
        self._record("verified", {"number": progress.number})
        self.progress = replace(progress, has_effect=progress.has_effect or not self._part.is_guard)
        if request.call in (Call.SELL, Call.CANCEL) and len(request.ids) >= MOST_IDS:
            self.progress = self.progress.at(progress.deed, progress.part)  # there may be more than one request names
            self.then = self._reading()
        else:
            self._part_ended("")

    def _recalled(self, found: Outcome | Whereabouts) -> None:
        self._record("recalled", {"number": self.progress.number, "found": found.value})
        is_asking = self.progress.phase is Phase.ASKING
        match found:
            case Outcome.DONE | Outcome.UNKNOWN if is_asking:
                self._verify(is_unknown=False)
            case Outcome.DONE | Outcome.UNKNOWN:
                self.progress = replace(self.progress, is_unknown=False)
                self.then = DoSleep(self._next_look)
            case Whereabouts.UNDER_WAY:
                self.then = DoSleep(self.now + _SECOND)
            case Whereabouts.ABSENT if is_asking:
                self.then = self._reading()
            case _:
                self._again("the request was not done", timedelta(0))

    def _unread(self, event: Unread) -> None:
        if event.is_final and self.progress.phase is not Phase.VERIFY:
            self._deed_failed(event.reason)
            return
        progress = self.progress
        if progress.phase is Phase.VERIFY and progress.deadline is not None and self.now >= progress.deadline:
            if self._part.is_guard:
                self._given_up(f"it could not be read back: {event.reason}")
                return
            if event.is_final or self.now >= progress.deadline + self.spans.stall:
                self._deed_failed(f"whether it was done could not be read back: {event.reason}")
                return
        self._stall(event.reason, event.retry_after)

    def _not_sent(self, reason: str) -> None:
        """It is as if it had never been asked for; how often is bounded by time."""
        if self._part.is_guard:
            self._again(reason, _SECOND)
            return
        self.progress = replace(self.progress, attempts=max(0, self.progress.attempts - 1)).prepared()
        self._stall(reason, 0.0)

    def _stall(self, reason: str, retry_after: float) -> None:
        progress = self.progress
        since = progress.stalled_since or self.now
        is_verifying = progress.phase is Phase.VERIFY
        if not is_verifying and self.now - since >= self.spans.stall:
            self._deed_failed(reason)
            return
        pause = max(timedelta(seconds=min(2**progress.stalls, 64)), timedelta(seconds=retry_after))
        until = self.now + min(pause, max(_LONGEST_PAUSE, timedelta(seconds=retry_after)))
        if is_verifying and progress.deadline is not None and self.now < progress.deadline:
            until = min(until, progress.deadline)
        self.progress = replace(progress, stalled_since=since, stalls=progress.stalls + 1)
        if self.now - since >= self.spans.delay:
            self._alarm_once("rule-delayed", {"reason": reason[:200], "action": self._words})
        if progress.phase is Phase.PREPARE:
            self.progress = replace(self.progress, pause_until=until)
        self.then = DoSleep(until)

    def _again(self, reason: str, pause: timedelta) -> None:
        """Another attempt, by fresh reads, if there is one left; of a guard within its seconds."""
        progress = self.progress
        is_late = self._part.is_guard and progress.deadline is not None and self.now + pause >= progress.deadline
        if progress.attempts >= self.spans.attempts or is_late:
            self._given_up(reason)
            return
        self.progress = _unstalled(progress).prepared(pause_until=self.now + pause if pause else None)
        self._record("again", {"reason": reason[:200], "attempts": progress.attempts})
        self.then = DoSleep(self.now + pause) if pause else self._reading()

    def _given_up(self, reason: str, *, ends_all: bool = False) -> None:
        """Of a guard the sale goes on, and the alarm is raised (R14)."""
        if self._part.is_guard and not ends_all:
            self._record("unverified", {"reason": reason[:200]})
            self._alarm_once("buying-not-off", {"reason": reason[:200]})
            self._part_ended(reason)
        else:
            self._deed_failed(reason, ends_all=ends_all)

    # ---- ends ----

    def _part_ended(self, reason: str) -> None:
        progress = self.progress
        if progress.part + 1 < len(self._parts):
            self.progress = progress.at(progress.deed, progress.part + 1)
            self._enter()
        else:
            self._deed_ended(self._ending(reason))

    def _ending(self, reason: str) -> Ended:
        return Ended(Result.DONE) if self.progress.has_effect else Ended(Result.NOTHING, reason)

    def _deed_ended(self, ended: Ended) -> None:
        progress = self.progress
        noted = {} if isinstance(self._deed, Restore) else progress.noted
        self.state = IntentState.OPEN
        self._record("action-ended", {"words": self._words, "result": ended.result.value, "reason": ended.reason})
        self.progress = replace(progress, noted=noted, results=(*progress.results, ended))
        self._next()

    def _deed_failed(self, reason: str, *, ends_all: bool = False) -> None:
        result = Result.PARTIAL if self.progress.has_effect else Result.FAILED
        may_fail = self.actions[self.progress.deed].may_fail
        self.state = IntentState.OPEN
        self._record("action-ended", {"words": self._words, "result": result.value, "reason": reason[:200]})
        self.progress = replace(self.progress, results=(*self.progress.results, Ended(result, reason[:200])))
        if not may_fail or ends_all:
            missing = len(self.actions) - len(self.progress.results)
            skipped = (Ended(Result.SKIPPED, "an action before it failed"),) * missing
            self.progress = replace(self.progress, results=(*self.progress.results, *skipped))
        self._next()

    def _next(self) -> None:
        done = len(self.progress.results)
        if done < len(self.actions):
            self.progress = self.progress.at(done, 0)
            self._enter()
            return
        self.progress = replace(self.progress, phase=Phase.OVER, request=None, pause_until=None, deadline=None)
        self.state = end_of(self.progress.results)
        changed = {name: {"before": note.before, "now": note.left} for name, note in self.progress.noted.items()}
        results = [[ended.result.value, ended.reason] for ended in self.progress.results]
        self._record("ended", {"state": self.state.value, "results": results, "changed": changed})
        if not self.is_shadow:
            self._tell_end()
        self.then = DoEnd()

    def _tell_end(self) -> None:
        facts = {"actions": str(len(self.actions))}
        done = [
            words_of(action.deed)
            for action, ended in zip(self.actions, self.progress.results, strict=True)
            if ended.result is Result.DONE
        ]
        if done:
            facts["done"] = ", ".join(done)
        if self.state is not IntentState.DONE:
            number, failed = next(
                (number, ended)
                for number, ended in enumerate(self.progress.results)
                if ended.result in (Result.FAILED, Result.PARTIAL)
            )
            facts |= {"failed": words_of(self.actions[number].deed), "reason": failed.reason}
            changed = ", ".join(f"{name} was {note.before}" for name, note in self.progress.noted.items())
            if changed:
                facts["changed"] = changed[:300]
        self.alarms.append(Alarm(f"rule-{self.state.value}", facts, is_failure=self.state is not IntentState.DONE))

    def _on_end(self, event: Event) -> None:
        """What a person chose of what did not come to a good end."""
        self.then = DoEnd()
        if self.state not in (IntentState.PARTIAL, IntentState.FAILED):
            return
        match event:
            case Abandon(by):
                self._abandon(by)
            case Retry(by):
                results = self.progress.results
                first = next(n for n, ended in enumerate(results) if ended.result in (Result.FAILED, Result.PARTIAL))
                self.state = IntentState.OPEN
                self.progress = replace(self.progress.at(first, 0), results=results[:first], has_effect=False)
                self._record("retried", {"by": by, "from": first})
                self._enter()
            case _:
                pass

    def _abandon(self, by: str) -> None:
        self._record("abandoned", {"by": by})
        self.progress = replace(self.progress, phase=Phase.OVER, pause_until=None)
        self.state = IntentState.ABANDONED
        self.then = DoEnd()

    # ---- what is at hand ----

    @property
    def _deed(self) -> Deed:
        return self.actions[self.progress.deed].deed

    @property
    def _parts(self) -> tuple[Part, ...]:
        return parts_of(self._deed, self.progress.noted)

    @property
    def _part(self) -> Part:
        return self._parts[self.progress.part]

    @property
    def _words(self) -> str:
        return words_of(self._deed)

    @property
    def _is_over_at(self) -> datetime:
        assert self.progress.asked_at is not None
        return self.progress.asked_at + self.spans.under_way

    @property
    def _next_look(self) -> datetime:
        """Looks grow rarer: each costs the user's budget."""
        assert self.progress.asked_at is not None
        assert self.progress.deadline is not None
        pause = min(max(self.spans.look_first, (self.now - self.progress.asked_at) / 2), _SLOWEST_LOOK)
        until = min(self.now + pause, self.progress.deadline)
        if self.progress.is_unknown and self.now < self._is_over_at:
            until = min(until, self._is_over_at)
        return until

    def _reading(self) -> DoRead:
        return DoRead(looks_of(self._deed, self._part))

    def _record(self, kind: str, body: Mapping[str, Any]) -> None:
        self.records.append(Record(kind, {"action": self.progress.deed, "part": self.progress.part, **body}))

    def _alarm_once(self, kind: str, facts: Mapping[str, str]) -> None:
        mark = f"{kind}/{self.progress.deed}"
        if mark not in self.progress.alarms:
            self.progress = replace(self.progress, alarms=(*self.progress.alarms, mark))
            self.alarms.append(Alarm(kind, facts, is_failure=True))


def end_of(results: Sequence[Ended]) -> IntentState:
    """The state that actions' ends amount to: DONE unless one failed; then PARTIAL if anything was done."""
    found = {ended.result for ended in results}
    if not found & {Result.FAILED, Result.PARTIAL}:
        return IntentState.DONE
    return IntentState.PARTIAL if found & {Result.DONE, Result.PARTIAL} else IntentState.FAILED


_WORDS = {
    "PanicSell": "panic sell",
    "CancelOrders": "cancel orders",
    "ChangeConfig": "change configuration",
}


def words_of(deed: Deed) -> str:
    """A deed in a few words, for people and the audit."""
    match deed:
        case Turn(switch, is_on):
            return f"turn {switch.value} {'on' if is_on else 'off'}"
        case SellPositions(which):
            return f"sell {which.value} positions"
        case _:
            name = type(deed).__name__
            return _WORDS.get(name, name.lower())


def _with(noted: Mapping[str, Noted], notes: Mapping[str, Noted]) -> dict[str, Noted]:
    """What was before the first change stays what was before."""
    merged = dict(noted)
    for name, note in notes.items():
        merged[name] = Noted(merged[name].before, note.left) if name in merged else note
    return merged


def _unstalled(progress: Progress) -> Progress:
    """Something was read or heard: what cannot be read after it is another stall."""
    return replace(progress, stalled_since=None, stalls=0)


def _unseen_words(request: Request, left: Sequence[str]) -> str:
    return f"no effect was seen in time: {len(left)} of {max(len(request.ids), len(request.changes), 1)} left"

"""Rule sets watched: snapshots in, decisions out, a round at a time into the database before anything follows of them.

What is in memory is what the database will hold after the next round. When a round cannot be written, what it was made
from is forgotten and read again: nothing is decided that is not written down.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from controller.handlers.executing import told_of
from controller.logic import epochs
from controller.logic.evaluation import evaluate, overdue
from controller.logic.execution import words_of
from controller.logic.inputs import Care, Inputs
from controller.logic.progress import Progress, to_json
from controller.logic.state import Phase, State
from controller.logic.state_json import state_from_json, state_to_json
from controller.logic.verdict import Event, EventKind, Stage, Verdict
from controller.ports import Intents, Points, States
from cryptwire.clock import Clock
from cryptwire.codec.control import action_to_wire
from cryptwire.codec.figure import pair_snapshot_from_wire, snapshot_from_wire
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.audit import Entry
from cryptwire.domain.figure import PairSnapshot, Snapshot
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.intent import Intent, IntentState, Wish
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.rule_set import Mode, RuleSet
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Corrupt, CryptwireError, Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.messaging.bus import Bus, Message
from cryptwire.messaging.subjects import World
from cryptwire.metrics import Meters
from cryptwire.storage.rule_sets import Watched
from cryptwire.storage.rule_states import Decision, KeptState

_log = Log(__name__)
_MOST_LISTENED = 1000
_MOST_AT_ONCE = 250  # states in one round: what fires waits for no larger one
_CLOSE = (Stage.CONFIRMING, Stage.TRUE)
_WRITTEN_EACH = timedelta(seconds=60)
"""What may be lost (the newest message seen, readings) is written so often."""
_ALARMS = {
    EventKind.FIRED: ("rule-fired", NoticeClass.ACTION),
    EventKind.REVIEW: ("rule-review", NoticeClass.FAILURE),
    EventKind.SILENT: ("rule-no-data", NoticeClass.DATA_PROBLEM),
}


@dataclass(eq=False, slots=True)
class Rule:
    """A rule set that is watched, how it stands, and what is not written down yet.

    ``revision`` is that of the state in the database, 0 for none; ``written`` is that state, at ``written_at``.
    ``verdict``: what was said last, at ``evaluated_at``.
    """

    rule_set: RuleSet
    zone: ZoneInfo
    fence: int
    state: State
    revision: int = 0
    written: State | None = None
    written_at: datetime | None = None
    verdict: Verdict | None = None
    evaluated_at: datetime | None = None
    entries: list[Entry] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    wish: Wish | None = None
    told_switched_off: int = 0  # the epoch in which it was told

    @property
    def is_close(self) -> bool:
        """Whether it is being confirmed, or true already and held back."""
        return self.verdict is not None and self.verdict.stage in _CLOSE and self.state.phase is Phase.WATCHING


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest snapshot of a hopper, and its bytes."""

    snapshot: Snapshot
    payload: bytes


class Watcher:
    """Every rule set of the pod's hoppers that is in shadow or armed.

    ``switched_off`` tells which kill switch keeps a rule set still; ``on_intents`` is handed what was decided and
    written; ``on_evaluated`` told of each evaluation (R24). ``may_decide``: whether this pod may, now.
    """

    def __init__(
        self,
        states: States,
        intents: Intents,
        bus: Bus,
        world: World,
        clock: Clock,
        meters: Meters,
        points: Points,
        *,
        care: Care,
        switched_off: Callable[[RuleSet], str],
        may_decide: Callable[[], bool],
        on_intents: Callable[[Sequence[Intent]], None],
        on_evaluated: Callable[[], None],
    ) -> None:
        self._states = states
        self._intents = intents
        self._bus = bus
        self._world = world
        self._clock = clock
        self._meters = meters
        self._points = points
        self.care = care
        self._switched_off = switched_off
        self._may_decide = may_decide
        self._on_intents = on_intents
        self._on_evaluated = on_evaluated
        self._rules: dict[RuleSetId, Rule] = {}
        self._by_subject: dict[str, list[Rule]] = {}
        self._awaited: dict[str, list[asyncio.Future[Heard]]] = {}
        self._heard: dict[HopperId, Heard] = {}
        self.pairs: dict[Pair, PairSnapshot] = {}
        self._pair_subjects: dict[str, Pair] = {}
        self._dirty: dict[RuleSetId, Rule] = {}
        self.something = asyncio.Event()
        self.urgent = asyncio.Event()
        self.must_learn = asyncio.Event()
        self.has_forgotten = False
        self._writing = asyncio.Lock()
        self._listens_to: dict[str, Pair] = {}

    # ---- what is watched ----

    def rules(self) -> list[Rule]:
        return list(self._rules.values())

    def rule(self, rule_set: RuleSetId) -> Rule | None:
        return self._rules.get(rule_set)

    def name(self, rule_set: RuleSetId) -> str:
        """A rule set's name, its id when it is not watched any more."""
        known = self._rules.get(rule_set)
        return rule_set if known is None else known.rule_set.body.name

    def heard(self, hopper: HopperId) -> Heard | None:
        return self._heard.get(hopper)

    async def learn(self, watched: Sequence[Watched]) -> None:
        """From now on these rule sets: states of new ones are read, changes of known ones are epochs of their own."""
        wanted = {one.rule_set.id: one for one in watched}
        new = [one for one in watched if self._is_new(one)]
        kept = await self._states.of([one.rule_set.id for one in new]) if new else {}
        fired = [id_ for id_, state in kept.items() if state.state.get("phase") == Phase.FIRED.value]
        last = await self._intents.last_of(fired) if fired else {}
        now = self._clock.now()
        self.has_forgotten = False
        for id_ in self._rules.keys() - wanted.keys():
            self._drop(id_)
        for one in watched:
            known = self._rules.get(one.rule_set.id)
            if known is None or known.fence != one.fence:
                self._drop(one.rule_set.id)
                self._rules[one.rule_set.id] = self._taken_up(one, kept.get(one.rule_set.id), last, now)
            else:
                self._renewed(known, one, now)
        self._index()
        self._meters.set("controller_rule_sets", "Rule sets this pod watches.", len(self._rules))

    def forget(self) -> None:
        """Nothing in memory is sure: all of it is read again before anything is decided."""
        for id_ in list(self._rules):
            self._drop(id_)
        self._index()
        self.has_forgotten = True
        self.must_learn.set()

    def _is_new(self, one: Watched) -> bool:
        known = self._rules.get(one.rule_set.id)
        return known is None or known.fence != one.fence

    def _taken_up(
        self,
        one: Watched,
        kept: KeptState | None,
        last: Mapping[RuleSetId, tuple[int, int, IntentState, datetime]],
        now: datetime,
    ) -> Rule:
        """As the database has it; nothing acts before one whole evaluation (R17)."""
        events: tuple[Event, ...]
        if kept is None:
            state, events = epochs.begin(one.rule_set, 1, now)
            rule = Rule(one.rule_set, ZoneInfo(one.zone), one.fence, state)
            self._happened(rule, events, now)
            return rule
        try:
            state, events = epochs.started(state_from_json(kept.state)), ()
        except Corrupt as error:
            self._meters.count("controller_states_lost", "Kept states that could not be read.")
            _log.error("a rule set's state cannot be read", rule_set=one.rule_set.id, reason=error)
            began, events = epochs.begin(one.rule_set, kept.epoch + 1, now, "its state could not be read")
            state, more = epochs.review(began, "its state could not be read")
            events += more
        written = None if events else state
        rule = Rule(one.rule_set, ZoneInfo(one.zone), one.fence, state, kept.revision, written, now)
        self._happened(rule, events, now)
        if state.phase is Phase.FIRED:
            known = last.get(one.rule_set.id)
            if known is None or known[2].is_over:
                self._end(rule, known is not None and known[2] is IntentState.DONE, now)
        self._changed(rule, kept.version, kept.mode_number, now)
        return rule

    def _renewed(self, rule: Rule, one: Watched, now: datetime) -> None:
        before = rule.rule_set
        rule.rule_set, rule.zone = one.rule_set, ZoneInfo(one.zone)
        self._changed(rule, before.version, before.mode_number, now)

    def _changed(self, rule: Rule, version: int, mode_number: int, now: datetime) -> None:
        """What its user did to it since: another version (R28), or armed it again (R18)."""
        if rule.rule_set.version != version:
            self._moved(rule, *epochs.edited(rule.state, rule.rule_set, now), now)
        elif rule.rule_set.mode_number != mode_number:
            self._moved(rule, *epochs.resumed(rule.state, now), now)
            self._mark(rule)

    def _drop(self, rule_set: RuleSetId) -> None:
        self._rules.pop(rule_set, None)
        self._dirty.pop(rule_set, None)

    def _index(self) -> None:
        self._by_subject, self._pair_subjects = {}, dict(self._listens_to)
        for rule in self._rules.values():
            self._by_subject.setdefault(self._world.figures(rule.rule_set.hopper), []).append(rule)
            for pair in rule.rule_set.body.pairs:
                self._pair_subjects[self._world.pair_figures(pair)] = pair
        held = {rule.rule_set.hopper for rule in self._rules.values()}
        self._heard = {hopper: heard for hopper, heard in self._heard.items() if hopper in held}

    # ---- what comes in ----

    def is_read(self, subject: str) -> bool:
        """Whether a rule set, or somebody, reads these figures."""
        return subject in self._by_subject or subject in self._awaited

    def is_urgent(self, subject: str) -> bool:
        """Whether somebody waits for these figures, or a rule set is about to fire."""
        return subject in self._awaited or any(rule.is_close for rule in self._by_subject.get(subject, ()))

    def on_figures(self, message: Message) -> None:
        """``figure.<hopper>``: every rule set of the hopper is evaluated on it; others' are not even read."""
        rules, awaited = self._by_subject.get(message.subject, ()), self._awaited.pop(message.subject, None)
        if not rules and not awaited:
            return
        try:
            snapshot = snapshot_from_wire(message.payload)
            is_known = rules and rules[0].rule_set.hopper == snapshot.hopper
            if not is_known and self._world.figures(snapshot.hopper) != message.subject:
                raise Invalid("figures of another hopper than their subject's")
        except Invalid as fault:
            self._refuse(message, fault)
            return
        heard = Heard(snapshot, message.payload)
        for future in awaited or ():
            if not future.done():
                future.set_result(heard)
        if not rules:
            return
        self._heard[snapshot.hopper] = heard
        if not self._may_decide():
            return
        now = self._clock.now()
        for rule in rules:
            self._evaluate(rule, heard, now)
        self._meters.count("controller_evaluations", "Rule sets evaluated.", len(rules))
        self._on_evaluated()

    async def on_pair(self, message: Message) -> None:
        """``figure.pair.>``: kept for the next snapshot of a hopper whose rules read it."""
        if message.subject not in self._pair_subjects:
            return
        try:
            snapshot = pair_snapshot_from_wire(message.payload)
        except Invalid as fault:
            self._refuse(message, fault)
            return
        known = self.pairs.get(snapshot.pair)
        if known is None or known.session != snapshot.session or known.sequence < snapshot.sequence:
            self.pairs[snapshot.pair] = snapshot

    def listen_to(self, pairs: Iterable[Pair]) -> None:
        """Keep what comes of these, for a look at a rule set that is not watched; of the last thousand."""
        for pair in pairs:
            subject = self._world.pair_figures(pair)
            if len(self._listens_to) >= _MOST_LISTENED:
                self._listens_to.pop(next(iter(self._listens_to)))
            self._listens_to[subject] = self._pair_subjects[subject] = pair

    async def next_of(self, hopper: HopperId, within: timedelta) -> Heard:
        """The next snapshot of a hopper, of which no rule set need be watched; raises Unavailable."""
        future: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(self._world.figures(hopper), []).append(future)
        try:
            return await asyncio.wait_for(future, within.total_seconds())
        except TimeoutError:
            raise Unavailable("no figures of this hopper came; try again in a moment") from None

    def _refuse(self, message: Message, fault: Invalid) -> None:
        self._meters.count("controller_refused_messages", "Messages that could not be used.", subject="figure")
        _log.warning("figures refused", subject=message.subject, reason=fault)

    def _evaluate(self, rule: Rule, heard: Heard, now: datetime) -> None:
        evaluation = evaluate(rule.rule_set, rule.state, Inputs(heard.snapshot, now, rule.zone, self.pairs, self.care))
        rule.verdict, rule.evaluated_at = evaluation.verdict, now
        if evaluation.fires and (why := self._switched_off(rule.rule_set)):
            self._hold(rule, why)
            return
        if evaluation.state is rule.state and not evaluation.events:
            return
        if evaluation.fires:
            rule.wish = Wish(
                rule.rule_set.id,
                rule.rule_set.version,
                rule.rule_set.mode_number,
                evaluation.state.epoch,
                rule.rule_set.hopper,
                rule.rule_set.user,
                rule.rule_set.mode is Mode.SHADOW,
                heard.snapshot.id,
                heard.payload,
                now,
                rule.rule_set.body.then,
            )
            self.urgent.set()
        self._moved(rule, evaluation.state, evaluation.events, now)

    def _hold(self, rule: Rule, why: str) -> None:
        """It would fire, and a kill switch is on (R23): it stays as it was, and fires when the switch is off again."""
        if rule.told_switched_off != rule.state.epoch:
            rule.told_switched_off = rule.state.epoch
            facts = {"reason": why[:200]}
            self.told(rule, "held-back", facts, NoticeClass.FAILURE, f"{rule.state.epoch}", facts)

    # ---- what follows ----

    def ended(self, intent: Intent) -> None:
        """The actions of what fired are over."""
        rule = self._rules.get(intent.wish.rule_set)
        if rule is not None:
            self._end(rule, intent.state is IntentState.DONE, self._clock.now())

    async def resume(self, rule: Rule) -> None:
        """A person has looked, and wants it watched again: written when this returns. Raises Unavailable."""
        now = self._clock.now()
        self._moved(rule, *epochs.resumed(rule.state, now), now)
        await self.flush()

    def told(
        self, rule: Rule, kind: str, body: Mapping[str, str], about: NoticeClass, key: str, facts: Mapping[str, str]
    ) -> None:
        """Write down with the next round, and tell the user under ``key``, what is no event of an evaluation."""
        now = self._clock.now()
        rule.entries.append(self._entry(rule, kind, {**body, "epoch": rule.state.epoch}, now))
        rule.notices.append(self._notice(rule, f"rule-{kind}", about, key, facts, now))
        self._mark(rule)

    def beat(self) -> None:
        """Tell of hoppers of which nothing comes (R4); write down what is old."""
        now, may_decide = self._clock.now(), self._may_decide()
        for rule in self._rules.values():
            if may_decide:
                state, events = overdue(rule.state, now, self.care)
                if events:
                    self._moved(rule, state, events, now)
            if rule.written_at is not None and now - rule.written_at >= _WRITTEN_EACH and rule.state != rule.written:
                self._mark(rule)

    def _end(self, rule: Rule, is_done: bool, now: datetime) -> None:
        state, events = epochs.fired_ended(rule.state, rule.rule_set, now, is_done)
        self._moved(rule, state, events, now)

    def _moved(self, rule: Rule, state: State, events: Iterable[Event], now: datetime) -> None:
        rule.state = state
        happened = self._happened(rule, events, now)
        if happened or rule.wish is not None or rule.written is None or not state.is_kept_by(rule.written):
            self._mark(rule)

    def _happened(self, rule: Rule, events: Iterable[Event], now: datetime) -> bool:
        """Write events down, with the next round; whether there were any to write."""
        count = 0
        for event in events:
            if event.kind.is_audited:
                count += 1
                numbers = {name: number for name, number in event.numbers.items() if math.isfinite(number)}
                body = {"text": event.text[:500], "numbers": numbers, "epoch": rule.state.epoch}
                if rule.state.seen is not None:
                    body["snapshot"] = f"{rule.state.seen.session}/{rule.state.seen.sequence}"
                rule.entries.append(self._entry(rule, event.kind.value, body, now))
            if event.kind.is_alarm:
                rule.notices.append(self._alarm(rule, event, now))
        if count:
            self._mark(rule)
        return count > 0

    def _entry(self, rule: Rule, kind: str, body: Mapping[str, object], now: datetime) -> Entry:
        return Entry(
            rule.rule_set.hopper,
            now,
            kind,
            {**body, "mode": rule.rule_set.mode.value},
            rule.rule_set.id,
            rule.rule_set.version,
        )

    def _alarm(self, rule: Rule, event: Event, now: datetime) -> Notice:
        kind, about = _ALARMS[event.kind]
        facts = {"reason": event.text[:300]}
        if event.kind is EventKind.FIRED:
            facts["actions"] = ", ".join(words_of(action.deed) for action in rule.rule_set.body.then)
            if rule.verdict is not None:
                facts["reason"] = rule.verdict.words
            if rule.rule_set.mode is Mode.SHADOW:
                kind, about = "rule-would-fire", NoticeClass.INFO
        key = f"{rule.state.epoch}" if event.kind is EventKind.FIRED else f"{rule.state.epoch}/{now.isoformat()}"
        return self._notice(rule, kind, about, key, facts, now)

    def _notice(
        self, rule: Rule, kind: str, about: NoticeClass, key: str, facts: Mapping[str, str], now: datetime
    ) -> Notice:
        named = {"rule": rule.rule_set.body.name, **facts}
        one = rule.rule_set
        return Notice(one.user, about, kind, f"{kind}/{one.id}/{key}", now, named, one.hopper)

    def _mark(self, rule: Rule) -> None:
        self._dirty[rule.rule_set.id] = rule
        self.something.set()

    # ---- rounds ----

    async def flush(self) -> None:
        """Write the round; what was decided is handed on. Raises Unavailable when it cannot be, and forgets it all."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        self.something.clear()
        self.urgent.clear()
        due = dict.fromkeys(self._dirty)  # what else comes meanwhile makes a round of its own, unless it fires
        while ids := self._next_round(due):
            round_ = [self._dirty.pop(id_) for id_ in ids]
            try:
                await self._write(round_)
            except Unavailable:
                self.forget()
                raise
            except CryptwireError as fault:
                if len(round_) == 1:
                    _log.error("a decision cannot be written", rule_set=ids[0], reason=fault)
                    self._meters.count("controller_decisions_lost", "Decisions that the database refused.")
                    self._let_go(round_[0])
                    continue
                for rule in round_:  # one of them is at fault
                    await self._alone(rule)

    def _next_round(self, due: Iterable[RuleSetId]) -> list[RuleSetId]:
        """What fired waits for nothing else."""
        fired = [id_ for id_, rule in self._dirty.items() if rule.wish is not None]
        return (fired or [id_ for id_ in due if id_ in self._dirty])[:_MOST_AT_ONCE]

    async def _alone(self, rule: Rule) -> None:
        try:
            await self._write([rule])
        except Unavailable:
            self.forget()
            raise
        except CryptwireError as fault:
            _log.error("a decision cannot be written", rule_set=rule.rule_set.id, reason=fault)
            self._meters.count("controller_decisions_lost", "Decisions that the database refused.")
            self._let_go(rule)

    async def _write(self, round_: Sequence[Rule]) -> None:
        began = self._clock.now()
        decisions = [_decision(rule) for rule in round_]
        states = [rule.state for rule in round_]
        taken = [(len(rule.entries), len(rule.notices), rule.wish) for rule in round_]
        self._points.passed("round")
        committed = await self._states.commit(decisions, to_json(Progress()))
        self._points.passed("rounded")
        now = self._clock.now()
        rung = set()
        for rule, state, (entries, notices, wish) in zip(round_, states, taken, strict=True):
            if rule.rule_set.id not in committed.states:
                _log.warning("a state was written by somebody else, or is another pod's", rule_set=rule.rule_set.id)
                self._meters.count("controller_states_outrun", "States that somebody else had written.")
                self._let_go(rule)
                continue
            del rule.entries[:entries], rule.notices[:notices]
            if rule.wish is wish:
                rule.wish = None
            rule.revision, rule.written, rule.written_at = rule.revision + 1, state, now
            if notices:
                rung.add(rule.rule_set.user)
        self._meters.observe("controller_round_seconds", "Time to write a round.", (now - began).total_seconds())
        if committed.intents:
            self._on_intents(committed.intents)
        users = {
            rule.rule_set.id: (rule.rule_set.user, decision.state.epoch)
            for rule, decision in zip(round_, decisions, strict=True)
        }
        with contextlib.suppress(Unavailable):  # it is in the audit
            for entry, seal in committed.entries:
                assert entry.rule_set is not None
                user, epoch = users[entry.rule_set]
                told = action_to_wire(told_of(entry, seal, user, epoch))
                await self._bus.publish(self._world.action(entry.hopper), told)
            for user in rung:
                await self._bus.publish(subjects.notice(user), b"")

    def _let_go(self, rule: Rule) -> None:
        """It is read again before anything else is decided of it."""
        if self._rules.get(rule.rule_set.id) is rule:
            self._drop(rule.rule_set.id)
            self._index()
        self.has_forgotten = True
        self.must_learn.set()


def _decision(rule: Rule) -> Decision:
    one, state = rule.rule_set, rule.state
    kept = KeptState(
        one.id,
        one.hopper,
        one.version,
        one.mode_number,
        state.epoch,
        state_to_json(state),
        rule.fence,
        rule.revision + 1,
        state.looked_at,
    )
    return Decision(kept, tuple(rule.entries), tuple(rule.notices), rule.wish)

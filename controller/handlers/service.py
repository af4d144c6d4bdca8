"""The controller's life: what it holds, what it reads again and when, what it answers."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from controller.handlers.backlog import Backlog
from controller.handlers.controls import Controls
from controller.handlers.executing import Executor
from controller.handlers.looking import Looker
from controller.handlers.watching import Watcher
from controller.logic.inputs import Care
from controller.logic.limits import Limits
from controller.logic.moves import Patience
from controller.logic.wants import wanted_by
from controller.ports import Duties, Figures, Intents, Outcomes, Points, Replays, RuleSets, States, Switches, Upstream
from cryptwire.clock import Clock
from cryptwire.codec.figure import Wanted
from cryptwire.domain.hopper import Assignment, HopperId
from cryptwire.domain.intent import Intent
from cryptwire.domain.rule_set import RuleSet
from cryptwire.domain.ticker import Pair
from cryptwire.errors import CryptwireError, Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.messaging.bus import Bus, Message
from cryptwire.messaging.subjects import World
from cryptwire.metrics import Meters
from cryptwire.storage.kill_switches import KillSwitch, Level
from cryptwire.tasks import end as end_tasks

_log = Log(__name__)
UNCONFIRMED = timedelta(seconds=10)
"""A pod that was not confirmed for so long decides nothing: another may hold its hoppers."""
_DUTIES_EACH = timedelta(seconds=3)
_RULE_SETS_EACH = timedelta(seconds=2)
_SWITCHES_EACH = timedelta(seconds=1)
_LEASES_EACH = timedelta(seconds=2)
_RENEWED_AFTER, _SILENT_AFTER = timedelta(seconds=40), timedelta(seconds=20)
"""A lease lasts sixty seconds. One so old is renewed, in one look a fifth of all, so that they spread: none gets above
fifty. One of which nothing comes is renewed sooner.
"""
_BEATS_EACH = timedelta(seconds=5)
_LOOKS_EACH = timedelta(seconds=3)  # at hoppers that are due
_SOONEST = timedelta(milliseconds=100)
"""However often somebody says that something has changed, it is looked at no sooner again."""
_AT_ONCE = 50  # wishes for figures
_CHANGES = 500  # taken into the audit at once


class Controller:
    """One pod's controller against the live world."""

    def __init__(
        self,
        pod: str,
        *,
        duties: Duties,
        rule_sets: RuleSets,
        states: States,
        intents: Intents,
        outcomes: Outcomes,
        switches: Switches,
        upstream: Upstream,
        figures: Figures,
        replays: Replays | None,
        bus: Bus,
        world: World,
        clock: Clock,
        meters: Meters,
        points: Points,
        plans: Iterable[str],
        patience: Patience,
        limits: Limits,
        care: Care,
        batch: timedelta,
        look_each: timedelta,
        on_work: Callable[[str], None] = lambda _: None,
        on_ready: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._pod = pod
        self._duties = duties
        self._rule_sets = rule_sets
        self._switches = switches
        self._figures = figures
        self._bus = bus
        self._world = world
        self._clock = clock
        self._meters = meters
        self._batch = batch
        self._on_work = on_work
        self._on_ready = on_ready
        self._held: dict[HopperId, Assignment] = {}
        self._learned: list[Assignment] | None = None
        self._confirmed_at: datetime | None = None
        self._mark: str | None = None
        self._on_switches: dict[tuple[Level, str], KillSwitch] = {}
        self._switches_read_at: datetime | None = None
        self._wanted: dict[HopperId | Pair, tuple[str, ...]] = {}
        self._leased: dict[HopperId | Pair, tuple[tuple[str, ...], datetime]] = {}  # promised; asked when
        self._unpromised = 0
        self._want_now = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()
        self.watcher = Watcher(
            states,
            intents,
            bus,
            world,
            clock,
            meters,
            points,
            care=care,
            switched_off=self.switched_off,
            may_decide=self.may_decide,
            on_intents=self._on_intents,
            on_evaluated=lambda: on_work("an evaluation"),
        )
        self.executor = Executor(
            intents,
            outcomes,
            upstream,
            bus,
            world,
            clock,
            meters,
            points,
            plans=frozenset(plans),
            patience=patience,
            limits=limits,
            names=self.watcher.name,
            may_act=self.may_decide,
            on_over=self.watcher.ended,
        )
        self.backlog = Backlog(
            self.watcher.on_figures,
            is_read=self.watcher.is_read,
            is_urgent=self.watcher.is_urgent,
            is_acting=lambda: self.executor.is_acting,
        )
        self.controls = Controls(
            self.watcher,
            self.executor,
            upstream,
            rule_sets,
            replays,
            clock,
            held=self._ours,
            want=self.want,
            switched_off=self.switched_off,
        )
        self.looker = Looker(self.watcher, upstream, clock, meters, held=self._ours, every=look_each)

    # ---- life ----

    async def run(self, stop: asyncio.Event) -> None:
        """Watch and act until ``stop`` is set; what is open then is taken up by whoever comes next."""
        ends = [
            await self._bus.subscribe(self._world.all_figures, self.backlog.put),
            await self._bus.subscribe(self._world.all_pair_figures, self.watcher.on_pair),
            await self._bus.subscribe(subjects.ALL_ACCOUNTS, self._on_account),
            await self._bus.subscribe(self._world.all_control("controller"), self._on_control),
        ]
        self._bus.on_gap(self._want_anew)
        loops = (
            self._each(_DUTIES_EACH, self.read_duties, stop),
            self._each(_RULE_SETS_EACH, self.read_rule_sets, stop, self.watcher.must_learn),
            self._each(_SWITCHES_EACH, self.read_switches, stop),
            self._each(_LEASES_EACH, self._renew_leases, stop, self._want_now),
            self._each(_BEATS_EACH, self._beat, stop),
            self._each(_LOOKS_EACH, self.looker.look, stop),
            self._each(_DUTIES_EACH, self._audit_changes, stop),
            self._write_rounds(stop),
            self.backlog.run(stop),
        )
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
        finally:
            for end in ends:
                with contextlib.suppress(CryptwireError):
                    await end()
            await end_tasks(self._answering)
            await self.executor.stop()
            with contextlib.suppress(Unavailable):
                await self.watcher.flush()

    async def _each(
        self,
        every: timedelta,
        act: Callable[[], Awaitable[None]],
        stop: asyncio.Event,
        sooner: asyncio.Event | None = None,
    ) -> None:
        """``act`` in a steady rhythm, or sooner; what is away now is tried again at the next beat."""
        while not stop.is_set():
            if sooner is not None:
                sooner.clear()
            try:
                await act()
            except Unavailable as reason:
                self._meters.count("controller_unavailable", "Times something was away.", what=act.__name__)
                _log.warning("away", what=act.__name__, reason=reason)
                await self._pause(min(every, timedelta(seconds=0.5)), stop)
                continue
            await self._pause(min(every, _SOONEST), stop)
            await self._pause(every - _SOONEST, stop, sooner)

    async def _pause(self, span: timedelta, *events: asyncio.Event | None) -> None:
        waiting: list[asyncio.Future[object]] = [asyncio.ensure_future(self._clock.sleep(span))]
        waiting += [asyncio.ensure_future(event.wait()) for event in events if event is not None]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    # ---- what is held ----

    def _ours(self, hopper: HopperId) -> Assignment | None:
        return self._held.get(hopper) if self.may_decide() else None

    def may_decide(self) -> bool:
        """Whether this pod was confirmed within ten seconds, and knows which kill switches are on."""
        now = self._clock.now()
        return (
            self._confirmed_at is not None
            and now - self._confirmed_at < UNCONFIRMED
            and self._switches_read_at is not None
        )

    async def read_duties(self) -> None:
        """Which hoppers are held; what is open of those that are new is taken up first (R17)."""
        asked_at = self._clock.now()
        held = await self._duties.of_pod(self._pod)
        if held is None:
            self._confirmed_at = None
            await self.executor.hold({})
            self._held, self._learned = {}, None
            return
        self._confirmed_at = asked_at
        if held is not self._learned:
            self._held = {assignment.hopper.id: assignment for assignment in held}
            await self.executor.hold(self._held)
            self._learned = held
            self._mark = None  # it may have been asked for before the hoppers were known
            self.watcher.must_learn.set()
            self._meters.set("controller_hoppers", "Hoppers this pod holds.", len(self._held))
        await self.executor.resume()

    async def read_rule_sets(self) -> None:
        """What people want of the hoppers held, when any of it has changed."""
        if self._learned is None:
            return
        must = self.watcher.has_forgotten
        mark = await self._rule_sets.mark(self._pod)
        if mark == self._mark and not must:
            return
        await self._audit_changes()  # what people did stands before what follows from it
        watched, broken = await self._rule_sets.of_pod(self._pod)
        for fault in broken:
            self._meters.count("controller_rule_sets_broken", "Rule sets that cannot be read.")
            _log.error("a rule set cannot be watched", reason=fault)
        await self.watcher.learn([one for one in watched if one.rule_set.hopper in self._held])
        self._mark = mark
        self._wanted = wanted_by((rule.rule_set.hopper, rule.rule_set.body) for rule in self.watcher.rules())
        self._want_now.set()
        self._on_ready(len(watched))

    async def _audit_changes(self) -> None:
        if self._learned is not None:
            while await self._rule_sets.audit_changes(self._pod, _CHANGES) == _CHANGES:
                pass

    async def _on_account(self, _: Message) -> None:
        """Something of an account has changed; the mark tells whether it matters here."""
        self.watcher.must_learn.set()

    async def _beat(self) -> None:
        self.watcher.beat()
        if not self.watcher.rules() and self._learned is not None:
            self._on_work("a look at nothing to watch")

    # ---- kill switches ----

    async def read_switches(self) -> None:
        self._on_switches = {(each.level, each.id): each for each in await self._switches.all() if each.is_on}
        self._switches_read_at = self._clock.now()

    def switched_off(self, one: RuleSet) -> str:
        """Which kill switch keeps ``one`` still, and why; empty for none (R23)."""
        over = ((Level.PLATFORM, ""), (Level.USER, one.user), (Level.HOPPER, one.hopper), (Level.RULE, one.id))
        for level, id_ in over:
            switch = self._on_switches.get((level, id_))
            if switch is not None:
                return f"the kill switch of the {level.value} is on: {switch.reason or 'no reason was given'}"
        return ""

    # ---- figures ----

    async def _renew_leases(self) -> None:
        """Want exactly what rules read, for sixty seconds more: first what was promised, then what is new."""
        if self._learned is None:
            return
        wanted, now = self._wanted, self._clock.now()
        self._leased = {of: lease for of, lease in self._leased.items() if wanted.get(of) == lease[0]}
        silent = [of for of, (_, at) in self._leased.items() if now - at >= _SILENT_AFTER and self._is_silent(of, now)]
        old = sorted((of for of, (_, at) in self._leased.items() if now - at >= _RENEWED_AFTER), key=self._asked_at)
        due = dict.fromkeys([*silent, *old[: len(wanted) // 5 + 1]])
        due.update(dict.fromkeys(of for of in wanted if of not in self._leased))
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(of: HopperId | Pair) -> bool:
            async with at_once:
                asked_at = self._clock.now()
                is_promised = await self.want(Wanted(of, wanted[of]))
                if is_promised:
                    self._leased[of] = wanted[of], asked_at
                return is_promised

        unpromised = (await asyncio.gather(*(one(of) for of in due))).count(False)
        if unpromised:
            self._meters.count("controller_unwanted", "Figures that nobody promised.", unpromised)
            if unpromised != self._unpromised:
                _log.warning("figures that nobody computes", count=unpromised, of=len(wanted))
        self._unpromised = unpromised

    def _asked_at(self, of: HopperId | Pair) -> datetime:
        return self._leased[of][1]

    def _is_silent(self, of: HopperId | Pair, now: datetime) -> bool:
        """Nothing comes in spite of the promise: whoever gave it may be gone."""
        if isinstance(of, Pair):
            pair = self.watcher.pairs.get(of)
            return pair is None or now - pair.at > UNCONFIRMED
        heard = self.watcher.heard(of)
        return heard is None or now - heard.snapshot.at > UNCONFIRMED

    def _want_anew(self) -> None:
        """Who promised may be another one now."""
        self._leased.clear()
        self._want_now.set()

    async def want(self, wanted: Wanted) -> bool:
        """Whether somebody computes it; what is refused is logged."""
        try:
            lease = await self._figures.want(wanted)
        except (Unavailable, Invalid):
            return False
        for key, reason in lease.refused.items():
            _log.warning("a figure cannot be computed", of=str(wanted.of), key=key, reason=reason)
        return True

    # ---- decisions ----

    async def _write_rounds(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._either(self.watcher.something, stop)
            if stop.is_set():
                return
            await self._pause(self._batch, self.watcher.urgent, stop)
            try:
                await self.watcher.flush()
            except Unavailable as reason:
                self._meters.count("controller_unavailable", "Times something was away.", what="flush")
                _log.warning("a round cannot be written; its states are read again", reason=reason)

    @staticmethod
    async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
        waiting = {asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    def _on_intents(self, intents: Sequence[Intent]) -> None:
        for intent in intents:
            self._meters.count(
                "controller_fired", "Rule sets that fired.", is_shadow=str(intent.wish.is_shadow).lower()
            )
            self.executor.take(intent)

    # ---- what is asked ----

    async def _on_control(self, message: Message) -> None:
        """``control.<hopper>.controller.<verb>``: only who holds the hopper answers."""
        task = asyncio.create_task(self._answered(message))  # the next one does not wait for it
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answered(self, message: Message) -> None:
        try:
            answer = await self.controls.answer(message)
            if answer is not None and message.reply:
                await self._bus.publish(message.reply, answer)
        except CryptwireError as error:
            _log.warning("an answer could not be given", subject=message.subject[:100], reason=error)

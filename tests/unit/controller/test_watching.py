"""Rule sets watched: what is decided is written first, and what cannot be written was never decided."""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controller.handlers.watching import Watcher
from controller.logic.inputs import Care
from controller.ports import NoPoints
from cryptwire.codec.figure import snapshot_to_wire
from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.audit import FIRST, Entry, Sealed, sealed
from cryptwire.domain.figure import Snapshot
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.intent import Intent, IntentState
from cryptwire.domain.notice import Notice
from cryptwire.domain.rule_set import Mode, RuleSet
from cryptwire.errors import CryptwireError, Invalid, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.storage.intents import intent_id
from cryptwire.storage.rule_sets import Watched
from cryptwire.storage.rule_states import Committed, Decision, KeptState

HOPPER, USER = HopperId("501"), UserId("11111111-1111-1111-1111-111111111111")
ONE, OTHER = (RuleSetId(f"22222222-2222-2222-2222-22222222222{n}") for n in (1, 2))
HELD = {"rule": "positions", "is": "above", "count": 0, "confirm": {"ticks": 1, "seconds": 0}}
STOP = {"rule": "stop-loss", "loss": 0.1, "confirm": {"ticks": 1, "seconds": 0}}
CHAIN = "33333333-3333-3333-3333-333333333333"


@dataclass
class PlayedStates:
    """Twin of the table: a state is written over the revision before it, and no other. ``trouble`` is raised once."""

    kept: dict[RuleSetId, KeptState] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    rounds: int = 0
    trouble: list[CryptwireError] = field(default_factory=list)
    poisoned: set[RuleSetId] = field(default_factory=set)

    async def of(self, rule_sets: Sequence[RuleSetId]) -> dict[RuleSetId, KeptState]:
        return {id_: self.kept[id_] for id_ in rule_sets if id_ in self.kept}

    async def commit(self, decisions: Sequence[Decision], progress: Mapping[str, Any]) -> Committed:
        if self.trouble:
            raise self.trouble.pop()
        if any(decision.state.rule_set in self.poisoned for decision in decisions):
            raise Invalid("the database refuses these values")
        self.rounds += 1
        written, intents, entries = set(), [], []
        for decision in decisions:
            state = decision.state
            before = self.kept.get(state.rule_set)
            if state.revision != (1 if before is None else before.revision + 1):
                continue
            self.kept[state.rule_set] = state
            written.add(state.rule_set)
            self.entries += decision.entries
            self.notices += decision.notices
            entries += [(entry, self._sealed(entry)) for entry in decision.entries]
            if decision.wish is not None:
                intents.append(Intent(intent_id(decision.wish), decision.wish, IntentState.OPEN, progress, 0))
        self.intents += intents
        return Committed(frozenset(written), tuple(intents), tuple(entries))

    @staticmethod
    def _sealed(entry: Entry) -> Sealed:
        return sealed(CHAIN, 1, entry, FIRST)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.entries]


@dataclass
class PlayedIntents:
    last: dict[RuleSetId, tuple[int, int, IntentState, datetime]] = field(default_factory=dict)

    async def last_of(self, rule_sets: Sequence[RuleSetId]) -> dict[RuleSetId, tuple[int, int, IntentState, datetime]]:
        return {id_: self.last[id_] for id_ in rule_sets if id_ in self.last}

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody asks for {name} here")


class Desk:
    """A watcher over twins, and the messages it gets."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.states, self.intents, self.bus = PlayedStates(), PlayedIntents(), MemoryBus()
        self.meters = Meters()
        self.switched_off = ""
        self.may_decide = True
        self.handed_on: list[Intent] = []
        self.evaluations = 0
        self.sequence = 0
        self.watcher = self.anew()

    def anew(self) -> Watcher:
        """Another one, as after a restart."""
        self.watcher = Watcher(
            self.states,
            self.intents,
            self.bus,
            LIVE,
            self.clock,
            self.meters,
            NoPoints(),
            care=Care(),
            switched_off=lambda _: self.switched_off,
            may_decide=lambda: self.may_decide,
            on_intents=self.handed_on.extend,
            on_evaluated=self._evaluated,
        )
        return self.watcher

    def _evaluated(self) -> None:
        self.evaluations += 1

    async def see(self, index: float = 100.0, positions: int = 0, seconds: float = 2, **changes: Any) -> None:
        """A message, ``seconds`` after the one before."""
        await self.clock.turn(timedelta(seconds=seconds))
        now = self.clock.now()
        self.sequence += 1
        values: dict[str, Any] = {
            "hopper": HOPPER, "session": "s", "sequence": self.sequence, "at": now, "newest_price_at": now,
            "prices_at": now, "is_fresh": True, "assets_at": now, "refresh_seconds": 60, "unpriced_share": 0.0,
            "is_settling": False, "flows_version": 1, "base": Asset("USDT"), "balance": index, "index": index,
            "positions": positions, "figures": {},
        }  # fmt: skip
        payload = snapshot_to_wire(Snapshot(**{**values, **changes}))
        self.watcher.on_figures(Message(LIVE.figures(HOPPER), payload, ""))

    async def fire(self) -> None:
        for _ in range(4):
            await self.see(positions=1)


def watched(id_: RuleSetId = ONE, when: Any = STOP, mode: Mode = Mode.ARMED, **changes: Any) -> Watched:
    body = body_from_json({"name": "Guard", "when": [when], "then": [{"action": "panic-sell"}]})
    at = HandClock().now()
    return Watched(RuleSet(id_, USER, HOPPER, 1, body, mode, 2, at), "UTC", changes.pop("fence", 7))


def changed(one: Watched, **changes: Any) -> Watched:
    return replace(one, rule_set=dataclasses.replace(one.rule_set, **changes))


async def test_R10_R16_what_fires_is_handed_on_only_after_it_is_written() -> None:
    desk = Desk()
    await desk.watcher.learn([watched(when=HELD)])
    await desk.fire()
    assert desk.watcher.urgent.is_set()
    assert desk.handed_on == []
    await desk.watcher.flush()
    (intent,) = desk.handed_on
    assert (intent.wish.rule_set, intent.wish.epoch, intent.wish.mode_number) == (ONE, 1, 2)
    assert intent.wish.snapshot_id == "s/3"  # a first reading is seen twice, and looked at once before it acts (R17)
    assert desk.states.kinds()[-1] == "fired"
    assert [notice.kind for notice in desk.states.notices] == ["rule-fired"]
    assert desk.states.notices[0].facts["reason"] == "1 position is open, more than 0"
    assert len(desk.bus.sent(LIVE.action(HOPPER))) == len(desk.states.entries)
    await desk.fire()
    await desk.watcher.flush()
    assert len(desk.states.intents) == 1


async def test_figures_of_what_is_confirmed_or_awaited_are_urgent_and_of_nobody_are_not_read() -> None:
    desk = Desk()
    subject = LIVE.figures(HOPPER)
    assert not desk.watcher.is_read(subject)
    slow = {**HELD, "confirm": {"ticks": 3, "seconds": 0}}
    await desk.watcher.learn([watched(when=slow)])
    assert desk.watcher.is_read(subject)
    await desk.see()
    await desk.see()
    assert not desk.watcher.is_urgent(subject)
    await desk.see(positions=1)
    assert desk.watcher.is_urgent(subject)  # once seen true, twice to be seen
    await desk.see()
    assert not desk.watcher.is_urgent(subject)
    for _ in range(3):
        await desk.see(positions=1)
    assert desk.states.intents == []
    await desk.watcher.flush()
    assert len(desk.states.intents) == 1
    assert not desk.watcher.is_urgent(subject)  # it has fired
    other = LIVE.figures(HopperId("502"))
    waiting = asyncio.create_task(desk.watcher.next_of(HopperId("502"), timedelta(seconds=5)))
    await asyncio.sleep(0)
    assert (desk.watcher.is_read(other), desk.watcher.is_urgent(other)) == (True, True)
    waiting.cancel()


async def test_what_fired_is_written_before_what_only_changed() -> None:
    desk = Desk()
    await desk.watcher.learn([watched(OTHER), watched(ONE, when=HELD)])
    await desk.fire()
    await desk.watcher.flush()
    assert desk.states.rounds == 2
    assert list(desk.states.kept) == [ONE, OTHER]


async def test_R16_what_cannot_be_written_was_never_decided() -> None:
    desk = Desk()
    one = watched(when=HELD)
    await desk.watcher.learn([one])
    await desk.see()
    await desk.see()
    await desk.watcher.flush()
    await desk.fire()
    desk.states.trouble = [Unavailable("away")]
    try:
        await desk.watcher.flush()
    except Unavailable:
        pass
    else:
        raise AssertionError
    assert desk.watcher.rules() == []
    assert desk.watcher.has_forgotten
    assert desk.handed_on == []
    await desk.see(positions=1)
    await desk.watcher.learn([one])
    await desk.fire()
    await desk.watcher.flush()
    assert len(desk.handed_on) == 1
    assert desk.states.kinds().count("fired") == 1


async def test_R16_who_was_outrun_reads_again_and_hands_on_nothing() -> None:
    desk = Desk()
    one = watched(when=HELD)
    await desk.watcher.learn([one])
    await desk.see()
    await desk.watcher.flush()
    desk.states.kept[ONE] = replace(desk.states.kept[ONE], revision=desk.states.kept[ONE].revision + 1)
    await desk.fire()
    await desk.watcher.flush()
    assert desk.handed_on == []
    assert desk.watcher.rule(ONE) is None
    assert desk.watcher.must_learn.is_set()


async def test_a_decision_that_the_database_refuses_takes_no_other_along() -> None:
    desk = Desk()
    await desk.watcher.learn([watched(ONE), watched(OTHER)])
    await desk.see()
    desk.states.poisoned = {ONE}
    await desk.watcher.flush()
    assert desk.states.kept.keys() == {OTHER}
    assert desk.watcher.rule(ONE) is None
    assert desk.meters.value("controller_decisions_lost") == 1


async def test_R4_a_hopper_of_which_nothing_comes_is_told_once_as_a_data_problem() -> None:
    desk = Desk()
    await desk.watcher.learn([watched()])
    for _ in range(3):
        await desk.see()
    await desk.clock.turn(timedelta(minutes=4, seconds=59))
    desk.watcher.beat()
    await desk.watcher.flush()
    assert desk.states.notices == []
    await desk.clock.turn(timedelta(seconds=5))
    for _ in range(3):
        desk.watcher.beat()
        await desk.watcher.flush()
    assert [(notice.about.value, notice.kind) for notice in desk.states.notices] == [("data-problem", "rule-no-data")]
    assert desk.states.kinds().count("silent") == 1


async def test_R22_in_shadow_it_fires_as_info_and_for_nobody_to_act_on() -> None:
    desk = Desk()
    await desk.watcher.learn([watched(when=HELD, mode=Mode.SHADOW)])
    await desk.fire()
    await desk.watcher.flush()
    assert desk.handed_on[0].wish.is_shadow
    assert [(notice.about.value, notice.kind) for notice in desk.states.notices] == [("info", "rule-would-fire")]


async def test_R23_under_a_kill_switch_it_holds_still_tells_once_and_fires_when_that_is_off() -> None:
    desk = Desk()
    desk.switched_off = "the kill switch of the user is on: x"
    await desk.watcher.learn([watched(when=HELD)])
    for _ in range(3):
        await desk.fire()
        await desk.watcher.flush()
    assert desk.handed_on == []
    assert [notice.kind for notice in desk.states.notices] == ["rule-held-back"]
    desk.switched_off = ""
    await desk.see(positions=1)
    await desk.watcher.flush()
    assert len(desk.handed_on) == 1


async def test_R12_who_may_not_decide_evaluates_nothing() -> None:
    desk = Desk()
    desk.may_decide = False
    await desk.watcher.learn([watched(when=HELD)])
    await desk.fire()
    await desk.watcher.flush()
    assert desk.evaluations == 0
    assert desk.handed_on == []


async def test_R18_R28_another_version_or_arming_is_an_epoch_of_its_own() -> None:
    desk = Desk()
    one = watched()
    await desk.watcher.learn([one])
    await desk.see()
    await desk.watcher.learn([changed(one, mode_number=3)])
    await desk.see()
    await desk.watcher.learn([changed(one, mode_number=4, version=2)])
    await desk.watcher.learn([changed(one, mode_number=4, version=2)])
    await desk.watcher.flush()
    assert [entry.body["epoch"] for entry in desk.states.entries if entry.kind == "epoch"] == [1, 2, 3]
    kept = desk.states.kept[ONE]
    assert (kept.epoch, kept.version, kept.mode_number) == (3, 2, 4)


async def test_R17_after_a_restart_it_goes_on_where_it_was_and_what_was_done_meanwhile_is_heard() -> None:
    for last, phase in (
        ({}, "review"),
        ({ONE: (1, 1, IntentState.OPEN, HandClock().now())}, "fired"),
        ({ONE: (1, 1, IntentState.DONE, HandClock().now())}, "over"),
        ({ONE: (1, 1, IntentState.FAILED, HandClock().now())}, "review"),
    ):
        desk = Desk()
        await desk.watcher.learn([watched(when=HELD)])
        await desk.fire()
        await desk.watcher.flush()
        desk.intents.last = last
        watcher = desk.anew()
        await watcher.learn([watched(when=HELD)])
        rule = watcher.rule(ONE)
        assert rule is not None
        assert rule.state.phase.value == phase
        await watcher.flush()
        await desk.fire()
        await watcher.flush()
        assert len(desk.states.intents) == 1


async def test_R17_a_state_that_cannot_be_read_needs_a_person() -> None:
    desk = Desk()
    await desk.watcher.learn([watched()])
    await desk.see()
    await desk.watcher.flush()
    desk.states.kept[ONE] = replace(desk.states.kept[ONE], state={"phase": "dancing"})
    watcher = desk.anew()
    await watcher.learn([watched()])
    await watcher.flush()
    assert desk.states.kept[ONE].state["phase"] == "review"
    assert desk.states.kept[ONE].epoch == 2
    assert [notice.kind for notice in desk.states.notices] == ["rule-review"]


async def test_only_what_must_be_kept_is_written_at_once_and_the_rest_each_minute() -> None:
    desk = Desk()
    await desk.watcher.learn([watched()])
    for _ in range(4):
        await desk.see()
        await desk.watcher.flush()
    rounds = desk.states.rounds
    for _ in range(20):
        await desk.see(index=99.0)
        desk.watcher.beat()
        await desk.watcher.flush()
    assert desk.states.rounds == rounds
    for _ in range(12):
        await desk.see(index=99.0)
        desk.watcher.beat()
        await desk.watcher.flush()
    assert desk.states.rounds == rounds + 1
    await desk.see(index=99.5)
    await desk.see(index=104.0)
    await desk.see(index=104.0)  # a peak is written at once
    await desk.watcher.flush()
    assert desk.states.rounds == rounds + 2


async def test_messages_of_hoppers_that_nobody_watches_are_not_read_and_bad_ones_refused() -> None:
    desk = Desk()
    await desk.watcher.learn([watched()])
    desk.watcher.on_figures(Message(LIVE.figures(HopperId("999")), b"\xff", ""))
    assert desk.meters.value("controller_refused_messages", subject="figure") == 0
    desk.watcher.on_figures(Message(LIVE.figures(HOPPER), b"\xff", ""))
    assert desk.meters.value("controller_refused_messages", subject="figure") == 1
    await desk.see(hopper=HopperId("999"))
    assert desk.meters.value("controller_refused_messages", subject="figure") == 2
    assert desk.evaluations == 0

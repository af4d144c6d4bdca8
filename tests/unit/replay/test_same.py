"""Fed the same live messages, live, shadow and replay decide the same and stand the same, whatever happens to live.

Live is the analyser's own handler of live messages, their figures over the wire, and the evaluation through a state
that is written down as JSON and read again; its messages come twice, and old ones late.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from analyser.handlers.hoppers import Hoppers
from analyser.logic.portfolio import Past, no_candles
from controller.logic import epochs
from controller.logic.evaluation import Evaluation, evaluate
from controller.logic.inputs import Inputs
from controller.logic.replay import Replayer, rule_set_of
from controller.logic.state import State
from controller.logic.state_json import state_from_json, state_to_json
from controller.logic.wants import wanted_of
from cryptwire.clock import to_us
from cryptwire.codec.candle import candle_to_wire
from cryptwire.codec.figure import snapshot_from_wire
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.candle import SPAN
from cryptwire.domain.figure import Snapshot, figure_key
from cryptwire.domain.hopper import Asset, Hopper, HopperId, UserId
from cryptwire.domain.rule_set import (
    Action,
    After,
    AllOf,
    AnyOf,
    Confirmation,
    DrawdownGuard,
    Mode,
    PanicSell,
    Rule,
    RuleSet,
    RuleSetBody,
    StopLoss,
    TrailingStop,
)
from cryptwire.domain.ticker import Pair
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from replay.recorded import EXCHANGE, Recording
from replay.rules import Analysed, Instant, care_for, live_messages

BEGINS = datetime(2026, 3, 1, 11, 50, tzinfo=UTC)
HOPPER = Hopper(HopperId("1"), UserId("u"), "1", EXCHANGE, Asset("BTC"), True, SPAN)
UTC_ZONE = ZoneInfo("UTC")
BARS = timedelta(minutes=5)
CARE = care_for(BARS)


@dataclass(frozen=True)
class Step:
    """A price, so many seconds after the one before; and what happens to the messages of live then."""

    factor: float
    seconds: int
    again: int
    is_late: bool
    is_killed: bool


STEPS = st.lists(
    st.builds(
        Step,
        st.one_of(st.floats(0.98, 1.02), st.sampled_from([0.8, 0.94, 1.0, 1.06, 1.25])),
        st.sampled_from([2, 2, 2, 7, 60, 200]),
        st.integers(0, 2),
        st.booleans(),
        st.booleans(),
    ),
    min_size=5,
    max_size=50,
)
CONFIRMATIONS = st.builds(Confirmation, st.integers(1, 3), st.sampled_from([0.0, 4.0]))


def recording(steps: Sequence[Step]) -> Recording:
    at, price, moments, prices = to_us(BEGINS), 100.0, [], []
    for step in steps:
        at += step.seconds * 1_000_000
        price *= step.factor
        moments.append(at)
        prices.append(price)
    pair = Pair(EXCHANGE, Asset("ADA"), Asset("BTC"))
    return Recording(
        (pair,), BARS, np.array(moments, np.int64), np.zeros(len(moments), np.int32), np.array(prices, np.float64)
    )


class Live:
    """The analyser's handler, and an evaluation of what it tells, in one mode."""

    def __init__(self, rule_set: RuleSet, mode: Mode) -> None:
        self.rule_set = replace(rule_set, mode=mode)
        self.bus = MemoryBus()
        asked: list[object] = []
        self.hoppers = Hoppers(
            *("live", self.bus, LIVE, HandClock(BEGINS), Meters(), asked.append), span=SPAN, gather=timedelta(0)
        )
        self.hoppers.may_tell = True
        watch = self.hoppers.watch(HOPPER)
        watch.leases.want(
            map(figure_key, sorted(wanted_of(HOPPER.id, rule_set.body)[HOPPER.id])), BEGINS.replace(year=2099)
        )
        watch.plan()
        watch.ledger.read([], [], 1, None)
        watch.past = Past(
            no_candles(), watch.ledger.course, int(SPAN.total_seconds()), watch.peaks_for, watch.changes_for
        )
        self.state: State
        self.state, _ = epochs.begin(self.rule_set, 1, BEGINS)
        self.seen = 0

    async def take(self, payload: bytes, instant: Instant | None) -> list[tuple[Snapshot, Evaluation]]:
        """A live message, and the candles that closed before it; what is told and decided by it."""
        for candle in instant.closed if instant is not None else ():
            await self.hoppers.on_closed(Message(LIVE.closed(HOPPER.id), candle_to_wire(candle), ""))
        await self.hoppers.on_live(Message(LIVE.live(HOPPER.id), payload, ""))
        await self.hoppers.tell()
        sent = self.bus.sent(LIVE.figures(HOPPER.id))
        told = [snapshot_from_wire(figures) for figures in sent[self.seen :]]
        self.seen = len(sent)
        return [(snapshot, self._evaluated(snapshot)) for snapshot in told]

    def _evaluated(self, snapshot: Snapshot) -> Evaluation:
        said = evaluate(self.rule_set, self.state, Inputs(snapshot, snapshot.at, UTC_ZONE, {}, CARE))
        self.state = said.state
        if said.fires:  # its actions are done at once
            self.state, _ = epochs.fired_ended(self.state, self.rule_set, snapshot.at)
        return said

    def restart(self) -> None:
        self.state = state_from_json(json.loads(json.dumps(state_to_json(self.state))))


def plain(snapshot: Snapshot) -> Snapshot:
    """Without who told it, and without how many candles were read: a hopper's first one is not whole, and counts among
    these only where it is stored.
    """
    figures = {key: replace(figure, sample_size=0) for key, figure in snapshot.figures.items()}
    return replace(snapshot, session="", sequence=0, figures=figures)


def unnamed(state: State) -> State:
    """All of it but which message it was: sessions and sequences are each teller's own."""
    return replace(state, seen=None)


_PEAK_IN_THE_FIRST_CANDLE = [
    *(Step(factor, 2, 0, is_late=False, is_killed=False) for factor in (1.0, 1.0, 0.8)),
    *[Step(1.0, 200, 0, is_late=False, is_killed=False)] * 8,
]
"""A hopper's first candle is never heard closed; its peak counts nevertheless, also two candles later."""


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
@example(_PEAK_IN_THE_FIRST_CANDLE, Confirmation(3, 4.0), 0.06)
@given(STEPS, CONFIRMATIONS, st.sampled_from([0.02, 0.06, 0.2]))
def test_R2_live_is_shadow_is_replay(steps: list[Step], confirmation: Confirmation, fall: float) -> None:
    asyncio.run(compared(steps, confirmation, fall))


async def compared(steps: list[Step], confirmation: Confirmation, fall: float) -> None:
    either = AnyOf((Rule(TrailingStop(0.01, fall), confirmation), Rule(StopLoss(fall), confirmation)))
    guard = Rule(DrawdownGuard(fall / 2, 60), confirmation)
    body = RuleSetBody("guard", AllOf((either, guard)), (Action(PanicSell()),), After(1))
    rule_set = rule_set_of(HOPPER, body, BEGINS)
    live, shadow = Live(rule_set, Mode.ARMED), Live(rule_set, Mode.SHADOW)
    replayer = Replayer(rule_set, UTC_ZONE, BEGINS, CARE)
    analysed = Analysed(HOPPER, body, 2 * BARS)
    sent: list[bytes] = []
    noise = iter(steps)
    for instant in live_messages(recording(steps), HOPPER, {Asset("ADA"): Decimal(1)}):
        step = next(noise)
        if instant.message is None:
            continue
        snapshot = analysed.snapshot(portfolio_from_wire(instant.message), instant.closed)
        expected = replayer.see(snapshot, {})
        for one in (live, shadow):
            ((told, said),) = await one.take(instant.message, instant)
            assert plain(told) == plain(snapshot)
            assert said.fires is expected.fires
            assert said.verdict == expected.verdict
            assert said.verdict.words == expected.verdict.words
            assert [event.kind for event in said.events] == [event.kind for event in expected.events]
            assert unnamed(one.state) == unnamed(replayer.state)
        for _ in range(step.again):
            for _, said in await live.take(instant.message, None):
                assert not said.fires
                assert not said.events
        if step.is_late and sent:
            assert not any(said.fires for _, said in await live.take(sent[len(sent) // 2], None))
        if step.is_killed:
            live.restart()
        assert unnamed(live.state) == unnamed(replayer.state)
        sent.append(instant.message)


def test_some_of_these_fire() -> None:
    """Else the comparison would show nothing."""
    steps = [Step(factor, 2, 1, True, True) for factor in [1.0] * 4 + [1.03] * 3 + [0.97] * 20]
    asyncio.run(compared(steps, Confirmation(3, 4), 0.06))
    replayer = Replayer(
        rule_set_of(HOPPER, RuleSetBody("g", AllOf((Rule(StopLoss(0.06)),)), (Action(PanicSell()),)), BEGINS),
        *(UTC_ZONE, BEGINS, CARE),
    )
    analysed = Analysed(HOPPER, replayer.rule_set.body, 2 * BARS)
    for instant in live_messages(recording(steps), HOPPER, {Asset("ADA"): Decimal(1)}):
        if instant.message is not None:
            replayer.see(analysed.snapshot(portfolio_from_wire(instant.message), instant.closed), {})
    assert replayer.count == 1

"""R7: money that comes or goes is neither rise nor fall."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.logic.inputs import Care
from controller.logic.state import State
from controller.logic.verdict import Event, EventKind, Stage
from cryptwire.domain.rule_set import StopLoss, TakeProfit, TrailingStop
from tests.unit.controller.logic.builders import T, Watch

MINUTE = timedelta(minutes=1)


class Hopper:
    """A portfolio whose market, money and polls are moved by hand; ``divisor`` is what the index is told by."""

    def __init__(self, *rules: TrailingStop | StopLoss | TakeProfit, is_settling: bool = False) -> None:
        self.watch = Watch.of(*rules)
        self.balance, self.divisor, self.version, self.polls, self.is_settling = 1000.0, 10.0, 1, 0, is_settling
        self.tell(2)

    def tell(self, times: int = 1, **more: object) -> Stage:
        for _ in range(times):
            said = self.watch.see(
                self.balance / self.divisor,
                factor=self.divisor,
                assets_at=T + self.polls * MINUTE,
                refresh_seconds=600,
                flows_version=self.version,
                is_settling=self.is_settling,
                **more,  # type: ignore[arg-type]
            )
        return said.verdict.stage

    def market(self, factor: float) -> None:
        self.balance *= factor

    def poll(self, factor: float = 1.0, is_settling: bool = False) -> None:
        """A poll that finds the balance changed by ``factor``."""
        self.balance *= factor
        self.polls += 1
        self.is_settling = is_settling

    def decided(self, factor: float = 1.0) -> None:
        """The history of flows changed: the index of now is divided by ``factor``."""
        self.divisor *= factor
        self.version += 1

    def told(self, kind: EventKind) -> list[Event]:
        return [event for event in self.watch.events if event.kind is kind]

    @property
    def state(self) -> State:
        return self.watch.state

    def levels(self) -> tuple[float, float]:
        """Start and peak, as what the portfolio was worth then, in today's money."""
        assert self.state.start is not None
        assert self.state.peak is not None
        return self.state.start * self.divisor, self.state.peak * self.divisor


def test_r7_a_deposit_that_is_decided_moves_nothing_and_does_not_arm() -> None:
    hopper = Hopper(TrailingStop(0.1, 0.05))
    hopper.poll(1.5, is_settling=True)
    assert hopper.tell(3) is Stage.NO_DATA
    assert hopper.watch.last is not None
    why = "money may have come or gone; until that is decided nothing moves"
    assert hopper.watch.last.verdict.text == why
    hopper.is_settling = False
    hopper.decided(1.5)
    assert hopper.tell(3) is Stage.WAITS
    assert (hopper.state.start, hopper.state.peak, hopper.state.rules[0].is_armed) == (100, 100, False)
    assert hopper.watch.kinds() == [EventKind.EPOCH, EventKind.STARTED]


def test_r7_a_withdrawal_that_is_decided_fires_nothing() -> None:
    hopper = Hopper(StopLoss(0.1))
    hopper.poll(0.4, is_settling=True)
    hopper.tell(30)
    hopper.is_settling = False
    hopper.decided(0.4)
    assert hopper.tell(30) is Stage.WAITS
    assert hopper.levels() == pytest.approx((400, 400))


def test_r7_while_it_is_undecided_the_market_goes_on_and_counts_afterwards() -> None:
    hopper = Hopper(StopLoss(0.1))
    hopper.poll(1.5, is_settling=True)
    hopper.tell(3)
    hopper.market(0.92)
    hopper.tell()
    hopper.market(0.95)
    assert hopper.tell(3) is Stage.NO_DATA
    hopper.is_settling = False
    hopper.decided(1.5)
    hopper.tell()  # more than a tick may move it: it is doubted
    assert [hopper.tell(), hopper.tell()] == [Stage.TRUE, Stage.TRUE]
    assert hopper.state.start == 100


def test_r7_what_turns_out_to_be_no_flow_counts() -> None:
    hopper = Hopper(TakeProfit(0.1))
    hopper.poll(1.5, is_settling=True)
    hopper.tell(2)
    hopper.is_settling = False
    hopper.tell(2)
    assert hopper.tell() is Stage.TRUE
    assert hopper.state.peak == pytest.approx(150)


def test_r7_it_is_frozen_for_two_polls_at_most_and_then_taken_for_a_flow() -> None:
    hopper = Hopper(TrailingStop(0.1, 0.05))
    hopper.market(1.05)
    hopper.tell(2)
    stages: list[Stage] = []
    for _ in range(4):
        hopper.poll(1.5 if not stages else 1.0, is_settling=True)
        stages.append(hopper.tell(3))
    assert stages == [Stage.NO_DATA, Stage.NO_DATA, Stage.WAITS, Stage.WAITS]
    assert hopper.levels() == pytest.approx((1500, 1575))
    presumed = hopper.told(EventKind.PRESUMED)
    text = "what changed the index by +50.00% with polls is undecided and taken for money that came or went"
    assert [event.text for event in presumed] == [text]
    assert presumed[0].numbers["factor"] == pytest.approx(1.5)


def test_r7_what_was_taken_for_a_flow_and_is_one_changes_nothing_more() -> None:
    hopper = Hopper(TrailingStop(0.1, 0.05))
    for number in range(4):
        hopper.poll(1.0 if number else 1.5, is_settling=True)
        hopper.tell(3)
    hopper.is_settling = False
    hopper.decided(1.5)
    assert hopper.tell(3) is Stage.WAITS
    assert [hopper.state.start, hopper.state.peak] == pytest.approx([100, 100])
    assert hopper.levels() == pytest.approx((1500, 1500))
    assert not hopper.state.rules[0].is_armed


def test_r7_a_second_flow_while_the_first_is_undecided_is_taken_for_one_too() -> None:
    hopper = Hopper(TrailingStop(0.1, 0.05))
    for factor in (1.5, 1.0, 1.0, 2.0, 1.0):
        hopper.poll(factor, is_settling=True)
        hopper.tell(3)
    assert hopper.levels() == pytest.approx((3000, 3000))
    assert hopper.watch.kinds().count(EventKind.PRESUMED) == 2


@pytest.mark.parametrize(("factor", "count"), [(1.0009, 0), (0.9991, 0), (1.0011, 1), (0.9989, 1)])
def test_r7_dust_is_no_flow(factor: float, count: int) -> None:
    hopper = Hopper(StopLoss(0.1))
    for number in range(3):
        hopper.poll(1.0 if number else factor, is_settling=True)
        hopper.tell(2)
    assert hopper.watch.kinds().count(EventKind.PRESUMED) == count
    assert hopper.levels()[0] == pytest.approx(1000 * factor if count else 1000)


def test_r7_a_new_flow_after_one_was_decided_is_waited_for_anew() -> None:
    hopper = Hopper(StopLoss(0.1))
    for _ in range(4):
        hopper.poll(is_settling=True)
        hopper.tell()
    assert hopper.state.polled is not None
    assert hopper.state.polled.is_presumed
    hopper.poll()
    assert hopper.tell() is Stage.WAITS
    hopper.poll(is_settling=True)
    assert hopper.tell() is Stage.NO_DATA


def test_r7_flows_of_long_ago_move_start_and_peak_with_the_index() -> None:
    hopper = Hopper(TrailingStop(0.1, 0.05))
    for _ in range(3):
        hopper.market(1.04)
        hopper.tell(2)
    before, stage = hopper.levels(), hopper.tell()
    hopper.decided(1.25)
    assert hopper.tell() is stage
    assert hopper.levels() == pytest.approx(before)
    assert hopper.state.start == pytest.approx(80)
    assert hopper.state.readings.counted == pytest.approx((104 * 1.04**2 / 1.25,) * 2)
    rebased = hopper.told(EventKind.REBASED)
    text = "another history of flows: the past's index is -20.00% another, start and peak with it"
    assert [event.text for event in rebased] == [text]
    assert rebased[0].numbers["factor"] == pytest.approx(0.8)
    hopper.decided(1 / 1.25)
    hopper.tell()
    assert hopper.state.start == pytest.approx(100)


def test_r7_another_version_without_another_index_is_no_event() -> None:
    hopper = Hopper(StopLoss(0.1))
    hopper.decided()
    hopper.tell(2)
    assert EventKind.REBASED not in hopper.watch.kinds()
    assert hopper.state.money is not None
    assert hopper.state.money.flows_version == 2


def test_r7_a_flow_whose_settling_was_not_seen_is_told_from_one_of_long_ago() -> None:
    hopper = Hopper(StopLoss(0.1))
    hopper.poll(1.5)
    hopper.decided(1.5)
    hopper.tell(2)
    assert hopper.state.start == 100
    hopper.poll(1.001)  # a poll, and no flow with it
    hopper.decided(1.5)
    hopper.tell(2)
    assert hopper.state.start == pytest.approx(100 / 1.5)


def test_r7_decided_while_another_is_undecided() -> None:
    hopper = Hopper(StopLoss(0.1))
    hopper.poll(1.5, is_settling=True)
    hopper.tell()
    hopper.decided(1.5)
    for _ in range(2):
        hopper.poll(is_settling=True)
        hopper.tell()
    assert hopper.watch.kinds().count(EventKind.PRESUMED) == 0
    assert hopper.state.start == pytest.approx(100)


@pytest.mark.parametrize("is_told", [False, True])
def test_r7_an_index_that_takes_a_flow_for_one_at_once_is_left_as_it_is(is_told: bool) -> None:
    """However long it stays undecided, and whether the version says so at once or never."""
    hopper = Hopper(TrailingStop(0.1, 0.05), StopLoss(0.1), TakeProfit(0.1))
    stages = []
    for factor in (1.5, 1.0, 2.0, 1.0, 1.0, 0.3, 1.0):
        hopper.poll(factor, is_settling=True)
        hopper.divisor *= factor
        hopper.version += is_told and factor != 1
        stages.append(hopper.tell(3))
    assert stages == [Stage.NO_DATA, Stage.NO_DATA] + [Stage.WAITS] * 5
    hopper.is_settling = False
    hopper.version += 1
    assert hopper.tell(20) is Stage.WAITS
    assert [hopper.state.start, hopper.state.peak] == pytest.approx([100, 100])
    assert hopper.watch.kinds() == [EventKind.EPOCH, EventKind.STARTED]
    hopper.decided(1 / 1.5)  # the first was none: start and peak go with the index
    assert hopper.tell(20) is Stage.WAITS
    assert hopper.levels() == pytest.approx((hopper.balance, hopper.balance))


def test_r7_a_rule_set_that_begins_while_money_is_undecided_starts_when_it_is_or_after_two_polls() -> None:
    hopper = Hopper(StopLoss(0.1), is_settling=True)
    stages = [hopper.tell(2)]
    for factor in (1.5, 1.0):
        hopper.poll(factor, is_settling=True)
        stages.append(hopper.tell(2))
    assert stages == [Stage.NO_DATA, Stage.NO_DATA, Stage.WAITS]
    assert hopper.state.start == 150
    assert hopper.watch.kinds() == [EventKind.EPOCH, EventKind.STARTED]


def test_r7_only_what_changed_with_polls_is_taken_for_money_that_came() -> None:
    hopper = Hopper(StopLoss(0.1))
    hopper.poll(1.5, is_settling=True)
    for _ in range(2):
        hopper.tell()
        hopper.market(0.98)
        hopper.tell(2)
        hopper.poll(is_settling=True)
    hopper.tell()
    assert [event.numbers["factor"] for event in hopper.told(EventKind.PRESUMED)] == pytest.approx([1.5])
    assert hopper.state.start == pytest.approx(150)


def test_r7_what_was_taken_for_a_flow_is_not_waited_for_again_however_patient_one_is_meanwhile() -> None:
    hopper = Hopper(StopLoss(0.1))
    for _ in range(3):
        hopper.poll(is_settling=True)
        hopper.tell()
    assert hopper.tell(care=Care(polls=9)) is Stage.WAITS
    hopper.poll(is_settling=True)
    assert hopper.tell(care=Care(polls=9)) is Stage.WAITS


def test_r7_another_history_and_a_flow_that_is_undecided_both_move_start_and_are_both_told() -> None:
    hopper = Hopper(StopLoss(0.1))
    for factor in (1.5, 1.0, 1.0):
        hopper.poll(factor, is_settling=True)
        hopper.decided(0.8 if hopper.polls == 3 else 1.0)
        hopper.tell()
    assert hopper.watch.kinds()[2:] == [EventKind.REBASED, EventKind.PRESUMED]
    numbers = [event.numbers["factor"] for event in hopper.watch.events[2:]]
    assert numbers == pytest.approx([1.25, 1.5])
    assert hopper.levels()[0] == pytest.approx(1500)


@pytest.mark.parametrize(("jump", "start"), [(4, 100), (2, 100), (1.9, 25), (7.9, 100), (8.1, 25), (1, 25), (0.25, 25)])
def test_r7_a_history_is_told_from_a_flow_of_now_by_how_near_the_jump_of_the_balance_is_to_it(
    jump: float, start: float
) -> None:
    """The new history divides the index by 4: a jump of 2 to 8 explains it, half of it, in logarithms, or half more."""
    hopper = Hopper(StopLoss(0.1))
    hopper.poll(jump)
    hopper.decided(4)
    hopper.tell()
    assert hopper.state.start == pytest.approx(start)
    assert len(hopper.told(EventKind.REBASED)) == (start != 100)


def test_r7_a_poll_that_finds_another_balance_is_no_other_history_when_the_index_goes_on() -> None:
    hopper = Hopper(StopLoss(0.1))
    hopper.poll(1.2)
    hopper.decided()
    hopper.tell(2)
    assert EventKind.REBASED not in hopper.watch.kinds()
    assert hopper.state.start == 100


FACTOR = st.floats(0.2, 5)
CALM = st.floats(0.99, 1.01)


@settings(deadline=None)
@given(st.lists(st.tuples(FACTOR, CALM, st.integers(0, 4), st.booleans()), max_size=8))
def test_r7_a_market_that_stands_nearly_still_fires_nothing_whatever_money_comes_and_goes(
    flows: list[tuple[float, float, int, bool]],
) -> None:
    """Each flow: its size, the market meanwhile, polls until it is decided, whether one of long ago comes after it."""
    hopper = Hopper(TrailingStop(0.12, 0.05), StopLoss(0.12), TakeProfit(0.12))
    market = 1.0
    for size, calm, polls, is_late in flows:
        is_flow = abs(size - 1) > 0.02
        hopper.poll(size if is_flow else 1.0, is_settling=is_flow)
        hopper.tell(2)
        for _ in range(polls):
            hopper.market(calm ** (1 / polls))
            hopper.tell(2)
            hopper.poll(is_settling=is_flow)
            hopper.tell(2)
        if is_flow:
            hopper.is_settling = False
            hopper.decided(size)
        market *= calm if polls else 1.0
        hopper.tell(2)
        if is_late:
            hopper.decided(size if is_flow else 1.2)
            hopper.tell(2)
        start, _ = hopper.levels()
        assert hopper.balance / start == pytest.approx(market, rel=1e-6)
    assert not any(kind in (EventKind.FIRED, EventKind.ARMED, EventKind.REVIEW) for kind in hopper.watch.kinds())

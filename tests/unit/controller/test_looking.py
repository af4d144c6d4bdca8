"""R20: upstream is looked at now and then, within the budget, and what does not fit is told as a data problem."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from controller.handlers.looking import Looker
from controller.logic.requests import Look, Seen
from cryptwire.clock import Clock
from cryptwire.domain.account import Position
from cryptwire.domain.hopper import Asset, Assignment, Exchange, Hopper, HopperId, LinkedHopper
from cryptwire.domain.rule_set import Mode
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.metrics import Meters
from tests.unit.controller.logic.played_hopper import position
from tests.unit.controller.test_watching import HOPPER, ONE, OTHER, STOP, USER, Desk, changed, watched

EVERY = timedelta(seconds=300)
LINKED = LinkedHopper(
    Hopper(HOPPER, USER, "Main", Exchange("binance"), Asset("USDT"), False, timedelta(seconds=60)),
    True,
    "pro",
    None,
    None,
)


@dataclass
class PlayedUpstream:
    clock: Clock
    positions: tuple[Position, ...] = (position("1"),)
    hopper: LinkedHopper = LINKED
    asked: list[timedelta] = field(default_factory=list)  # how old the answer may be
    trouble: CryptwireError | None = None

    async def read(
        self, hopper: Hopper, looks: frozenset[Look], within: timedelta, max_age: timedelta = timedelta(0)
    ) -> Seen:
        assert (hopper.id, looks) == (HOPPER, frozenset({Look.POSITIONS}))
        self.asked.append(max_age)
        if self.trouble is not None:
            raise self.trouble
        return Seen(self.clock.now(), self.hopper, self.positions)

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"nobody asks for {name} here")


class Room(Desk):
    """A desk with somebody who looks."""

    def __init__(self) -> None:
        super().__init__()
        self.upstream = PlayedUpstream(self.clock)
        self.held = {HOPPER: Assignment(LINKED.hopper, 7)}
        self.looker = self.looking()

    def looking(self) -> Looker:
        held = self.held.get
        self.looker = Looker(self.watcher, self.upstream, self.clock, Meters(), held=held, every=EVERY)  # type: ignore[arg-type]
        return self.looker

    async def go_on(self, minutes: float, positions: int = 1) -> None:
        """As the service does: messages, and a look every few seconds."""
        for _ in range(int(minutes * 12)):
            await self.see(positions=positions, seconds=5)
            await self.looker.look()
        await self.watcher.flush()

    def told(self) -> list[tuple[str, str]]:
        return [(each.kind, next(iter({**each.facts, "rule": ""}.values()))) for each in self.states.notices]

    def kinds_told(self) -> list[str]:
        return [each.kind for each in self.states.notices]


async def test_r20_a_mismatch_is_told_once_as_a_data_problem_and_that_it_fits_again() -> None:
    room = Room()
    await room.watcher.learn([watched()])
    await room.go_on(12)
    assert room.states.notices == []
    room.upstream.positions = (position("1"), position("2"))
    await room.go_on(4.5)
    assert room.states.notices == []  # seen once at most, or twice
    await room.go_on(20)
    assert room.kinds_told() == ["rule-mismatch"]
    (notice,) = room.states.notices
    assert (notice.about.value, notice.user, notice.hopper) == ("data-problem", USER, HOPPER)
    assert notice.facts == {"rule": "Guard", "reason": "upstream shows 2 positions, the rule was told of 1"}
    assert notice.key == f"rule-mismatch/{ONE}/1/positions"
    assert room.states.kinds().count("mismatch") == 1
    room.upstream.positions = (position("1"),)
    await room.go_on(20)
    assert room.kinds_told() == ["rule-mismatch", "rule-match"]
    room.upstream.positions = ()
    await room.go_on(20)
    assert room.kinds_told() == ["rule-mismatch", "rule-match"]  # once in an epoch
    await room.watcher.learn([changed(watched(), mode_number=3)])
    await room.go_on(20)
    assert [each.key for each in room.states.notices][2:] == [f"rule-mismatch/{ONE}/2/positions"]


async def test_r20_looks_are_within_the_budget_and_may_be_what_was_just_read() -> None:
    room = Room()
    await room.watcher.learn([watched(ONE), watched(OTHER)])
    await room.go_on(60)
    assert 10 <= len(room.upstream.asked) <= 13  # one for both, each five minutes
    assert set(room.upstream.asked) == {timedelta(seconds=120)}
    room.upstream.positions = ()
    before = len(room.upstream.asked)
    await room.go_on(60)
    assert len(room.upstream.asked) - before <= 15  # twice as often once


async def test_r20_only_what_is_armed_watches_and_is_ours_is_looked_at() -> None:
    room = Room()
    room.upstream.positions = ()
    await room.watcher.learn([watched(mode=Mode.SHADOW)])
    await room.go_on(11)
    assert room.upstream.asked == []
    room.held.clear()
    await room.watcher.learn([watched(OTHER)])
    await room.go_on(11)
    assert room.upstream.asked == []


async def test_r20_silence_is_no_mismatch_and_neither_is_an_upstream_that_is_away() -> None:
    room = Room()
    await room.watcher.learn([watched(when=STOP)])
    await room.go_on(1)
    room.upstream.positions = ()
    for _ in range(30):
        await room.clock.turn(timedelta(minutes=1))
        await room.looker.look()
    await room.watcher.flush()
    assert room.kinds_told() == []
    room.upstream.trouble = Unavailable("away")
    await room.go_on(20)
    assert "rule-mismatch" not in room.kinds_told()
    room.upstream.trouble = None
    await room.go_on(20)
    assert room.kinds_told() == ["rule-mismatch"]


async def test_r20_after_a_restart_it_is_told_under_the_same_key() -> None:
    room = Room()
    room.upstream.hopper = replace(LINKED, is_enabled=False)
    for _ in range(2):
        await room.anew().learn([watched()])
        room.looking()
        await room.go_on(11)
    keys = [each.key for each in room.states.notices]
    assert keys == [f"rule-mismatch/{ONE}/1/hopper-off"] * 2
    assert HopperId("501") in room.held

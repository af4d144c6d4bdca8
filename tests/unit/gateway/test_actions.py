"""An action is sent once, whoever asks how often, and what became of it is written down whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from cryptwire.domain.action import Fence, IntentId, Outcome, RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import (
    Corrupt,
    CryptwireError,
    Exhausted,
    Fenced,
    Forbidden,
    Invalid,
    LinkAgain,
    NotFound,
    SwitchedOff,
    Unavailable,
    Unconfirmed,
)
from cryptwire.memory.clock import HandClock, settled
from cryptwire.metrics import Meters
from cryptwire.storage.calls import Asked, Ending, Known
from gateway.actions import Actions
from gateway.ports import Late, TokenRefused, Upstream, Urgency

USER = UserId("7e1f27d4-0000-4000-8000-000000000001")
SECOND = timedelta(seconds=1)
PANIC = Asked(
    "controller",
    "StartPanic",
    USER,
    HopperId("501"),
    {"is_market": True},
    IntentId("7e1f27d4-0000-4000-8000-0000000000aa"),
    1,
    Fence(3),
    RuleSetId("rule"),
)


@dataclass
class World:
    """Everything around the actions, played."""

    clock: HandClock = field(default_factory=HandClock)
    meters: Meters = field(default_factory=Meters)
    rows: list[tuple[Asked, Ending | None]] = field(default_factory=list)
    turned: list[tuple[Asked, Ending]] = field(default_factory=list)
    refusal: CryptwireError | None = None
    admitting: asyncio.Event | None = None
    is_away: bool = False
    """The table, when something is to be written to it."""
    is_over: bool = False
    linked: set[HopperId] = field(default_factory=lambda: {HopperId("501")})
    no_turn: CryptwireError | None = None
    turns: list[tuple[Urgency, bool]] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    is_shut: bool = False
    no_token: CryptwireError | None = None
    refused: list[str | None] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    error: BaseException | None = None
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answering.set()
        self.actions = self.another()

    def another(self) -> Actions:
        """A gateway on the same table."""
        upstream = cast("Upstream", self)
        return Actions(self, self, self, upstream, self, self.clock, self.meters, 15 * SECOND)

    async def act(self, asked: Asked = PANIC, within: timedelta = 20 * SECOND, actions: Actions | None = None) -> Any:
        until = self.clock.now() + within
        return await (actions or self.actions).act(asked, self.send, until, is_order=True)

    async def send(self, _: Upstream, token: str, timeout: timedelta) -> str:
        assert timeout == 15 * SECOND
        self.sent.append(token)
        await self.answering.wait()
        if self.error is not None:
            raise self.error
        return "panic mode is on" + "!" * 300

    @property
    def endings(self) -> list[Outcome | None]:
        return [None if ending is None else ending.outcome for _, ending in self.rows]

    # ---- the table ----

    async def known(self, asked: Asked) -> Known | None:
        if self.refusal is not None:
            raise self.refusal
        for kept, ending in self.rows:
            if (kept.intent, kept.number) == (asked.intent, asked.number):
                if kept.parameters != asked.parameters:
                    raise Invalid("another act")
                return Known(ending, self.is_over or ending is not None)
        return None

    async def admit(self, asked: Asked) -> int | None:
        if self.admitting is not None:
            await self.admitting.wait()
        if await self.known(asked) is not None:
            return None
        self.rows.append((asked, None))
        return len(self.rows) - 1

    async def finish(self, row: int, asked: Asked, ending: Ending) -> None:
        if self.is_away:
            raise Unavailable("the database is away")
        assert self.rows[row] == (asked, None)
        self.rows[row] = (asked, ending)

    async def turned_away(self, asked: Asked, ending: Ending) -> None:
        if self.is_away:
            raise Unavailable("the database is away")
        self.turned.append((asked, ending))

    # ---- upstream, tokens, budget ----

    def check(self) -> None:
        if self.is_shut:
            raise Unavailable("upstream is away")

    async def generation(self, user: UserId, hopper: HopperId) -> int | None:
        return 1 if hopper in self.linked else None

    async def access(self, user: UserId, refused: str | None = None) -> str:
        self.refused.append(refused)
        if self.no_token is not None:
            raise self.no_token
        return f"token {len(self.refused)}"

    async def take(self, user: UserId, until: Any, urgency: Urgency, *, is_order: bool = False) -> None:
        self.turns.append((urgency, is_order))
        if self.no_turn is not None:
            raise self.no_turn

    async def hold(self, user: UserId, seconds: float) -> None:
        self.held.append(seconds)


@pytest.fixture
async def world() -> World:
    return World()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - the world has no event for everything
            await asyncio.sleep(0)


async def gone(waiting: Awaitable[Any]) -> None:
    """Whoever waits goes away."""
    task = cast("asyncio.Task[Any]", waiting)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_is_sent_and_answered_and_written_down(world: World) -> None:
    acted = await world.act()
    assert acted.said.startswith("panic mode is on")
    assert len(acted.said) == 200
    assert not acted.is_repeated
    assert world.turns == [(Urgency.ACTION, True)]
    assert world.endings == [Outcome.DONE]
    assert world.meters.value("gateway_actions", call="StartPanic", outcome="done", reason="") == 1


async def test_the_second_call_is_answered_as_the_first_and_not_sent(world: World) -> None:
    first = await world.act()
    assert await world.act() == replace(first, is_repeated=True)
    assert await world.act(actions=world.another()) == replace(first, is_repeated=True)
    assert len(world.sent) == len(world.turns) == 1


async def test_the_next_number_is_another_request(world: World) -> None:
    await world.act()
    await world.act(replace(PANIC, number=2))
    assert len(world.sent) == 2


async def test_a_number_that_stands_for_another_act_is_invalid(world: World) -> None:
    await world.act()
    with pytest.raises(Invalid):
        await world.act(replace(PANIC, parameters={"is_market": False}))
    assert len(world.sent) == 1


async def test_equal_calls_at_once_are_one_request(world: World) -> None:
    world.answering.clear()
    gateways = [world.another() for _ in range(3)]
    waiting = [asyncio.ensure_future(world.act(actions=gateways[n % 3])) for n in range(12)]
    await until(lambda: bool(world.sent))
    await settled()
    world.answering.set()
    await settled()
    await world.clock.turn(SECOND)
    answers = await asyncio.gather(*waiting)
    assert len(world.sent) == 1
    assert [acted.is_repeated for acted in answers].count(False) == 1


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        (NotFound("x"), Outcome.REFUSED, NotFound),
        (Forbidden("x"), Outcome.REFUSED, Forbidden),
        (Invalid("x"), Outcome.REFUSED, Invalid),
        (LinkAgain("x"), Outcome.REFUSED, LinkAgain),
        (Exhausted("x", 7.0), Outcome.REFUSED, Exhausted),
        (TokenRefused("x"), Outcome.REFUSED, Unavailable),
        (Unavailable("x"), Outcome.NOT_SENT, Unavailable),
        (Late("x"), Outcome.NOT_SENT, Late),
        (Unconfirmed("x"), Outcome.UNKNOWN, Unconfirmed),
        (Corrupt("x"), Outcome.UNKNOWN, Unconfirmed),
        (RuntimeError("x"), Outcome.UNKNOWN, Unconfirmed),
        (asyncio.CancelledError(), Outcome.UNKNOWN, Unconfirmed),
    ],
)
async def test_what_upstream_does_is_told_at_once_and_again(
    world: World, error: BaseException, outcome: Outcome, told: type[CryptwireError]
) -> None:
    world.error = error
    for _ in range(2):
        with pytest.raises(told) as raised:
            await world.act()
        assert type(raised.value) is told
    assert len(world.sent) == 1
    assert world.endings == [outcome]
    ending = world.rows[0][1]
    assert ending is not None
    assert (ending.sent_at is None) is (outcome is Outcome.NOT_SENT)
    assert world.turned == []


async def test_a_token_that_is_refused_is_renewed_for_the_next_number(world: World) -> None:
    world.error = TokenRefused("401")
    with pytest.raises(Unavailable):
        await world.act()
    await settled()
    assert world.refused == [None, None, "token 2"]
    world.error = None
    await world.act(replace(PANIC, number=2))
    assert world.sent == ["token 2", "token 5"]


async def test_too_many_requests_hold_the_others(world: World) -> None:
    world.error = Exhausted("429", 12.0)
    with pytest.raises(Exhausted) as raised:
        await world.act()
    assert raised.value.retry_after == 12.0
    await settled()
    assert world.held == [12.0]


@pytest.mark.parametrize("refusal", [Fenced("x"), SwitchedOff("x"), Unavailable("the database is away")])
async def test_what_may_not_be_done_costs_no_turn_and_is_written_down(world: World, refusal: CryptwireError) -> None:
    world.refusal = refusal
    with pytest.raises(type(refusal)):
        await world.act()
    assert not any((world.turns, world.sent, world.rows))
    ((asked, ending),) = world.turned
    assert asked == PANIC
    assert (ending.outcome, ending.reason) == (Outcome.NOT_SENT, type(refusal).__name__)


async def test_a_hopper_of_nobody_or_of_somebody_else_is_not_there(world: World) -> None:
    world.linked.clear()
    with pytest.raises(NotFound):
        await world.act()
    assert not any((world.turns, world.sent, world.refused))


@pytest.mark.parametrize("name", ["no_turn", "no_token"])
async def test_without_a_turn_or_a_token_nothing_is_sent(world: World, name: str) -> None:
    setattr(world, name, Exhausted("x", 3.0))
    with pytest.raises(Exhausted):
        await world.act()
    assert not any((world.sent, world.rows))
    assert len(world.turned) == 1
    setattr(world, name, None)
    await world.act()
    assert len(world.sent) == 1


async def test_nobody_waits_for_a_turn_while_upstream_is_away(world: World) -> None:
    world.is_shut = True
    with pytest.raises(Unavailable):
        await world.act()
    assert not any((world.turns, world.rows))


async def test_what_comes_too_late_is_not_sent(world: World) -> None:
    with pytest.raises(Late):
        await world.act(within=timedelta(0))
    assert not any((world.sent, world.rows))


async def test_an_old_check_is_no_check(world: World) -> None:
    """A kill switch may have been turned on meanwhile."""
    world.admitting = asyncio.Event()
    acting = asyncio.ensure_future(world.act())
    await settled()
    await world.clock.turn(5 * SECOND)
    world.admitting.set()
    with pytest.raises(Late):
        await acting
    assert world.sent == []
    assert world.endings == [Outcome.NOT_SENT]


async def test_a_switch_that_is_turned_while_it_waits_for_its_turn_holds(world: World) -> None:
    world.admitting = asyncio.Event()
    acting = asyncio.ensure_future(world.act())
    await settled()
    world.refusal = SwitchedOff("now")
    world.admitting.set()
    with pytest.raises(SwitchedOff):
        await acting
    assert not any((world.sent, world.rows))


async def test_who_goes_away_before_it_is_sent_has_nothing_done(world: World) -> None:
    world.admitting = asyncio.Event()
    acting = asyncio.ensure_future(world.act())
    await settled()
    await gone(acting)
    world.admitting.set()
    await settled()
    assert world.sent == []
    assert world.endings == [Outcome.NOT_SENT]


async def test_who_goes_away_after_it_was_sent_changes_nothing(world: World) -> None:
    world.answering.clear()
    acting = asyncio.ensure_future(world.act())
    await until(lambda: bool(world.sent))
    await gone(acting)
    world.answering.set()
    await settled()
    assert world.endings == [Outcome.DONE]
    assert (await world.act()).is_repeated
    assert len(world.sent) == 1


async def test_an_answer_does_not_wait_for_a_database_that_is_away(world: World) -> None:
    world.is_away = True
    acting = asyncio.ensure_future(world.act())
    await until(lambda: bool(world.sent))
    await settled()
    assert not acting.done()
    await world.clock.turn(2 * SECOND)
    assert (await acting).said.startswith("panic")
    assert world.endings == [None]
    await world.clock.turn(50 * SECOND)
    world.is_away = False
    await world.clock.turn(SECOND)
    assert world.endings == [Outcome.DONE]


async def test_an_end_that_cannot_be_written_down_reads_as_unknown(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.is_away = True
    acting = asyncio.ensure_future(world.act())
    await until(lambda: bool(world.sent))
    await settled()
    await world.clock.turn(61 * SECOND)
    await acting
    assert "could not be written down" in caplog.text
    world.is_away, world.is_over = False, True
    with pytest.raises(Unconfirmed):
        await world.act()
    assert len(world.sent) == 1


async def test_one_that_another_gateway_has_under_way_is_waited_for(world: World) -> None:
    world.rows.append((PANIC, None))
    acting = asyncio.ensure_future(world.act(within=8 * SECOND))
    await settled()
    await world.clock.turn(3 * SECOND)
    assert not acting.done()
    world.rows[0] = (PANIC, Ending(Outcome.DONE, "", "done there", world.clock.now(), world.clock.now()))
    await world.clock.turn(SECOND)
    assert (await acting).said == "done there"
    assert world.sent == []


async def test_one_whose_gateway_died_is_unknown_at_the_latest_when_its_caller_leaves(world: World) -> None:
    world.rows.append((PANIC, None))
    acting = asyncio.ensure_future(world.act(within=8 * SECOND))
    await settled()
    await world.clock.turn(8 * SECOND)
    with pytest.raises(Unconfirmed):
        await acting
    world.is_over = True
    with pytest.raises(Unconfirmed):
        await world.act()
    assert world.sent == []


async def test_that_the_table_cannot_be_asked_again_does_not_mean_that_nothing_was_sent(world: World) -> None:
    world.rows.append((PANIC, None))
    acting = asyncio.ensure_future(world.act())
    await settled()
    world.refusal = Unavailable("the database is away")
    await world.clock.turn(SECOND)
    with pytest.raises(Unconfirmed):
        await acting


async def test_the_end_waits_for_what_is_under_way(world: World) -> None:
    world.answering.clear()
    acting = asyncio.ensure_future(world.act())
    await until(lambda: bool(world.sent))
    finishing = asyncio.ensure_future(world.actions.finish(timedelta(seconds=5)))
    await settled()
    assert not finishing.done()
    world.answering.set()
    await finishing
    assert world.endings == [Outcome.DONE]
    await acting


async def test_the_end_cuts_off_what_takes_too_long_and_writes_down_that_nobody_knows(world: World) -> None:
    world.answering.clear()
    acting = asyncio.ensure_future(world.act())
    await until(lambda: bool(world.sent))
    await world.actions.finish(timedelta(seconds=0.05))
    with pytest.raises(Unconfirmed):
        await acting
    assert world.endings == [Outcome.UNKNOWN]


def test_a_request_must_end_before_it_counts_as_over() -> None:
    world = cast("Any", None)
    with pytest.raises(Invalid):
        Actions(world, world, world, world, world, world, world, timedelta(seconds=25))

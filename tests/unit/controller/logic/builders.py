"""Rule sets, snapshots and series of them, for rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from controller.logic import epochs
from controller.logic.evaluation import Evaluation, evaluate
from controller.logic.inputs import Care, Inputs
from controller.logic.state import State
from controller.logic.verdict import Event, EventKind
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.figure import Figure, FigureKey, PairSnapshot, Snapshot, figure_key
from cryptwire.domain.hopper import Asset, Exchange, HopperId, UserId
from cryptwire.domain.rule_set import (
    Action,
    Again,
    AllOf,
    AnyOf,
    Condition,
    Confirmation,
    Mode,
    Node,
    Not,
    Once,
    PanicSell,
    Rule,
    RuleSet,
    RuleSetBody,
)
from cryptwire.domain.ticker import Pair

T = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
LIVE = timedelta(seconds=2)
USDT = Asset("USDT")
BTC = Pair(Exchange("binance"), Asset("BTC"), USDT)
AT_ONCE = Confirmation(1, 0)
ONCE = Once()
PANIC = (Action(PanicSell()),)
CARE = Care()
ZONE = ZoneInfo("Europe/Amsterdam")


def at_once(condition: Condition) -> Rule:
    """A rule that one message confirms."""
    return Rule(condition, AT_ONCE)


def body(*when: Node | Condition, again: Again = ONCE, then: tuple[Action, ...] = PANIC) -> RuleSetBody:
    nodes = tuple(each if isinstance(each, Rule | Not | AnyOf | AllOf) else at_once(each) for each in when)
    return RuleSetBody("guard", AllOf(nodes), then, again)


def rule_set(*when: Node | Condition, again: Again = ONCE, version: int = 1) -> RuleSet:
    said = body(*when, again=again)
    return RuleSet(RuleSetId("r1"), UserId("u1"), HopperId("7"), version, said, Mode.ARMED, 1, T)


def told(values: Mapping[str, float | None]) -> dict[FigureKey, Figure]:
    """Figures by their keys as text."""
    return {figure_key(text): Figure(figure_key(text), value, 10) for text, value in values.items()}


def snapshot(
    index: float | None, number: int = 1, *, at: datetime | None = None, factor: float = 10.0, **more: object
) -> Snapshot:
    """The live message with this ``number``, two seconds after the one before; the balance is ``factor`` × the index.

    Its prices are of the same instant, its balances of the minute.
    """
    at = T + number * LIVE if at is None else at
    made = Snapshot(
        hopper=HopperId("7"),
        session="s",
        sequence=number,
        at=at,
        newest_price_at=at,
        prices_at=at,
        is_fresh=True,
        assets_at=at.replace(second=0, microsecond=0),
        refresh_seconds=60,
        unpriced_share=0.0,
        is_settling=False,
        flows_version=1,
        base=USDT,
        balance=(index or 0.0) * factor,
        index=index,
        positions=12,
        figures={},
    )
    return replace(made, **more)  # type: ignore[arg-type]


def pair(
    price: float | None, at: datetime, values: Mapping[str, float | None] | None = None, **more: object
) -> PairSnapshot:
    made = PairSnapshot(BTC, "p", 1, at, at, True, told({"price": price, **(values or {})}))
    return replace(made, **more)  # type: ignore[arg-type]


def inputs(shot: Snapshot, *pairs: PairSnapshot, now: datetime | None = None, care: Care = CARE) -> Inputs:
    return Inputs(shot, shot.at if now is None else now, ZONE, {each.pair: each for each in pairs}, care)


@dataclass
class Watch:
    """A rule set that is fed one message after the other."""

    rules: RuleSet
    state: State
    events: list[Event]
    last: Evaluation | None = None
    number: int = 0

    @classmethod
    def of(cls, *when: Node | Condition, again: Again = ONCE) -> "Watch":
        rules = rule_set(*when, again=again)
        state, events = epochs.begin(rules, 1, T)
        return cls(rules, state, list(events))

    def see(
        self,
        index: float | None,
        *pairs: PairSnapshot,
        care: Care = CARE,
        now: datetime | None = None,
        **more: object,
    ) -> Evaluation:
        """The next message."""
        self.number += 1
        return self.take(snapshot(index, self.number, **more), *pairs, care=care, now=now)  # type: ignore[arg-type]

    def take(self, shot: Snapshot, *pairs: PairSnapshot, care: Care = CARE, now: datetime | None = None) -> Evaluation:
        self.last = evaluate(self.rules, self.state, inputs(shot, *pairs, care=care, now=now))
        self.state = self.last.state
        self.events += self.last.events
        return self.last

    def fires(self, series: Iterable[float]) -> list[bool]:
        """Whether it fires at each message."""
        return [self.see(each).fires for each in series]

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]

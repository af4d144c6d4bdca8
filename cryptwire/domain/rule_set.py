"""Rule sets: when all rules are true, all actions are done, in order. Values alone; how they are evaluated is the
controller's, how they are written down codec/rule_set.py's.

Fractions everywhere: 0.05 is 5 %. What is said of a portfolio's rise and fall is of its index, on which money that came
or went leaves no trace (R7).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import Enum
from typing import TypeAlias

from cryptwire.domain.action import RuleSetId
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

MOST_RULES = 20
MOST_ACTIONS = 12
MOST_DEPTH = 4
_MOST_NAME = 80
_MOST_TEXT = 500
_WEEK = frozenset(range(7))


def _must(is_so: bool, text: str) -> None:
    if not is_so:
        raise Invalid(text)


def _within(name: str, number: float, least: float, most: float) -> None:
    _must(math.isfinite(number) and least <= number <= most, f"{name} is {least:g} to {most:g}, not {number:g}")


def _is_plain(text: str) -> bool:
    """Whether a person can read it, and a database keep it."""
    return all(each.isprintable() or each == "\n" for each in text)


# ---- rules ----


class Relation(Enum):
    """How a figure stands to another; it crosses when it was on the other side, or on it, before, and stays across."""

    ABOVE = "above"
    BELOW = "below"
    CROSSES_ABOVE = "crosses-above"
    CROSSES_BELOW = "crosses-below"

    @property
    def is_crossing(self) -> bool:
        return self in (Relation.CROSSES_ABOVE, Relation.CROSSES_BELOW)


@dataclass(frozen=True, slots=True)
class FigureOf:
    """A figure of the rule set's hopper, or of ``pair``. Raises Invalid when there is none of such a thing."""

    key: FigureKey
    pair: Pair | None = None

    def __post_init__(self) -> None:
        definition = self.key.definition
        kind = "hopper" if self.pair is None else "pair"
        is_told = definition.of_hoppers if self.pair is None else definition.of_pairs
        _must(is_told, f"{self.key.name} is no figure of a {kind}")

    def __str__(self) -> str:
        return str(self.key) if self.pair is None else f"{self.key} of {self.pair}"


@dataclass(frozen=True, slots=True)
class TrailingStop:
    """True once the index, having risen by ``arm_at`` since the epoch began, falls by ``trail`` from its peak.

    ``arm_at`` 0 trails from the first.
    """

    arm_at: float
    trail: float

    def __post_init__(self) -> None:
        _within("arm_at", self.arm_at, 0, 100)
        _within("trail", self.trail, 0.001, 0.99)


@dataclass(frozen=True, slots=True)
class StopLoss:
    """True while the index is ``loss`` or more below where the epoch began."""

    loss: float

    def __post_init__(self) -> None:
        _within("loss", self.loss, 0.001, 0.99)


@dataclass(frozen=True, slots=True)
class TakeProfit:
    """True while the index is ``profit`` or more above where the epoch began."""

    profit: float

    def __post_init__(self) -> None:
        _within("profit", self.profit, 0.001, 1000)


@dataclass(frozen=True, slots=True)
class DrawdownGuard:
    """True while the index is ``fall`` or more below its peak of the past ``minutes``, whenever the epoch began."""

    fall: float
    minutes: int

    def __post_init__(self) -> None:
        _within("fall", self.fall, 0.001, 0.99)
        FigureKey.of("drawdown", minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Compare:
    """True while ``left`` stands in ``relation`` to ``right``, a number in the figure's unit or another figure."""

    left: FigureOf
    relation: Relation
    right: float | FigureOf

    def __post_init__(self) -> None:
        if isinstance(self.right, FigureOf):
            _must(self.left != self.right, "a figure is compared with itself")
        else:
            _must(math.isfinite(self.right), "a figure is compared with a finite number")


@dataclass(frozen=True, slots=True)
class PairChange:
    """True while the pair's price changed by ``change`` or more, in its direction, within the past ``minutes``."""

    pair: Pair
    change: float
    minutes: int

    def __post_init__(self) -> None:
        _must(0.001 <= abs(self.change) <= 100, "change is at least 0.001 up or down")
        _must(self.change > -1, "no price falls by all it is worth")
        FigureKey.of("change", minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class PositionCount:
    """True while more (``ABOVE``) or fewer (``BELOW``) positions than ``count`` are open."""

    relation: Relation
    count: int

    def __post_init__(self) -> None:
        _must(not self.relation.is_crossing, "positions are above or below a count")
        _within("count", self.count, 0, 10_000)


@dataclass(frozen=True, slots=True)
class FundsUsage:
    """True while more or less than ``share`` of the balance is not in the base currency."""

    relation: Relation
    share: float

    def __post_init__(self) -> None:
        _must(not self.relation.is_crossing, "funds usage is above or below a share")
        _within("share", self.share, 0, 1)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """True from ``since`` to before ``until`` of the user's clock; over midnight when ``until`` is not later.

    ``weekdays``: 0 is Monday; the day is the one on which the window began. Equal times: the whole day.
    """

    since: time
    until: time
    weekdays: frozenset[int] = _WEEK

    def __post_init__(self) -> None:
        _must(bool(self.weekdays) and self.weekdays <= _WEEK, "weekdays are 0 (Monday) to 6, one at least")
        _must(self.since.tzinfo is None and self.until.tzinfo is None, "times of a window are of the user's clock")
        is_whole = all(each.second == each.microsecond == 0 for each in (self.since, self.until))
        _must(is_whole, "a window begins and ends at a full minute")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A rule counts once it was true for ``ticks`` live messages with a newer price in a row, and ``seconds`` (R8)."""

    ticks: int = 3
    seconds: float = 15

    def __post_init__(self) -> None:
        _within("ticks", self.ticks, 1, 1000)
        _within("seconds", self.seconds, 0, 86_400)


Condition: TypeAlias = (
    TrailingStop
    | StopLoss
    | TakeProfit
    | DrawdownGuard
    | Compare
    | PairChange
    | PositionCount
    | FundsUsage
    | TimeWindow
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition, and how long it must hold."""

    condition: Condition
    confirmation: Confirmation = Confirmation()


@dataclass(frozen=True, slots=True)
class Not:
    """True while ``rule`` is surely not."""

    rule: "Node"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True while one of ``rules`` is, and all of them can be told (R4)."""

    rules: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """True while all of ``rules`` are."""

    rules: tuple["Node", ...]


Node: TypeAlias = Rule | Not | AnyOf | AllOf


# ---- actions ----


class Which(Enum):
    """Positions that are sold; those that their owner holds back are never."""

    ALL = "all"
    LOSING = "losing"
    WINNING = "winning"
    COINS = "coins"


class Switch(Enum):
    """What of a hopper is turned on and off."""

    BUYING = "buying"
    SELLING = "selling"
    HOPPER = "hopper"


@dataclass(frozen=True, slots=True)
class PanicSell:
    """Sell every open position, and stop buying until the panic is stopped by a person."""

    is_market: bool = True


@dataclass(frozen=True, slots=True)
class SellPositions:
    """Sell open positions; ``coins`` with ``Which.COINS`` only."""

    which: Which
    coins: tuple[Asset, ...] = ()
    is_market: bool = True

    def __post_init__(self) -> None:
        _must((self.which is Which.COINS) == bool(self.coins), "coins are named when coins are sold, and only then")
        _must(len(set(self.coins)) == len(self.coins) <= 100, "1 to 100 coins, each once")
        is_coin = all(0 < len(each) <= 30 and each.isprintable() and each == each.upper() for each in self.coins)
        _must(is_coin, "a coin is written in capitals, as BTC")


@dataclass(frozen=True, slots=True)
class Turn:
    """Turn buying, selling or the hopper on or off."""

    switch: Switch
    is_on: bool


@dataclass(frozen=True, slots=True)
class ChangeConfig:
    """Change these fields of the configuration, 1 to 50; the gateway knows which may be, and to what."""

    changes: Mapping[str, str]

    def __post_init__(self) -> None:
        _must(0 < len(self.changes) <= 50, "1 to 50 fields are changed at once")
        _must(
            all(len(name) <= 60 and len(value) <= 5000 for name, value in self.changes.items()),
            "a field or value is too long",
        )
        _must(all(map(_is_plain, (*self.changes, *self.changes.values()))), "fields and values are printable")


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Cancel every open order."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the user ``text``."""

    text: str

    def __post_init__(self) -> None:
        _must(0 < len(self.text.strip()) <= len(self.text) <= _MOST_TEXT, f"a notice is 1 to {_MOST_TEXT} characters")
        _must(_is_plain(self.text), "a notice is printable")


@dataclass(frozen=True, slots=True)
class Wait:
    """Do what follows so many ``seconds`` later, at most a day."""

    seconds: int

    def __post_init__(self) -> None:
        _within("seconds", self.seconds, 1, 86_400)


@dataclass(frozen=True, slots=True)
class Restore:
    """Set back what this rule set's earlier actions changed (switches, fields), where it still is as they left it."""


Deed: TypeAlias = PanicSell | SellPositions | Turn | ChangeConfig | CancelOrders | Notify | Wait | Restore
SELLS = (PanicSell, SellPositions)


@dataclass(frozen=True, slots=True)
class Action:
    """What is done; ``may_fail``: what follows is done even when this failed (R14)."""

    deed: Deed
    may_fail: bool = False


# ---- rule sets ----


@dataclass(frozen=True, slots=True)
class Once:
    """After firing it is over, until its user arms it again."""


@dataclass(frozen=True, slots=True)
class After:
    """It watches anew ``minutes`` after its actions ended."""

    minutes: int

    def __post_init__(self) -> None:
        _within("minutes", self.minutes, 1, 525_600)


@dataclass(frozen=True, slots=True)
class Recovery:
    """It watches anew once the index is ``rise`` above where it fired, and ``minutes`` after its actions ended."""

    rise: float
    minutes: int

    def __post_init__(self) -> None:
        _within("rise", self.rise, 0.001, 100)
        _within("minutes", self.minutes, 1, 525_600)


Again: TypeAlias = Once | After | Recovery


@dataclass(frozen=True, slots=True)
class RuleSetBody:
    """What a version of a rule set says; never changed. Raises Invalid when it makes no sense."""

    name: str
    when: AllOf
    then: tuple[Action, ...]
    again: Again = Once()
    pairs: frozenset[Pair] = field(init=False, repr=False, compare=False)
    """Every pair of which a rule reads a figure."""

    def __post_init__(self) -> None:
        _must(0 < len(self.name.strip()) <= len(self.name) <= _MOST_NAME, f"a name is 1 to {_MOST_NAME} characters")
        _must(self.name.isprintable(), "a rule set's name is printable")
        _must(0 < len(self.then) <= MOST_ACTIONS, f"1 to {MOST_ACTIONS} actions")
        _must(_depth(self.when) <= MOST_DEPTH, f"groups stand {MOST_DEPTH} deep at most")
        rules = list(rules_of(self.when))
        _must(0 < len(rules) <= MOST_RULES, f"1 to {MOST_RULES} rules")
        _must(
            any(not isinstance(rule.condition, TimeWindow) for rule in rules),
            "a rule set of times alone is a calendar: add a rule about the portfolio or the market",
        )
        object.__setattr__(self, "pairs", _pairs_of(self.when))


def _depth(node: Node) -> int:
    match node:
        case Rule():
            return 0
        case Not(rule):
            return 1 + _depth(rule)
        case _:
            _must(bool(node.rules), "a group has one rule at least")
            return 1 + max(map(_depth, node.rules))


def rules_of(node: Node) -> Iterator[Rule]:
    """Every rule within, in the order they are written."""
    match node:
        case Rule():
            yield node
        case Not(rule):
            yield from rules_of(rule)
        case _:
            for each in node.rules:
                yield from rules_of(each)


def figures_of(node: Node) -> Iterator[FigureOf]:
    """Every figure that is read, beside what each snapshot holds anyway; some may come twice.

    Of each pair its price, too: a wick is told by it (R6).
    """
    for rule in rules_of(node):
        for figure in _figures(rule.condition):
            yield figure
            if figure.pair is not None:
                yield FigureOf(FigureKey.of("price"), figure.pair)


def _figures(condition: Condition) -> Iterator[FigureOf]:
    match condition:
        case DrawdownGuard(_, minutes):
            yield FigureOf(FigureKey.of("drawdown", minutes=minutes))
        case Compare(left, _, right):
            yield left
            if isinstance(right, FigureOf):
                yield right
        case PairChange(pair, _, minutes):
            yield FigureOf(FigureKey.of("change", minutes=minutes), pair)
        case FundsUsage():
            yield FigureOf(FigureKey.of("funds.usage"))
        case _:
            pass


def _pairs_of(node: Node) -> frozenset[Pair]:
    return frozenset(figure.pair for figure in figures_of(node) if figure.pair is not None)


class Mode(Enum):
    """Whether a rule set does anything: nothing; decides and records, and acts not; or acts."""

    OFF = "off"
    SHADOW = "shadow"
    ARMED = "armed"


SHADOW_LASTS = timedelta(hours=24)
"""So long a version is in shadow before it may be armed, unless it was replayed, or its user insists (R22)."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule set of a hopper, in its newest version.

    ``mode_number`` grows with every change of mode and version, so that an arming is told from the one before.
    ``shadow_since``: when this version began to watch in shadow; None: it did not. ``replayed_at``: when this version
    was replayed over the hopper's own history.
    """

    id: RuleSetId
    user: UserId
    hopper: HopperId
    version: int
    body: RuleSetBody
    mode: Mode
    mode_number: int
    changed_at: datetime
    shadow_since: datetime | None = None
    replayed_at: datetime | None = None

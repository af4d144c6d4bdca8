"""How a rule set stands: everything that one evaluation leaves to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from cryptwire.domain.hopper import Asset
from cryptwire.domain.ticker import Pair


class Phase(Enum):
    """What a rule set does. Only one that watches can fire."""

    WATCHING = "watching"
    FIRED = "fired"  # until its actions are over
    COOLING = "cooling"
    RECOVERING = "recovering"
    OVER = "over"  # until its user arms it again
    REVIEW = "review"  # until a person has looked


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest message that was looked at, whatever it told."""

    session: str
    sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Readings:
    """The last two readings that count, newest last, and one that must be seen again (R6)."""

    counted: tuple[float, ...] = ()
    doubted: float | None = None

    def times(self, factor: float) -> "Readings":
        doubted = None if self.doubted is None else self.doubted * factor
        return Readings(tuple(each * factor for each in self.counted), doubted)


@dataclass(frozen=True, slots=True)
class PairSeen:
    """What was seen of a pair: its newest message, its newest price, its last readings."""

    at: datetime
    price_at: datetime | None = None
    readings: Readings = Readings()


@dataclass(frozen=True, slots=True)
class Money:
    """The portfolio at the last evaluation, and by what factor polls have changed its balance since."""

    index: float
    balance: float
    flows_version: int
    jump: float = 1.0


@dataclass(frozen=True, slots=True)
class Polled:
    """The last complete snapshot's balance, and when it was read; ``settling``: polls since a flow is undecided, None
    while none is; ``is_presumed``: it is taken for a flow.
    """

    assets_at: datetime
    balance: float
    settling: int | None = None
    is_presumed: bool = False


@dataclass(frozen=True, slots=True)
class RuleState:
    """How one rule stands. ``is_armed``: a trailing stop's; ``was_across``: a crossing was seen on the other side.

    ``ticks``, ``since``, ``true_at``: live messages with a newer price for which it was true, the first message and the
    last of them (R8).
    """

    is_armed: bool = False
    was_across: bool = False
    ticks: int = 0
    since: datetime | None = None
    true_at: datetime | None = None


@dataclass(frozen=True)  # no slots: ``but`` copies a dictionary
class State:
    """``start``, ``peak``: of the index since the epoch began, None before its first reading; ``base``: its currency.
    A peak was seen by two ticks in a row.

    ``rules``: in the order of ``rules_of``. ``until``: when cooling ends. ``fired_index``: where it fired.
    ``must_look``: a whole evaluation comes before the first action (R17). ``ticked_at``: the newest price that counted.
    ``looked_at``: of the last complete snapshot; ``told_at``: when, by the reader's clock, something could be told
    last; ``is_silent``: that this is too long ago was told.
    """

    version: int
    epoch: int
    phase: Phase
    rules: tuple[RuleState, ...]
    told_at: datetime
    must_look: bool = True
    is_silent: bool = False
    base: Asset | None = None
    start: float | None = None
    peak: float | None = None
    until: datetime | None = None
    fired_index: float | None = None
    seen: Seen | None = None
    ticked_at: datetime | None = None
    looked_at: datetime | None = None
    readings: Readings = Readings()
    money: Money | None = None
    polled: Polled | None = None
    pairs: Mapping[Pair, PairSeen] = field(default_factory=dict)

    def but(self, **changes: Any) -> "State":
        """``dataclasses.replace`` at a fifth of its cost: each message makes several states, of thousands of hoppers.

        Names of ``changes`` are not checked.
        """
        made = object.__new__(State)
        made.__dict__.update(self.__dict__)
        made.__dict__.update(changes)
        return made

    def rebased(self, factor: float) -> "State":
        """With every index of the past times ``factor``."""
        return replace(
            self,
            start=_times(self.start, factor),
            peak=_times(self.peak, factor),
            fired_index=_times(self.fired_index, factor),
            readings=self.readings.times(factor),
        )

    def is_kept_by(self, kept: "State") -> bool:
        """Whether ``kept``, which the database has, is as good as this: the rest may be a minute old there (R16).

        What is left out (readings, last looks, what a settling began with) costs a restart a tick or two, and no peak,
        count or action.
        """
        return self._vital() == kept._vital()

    def _vital(self) -> tuple[object, ...]:
        counts = tuple((each.is_armed, each.was_across, each.ticks, each.since) for each in self.rules)
        settling = self.polled and (self.polled.settling, self.polled.is_presumed)
        version = self.money and self.money.flows_version
        return (
            *(self.version, self.epoch, self.phase, self.must_look, self.is_silent, self.base, self.start, self.peak),
            *(self.until, self.fired_index, counts, settling, version),
        )


def _times(number: float | None, factor: float) -> float | None:
    return None if number is None else number * factor

"""What a condition is read from, and what it says."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from controller.logic.words import Text, money
from cryptwire.domain.figure import PairSnapshot, Snapshot
from cryptwire.domain.rule_set import FigureOf
from cryptwire.domain.ticker import Pair


@dataclass(frozen=True, slots=True)
class View:
    """What can be told at one message. ``index`` is the reading that counts; ``start`` and ``peak`` are the epoch's.

    ``pairs``: complete ones; ``blind``: why the others tell nothing. ``newer``: pairs with a newer price than before;
    ``is_tick``: whether the hopper's snapshot has one (R8).
    """

    snapshot: Snapshot
    index: float
    start: float | None
    peak: float | None
    now: datetime
    zone: ZoneInfo
    is_tick: bool
    pairs: Mapping[Pair, PairSnapshot] = field(default_factory=dict)
    blind: Mapping[Pair, str] = field(default_factory=dict)
    newer: Set[Pair] = frozenset()

    def money(self, index: float) -> float:
        """What the portfolio is worth, in its base currency, when the index is there and no money comes or goes."""
        return index * self.snapshot.balance / (self.snapshot.index or self.index)

    def has_ticked(self, pair: Pair | None) -> bool:
        """Whether a pair has a newer price; None: what the hopper holds."""
        return self.is_tick if pair is None else pair in self.newer

    @property
    def value_in_words(self) -> str:
        """``the value is 1,040 USDT``: the one that counts."""
        return f"the value is {money(self.money(self.index), self.snapshot.base)}"

    def value(self, figure: FigureOf) -> float | str:
        """The figure's value, or why there is none."""
        if figure.pair is None:
            found = self.snapshot.figures.get(figure.key)
        elif figure.pair in self.blind:
            return self.blind[figure.pair]
        elif figure.pair not in self.pairs:
            return f"{figure.pair} is not heard yet"
        else:
            found = self.pairs[figure.pair].figures.get(figure.key)
        if found is None:
            return f"{figure} is not told yet"
        if found.value is None or found.value != found.value:
            return f"{figure} needs more than the {found.sample_size} readings there are"
        return found.value


class Reading(NamedTuple):
    """Whether a condition holds, None when that cannot be told; with the words, numbers and distance of a Verdict."""

    is_true: bool | None
    said: Text
    numbers: Mapping[str, float] = MappingProxyType({})
    distance: float | None = None


def unknown(why: str) -> Reading:
    """It cannot be told, and why."""
    return Reading(None, why)

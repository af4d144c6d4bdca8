"""What a decision is made of: all of it is handed in, so that the same comes out of the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cryptwire.domain.figure import PairSnapshot, Snapshot
from cryptwire.domain.ticker import Pair


@dataclass(frozen=True, slots=True)
class Care:
    """How careful the evaluation is; the same for everybody, and for live, shadow and replay.

    ``oldest``: a message older than that (or so much of the future) tells nothing; live ones come every 2 s.
    ``unpriced``: more of the value than this without a price is no value (R3). ``outlier``: a move by more in one tick
    must be seen again (R6). ``pause``: after so long without a look a confirmation begins anew. ``polls``: so many
    polls a flow may stay undecided (R7). ``longest_gap``: after so long without a look a ``jump`` of the index needs a
    person (R17). ``alert_after``: when it is told that nothing can be told (R4).
    """

    oldest: timedelta = timedelta(seconds=10)
    unpriced: float = 0.01
    outlier: float = 0.05
    pause: timedelta = timedelta(seconds=30)
    polls: int = 2
    longest_gap: timedelta = timedelta(minutes=15)
    jump: float = 0.05
    alert_after: timedelta = timedelta(minutes=5)


OF_CANDLES = Care(outlier=1.0, pause=timedelta(hours=1), longest_gap=timedelta(days=1))
"""For a replay over candles, where a tick stands for minutes: an approximation."""


class Inputs(NamedTuple):
    """A hopper's snapshot, the newest of each pair that the rule set reads, the time, and the user's zone.

    ``now`` is the reader's clock; recorded time in a replay.
    """

    snapshot: Snapshot
    now: datetime
    zone: ZoneInfo
    pairs: Mapping[Pair, PairSnapshot] = MappingProxyType({})
    care: Care = Care()

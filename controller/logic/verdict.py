"""What an evaluation says: of each rule, of all of them, and what happened by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class Stage(Enum):
    """How far a rule or group is; only TRUE fires."""

    NO_DATA = "no-data"
    WAITS = "waits"
    CONFIRMING = "confirming"
    TRUE = "true"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One node of the tree; ``parts`` are a group's, in their order.

    ``text`` says it in words and numbers; ``numbers`` are the same for an app to show: levels in the hopper's base
    currency, shares as fractions. ``distance``: how far what is watched must still move to make the rule true, as a
    share of what it is now; 0 when it is true, None when that is no matter of distance. ``ticks`` and ``since``: what
    is confirmed so far.
    """

    stage: Stage
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    distance: float | None = None
    ticks: int = 0
    since: datetime | None = None
    parts: tuple["Verdict", ...] = ()


class EventKind(Enum):
    """What happened to a rule set."""

    EPOCH = "epoch"  # it begins to watch: peak, start and counters are new
    STARTED = "started"  # the epoch's first reading
    ARMED = "armed"  # a trailing stop has risen enough
    REBASED = "rebased"  # the past's index changed; start and peak moved with it
    PRESUMED = "presumed"  # an undecided flow is taken for one
    REVIEW = "review"  # a person must look
    FIRED = "fired"
    ENDED = "ended"  # its actions are over
    SILENT = "silent"  # nothing can be told for too long
    HEARD = "heard"  # it can again
    DOUBT = "doubt"  # a move that must be seen again

    @property
    def is_audited(self) -> bool:
        return self is not EventKind.DOUBT

    @property
    def is_alarm(self) -> bool:
        """Whether the user is told at once."""
        return self in (EventKind.REVIEW, EventKind.FIRED, EventKind.SILENT)


@dataclass(frozen=True, slots=True)
class Event:
    """``text`` in words; ``numbers`` are indexes, unless they are called otherwise."""

    kind: EventKind
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)

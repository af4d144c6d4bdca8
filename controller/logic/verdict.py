"""What an evaluation says: of each rule, of all of them, and what happened by it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from controller.logic.words import Text

JOINS = frozenset({"all of", "any of", "not"})
"""Texts of groups: what they say is in their parts."""
_MOST_WORDS = 300
_ROOM = 20  # for how many are left out


class Stage(Enum):
    """How far a rule or group is; only TRUE fires."""

    NO_DATA = "no-data"
    WAITS = "waits"
    CONFIRMING = "confirming"
    TRUE = "true"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One node of the tree; ``parts`` are a group's, in their order.

    ``text`` says it in words and numbers, which are made when it is read: verdicts are compared by the rest.
    ``numbers`` are the same for an app to show: levels in the hopper's base currency, shares as fractions.
    ``distance``: how far what is watched must still move to make the rule true, as a share of what it is now; 0 when it
    is true, None when that is no matter of distance. ``ticks`` and ``since``: what is confirmed so far.
    """

    stage: Stage
    said: Text = field(compare=False)
    numbers: Mapping[str, float] = field(default_factory=dict)
    distance: float | None = None
    ticks: int = 0
    since: datetime | None = None
    parts: tuple["Verdict", ...] = ()

    @property
    def text(self) -> str:
        return self.said if isinstance(self.said, str) else self.said()

    @property
    def words(self) -> str:
        """``text``; of a group that is told by its parts, the texts of the rules that decide it.

        These are the rules that are as far as the group is: of one that is true those that are true, of one that waits
        those that it waits for. At most 300 characters; what is left out is counted.
        """
        if self.text not in JOINS:
            return _cut(self.text, _MOST_WORDS)
        deciding = list(dict.fromkeys(self._deciding()))
        said = _cut(deciding[0], _MOST_WORDS - _ROOM)
        for number, each in enumerate(deciding[1:], 1):
            if len(said) + len(each) > _MOST_WORDS - _ROOM:
                return f"{said}; and {len(deciding) - number} more"
            said += f"; {each}"
        return said

    def _deciding(self) -> Iterator[str]:
        if self.text not in JOINS:
            yield f"{self.text} (being confirmed)" if self.stage is Stage.CONFIRMING else self.text
            return
        for part in self.parts:
            if part.stage is self.stage:
                yield from part._deciding()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


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

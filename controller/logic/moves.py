"""What an execution hears and says: events, what to do next, what is written down and told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeAlias

from controller.logic.progress import Progress
from controller.logic.requests import Look, Request, Seen
from cryptwire.domain.action import Outcome
from cryptwire.domain.intent import IntentState


@dataclass(frozen=True, slots=True)
class Patience:
    """``attempts`` of each part (R15); an effect is seen within two refreshes and ``settle`` (R13), buying is off in
    ``guard`` (R14). A request is over ``under_way`` after it was written down, whatever became of it.
    Nothing can be read or sent for ``stall``: given up; for ``delay``: the user is told.
    """

    attempts: int = 3
    settle: timedelta = timedelta(seconds=60)
    guard: timedelta = timedelta(seconds=5)
    under_way: timedelta = timedelta(seconds=30)
    stall: timedelta = timedelta(minutes=10)
    delay: timedelta = timedelta(seconds=60)
    look_first: timedelta = timedelta(seconds=1)


# ---- events ----


@dataclass(frozen=True, slots=True)
class Begin:
    """Somebody takes it up: for the first time, or after a kill."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What else must be so before anything is sent (R9). ``is_lost``: somebody else acts for the hopper now (R12).

    ``obstacle``: why nothing may be sent, empty for nothing: switched off, plan, rule changed, link, limits.
    """

    is_lost: bool = False
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """What was asked to be read was; ``standing`` is judged at the same time."""

    seen: Seen
    standing: Standing


@dataclass(frozen=True, slots=True)
class Unread:
    """It could not be read; ``is_final``: nor will it be until a person does something."""

    reason: str
    is_final: bool = False
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """Upstream said that it takes it."""

    said: str
    sent_at: datetime
    answered_at: datetime
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Declined:
    """Surely not done. ``is_final``: asking again is no use; ``ends_all``: nor for what follows (a kill switch)."""

    reason: str
    is_final: bool = False
    ends_all: bool = False
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class NotSent:
    """Surely not sent: something on the way is away."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else acts for the hopper now."""


class Whereabouts(Enum):
    """Of a request whose answer nobody has, when there is no outcome."""

    ABSENT = "absent"
    UNDER_WAY = "under-way"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the gateway wrote down of the last number."""

    found: Outcome | Whereabouts


@dataclass(frozen=True, slots=True)
class Woken:
    """The time has come."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A person wants what failed to be tried again."""

    by: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """A person wants nothing more to be done."""

    by: str


Event: TypeAlias = (
    Begin | Read | Unread | Answered | Declined | NotSent | Unknown | Lost | Recalled | Woken | Retry | Abandon
)


# ---- what to do ----


@dataclass(frozen=True, slots=True)
class DoRead:
    """Read the hopper and ``looks``, all of it now, and judge the standing."""

    looks: frozenset[Look]


@dataclass(frozen=True, slots=True)
class DoSend:
    """Ask the gateway for ``request`` under ``number`` of the intent."""

    number: int
    request: Request


@dataclass(frozen=True, slots=True)
class DoRecall:
    """Look up what became of ``number``."""

    number: int


@dataclass(frozen=True, slots=True)
class DoSleep:
    until: datetime


@dataclass(frozen=True, slots=True)
class DoEnd:
    """Nothing more; ``is_lost``: here, for somebody else goes on."""

    is_lost: bool = False


Instruction: TypeAlias = DoRead | DoSend | DoRecall | DoSleep | DoEnd


@dataclass(frozen=True, slots=True)
class Record:
    """An entry of the audit."""

    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the user is told; ``kind`` names the text."""

    kind: str
    facts: Mapping[str, str]
    is_failure: bool


@dataclass(frozen=True, slots=True)
class Move:
    """What is written down, and then done."""

    progress: Progress
    state: IntentState
    records: tuple[Record, ...]
    alarms: tuple[Alarm, ...]
    then: Instruction

"""An import: everything of a linked account is read, stage by stage, and how that comes along."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Refused


class ImportState(Enum):
    """DONE: what could be read is there, and problems say what could not. FAILED: nothing of it could be read."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """The account was unlinked."""


class ImportStage(Enum):
    """In the order in which they are done."""

    HOPPERS = "hoppers"
    CONFIGURATION = "configuration"
    POSITIONS = "positions"
    TRADES = "trades"
    BACK_FILL = "back-fill"


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """What could not be read of ``hopper`` (None: of all) and what to do, in words for its owner."""

    hopper: HopperId | None
    message: str


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How the import of a user comes along.

    ``number`` tells one import of a user from the next. ``done`` and ``total`` are of the stage: hoppers, trades or
    candles; ``total`` may be an estimate, None is not known. ``hopper`` is in hand.
    """

    user: UserId
    number: int
    state: ImportState
    stage: ImportStage
    hopper: HopperId | None = None
    done: int = 0
    total: int | None = None
    began_at: datetime | None = None
    estimated_end_at: datetime | None = None
    finished_at: datetime | None = None
    problems: tuple[ImportProblem, ...] = ()


class Lost(Refused):
    """The import is not this worker's any more: another has taken it up, or it was ended."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An import that is this worker's, until he falls silent; ``only``: of these hoppers, None: of all.

    ``faults``: how often our own code has failed at it.
    """

    user: UserId
    worker: str
    number: int
    began_at: datetime
    tries: int
    only: frozenset[HopperId] | None = None
    faults: int = 0


@dataclass(frozen=True, slots=True)
class ImportsStanding:
    """Whether hands work at imports.

    ``waits_for``: how long one waits that nobody took up; None: none does. ``moved_at``: when any came on last, and
    ``moved_for`` ago; None: never. ``stuck_for``: how long one in hand did not come on; None: none is in hand.
    """

    waits_for: timedelta | None = None
    moved_at: datetime | None = None
    moved_for: timedelta | None = None
    stuck_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """How far the import of one hopper is; ``cursor``: the last trade that was stored, by time and id.

    ``trades_began_at`` None with a cursor: it is that of an import before this one.
    """

    hopper: HopperId
    done: frozenset[ImportStage]
    trades_began_at: datetime | None
    cursor: tuple[datetime, str] | None
    trades: int
    candles: int
    problem: str | None

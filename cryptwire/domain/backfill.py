"""The filling of a hopper's past."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptwire.domain.hopper import Asset


@dataclass(frozen=True, slots=True)
class Grant:
    """The fence of a hopper's assignment, and since when it has it."""

    fence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Filling:
    """A filling that is somebody's. Nothing before ``since`` is filled; everything before ``whole_until`` is there.

    ``is_first``: the past was never whole yet. ``grant``: of the hopper's assignment, if it has one. ``bases``: until
    when the hopper traded with another base currency, and which, oldest first.
    """

    since: datetime
    whole_until: datetime
    is_first: bool
    grant: Grant | None
    bases: Sequence[tuple[datetime, Asset]] = ()


@dataclass(frozen=True, slots=True)
class FillProgress:
    """``hoppers`` whose past is being filled, or is to be, and the candles of it that are done."""

    hoppers: int
    done: int
    total: int

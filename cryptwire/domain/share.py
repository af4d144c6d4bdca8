"""Share links: what a user lets strangers see of his figures."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import NewType

from cryptwire.domain.dashboard import named
from cryptwire.domain.day_range import Dates, DayRange
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid

ShareId = NewType("ShareId", str)
"""A UUID, as text; no secret: the link holds another."""
MOST_HOPPERS = 100
LONGEST = timedelta(days=366)
SHORTEST = timedelta(minutes=5)
_FIRST = date(1971, 1, 2)  # days begin in that year, whatever the zone


class SharePart(Enum):
    """A group of figures that is shown or not. Links hold these names: none is ever given to something else."""

    PERFORMANCE = "performance"
    RISK = "risk"
    BENCHMARKS = "benchmarks"
    COINS = "coins"
    TRADES = "trades"


@dataclass(frozen=True, slots=True)
class Share:
    """What was chosen: these hoppers and no others, these parts, over these days.

    Amounts are told in ``currency`` (None: the user's) unless ``is_masked``; hoppers are numbered unless
    ``shows_names``. Raises Invalid without hoppers.
    """

    title: str
    hoppers: tuple[HopperId, ...]
    parts: frozenset[SharePart]
    days: DayRange
    currency: str | None = None
    is_masked: bool = True
    shows_names: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", named(self.title, "the title of a link"))
        if not 1 <= len(self.hoppers) <= MOST_HOPPERS or len(set(self.hoppers)) < len(self.hoppers):
            raise Invalid(f"a link shows 1 to {MOST_HOPPERS} hoppers, each once")


def must_show(share: Share, today: date) -> None:
    """Raises Invalid for a new link that has nothing to show; ``today`` is its user's."""
    if not share.parts:
        raise Invalid("choose what the link shows: one part at least")
    if isinstance(share.days, Dates) and not _FIRST <= share.days.since <= today:
        raise Invalid(f"since is from {_FIRST} to today")


def must_end(expires_at: datetime, now: datetime) -> None:
    """Raises Invalid unless a link that is made ``now`` ends in time."""
    if not SHORTEST <= expires_at - now <= LONGEST:
        raise Invalid(f"a link ends {SHORTEST.seconds // 60} minutes to {LONGEST.days} days from now")

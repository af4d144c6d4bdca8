"""Days: a date of a user's calendar, and the instants that it covers in his zone.

Where a day begins is what ``cryptwire/domain/bar.py`` says of the bar ``1D``: the first quarter of an hour that shows
the date or a later one. So the days of a zone follow each other without gap or overlap, whatever is done to its clock:
a day of 23 or 25 hours, one without midnight, and a date that a zone leaves out (Samoa, 30 December 2011) is no day.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptwire.domain.bar import Bar, Resolution, bar_at, bar_of, edges
from cryptwire.errors import Invalid

_RING = 3600
_AROUND = 2 * 86_400  # a date's instants lie within a day of the same date in UTC


class Day(NamedTuple):
    """A date, and ``[begins_at, ends_at)`` in UTC."""

    date: date
    begins_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        """Usually 24 hours."""
        return self.ends_at - self.begins_at


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; raises Invalid."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{name[:40]!r} is no IANA time zone, such as Europe/Berlin") from None


def day_at(zone: ZoneInfo, moment: datetime) -> Day:
    """The day that ``moment`` falls into; raises Invalid outside the years 1971 to 2199."""
    return _day(*bar_of(Resolution.DAY, zone, moment))


def day_of(zone: ZoneInfo, on: date) -> Day | None:
    """The day of a date; None when the zone leaves it out. Raises Invalid outside the years 1971 to 2199."""
    stamp = int(datetime(on.year, on.month, on.day, tzinfo=UTC).timestamp())
    bars = edges(Resolution.DAY, zone, stamp - _AROUND, stamp + _AROUND)
    for (start, end), time in zip(pairwise(bars.starts.tolist()), bars.times.tolist(), strict=False):
        if time == stamp:
            return _day(*Bar(start, end, time))
    return None


def days_ended(zone: ZoneInfo, since: datetime, until: datetime) -> list[Day]:
    """The days that end in ``(since, until]``, oldest first; raises Invalid outside the years 1971 to 2199."""
    begin, end = int(since.timestamp() // 1), int(until.timestamp() // 1)
    if end - begin < _RING and bar_at(Resolution.DAY, zone, end).start <= begin:
        return []  # most of what is asked
    bars = edges(Resolution.DAY, zone, begin, end + 1)
    return [
        _day(start, end, time)
        for (start, end), time in zip(pairwise(bars.starts.tolist()), bars.times.tolist(), strict=False)
    ]


def last_midnight(zone: ZoneInfo, moment: datetime) -> datetime:
    """When the last day that has ended at ``moment`` did so: that in which it falls begins there."""
    return day_at(zone, moment).begins_at


def _day(start: int, end: int, time: int) -> Day:
    return Day(
        datetime.fromtimestamp(time, UTC).date(),
        datetime.fromtimestamp(start, UTC),
        datetime.fromtimestamp(end, UTC),
    )

"""Which days something is shown over: a range that moves on with them, or dates."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import TypeAlias

from cryptwire.errors import Invalid

_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Rolling(Enum):
    """A range that ends today, in its user's days."""

    TODAY = "today"
    DAYS_7 = "7d"
    DAYS_30 = "30d"
    DAYS_90 = "90d"
    DAYS_365 = "365d"
    MONTH = "month"
    YEAR = "year"
    ALL = "all"


_DAYS = {Rolling.TODAY: 1, Rolling.DAYS_7: 7, Rolling.DAYS_30: 30, Rolling.DAYS_90: 90, Rolling.DAYS_365: 365}


@dataclass(frozen=True, slots=True)
class Dates:
    """From ``since`` to ``until``, both among them; without ``until`` to today. Raises Invalid for an empty one."""

    since: date
    until: date | None = None

    def __post_init__(self) -> None:
        if self.until is not None and self.since > self.until:
            raise Invalid("since is after until; swap the dates")


DayRange: TypeAlias = Rolling | Dates


def days_of(range: DayRange, today: date, first: date) -> tuple[date, date]:
    """The first and the last day of a range on ``today``; ``first``: the first day of which anything is known.

    A range that begins after ``today`` has its own first day alone: whoever reads finds nothing there.
    """
    match range:
        case Dates(since, until):
            return since, max(since, min(until or today, today))
        case Rolling.ALL:
            return min(first, today), today
        case Rolling.MONTH:
            return today.replace(day=1), today
        case Rolling.YEAR:
            return today.replace(month=1, day=1), today
        case _:
            return today - timedelta(days=_DAYS[range] - 1), today


def range_of(value: object) -> DayRange:
    """A range from its JSON: ``"30d"``, or ``{"since": "2026-01-01", "until": "2026-01-31"}``, until null or left out.

    Raises Invalid.
    """
    match value:
        case str():
            try:
                return Rolling(value)
            except ValueError:
                raise Invalid(f"a range is one of {', '.join(each.value for each in Rolling)}, or dates") from None
        case {"since": since, **more} if more.keys() <= {"until"}:
            until = more.get("until")
            return Dates(_date(since), None if until is None else _date(until))
    raise Invalid('a range is a name such as "30d", or since and until')


def range_json(range: DayRange) -> object:
    """Its JSON."""
    if isinstance(range, Rolling):
        return range.value
    return {"since": range.since.isoformat(), "until": None if range.until is None else range.until.isoformat()}


def _date(text: object) -> date:
    try:
        if isinstance(text, str) and _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Invalid("a date is written as 2026-01-31")

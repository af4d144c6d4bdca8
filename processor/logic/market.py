"""How often the sources of rates and market caps are asked, so that a month's allowance lasts the month."""

import math
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
_LONGEST_PAUSE = timedelta(hours=1)


def rhythm(cost: int, left: int | None, remaining: timedelta) -> timedelta | None:
    """How long to wait between two questions that cost ``cost``, with ``left`` for the time that remains.

    An hour or longer; None for ``left`` means without limit; None comes out when not even one can be paid.
    """
    if left is None:
        return HOUR
    if left < cost:
        return None
    return max(HOUR, remaining / (left // cost))


def is_due(now: datetime, asked_at: datetime | None, every: timedelta | None) -> bool:
    """Whether it is time again; five minutes early is early enough, since clocks ring on the hour."""
    if every is None:
        return False
    return asked_at is None or now - asked_at >= every - timedelta(minutes=5)


def pause_after(failures: int) -> timedelta:
    """How long a source is left alone after it failed so often before: a minute, doubled, an hour at most."""
    return min(_LONGEST_PAUSE, timedelta(minutes=math.ldexp(1, min(failures, 10))))


def until_next_day(now: datetime) -> timedelta:
    """Till midnight UTC, when daily allowances begin anew."""
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0) - now


def until_next_month(now: datetime) -> timedelta:
    """Till the first of the next month, UTC."""
    first = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first - now

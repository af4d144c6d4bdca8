"""When a job is due, and from when on a hopper's trades are compared."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptwire.domain.hopper import Hopper, UserId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OVERLAP = timedelta(days=1)


def due_times(now: datetime, every: timedelta, makes_up: timedelta) -> list[datetime]:
    """The multiples of ``every`` since the epoch in ``(now - makes_up, now]``, oldest first; the newest in any case."""
    newest = now - (now - _EPOCH) % every
    count = max(0, (newest - (now - makes_up)) // every)
    dues = [newest - every * number for number in range(count, -1, -1)]
    return [due for due in dues if due > now - makes_up or due == newest]


def compared_from(complete_until: datetime | None, now: datetime, first: timedelta) -> datetime:
    """From when on a trade list is read: a day before what is known to be complete, else ``first`` back.

    A list may show a trade late and under its own time, so the end of what was complete is looked at again.
    """
    return now - first if complete_until is None else complete_until - _OVERLAP


def by_user(
    waiting: Sequence[tuple[Hopper, datetime | None]],
) -> list[list[tuple[Hopper, datetime | None]]]:
    """The hoppers of each user together, in the order given: they share one budget, so they wait for each other."""
    users: dict[UserId, list[tuple[Hopper, datetime | None]]] = {}
    for each in waiting:
        users.setdefault(each[0].user, []).append(each)
    return list(users.values())

"""The simulator's only door to the time."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    def now(self) -> datetime:
        """This moment, UTC."""


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  # the door itself


class TurnedClock:
    """A time that stands until a test turns it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def turn(self, by: timedelta) -> None:
        self._now += by


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, cut."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment(milliseconds: int) -> datetime:
    """The moment so many milliseconds after the epoch, UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def spoken(milliseconds: int) -> str:
    """``YYYY-MM-DD HH:MM:SS`` in UTC, as Cryptohopper writes times."""
    return moment(milliseconds).strftime("%Y-%m-%d %H:%M:%S")

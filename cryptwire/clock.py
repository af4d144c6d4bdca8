"""The only door to the time. Time is handed in: a test turns a clock of its own."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """What tells the time, and waits."""

    def now(self) -> datetime:
        """This moment, UTC."""
        ...

    async def sleep(self, span: timedelta) -> None:
        """Return when ``span`` has passed; at once when it is not above 0."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the door

    async def sleep(self, span: timedelta) -> None:
        await asyncio.sleep(max(0.0, span.total_seconds()))


def to_us(moment: datetime) -> int:
    """Microseconds since the Unix epoch."""
    return (moment - EPOCH) // MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The moment, UTC, of microseconds since the Unix epoch."""
    return EPOCH + timedelta(microseconds=microseconds)

"""What the processor talks to, played in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.domain.notice import Notice
from cryptwire.domain.trade import Trade
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from processor.handlers.links import BrokenLinks


@dataclass
class Run:
    worker: str
    alive_at: datetime | None
    finished: bool = False
    said: str = ""
    tries: int = 1


class TwinRuns:
    """Runs in memory, judged by a clock in hand. While ``is_away``, every call raises Unavailable."""

    def __init__(self, clock: HandClock, patience: timedelta = timedelta(seconds=60)) -> None:
        self._clock = clock
        self._patience = patience
        self.rows: dict[tuple[str, datetime], Run] = {}
        self.is_away = False
        self.served_at: dict[str, datetime] = {}

    async def served(self, job: str, every: timedelta) -> None:
        self._must_be_there()
        self.served_at[job] = self._clock.now()

    def _must_be_there(self) -> None:
        if self.is_away:
            raise Unavailable("away")

    def _is_alive(self, run: Run) -> bool:
        return not run.finished and run.alive_at is not None and run.alive_at > self._clock.now() - self._patience

    async def missing(self, job: str, dues: Sequence[datetime]) -> list[datetime]:
        self._must_be_there()
        rows = {due: self.rows.get((job, due)) for due in dues}
        return sorted(due for due, run in rows.items() if run is None or not (run.finished or self._is_alive(run)))

    async def claim(self, job: str, due_at: datetime, worker: str) -> int | None:
        self._must_be_there()
        if any(name == job and self._is_alive(run) for (name, _), run in self.rows.items()):
            return None
        before = self.rows.get((job, due_at))
        if before is not None and before.finished:
            return None
        tries = 1 if before is None else before.tries + 1
        self.rows[job, due_at] = Run(worker, self._clock.now(), tries=tries)
        return tries

    async def alive(self, job: str, due_at: datetime, worker: str) -> bool:
        self._must_be_there()
        run = self.rows[job, due_at]
        if run.worker != worker or run.finished:
            return False
        run.alive_at = self._clock.now()
        return True

    async def finish(self, job: str, due_at: datetime, worker: str, said: str) -> bool:
        self._must_be_there()
        run = self.rows[job, due_at]
        if run.worker != worker or run.finished:
            return False
        run.finished, run.said = True, said
        return True

    async def let_go(self, job: str, due_at: datetime, worker: str, said: str) -> None:
        self._must_be_there()
        run = self.rows[job, due_at]
        if run.worker == worker and not run.finished:
            run.alive_at, run.said = None, said


class TwinBell:
    """Rings with the clock, every so often."""

    def __init__(self, clock: HandClock, every: timedelta) -> None:
        self._clock = clock
        self._every = every

    async def rings(self) -> None:
        await self._clock.sleep(self._every)


class TwinList:
    """Trade lists; ``trouble`` is raised for a hopper, one a call, before it answers again."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.asked: list[tuple[HopperId, datetime]] = []
        self.imports: list[bool] = []
        self.trouble: dict[HopperId, list[CryptwireError]] = {}

    async def since(
        self, user: UserId, hopper: HopperId, since: datetime, within: timedelta, *, is_import: bool
    ) -> list[Trade]:
        self.asked.append((hopper, since))
        self.imports.append(is_import)
        if self.trouble.get(hopper):
            raise self.trouble[hopper].pop(0)
        return [trade for trade in self.trades if trade.hopper == hopper and trade.at >= since]


class TwinComparisons:
    def __init__(self, *hoppers: Hopper) -> None:
        self._hoppers = {hopper.id: hopper for hopper in hoppers}
        self.until: dict[HopperId, datetime] = {}
        self.mended: dict[HopperId, int] = {}

    async def waiting(self, due_at: datetime) -> list[tuple[Hopper, datetime | None]]:
        found = [(hopper, self.until.get(id)) for id, hopper in self._hoppers.items()]
        return [(hopper, until) for hopper, until in found if until is None or until < due_at]

    async def complete(self, hopper: HopperId, until: datetime, mended: int) -> None:
        self.until[hopper] = until
        self.mended[hopper] = self.mended.get(hopper, 0) + mended


class TwinLinks:
    """When each user linked his account; all at one moment unless told otherwise."""

    def __init__(self, at: datetime | None) -> None:
        self.at = at
        self.is_away = False

    async def linked_since(self, user: UserId) -> datetime | None:
        if self.is_away:
            raise Unavailable("away")
        return self.at


class TwinNotices:
    """Notices in memory, each key of a user once."""

    def __init__(self) -> None:
        self.kept: list[Notice] = []

    async def add(self, notice: Notice) -> bool:
        is_news = all((one.user, one.key) != (notice.user, notice.key) for one in self.kept)
        if is_news:
            self.kept.append(notice)
        return is_news


def broken_links(bus: MemoryBus, clock: HandClock) -> tuple[BrokenLinks, TwinLinks, TwinNotices]:
    """What tells of broken links, and the twins behind it."""
    links, notices = TwinLinks(clock.now()), TwinNotices()
    return BrokenLinks(links, notices, bus, clock), links, notices

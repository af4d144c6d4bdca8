"""A job is done once at its time by one of all workers, made up when it was missed, and begun again when cut off."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from cryptwire.errors import Corrupt, CryptwireError, Unavailable
from cryptwire.memory.clock import HandClock, settled
from cryptwire.metrics import Meters
from processor.handlers.jobs import Job, Worker
from tests.unit.processor.twins import TwinBell, TwinRuns

START = datetime(2026, 1, 1, 12, 7, tzinfo=UTC)
QUARTER, MINUTE = timedelta(minutes=15), timedelta(minutes=1)


class Play:
    """Workers on one table, each doing the same job, which takes ``takes``."""

    def __init__(self) -> None:
        self.clock = HandClock(START)
        self.runs = TwinRuns(self.clock)
        self.meters = Meters()
        self.takes = timedelta(0)
        self.makes_up = timedelta(0)
        self.trouble: list[BaseException] = []
        self.begun: list[tuple[str, datetime]] = []
        self.done: list[datetime] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str) -> None:
        async def work(due_at: datetime) -> str:
            self.begun.append((name, due_at))
            if self.trouble:
                raise self.trouble.pop(0)
            await self.clock.sleep(self.takes)
            self.done.append(due_at)
            return "did it"

        worker = Worker(name, self.runs, self.clock, self.meters, timedelta(seconds=60))
        job = Job("a-job", QUARTER, self.makes_up, work)
        self.tasks[name] = asyncio.create_task(worker.serve(job, TwinBell(self.clock, MINUTE)))

    async def turn(self, minutes: float) -> None:
        """Minute by minute, so that everybody gets a word in."""
        until = self.clock.now() + timedelta(minutes=minutes)
        while self.clock.now() < until:
            await self.clock.turn(min(timedelta(seconds=15), until - self.clock.now()))


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    playing = Play()
    yield playing
    for task in playing.tasks.values():
        task.cancel()
    await asyncio.gather(*playing.tasks.values(), return_exceptions=True)


def due(minute: int, hour: int = 12) -> datetime:
    return START.replace(hour=hour, minute=minute)


async def test_each_run_is_done_once_by_one_of_them(play: Play) -> None:
    for name in "abc":
        play.start(name)
    await play.turn(31)
    assert play.done == [due(0), due(15), due(30)]
    assert [row.said for row in play.runs.rows.values()] == ["did it"] * 3


async def test_after_an_outage_the_newest_is_done_or_each_that_is_to_be_made_up(play: Play) -> None:
    play.start("a")
    await play.turn(1)
    play.runs.is_away = True
    await play.turn(60)
    play.runs.is_away = False
    await play.turn(2)
    assert play.done == [due(0), due(0, 13)]
    play.makes_up = timedelta(hours=1)
    play.start("b")
    await play.turn(1)
    assert play.done[2:] == [due(15), due(30), due(45)]


async def test_what_a_killed_worker_left_is_begun_again_when_he_has_been_silent_long_enough(play: Play) -> None:
    play.takes = timedelta(minutes=10)
    await play.runs.claim("a-job", due(0), "killed")
    play.start("a")
    await play.turn(0.75)
    assert play.begun == []
    await play.turn(1.5)
    assert play.begun == [("a", due(0))]
    assert play.runs.rows["a-job", due(0)].tries == 2


async def test_a_run_that_takes_long_stays_its_workers_and_the_next_waits_for_it(play: Play) -> None:
    play.takes = timedelta(minutes=20)
    play.start("a")
    play.start("b")
    await play.turn(19)
    assert play.begun == [("a", due(0))]
    await play.turn(3)
    assert play.begun[1:] == [(play.begun[-1][0], due(15))]
    assert play.done == [due(0)]


async def test_a_worker_that_stops_lets_its_run_go_at_once(play: Play) -> None:
    play.takes = timedelta(minutes=5)
    play.start("a")
    await play.turn(0.1)
    play.tasks["a"].cancel()
    await settled()
    play.start("b")
    await play.turn(0.1)
    assert play.begun == [("a", due(0)), ("b", due(0))]


async def test_a_worker_whose_run_was_taken_over_ends_it(play: Play) -> None:
    play.takes = timedelta(minutes=5)
    play.start("a")
    await play.turn(0.1)
    play.runs.rows["a-job", due(0)].worker = "somebody else"
    await play.turn(0.75)
    assert play.begun == [("a", due(0))]
    assert (play.done, play.meters.value("processor_runs", job="a-job", outcome="lost")) == ([], 1)


@pytest.mark.parametrize("trouble", [Unavailable("away"), Corrupt("broken")])
async def test_a_run_that_fails_is_tried_again_with_the_next_ring(play: Play, trouble: CryptwireError) -> None:
    play.trouble = [trouble, trouble]
    play.start("a")
    await play.turn(1.5)
    assert (len(play.begun), play.done) == (2, [])
    await play.turn(1)
    assert play.done == [due(0)]
    assert play.meters.value("processor_runs", job="a-job", outcome="failed") == 2


async def test_a_mistake_of_ours_ends_the_job_and_leaves_the_run_to_others(play: Play) -> None:
    play.trouble = [RuntimeError("a mistake")]
    play.start("a")
    await play.turn(0.1)
    with pytest.raises(RuntimeError, match="a mistake"):
        await play.tasks["a"]
    play.start("b")
    await play.turn(0.1)
    assert play.done == [due(0)]

"""Silence is told once, to whom it concerns, and never because the observer was away himself."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from cryptwire import config
from cryptwire.clock import SystemClock
from cryptwire.domain.imports import ImportsStanding
from cryptwire.errors import Unavailable
from cryptwire.heartbeat import beating
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime
from cryptwire.storage import database, redis
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.heartbeats import Beat, Heartbeats
from cryptwire.storage.job_runs import JobStanding
from devstack.certificates import issue
from devstack.servers import Process, free_port
from processor.handlers.observer import Observer, Patience
from tests.conftest import ROOT

USER = "5f0c1c1e-0000-4000-8000-000000000001"
MINUTE = timedelta(minutes=1)
PATIENCE = Patience(gone=timedelta(minutes=10), round_every=timedelta(seconds=10))


class Beats:
    """Heartbeats by a clock in hand."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.at: dict[str, datetime] = {}
        self.is_away = False

    def beat(self, *who: str) -> None:
        self.at |= dict.fromkeys(who, self.clock.now())

    async def all(self) -> dict[str, Beat]:
        if self.is_away:
            raise Unavailable("Redis is away")
        now = self.clock.now()
        return {who: Beat(int(at.timestamp() * 1_000_000), now - at, 1, "a round") for who, at in self.at.items()}

    async def end(self, who: str) -> None:
        del self.at[who]


class Jobs:
    """Jobs by a clock in hand; those of ``hung`` finish nothing."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.every = {"minutely": MINUTE, "hourly": 60 * MINUTE}
        self.finished_at: dict[str, datetime] = dict.fromkeys(self.every, clock.now())
        self.hung: set[str] = set()

    def go_on(self) -> None:
        for job, every in self.every.items():
            if job not in self.hung and self.clock.now() - self.finished_at[job] >= every:
                self.finished_at[job] = self.clock.now()

    async def standings(self) -> dict[str, JobStanding]:
        now = self.clock.now()
        return {
            job: JobStanding(job, every, at, now - at, at)
            for job, every in self.every.items()
            for at in [self.finished_at[job]]
        }


class Hands:
    """Imports by a clock in hand: since when one waits, when any came on, and since when one in hand did not."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.waits_since: datetime | None = None
        self.moved_at: datetime | None = None
        self.stuck_since: datetime | None = None

    async def standing(self) -> ImportsStanding:
        waits_for, moved_for, stuck_for = (
            None if at is None else self.clock.now() - at for at in (self.waits_since, self.moved_at, self.stuck_since)
        )
        return ImportsStanding(waits_for, self.moved_at, moved_for, stuck_for)


@dataclass
class Watching:
    """Observers over one database, a clock in hand, and what they see."""

    rows: Database
    owner: "asyncpg.Connection[asyncpg.Record]"
    clock: HandClock = field(default_factory=lambda: HandClock(datetime(2027, 1, 1, tzinfo=UTC)))
    health: Health = field(default_factory=Health)
    nats_is_away: bool = False
    talking: set[str] = field(default_factory=set)  # services that beat
    heard: set[str] = field(default_factory=set)  # hoppers that are live
    observers: list[Observer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.beats = Beats(self.clock)
        self.jobs = Jobs(self.clock)
        self.hands = Hands(self.clock)

    async def _nats(self) -> None:
        if self.nats_is_away:
            raise Unavailable("NATS is away")

    def observer(self) -> Observer:
        beats: Heartbeats = self.beats  # type: ignore[assignment]  # a twin
        made = Observer(
            self.rows,
            beats,
            self.jobs,
            self.hands,
            self._nats,
            MemoryBus(),
            self.clock,
            Meters(),
            self.health,
            PATIENCE,
        )
        self.observers.append(made)
        return made

    async def passes(self, span: timedelta) -> None:
        """Let ``span`` pass, in rounds."""
        for _ in range(span // PATIENCE.round_every):
            await self.clock.turn(PATIENCE.round_every)
            self.beats.beat(*self.talking)
            self.jobs.go_on()
            for observer in self.observers:
                if not self.nats_is_away:
                    for hopper in self.heard:
                        await observer.on_live(Message(LIVE.live(hopper), b"", ""))  # type: ignore[arg-type]
                await observer.observe()

    async def told(self) -> list[str]:
        rows = await self.owner.fetch(
            "SELECT kind, coalesce(facts->>'service', facts->>'server', facts->>'job', '') AS what,"
            " user_id IS NULL AS is_ours FROM notices ORDER BY notice_id"
        )
        return [f"{row['kind']} {row['what']}".strip() for row in rows]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[Watching]:
    owner = await asyncpg.connect(database_url)
    await owner.execute("INSERT INTO users (user_id, email, password_hash) VALUES ($1, 'a@b', '')", USER)
    await owner.execute(
        "INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)"
        " SELECT n::text, $1, 'Grid ' || n, 'binance', 'USDT', false, 60 FROM generate_series(1, 3) n",
        USER,
    )
    await owner.execute("INSERT INTO pods VALUES ('pod', now())")
    await owner.execute(
        "INSERT INTO assignments (hopper_id, pod, granted_at) SELECT n::text, 'pod', now() - interval '1 day'"
        " FROM generate_series(1, 3) n"
    )
    async with database.connect(url_of("processor", database_url), "processor", 4) as rows:
        made = Watching(rows, owner, talking={"tracker/pod", "writer/a"}, heard={"1", "2", "3"})
        made.observer()
        yield made
    await owner.close()


async def test_while_all_work_nothing_is_told(world: Watching) -> None:
    await world.passes(7 * MINUTE)
    assert await world.told() == []


async def test_a_silent_service_is_told_after_a_minute_once_and_so_is_its_return(world: Watching) -> None:
    world.observer()
    world.observer()
    await world.passes(2 * MINUTE)
    world.talking.remove("writer/a")
    await world.passes(MINUTE)
    assert await world.told() == []
    await world.passes(5 * MINUTE)
    assert await world.told() == ["service-silent writer/a"]
    world.talking.add("writer/a")
    await world.passes(MINUTE)
    assert await world.told() == ["service-silent writer/a", "service-back writer/a"]


async def test_who_says_goodbye_is_not_silent(world: Watching) -> None:
    await world.passes(2 * MINUTE)
    world.talking.remove("writer/a")
    await world.beats.end("writer/a")
    await world.passes(5 * MINUTE)
    assert await world.told() == []


async def test_an_instance_that_another_replaces_is_forgotten_in_the_end(world: Watching) -> None:
    await world.passes(2 * MINUTE)
    world.talking = {"tracker/pod", "writer/b"}
    await world.passes(12 * MINUTE)
    assert await world.told() == ["service-silent writer/a"]
    assert "writer/a" not in world.beats.at
    assert await world.owner.fetchval("SELECT count(*) FROM outages") == 0


async def test_a_redis_that_is_away_is_told_as_that_and_not_as_the_death_of_all(world: Watching) -> None:
    await world.passes(2 * MINUTE)
    world.beats.is_away = True
    talking, world.talking = world.talking, set()
    await world.passes(6 * MINUTE)
    assert await world.told() == ["server-away redis"]
    world.beats.is_away = False
    await world.passes(timedelta(seconds=30))
    world.talking = talking
    await world.passes(3 * MINUTE)
    assert await world.told() == ["server-away redis", "server-back redis"]


async def test_an_observer_that_was_stopped_itself_blames_nobody(world: Watching) -> None:
    await world.passes(7 * MINUTE)
    world.clock.set(world.clock.now() + timedelta(hours=1))
    talking, world.talking = world.talking, set()
    await world.passes(timedelta(seconds=40))  # others, too, were stopped, and take a moment
    world.talking = talking
    await world.passes(MINUTE)
    assert await world.told() == []


async def test_a_hopper_of_which_nothing_comes_is_told_to_its_user_after_five_minutes(world: Watching) -> None:
    world.observer()
    await world.passes(6 * MINUTE)
    world.heard.remove("2")
    await world.passes(timedelta(minutes=4, seconds=50))
    assert await world.told() == []
    await world.passes(7 * MINUTE)
    assert await world.told() == ["silence"]
    row = await world.owner.fetchrow("SELECT user_id::text, hopper_id, class, facts->>'hopper' AS name FROM notices")
    assert row is not None
    assert tuple(row.values()) == (USER, "2", "failure", "Grid 2")
    world.heard.add("2")
    await world.passes(MINUTE)
    assert await world.told() == ["silence", "sound-again"]
    world.heard.remove("2")
    await world.passes(6 * MINUTE)
    assert await world.told() == ["silence", "sound-again", "silence"]


async def test_a_hopper_that_is_not_tracked_any_more_is_not_missed(world: Watching) -> None:
    await world.passes(6 * MINUTE)
    world.heard.remove("2")
    await world.owner.execute("DELETE FROM assignments WHERE hopper_id = '2'")
    await world.passes(6 * MINUTE)
    assert await world.told() == []


async def test_a_silent_tracker_is_told_to_operators_and_then_to_its_users(world: Watching) -> None:
    await world.passes(6 * MINUTE)
    world.talking.remove("tracker/pod")
    await world.passes(6 * MINUTE)  # its messages go on: a service of the pod is silent all the same
    assert await world.told() == ["service-silent tracker/pod", *["silence"] * 3]
    world.talking.add("tracker/pod")
    await world.passes(MINUTE)
    assert sorted((await world.told())[4:]) == ["service-back tracker/pod", *["sound-again"] * 3]


async def test_a_nats_that_is_away_is_told_as_that_and_each_user_once(world: Watching) -> None:
    world.observer()
    await world.passes(6 * MINUTE)
    world.nats_is_away = True
    await world.passes(8 * MINUTE)
    assert await world.told() == ["server-away nats", "silence"]
    world.nats_is_away = False
    await world.passes(6 * MINUTE)
    assert await world.told() == ["server-away nats", "silence", "server-back nats", "sound-again"]


async def test_a_job_that_hangs_is_told_after_three_of_its_rhythms_once_and_so_is_that_it_goes_on(
    world: Watching,
) -> None:
    world.observer()
    world.jobs.hung = {"hourly"}
    await world.passes(180 * MINUTE)
    assert await world.told() == []
    await world.passes(60 * MINUTE)
    assert await world.told() == ["job-late hourly"], "who serves it beats all the while"
    row = await world.owner.fetchrow("SELECT user_id, class, facts->>'last_at' AS at FROM notices")
    assert row is not None
    assert tuple(row.values()) == (None, "failure", "2027-01-01 00:00:00 UTC")
    world.jobs.hung = {"minutely"}
    await world.passes(10 * MINUTE)
    assert await world.told() == ["job-late hourly", "job-done hourly"], "less than ten minutes is nothing"
    await world.passes(2 * MINUTE)
    world.jobs.hung = set()
    await world.passes(2 * MINUTE)
    assert (await world.told())[2:] == ["job-late minutely", "job-done minutely"]


async def test_a_job_that_nobody_serves_any_more_is_not_missed(world: Watching) -> None:
    world.jobs.hung = {"hourly"}
    await world.passes(181 * MINUTE)
    del world.jobs.every["hourly"]
    await world.passes(10 * MINUTE)
    assert await world.told() == ["job-late hourly"]
    assert await world.owner.fetchval("SELECT count(*) FROM outages") == 0


async def test_hands_that_do_nothing_while_imports_wait_are_told_once_and_that_they_go_on(world: Watching) -> None:
    world.observer()
    await world.passes(10 * MINUTE)
    world.hands.waits_since = world.clock.now()
    for _ in range(10):  # all hands are busy
        world.hands.moved_at = world.clock.now()
        await world.passes(MINUTE)
    assert await world.told() == []
    await world.passes(10 * MINUTE)
    assert await world.told() == ["imports-stalled"]
    world.hands.moved_at = world.clock.now()
    await world.passes(MINUTE)
    assert await world.told() == ["imports-stalled", "imports-go-on"]
    world.hands.waits_since = None
    await world.passes(30 * MINUTE)
    world.hands.stuck_since = world.clock.now()
    await world.passes(PATIENCE.gone)
    assert len(await world.told()) == 2
    await world.passes(MINUTE)
    world.hands.stuck_since = None
    await world.passes(MINUTE)
    assert (await world.told())[2:] == ["imports-stalled", "imports-go-on"]


async def test_an_observer_that_completes_no_round_is_not_ready(world: Watching) -> None:
    watching = asyncio.create_task(world.observers[0].watch_itself())
    await world.passes(2 * MINUTE)
    assert world.health.is_ready
    await world.clock.turn(2 * MINUTE)  # and no round
    assert not world.health.is_ready
    assert "no round" in world.health.needs["observer"][1]
    await world.passes(MINUTE)
    assert world.health.is_ready
    watching.cancel()


async def test_a_heartbeat_is_of_work_and_ends_with_a_goodbye(redis_url: str) -> None:
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    async with redis.connect(redis_url) as client:
        beats = Heartbeats(client)
        async with beating(runtime, client, "writer", "a") as heartbeat:
            await asyncio.sleep(0.1)
            assert await beats.all() == {}  # it runs, and has completed nothing
            for _ in range(500):
                heartbeat.done("a round")

            async def is_told() -> bool:
                return bool(await beats.all())

            await _until(is_told)
            (beat,) = (await beats.all()).values()
            assert (beat.count, beat.work) == (500, "a round")
            assert beat.age < timedelta(seconds=5)
        assert list(await beats.all()) == ["writer/a"]  # nobody told it to end: it broke
        runtime.stop.set()
        async with beating(runtime, client, "writer", "a"):
            pass
        assert await beats.all() == {}


async def test_a_service_goes_on_while_redis_is_away() -> None:
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    runtime.stop.set()
    async with (
        redis.connect(f"redis://127.0.0.1:{free_port()}/0") as client,
        asyncio.timeout(5),
        beating(runtime, client, "writer", "a") as heartbeat,
    ):
        heartbeat.done("a round")
        await asyncio.sleep(0.05)


async def _until(ask: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    began = time.monotonic()
    while not await ask():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.05)


async def test_a_real_writer_that_is_stopped_is_told_by_a_real_processor_and_its_going_on_too(
    database_url: str, redis_url: str, nats_url: str, tmp_path: Path
) -> None:
    owner = await asyncpg.connect(database_url)
    certificates = tmp_path / "certificates"
    issue(certificates, ("processor",), SystemClock().now())
    told = {
        "processor": {
            "DATABASE_URL": url_of("processor", database_url),
            "REDIS_URL": redis_url,
            "NATS_URL": nats_url,
            "GATEWAY_ADDRESS": "127.0.0.1:1",
            "CERTIFICATES": str(certificates),
            "PARTS": '["observer"]',
            "OBSERVE_EVERY": "0.2",
            "SILENT_AFTER": "2",
        },
        "writer": {"DATABASE_URL": url_of("writer", database_url), "REDIS_URL": redis_url},
    }
    inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
    processes = {}
    try:
        for name, settings in told.items():
            environment = {f"CRYPTWIRE_{name.upper()}_{key}": value for key, value in settings.items()}
            processes[name] = Process(name, tmp_path / f"{name}.log")
            processes[name].start(
                [sys.executable, "-m", "cryptwire", "run", name],
                cwd=str(ROOT),
                environment={**inherited, **environment, "CRYPTWIRE_INSTANCE": "one"},
            )

        async def kinds() -> list[str]:
            rows = await owner.fetch(
                "SELECT kind || ' ' || (facts->>'service') AS told FROM notices ORDER BY notice_id"
            )
            return [row["told"] for row in rows]

        async with redis.connect(redis_url) as client:
            beats = Heartbeats(client)

            async def both_work() -> bool:
                return set(await beats.all()) == {"writer/one", "processor/one"}

            async def is_told(expected: list[str]) -> bool:
                return await kinds() == expected

            await _until(both_work)
            await asyncio.sleep(2.5)  # the observer has looked for as long as its patience
            os.kill(processes["writer"].pid, signal.SIGSTOP)
            await _until(lambda: is_told(["service-silent writer/one"]))
            os.kill(processes["writer"].pid, signal.SIGCONT)
            await _until(lambda: is_told(["service-silent writer/one", "service-back writer/one"]))
            await processes["writer"].stop(10)
            assert list(await beats.all()) == ["processor/one"]  # it said goodbye
    finally:
        for process in processes.values():
            await process.stop(10)
        await owner.close()

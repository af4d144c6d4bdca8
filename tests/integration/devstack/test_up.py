"""`up`, `status`, `down`: what they say, what stays, and that nothing runs on when they are through."""

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import asyncpg
import pytest

from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import HopperId
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage import redis
from cryptwire.storage.heartbeats import Heartbeats
from devstack.accounts import DEMOS, PASSWORD
from devstack.place import Running, read_running, started_at, still_runs
from devstack.servers import free_port
from tests import oracle
from tests.integration.devstack.conftest import ROOT, Place, living, until

SERVICES = ("simulator", "gateway", "streamer", "writer", "tracker", "analyser", "controller", "edge")
HEADER = "opened_at,open,high,low,close,gap_seconds,quality"


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[Place, subprocess.CompletedProcess[str]]]:
    """A stack that `up --detach` started, and what it said."""
    place = Place(ROOT / ".cryptwire" / "tests" / secrets.token_hex(4), free_port())
    try:
        yield place, place.run("up", "--detach")
    finally:
        place.end()


@pytest.fixture
def running(started: tuple[Place, subprocess.CompletedProcess[str]]) -> Place:
    place, done = started
    assert done.returncode == 0, done.stdout
    return place


async def counts(place: Place) -> dict[str, int]:
    """Rows of what must outlive a stop."""
    connection = await asyncpg.connect(place.address("postgres"))
    try:
        return {
            table: await connection.fetchval(f"SELECT count(*) FROM {table}")  # names from below
            for table in ("users", "hoppers", "candles")
        }
    finally:
        await connection.close()


async def filled(place: Place) -> dict[str, int]:
    """Rows, once the history of a day is there for everybody."""
    async with asyncio.timeout(90):
        while (kept := await counts(place))["candles"] < 8 * 96:  # noqa: ASYNC110 - rows in a database
            await asyncio.sleep(0.5)
    return kept


@pytest.mark.timeout(400)
def test_a_start_tells_each_step_the_address_and_the_demo_login(
    started: tuple[Place, subprocess.CompletedProcess[str]],
) -> None:
    place, done = started
    assert done.returncode == 0, done.stdout
    said = done.stdout
    for step in ("PostgreSQL, Redis and NATS run", "schema is up to date", "8 hoppers of 3 demo users"):
        assert f"  {step}" in said
    for service in SERVICES:
        assert f"  {service} is ready\n" in said
    assert f"Cryptwire runs at http://127.0.0.1:{place.port} " in said
    assert f"sign in as {DEMOS[0].email} with {PASSWORD} (development only)" in said
    with urlopen(f"http://127.0.0.1:{place.port}/", timeout=10) as page:
        assert b"<title>Cryptwire" in page.read()


def test_mails_are_shown(running: Place) -> None:
    with urlopen(f"http://127.0.0.1:{running.port}/dev/mails.json", timeout=10) as answer:
        assert isinstance(json.load(answer), list)


async def test_every_service_says_what_it_completes(running: Place) -> None:
    pod = {"tracker", "analyser", "controller"}
    names = {"gateway", "streamer", "writer", "processor", "api", "datafeed", "webhook"} | pod
    async with redis.connect(running.address("redis")) as client, asyncio.timeout(60):
        while {who.split("/")[0] for who in await Heartbeats(client).all()} != names:  # noqa: ASYNC110 - a hash in Redis
            await asyncio.sleep(0.2)


def test_a_second_start_says_where_it_runs(running: Place) -> None:
    for arguments in (("up",), ("up", "--detach")):
        done = running.run(*arguments)
        assert done.returncode == 1
        assert done.stdout == (f"Cryptwire is running already: http://127.0.0.1:{running.port} (`make down` ends it)\n")


def test_status_names_what_runs(running: Place) -> None:
    done = running.run("status")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(f"Cryptwire runs at http://127.0.0.1:{running.port}\n")
    for name in ("PostgreSQL", "Redis", "NATS", *SERVICES):
        assert re.search(rf"^  {name} +runs \(process \d+\)$", done.stdout, re.M), name


async def test_the_past_is_filled_and_the_terminal_tells_how_far_it_is(running: Place) -> None:
    await filled(running)
    log = running.folder / "logs" / "up.log"
    done = re.compile(r"^  history: done, \d+ candles filled in \d+ s$", re.M)
    until(lambda: done.search(log.read_text()) is not None, 15, "the terminal says that it is done")
    assert running.run("status").returncode == 0


async def test_a_replay_uses_the_running_servers_and_no_live_service_sees_it(
    running: Place, bars: Path, portfolio: Path
) -> None:
    subjects: set[str] = set()

    async def on_message(message: Message) -> None:
        subjects.add(message.subject)

    async with messaging.connect(running.address("nats_admin"), "admin") as bus:
        for subject in ("portfolio.>", "ticker.>", "trade.>", "feed.>", "replay.>"):
            await bus.subscribe(subject, on_message)
        await bus.flush()
        done = await asyncio.to_thread(
            running.run, "replay", str(bars), "--portfolio", str(portfolio), "--base", "btc", "--csv"
        )
        async with asyncio.timeout(10):
            while not any(subject.startswith("portfolio.") for subject in subjects):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert done.returncode == 0, done.stderr
    assert_csv(done.stdout, bars)
    assert any(subject.startswith("replay.") for subject in subjects), "its own world is there"
    live = {subject for subject in subjects if not subject.startswith("replay.")}
    assert not [subject for subject in live if "csv" in subject or "recorded" in subject]
    connection = await asyncpg.connect(running.address("postgres"))
    rows = await connection.fetchval("SELECT count(*) FROM candles WHERE hopper_id = 'replay-csv'")
    await connection.close()
    assert rows == len(done.stdout.splitlines()) - 1
    assert living(running.look()), "the stack runs on"


def assert_csv(text: str, bars: Path) -> None:
    """Exactly the header and a row for each of the oracle's candles."""
    header, *lines = text.splitlines()
    assert header == HEADER
    assets = {"ADA": 10_000.0, "ETH": 20.0, "BTC": 1.5}
    expected = oracle.candles_of(oracle.bars_of(bars), assets, "BTC")
    assert len(lines) == len(expected) > 80
    for line, (opened_at, *prices) in zip(lines, expected, strict=True):
        stamp, *numbers, gap, quality = line.split(",")
        assert stamp == opened_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert [float(number) for number in numbers] == pytest.approx(prices, rel=1e-9, abs=0)
        assert [repr(float(number)) for number in numbers] == numbers
        assert repr(float(gap)) == gap
        assert quality in ("complete", "partial")


@pytest.mark.timeout(400)
async def test_tracking_ends_with_the_plan_and_begins_again_under_a_newer_fence(running: Place) -> None:
    email = DEMOS[2].email
    live: dict[str, int] = {}

    async def on_live(message: Message) -> None:
        live[message.subject] = live.get(message.subject, 0) + 1

    def given(*plan: str) -> None:
        done = running.run("admin", "plan", "set", email, *plan)
        assert done.returncode == 0, done.stderr

    connection = await asyncpg.connect(running.address("postgres"))
    try:
        hoppers = [
            row["hopper_id"]
            for row in await connection.fetch(
                "SELECT hopper_id FROM hoppers JOIN users USING (user_id) WHERE email = $1", email
            )
        ]

        async def fences() -> list[int]:
            rows = await connection.fetch("SELECT fence FROM assignments WHERE hopper_id = ANY($1)", hoppers)
            return [row["fence"] for row in rows]

        async def holds(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
            async with asyncio.timeout(seconds):
                while not await condition():  # noqa: ASYNC110 - another process has no event for it
                    await asyncio.sleep(0.1)

        async def is_live() -> bool:
            return len(live) == len(hoppers)

        async with messaging.connect(running.address("nats_admin"), "test") as bus:
            for hopper in hoppers:
                await bus.subscribe(LIVE.live(HopperId(hopper)), on_live)
            await holds(is_live, 75)
            before = await fences()
            assert len(before) == len(hoppers) > 0

            async def is_given_up() -> bool:
                return await fences() == []

            given("free")
            await holds(is_given_up, 8)

            async def is_silent() -> bool:
                live.clear()
                await asyncio.sleep(2.5)  # longer than the rhythm of live states
                return live == {}

            await holds(is_silent, 15)

            given("trial", "--until", (SystemClock().now() + timedelta(hours=1)).isoformat())
            await holds(is_live, 75)  # the first polls may wait for the minute's budget
            after = await fences()
            assert min(after) > max(before)
            given("pro")
    finally:
        await connection.close()


async def test_what_ends_leaves_no_process_and_what_begins_again_has_its_data(running: Place) -> None:
    before = running.look()
    assert len(before) >= 10
    assert set(living(before)) >= before
    kept = await filled(running)

    done = running.run("down")
    assert (done.returncode, done.stdout) == (0, "stopped\n")
    assert living(running.seen) == {}
    assert running.run("status").stdout == "Cryptwire does not run\n"
    assert running.run("down").stdout == "Cryptwire does not run\n"

    began = time.monotonic()
    process, said = running.begin()
    assert time.monotonic() - began < 40, "a second start takes seconds"
    assert "0 migrations applied" in said.read_text()
    assert "linking" not in said.read_text(), "accounts stay linked"
    again = await counts(running)
    assert {name: again[name] >= number for name, number in kept.items()} == dict.fromkeys(kept, True)
    assert again["users"] == kept["users"]

    process.kill()  # as a crash would
    process.wait()
    left = running.look() - {process.pid}
    assert set(living(left)) >= left, "its processes run on without it"
    assert running.run("status").returncode == 1

    process, said = running.begin()
    text = said.read_text()
    assert "ending PostgreSQL, left over from a start that was killed" in text
    assert "ending edge, left over from a start that was killed" in text
    assert not living(left)
    assert (await counts(running))["users"] == kept["users"]

    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert said.read_text().endswith("stopping …\nstopped\n")
    assert living(running.seen) == {}
    assert not (running.folder / "running.json").exists()


def test_an_interrupted_start_leaves_nothing(place: Place) -> None:
    place.folder.mkdir(parents=True)
    said = place.folder / "terminal"
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "cryptwire", "up"],
            env=place.environment(),
            cwd=ROOT,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    until(lambda: "schema is up to date" in said.read_text() or process.poll() is not None, 60, "the servers run")
    place.look()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert said.read_text().endswith("stopping …\nstopped\n")
    assert living(place.seen | {process.pid}) == {}


@pytest.mark.parametrize("detach", [(), ("--detach",)], ids=["foreground", "detached"])
def test_a_port_that_is_taken_is_named(place: Place, detach: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        done = place.run("up", *detach)
    assert done.returncode == 1
    assert f"failed: port {place.port} is taken by another program" in done.stdout
    assert not (place.folder / "running.json").exists()


@pytest.mark.parametrize("port", ["abc", "65536", "²"])
def test_a_port_that_is_none_is_refused(place: Place, port: str) -> None:
    done = place.run("up", CRYPTWIRE_PORT=port)
    assert done.returncode == 1
    assert done.stdout == f"failed: CRYPTWIRE_PORT should be the number of a port, not {port!r}\n"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "[]", "null", '{"pid": 1}', '{"pid": 1, "started": 1, "address": "", "new": 1}'])
def test_a_note_that_cannot_be_read_is_like_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "running.json").write_text(text)
    assert read_running(tmp_path) is None


def test_a_number_that_is_somebody_elses_by_now_is_not_ours() -> None:
    """This very process has the number of a service that is said to have started at another moment."""
    running = Running(os.getpid(), 1.0, "", {}, {"writer": os.getpid(), "tracker": os.getpid()}, {"writer": 1.0})
    assert not still_runs(running, "writer")
    assert not still_runs(running, "tracker")
    running.began["writer"] = started_at(os.getpid()) or 0.0
    assert still_runs(running, "writer")

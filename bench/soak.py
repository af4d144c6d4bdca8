"""``python -m bench.soak [MINUTES]``: let a whole stack run, then look whether every candle is there.

Takes the stack of this checkout if it runs, else starts one of its own below ``.cryptwire/bench/`` and ends it. From
the first boundary after the beginning on, every assigned hopper must have one candle for every boundary, each opening
at the close of the one before, all of them complete; nothing may have been set aside, and no process restarted. The
exit code is 0 when all of that holds. ``CRYPTWIRE_TRACKER_SPAN`` shortens candles here as it does there.
"""

import argparse
import asyncio
import itertools
import secrets
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg

from bench.place import usage_of
from bench.report import machine
from cryptwire import config
from cryptwire.clock import EPOCH, SystemClock
from cryptwire.domain.candle import SPAN, Quality
from cryptwire.storage import redis
from cryptwire.storage.write_queue import WriteQueue
from devstack import app, place
from devstack import servers as embedded
from devstack.place import Running, is_alive, read_running, started_at
from devstack.servers import free_port, prepared
from devstack.stack import Stack

MINUTES = 30.0
_LOOK_EVERY = 2.0
_WRITTEN_WITHIN = timedelta(seconds=5)
"""A candle whose boundary is younger is not looked for."""
_SHOWN = 10


@dataclass(slots=True)
class Watched:
    """What was seen of the processes: memory at the first and the last look, and what was started again."""

    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    restarts: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def look(self, running: Running) -> None:
        """Note what runs now."""
        self.gone = {name for name in self.pids if name not in running.processes}
        for name, pid in running.processes.items():
            if self.pids.get(name, pid) != pid:
                self.restarts.append(name)
            self.pids[name] = pid
            if started_at(pid) is None:
                self.gone.add(name)
                continue
            self.last[name] = usage_of(pid).rss_bytes
            self.first.setdefault(name, self.last[name])


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print what was seen, and the exit code."""
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=MINUTES, metavar="MINUTES")
    minutes = parser.parse_args(arguments).minutes
    span = timedelta(seconds=float(config.environment().get("CRYPTWIRE_TRACKER_SPAN") or SPAN.total_seconds()))
    try:
        return asyncio.run(_soak(timedelta(minutes=minutes), span))
    except KeyboardInterrupt:
        return 130


async def _soak(lasts: timedelta, span: timedelta) -> int:
    print("\n".join(machine()), flush=True)
    async with _stack() as folder:
        clock = SystemClock()
        began = clock.now()
        first = EPOCH + -(-(began - EPOCH) // span) * span
        read = {log: log.stat().st_size for log in (folder / "logs").glob("*.log")}
        running = _running(folder)
        aside = await _aside(running)
        watched = Watched()
        print(f"runs for {lasts}; the first candle looked for opens at {first:%H:%M:%S} UTC", flush=True)
        while (left := began + lasts - clock.now()) > timedelta(0):
            watched.look(_running(folder))
            await asyncio.sleep(min(_LOOK_EVERY, left.total_seconds()))
        watched.look(_running(folder))
        until = clock.now() - _WRITTEN_WITHIN
        running = _running(folder)
        faults = await _candle_faults(running.addresses["postgres"], first, until, span)
        if (more := await _aside(running) - aside) > 0:
            faults.append(f"{more} candles were set aside")
        faults += [f"{name} was started again" for name in watched.restarts]
        faults += [f"{name} has ended" for name in sorted(watched.gone)]
        _tell(watched, _warnings(folder, read))
    print("\n".join(["", *(f"FAULT {fault}" for fault in faults), "soak: failed" if faults else "soak: ok"]))
    return int(bool(faults))


@asynccontextmanager
async def _stack() -> AsyncIterator[Path]:
    """The data folder of a stack that runs."""
    folder = place.data_folder()
    running = read_running(folder)
    if running is not None and is_alive(running):
        print(f"the stack at {running.address}, which runs already", flush=True)
        yield folder
        return
    folder = place.root() / ".cryptwire" / "bench" / secrets.token_hex(4)
    stack = Stack(place.root(), folder, free_port(), prepared(folder), _say, settings=config.environment())
    stop = asyncio.Event()
    watching: asyncio.Task[None] | None = None
    try:
        await stack.start_servers()
        await stack.start_chain()
        try:
            await stack.start_edge(await app.build(stack.root, lambda line: _say(f"app: {line}")))
        except app.BuildFailed as failure:
            _say(f"without API, datafeed and app: {failure}")
        await stack.ready("streamer", "writer")
        await stack.start_processor()
        watching = asyncio.create_task(stack.watch(stop))
        yield folder
    finally:
        stop.set()
        if watching is not None:
            await watching
        await stack.end()
        embedded.remove(folder)


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def _running(folder: Path) -> Running:
    running = read_running(folder)
    if running is None:
        raise RuntimeError(f"the stack of {folder.name} has ended")
    return running


async def _aside(running: Running) -> int:
    async with redis.connect(running.addresses["redis"]) as client:
        return len(await WriteQueue(client).aside())


async def _candle_faults(url: str, first: datetime, until: datetime, span: timedelta) -> list[str]:
    """What is wrong with the candles opened in ``[first, until - span]``."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        hoppers = [row[0] for row in await connection.fetch("SELECT hopper_id FROM assignments ORDER BY 1")]
        rows = await connection.fetch(
            "SELECT hopper_id, opened_at, open, close, quality FROM candles"
            " WHERE hopper_id = ANY($1::text[]) AND opened_at BETWEEN $2 AND $3 ORDER BY opened_at",
            hoppers,
            first,
            until - span,
        )
    finally:
        await connection.close()
    boundaries = [first + span * number for number in range(max(0, (until - first) // span))]
    print(f"{len(boundaries)} boundaries, {len(hoppers)} hoppers, {len(rows)} candles", flush=True)
    if not boundaries or not hoppers:
        return ["no boundary passed, or there is no hopper: nothing was seen"]
    found: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["hopper_id"]].append(row)
    faults: list[str] = []
    for hopper in hoppers:
        candles = found[hopper]
        moments = [row["opened_at"] for row in candles]
        missing, doubled = set(boundaries) - set(moments), len(moments) - len(set(moments))
        stray = set(moments) - set(boundaries)
        breaks = sum(1 for one, other in itertools.pairwise(candles) if one["close"] != other["open"])
        poor = sum(1 for row in candles if row["quality"] != Quality.COMPLETE)
        counts = {
            "missing": len(missing), "twice": doubled, "off the boundary": len(stray),
            "do not open at the close before": breaks, "not complete": poor,
        }  # fmt: skip
        faults += [f"hopper {hopper}: {count} candles {what}" for what, count in counts.items() if count]
    return faults


def _warnings(folder: Path, read: dict[Path, int]) -> dict[str, list[str]]:
    """Lines of each log, written since ``read``, that warn or tell an error."""
    found: dict[str, list[str]] = {}
    for log in sorted((folder / "logs").glob("*.log")):
        with log.open("rb") as content:
            size = log.stat().st_size
            content.seek(min(size, read.get(log, 0)))
            lines = content.read().decode(errors="replace").splitlines()
        found[log.stem] = [line for line in lines if " WARNING " in line or " ERROR " in line]
    return found


def _tell(watched: Watched, warnings: dict[str, list[str]]) -> None:
    for name, size in watched.last.items():
        print(f"  {name:12} {watched.first[name] / 1e6:6.0f} MB at first, {size / 1e6:6.0f} MB at last")
    print(f"restarts: {', '.join(watched.restarts) or 'none'}")
    for name, lines in warnings.items():
        if lines:
            print(f"{name}: {len(lines)} lines that warn; the last of them:")
            print("\n".join(f"  {line[:200]}" for line in lines[-_SHOWN:]))


if __name__ == "__main__":
    sys.exit(main())

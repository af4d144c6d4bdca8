"""`cryptwire replay`: recorded candles through tracker, Redis, writer and database, in a world of its own."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from tqdm import tqdm

from candles.writer.handlers import Writer
from candles.writer.logic import CANDLES
from cryptwire.clock import SystemClock, from_us
from cryptwire.codec.candle import candle_to_wire
from cryptwire.codec.ticker import feed_to_wire, ticker_to_wire
from cryptwire.domain.account import Account
from cryptwire.domain.candle import SPAN, Candle
from cryptwire.domain.hopper import Asset, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Feed, Ticker
from cryptwire.errors import Invalid
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import World, replay_world
from cryptwire.metrics import Meters
from cryptwire.storage import database, redis
from cryptwire.storage.candles import Candles
from cryptwire.storage.redis import replay_keys
from cryptwire.storage.write_queue import WriteQueue
from replay.recorded import EXCHANGE, Recording, read_folder, read_portfolio
from tracker.handlers import Intake
from tracker.logic.shard import Shard

_IN_FLIGHT = 2_000
"""Ticks published before the tracker must say that it has valued them: none is ever dropped."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of the servers a replay uses."""

    database_url: str
    redis_url: str
    nats_url: str


async def replay(
    folder: Path, portfolio: Path, base: Asset, addresses: Addresses, *, is_quiet: bool = False
) -> list[Candle]:
    """Feed the candles of ``folder`` to a portfolio; its fifteen-minute candles, oldest first.

    They are rows of hopper ``replay-<hopper>``, whose earlier ones are removed first. Raises Invalid for input that
    makes no sense, Unavailable when a server is away.
    """
    recording = read_folder(folder)
    name, quantities = read_portfolio(portfolio)
    hopper = Hopper(
        HopperId(f"replay-{name}"), UserId("replay"), name, EXCHANGE, base, is_paper=True, refresh_every=SPAN
    )
    run = secrets.token_hex(4)
    async with (
        database.connect(addresses.database_url, "replay", 5) as rows,
        redis.connect(addresses.redis_url) as values,
        messaging.connect(addresses.nats_url, "replay") as nats,
    ):
        table = Candles(rows)
        queue = WriteQueue(values, replay_keys(run))
        await table.forget(hopper.id)
        try:
            await _through_the_chain(recording, hopper, quantities, replay_world(run), nats, queue, table, is_quiet)
        finally:
            await queue.forget()
        first, last = from_us(int(recording.at[0])), from_us(int(recording.at[-1]))
        return await table.within(hopper.id, first, last + SPAN)


async def _through_the_chain(
    recording: Recording,
    hopper: Hopper,
    quantities: dict[Asset, Decimal],
    world: World,
    nats: NatsBus,
    queue: WriteQueue,
    table: Candles,
    is_quiet: bool,
) -> None:
    clock, meters = SystemClock(), Meters()
    shard = shard_of(recording, hopper, quantities)
    pusher = Pusher(queue)
    intake = Intake(shard, pusher.add, meters, clock, is_replay=True)

    async def on_feed(message: Message) -> None:
        feed = await intake.on_feed(message)
        if feed is not None and message.reply:
            await intake.caught_up(feed.exchange, feed.sequence)
            await nats.publish(message.reply, b"")

    ends = [
        await nats.subscribe(world.all_tickers, intake.on_ticker),
        await nats.subscribe(world.all_feeds, on_feed),
    ]
    await nats.flush()
    stop = asyncio.Event()
    writers = [Writer(secrets.token_hex(6), CANDLES, queue, table, clock, meters, 5_000) for _ in range(2)]
    writing = [asyncio.create_task(writer.run(stop)) for writer in writers]
    pushing = asyncio.create_task(pusher.run(stop))
    try:
        await _feed(recording, world, nats, is_quiet)
        for end in ends:
            await end()
        await _or_failure(pusher.empty(), pushing, *writing)
        await _or_failure(_drained(queue), pushing, *writing)
    finally:
        stop.set()
        await asyncio.gather(pushing, *writing, return_exceptions=True)


def shard_of(recording: Recording, hopper: Hopper, quantities: dict[Asset, Decimal]) -> Shard:
    """A recorded feed is like one that is polled each span: its prices are fresh for two of them."""
    shard = Shard(SPAN, fresh=2 * recording.span)
    shard.book.know(recording.pairs)
    first = from_us(int(recording.at[0]))
    shard.take_in(hopper, 1, Account(hopper.id, first, quantities, ()), first)
    unpriced = shard.book.unroutable(hopper.id)
    if len(unpriced) == sum(1 for quantity in quantities.values() if quantity):
        raise Invalid(f"nothing of the portfolio can be priced in {hopper.base} with the recorded pairs")
    if unpriced:
        print(f"no route to {hopper.base}, counts nothing: {', '.join(unpriced)}", file=sys.stderr)
    return shard


async def _feed(recording: Recording, world: World, nats: NatsBus, is_quiet: bool) -> None:
    """Publish every tick at its recorded time, never more than ``_IN_FLIGHT`` ahead of the tracker."""
    session = secrets.token_hex(4)
    subjects = {pair: world.ticker(pair) for pair in recording.pairs}
    interval = recording.span
    with tqdm(total=len(recording), unit=" ticks", unit_scale=True, disable=is_quiet, desc="replay") as bar:
        for number, (at, pair, price) in enumerate(recording.ticks(), 1):
            ticker = Ticker(pair, price, None, None, None, from_us(at), session, number)
            await nats.publish(subjects[pair], ticker_to_wire(ticker))
            if number % _IN_FLIGHT == 0 or number == len(recording):
                feed = Feed(EXCHANGE, session, number, from_us(at), interval)
                await nats.request(world.feed(EXCHANGE), feed_to_wire(feed), timeout=60)
                bar.update((number - 1) % _IN_FLIGHT + 1)


class Pusher:
    """Closed candles from the tracker into the Redis list, in order."""

    def __init__(self, queue: WriteQueue) -> None:
        self._queue = queue
        self._waiting: list[Candle] = []
        self._came = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def add(self, candles: list[Candle]) -> None:
        self._waiting += candles
        self._is_empty.clear()
        self._came.set()

    async def empty(self) -> None:
        """Return when everything that was added is in Redis."""
        await self._is_empty.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Push what was added, until ``stop``. Raises Unavailable."""
        while not stop.is_set():
            if not self._waiting:
                self._is_empty.set()
                self._came.clear()
                waiting = [asyncio.ensure_future(event.wait()) for event in (self._came, stop)]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in waiting:
                    task.cancel()
                continue
            candles, self._waiting = self._waiting, []
            await self._queue.push([candle_to_wire(candle) for candle in candles])


async def _drained(queue: WriteQueue) -> None:
    """Return when the writers have dealt with everything that was pushed."""
    while await queue.unfinished():  # noqa: ASYNC110 - Redis has no event for it
        await asyncio.sleep(0.02)


async def _or_failure(work: Awaitable[None], *helpers: "asyncio.Task[None]") -> None:
    """Await ``work``; raises what made a helper end before it was done."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task, *helpers}, return_when=asyncio.FIRST_COMPLETED)
    if task not in done:
        task.cancel()
        for helper in helpers:
            if helper in done:
                helper.result()
    await task


HEADER = "opened_at,open,high,low,close,gap_seconds,quality"


def csv_line(candle: Candle) -> str:
    """One candle as `cryptwire replay --csv` prints it; numbers as Python's ``repr``."""
    prices = ",".join(map(repr, (candle.open, candle.high, candle.low, candle.close)))
    gap = repr(candle.gap.total_seconds())
    return f"{_iso(candle.opened_at)},{prices},{gap},{candle.quality.name.lower()}"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

"""What a tick costs: through the shard on one core, and through the whole process as it is deployed.

In process: ``Shard.on_price`` over 10,000 hoppers × 10 assets, beside the same numpy arithmetic on prepared arrays
with none of our bookkeeping, and, on a smaller shard, beside a peer in plain Python that values every holder from
scratch. Columns tick as often as they are popular, which costs more than if all ticked alike.

Deployed: the tracker's process with real NATS, Redis, PostgreSQL and a gateway that answers at once; another process
publishes 10,000 tickers a second and watches how long the price of a marker takes into the live portfolio. The fixed
part of its work is what it uses at the same rate while it holds nobody; the rest grows with the hoppers, and both
together give how many hoppers would fill one core. All hoppers are polled before that and none meanwhile; what a poll
costs is told by itself.
"""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np

from bench import deployed, place, shard
from bench.place import Child, Place, until_ended
from bench.report import Row, at_least, at_most, median, percentile, told
from bench.shard import World
from cryptwire.clock import from_us
from cryptwire.domain.candle import SPAN
from tracker.logic.shard import Shard

HOPPERS, FEW_HOPPERS, RATE = 10_000, 500, 10_000
_TURNS = 5
_WINDOW, _IDLE_WINDOW, _MARKS = 20.0, 6.0, 12.0
_START = 1_767_225_600_000_000

Tick = Callable[[int, float], object]


async def measure() -> list[Row]:
    """Both parts."""
    return [*_in_process(), *await _deployed()]


# -- in process --------------------------------------------------------------------------------------------------------


def _in_process() -> list[Row]:
    zipf, bare = _rates(shard.world(HOPPERS), 15_000, _ours, _bare)
    (uniform,) = _rates(shard.world(HOPPERS, by_zipf=False), 15_000, _ours)
    (worst,) = _rates(shard.world(HOPPERS, columns=10, by_zipf=False), 4_000, _ours)
    small = shard.world(FEW_HOPPERS)
    few, naive = _rates(small, 3_000, _ours, _naive)
    size = f" ({1e6 / zipf:.1f} µs)"
    return [
        at_least(f"tracker: shard of {HOPPERS:,} × 10, 500 columns by Zipf", zipf, RATE, "ticks/s", size),
        told("tracker: the same, columns popular alike", uniform, "ticks/s", f" ({1e6 / uniform:.1f} µs)"),
        told("tracker: worst case, 10 columns that all hold", worst, "ticks/s", f" ({1e6 / worst:.1f} µs)"),
        told("tracker: bare numpy, by Zipf, no bookkeeping", bare, "ticks/s", f"; ours is {zipf / bare:.2f} of it"),
        told(
            f"tracker: plain Python, {FEW_HOPPERS} hoppers from scratch",
            naive,
            "ticks/s",
            f"; ours on the same {few:,.0f}, {few / naive:.0f} ×",
        ),
    ]


def _rates(held: World, ticks: int, *makers: Callable[[World], Tick]) -> list[float]:
    """Ticks a second of CPU time of each; they take turns over the same ticks."""
    contestants = [make(held) for make in makers]
    rates: list[list[float]] = [[] for _ in makers]
    for turn in range(_TURNS):
        columns, prices = held.ticks(ticks, seed=turn)
        numbers = list(shard.feed_of_prices(columns, prices))
        for tick, told_rates in zip(contestants, rates, strict=True):
            began = time.process_time()
            for column, price in numbers:
                tick(column, price)
            told_rates.append(ticks / (time.process_time() - began))
    return [median(one) for one in rates]


def _ours(held: World) -> Tick:
    book, pairs, now = Shard(SPAN), held.pairs, [_START]
    for column, pair in enumerate(pairs):
        book.on_price(_START, pair, shard.start_price(column))
    for number in range(len(held.assets)):
        book.take_in(shard.hopper(number, "bench", timedelta(minutes=1)), 1, held.account(number), from_us(_START))
    book.advance(_START + 900_000_000)
    now[0] = _START + 900_000_000

    def tick(column: int, price: float) -> None:
        now[0] += 100
        book.on_price(now[0], pairs[column], price)

    return tick


def _bare(held: World) -> Tick:
    holders = [np.flatnonzero((held.assets == column).any(axis=1)) for column in range(held.columns)]
    held_units = [held.quantities[held.assets == column] for column in range(held.columns)]
    prices = [shard.start_price(column) for column in range(held.columns)]
    values = (held.quantities * np.array(prices)[held.assets]).sum(axis=1)
    highs, lows = values.copy(), values.copy()

    def tick(column: int, price: float) -> None:
        change = price - prices[column]
        prices[column] = price
        rows = holders[column]
        new = values[rows]
        new += held_units[column] * change
        values[rows] = new
        if change > 0:
            edge = highs[rows]
            np.maximum(edge, new, out=edge)
            highs[rows] = edge
        else:
            edge = lows[rows]
            np.minimum(edge, new, out=edge)
            lows[rows] = edge

    return tick


def _naive(held: World) -> Tick:
    portfolios = [
        list(zip(assets, units, strict=True))
        for assets, units in zip(held.assets.tolist(), held.quantities.tolist(), strict=True)
    ]
    holders = [np.flatnonzero((held.assets == column).any(axis=1)).tolist() for column in range(held.columns)]
    prices = [shard.start_price(column) for column in range(held.columns)]
    values = [sum(units * prices[column] for column, units in portfolio) for portfolio in portfolios]
    highs, lows = values.copy(), values.copy()

    def tick(column: int, price: float) -> None:
        prices[column] = price
        for row in holders[column]:
            value = sum(units * prices[held_column] for held_column, units in portfolios[row])
            values[row] = value
            highs[row] = max(highs[row], value)
            lows[row] = min(lows[row], value)

    return tick


# -- deployed ----------------------------------------------------------------------------------------------------------


async def _deployed() -> list[Row]:
    async with place.opened() as there, deployed.tracker(there, HOPPERS) as tracker:
        fixed, _, _ = await _under_ticks(there, tracker, _IDLE_WINDOW, marks=0)
        before = tracker.usage().rss_bytes
        idle = tracker.usage().cpu_seconds
        until_live = await deployed.assign(there, tracker, HOPPERS)
        of_a_poll = (tracker.usage().cpu_seconds - idle) / HOPPERS
        share, others, marks = await _under_ticks(there, tracker, _WINDOW, marks=_MARKS)
        grown = tracker.usage().rss_bytes - before
        meters = await tracker.meters()
        faults = tracker.faults()
    took, lost = marks["marks"], marks["lost"]
    rounds, seconds = (meters[f"cryptwire_tracker_round_seconds_{what}"] for what in ("count", "sum"))
    most = int((1 - fixed) / (share - fixed) * HOPPERS) if share > fixed else 0
    note = f" (p50 {median(took):.2f} s, {len(took)} marks, {lost} not seen)"
    return [
        at_most(
            f"tracker: process, {HOPPERS:,} hoppers, {marks['ticks'] / marks['seconds']:,.0f} ticks/s in",
            share * 100, 100, "% of a core", f" ({fixed * 100:.0f} % of it before any hopper)",
        ),
        told("tracker: hoppers that would fill one core at that rate", most, "hoppers"),
        at_most("tracker: tick to live message, p99", percentile(took, 0.99), 2.1, "s", note),
        at_most("tracker: memory of a hopper", grown / HOPPERS / 1000, 30, "KB", f" ({before / 1e6:.0f} MB without)"),
        told("tracker: a live round of all", seconds / rounds, "s", f" (assigned until all live: {until_live:.0f} s)"),
        told("tracker: CPU of taking a hopper in, its poll included", of_a_poll * 1e3, "ms"),
        told("tracker: NATS and Redis meanwhile", others * 100, "% of a core", f"; warnings in its log: {faults}"),
        told("tracker: wanted a core and got none (others disturb)", marks["waited"] * 100, "% of the time"),
    ]  # fmt: skip


async def _under_ticks(
    there: Place, tracker: Child, seconds: float, marks: float
) -> tuple[float, float, dict[str, Any]]:
    """Share of a core of the tracker, and of NATS with Redis, while tickers come; and what their source told."""
    servers = [there.servers.nats.process, there.servers.redis.process]
    arguments = (there.servers.nats.admin_url, str(deployed.COLUMNS), str(RATE), str(seconds), str(marks))
    async with place.module(there, "bench.ticker_source", *arguments) as source:
        await asyncio.sleep(2)
        began, before = time.monotonic(), tracker.usage()
        others = sum(place.usage_of(server.pid).cpu_seconds for server in servers)
        await asyncio.sleep(seconds - 2)
        took = time.monotonic() - began
        share = (tracker.usage().cpu_seconds - before.cpu_seconds) / took
        others = (sum(place.usage_of(server.pid).cpu_seconds for server in servers) - others) / took
        waited = (tracker.usage().waited_seconds - before.waited_seconds) / took
        said = json.loads((await until_ended(source, 30)).splitlines()[-1])
    return share, others, said | {"waited": waited}

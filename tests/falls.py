"""Falls for rules to see, and where a trailing stop must fire, in plain Python from the words of the design alone.

It shares no code with the project: from the CSV files to the message at which it fires.
"""

import csv
import gzip
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from tests.oracle import bars_of

FIVE_MINUTES = 300_000  # milliseconds
Message = tuple[int, float]  # milliseconds, value
ASSETS = {"ADA": "10000", "DASH": "12.5", "ETH": "20", "LTC": "33.3", "TRX": "150000", "XLM": "20000.5", "BTC": "0.5"}
"""The portfolio that goes through January 2018; in BTC."""
GENERATED = {"ADA": "1000", "ETH": "300", "BTC": "10"}


@dataclass(frozen=True)
class Stop:
    """A trailing stop: shares of the start and of the peak; confirmed by so many ticks and seconds."""

    arm_at: float
    trail: float
    ticks: int = 3
    seconds: float = 15


def messages(folder: Path, assets: dict[str, str], base: str = "BTC") -> list[Message]:
    """The value after each instant that has ticks, from when every asset has a price."""
    ticks: list[tuple[int, str, float]] = []
    for pair, rows in bars_of(folder).items():
        for opened_at, open_, high, low, close in rows:
            at = round(opened_at.timestamp() * 1000)
            order = (open_, low, high, close) if close >= open_ else (open_, high, low, close)
            moments = (at, at + FIVE_MINUTES // 4, at + FIVE_MINUTES // 2, at + FIVE_MINUTES - 1)
            ticks += [(moment, pair, price) for moment, price in zip(moments, order, strict=True)]
    ticks.sort(key=lambda tick: (tick[0], tick[1]))
    last = {base: 1.0}
    told = []
    for at, together in groupby(ticks, key=lambda tick: tick[0]):
        for _, pair, price in together:
            last[pair.removesuffix(f"-{base}")] = price
        if assets.keys() <= last.keys():
            told.append((at, math.fsum(float(amount) * last[asset] for asset, amount in assets.items())))
    return told


def readings(values: Iterable[float], most: float = 0.05) -> list[tuple[float, float] | None]:
    """What counts at each value, and what two counted readings in a row had (R6).

    A move of more than 5 % against both readings before it must be seen again, and then the nearer of the two counts.
    The first is doubted like any other.
    """
    counted: list[float] = []
    doubted: float | None = None
    found: list[tuple[float, float] | None] = []
    for value in values:
        if counted and any(abs(value / each - 1) <= most for each in counted):
            counted, doubted = [counted[-1], value], None
            found.append((value, min(counted)))
        elif doubted is not None and (
            all((value > each) == (doubted > each) for each in counted) if counted else abs(value / doubted - 1) <= most
        ):
            reference = counted[-1] if counted else value
            nearer = min(doubted, value, key=lambda each: abs(each - reference))
            counted, doubted = [doubted, value], None
            found.append((nearer, min(counted)))
        else:
            doubted = value
            found.append(None)
    return found


def first_fire(told: Sequence[Message], stop: Stop, pause: float = 300) -> tuple[int, float, float] | None:
    """(number of the message, peak, stop) at which it fires for the first time.

    A peak is a height that two counted readings in a row had. It is confirmed by messages in a row, of which each has
    a newer price; a silence of more than ``pause`` seconds begins anew.
    """
    start = peak = None
    is_armed, since, last_true, ticks = False, 0, 0, 0
    for number, ((at, _), counted) in enumerate(zip(told, readings(v for _, v in told), strict=True)):
        if counted is None:
            continue
        reading, twice = counted
        if start is None or peak is None:
            start = peak = reading
        else:
            peak = max(peak, twice)
        is_armed = is_armed or peak >= start * (1 + stop.arm_at)
        if not is_armed or reading > peak * (1 - stop.trail):
            ticks = 0
            continue
        if not ticks or at - last_true > pause * 1000:
            since, ticks = at, 0
        ticks, last_true = ticks + 1, at
        if ticks >= stop.ticks and at - since >= stop.seconds * 1000:
            return number, peak, peak * (1 - stop.trail)
    return None


def write(folder: Path, name: str, closes: Sequence[float], wicks: dict[int, float] | None = None) -> None:
    """Five-minute bars that join; ``wicks``: lows of some of them."""
    begins = datetime(2018, 3, 23, 4, 55, tzinfo=UTC)
    with gzip.open(folder / f"{name}.5m.csv.gz", "wt", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("opened_at", "open", "high", "low", "close", "volume"))
        price = closes[0]
        for number, close in enumerate(closes):
            at = (begins + timedelta(minutes=5 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")
            low = min(price, close, (wicks or {}).get(number, math.inf))
            writer.writerow((at, repr(price), repr(max(price, close)), repr(low), repr(close), "1"))
            price = close


def make_fall(folder: Path, wicks: dict[int, float] | None = None, falls: bool = True) -> Path:
    """Two coins that rise for ten hours, rest for ten, and then fall by a third within an hour."""
    chance = random.Random(20_180_116)
    for name, price in (("ADA-BTC", 0.01), ("ETH-BTC", 0.1)):
        closes = []
        for number in range(300):
            drift = 0.001 if number < 120 else 0.0 if number < 240 or not falls else -0.03 if number < 253 else 0.0
            price *= math.exp(drift + chance.gauss(0, 0.0005))
            closes.append(price)
        write(folder, name, closes, {number: closes[number] * share for number, share in (wicks or {}).items()})
    return folder

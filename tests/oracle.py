"""An independent computation of a recorded portfolio's candles, in plain Python, from the words of the design alone.

It shares no code with the project: no Book, no Bar, no codec. Slow on purpose: after every tick the value is added up
from scratch.
"""

import csv
import gzip
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

QUARTER = 900_000  # milliseconds
Bars = dict[str, list[tuple[datetime, float, float, float, float]]]  # "ADA-BTC" -> (opened at, open, high, low, close)
OracleCandle = tuple[datetime, float, float, float, float]


def bars_of(folder: Path) -> Bars:
    """Every five-minute file of a folder."""
    found: Bars = {}
    for path in sorted(folder.glob("*.5m.csv.gz")):
        with gzip.open(path, "rt") as lines:
            found[path.name.split(".")[0]] = [
                (
                    datetime.fromisoformat(row["opened_at"]),
                    *(float(row[name]) for name in ("open", "high", "low", "close")),  # type: ignore[misc]
                )
                for row in csv.DictReader(lines)
            ]
    return found


def candles_of(
    bars: Bars, assets: dict[str, float], base: str, span: timedelta = timedelta(minutes=5)
) -> list[OracleCandle]:
    """The portfolio's candles. Every asset but ``base`` has a direct pair."""
    ticks: list[tuple[int, str, float]] = []
    span_ms = int(span.total_seconds() * 1000)
    for pair, rows in bars.items():
        for opened_at, open_, high, low, close in rows:
            at = int(opened_at.timestamp() * 1000)
            order = (open_, low, high, close) if close >= open_ else (open_, high, low, close)
            moments = (at, at + span_ms // 4, at + span_ms // 2, at + span_ms - 1)
            ticks += [(moment, pair, price) for moment, price in zip(moments, order, strict=True)]
    ticks.sort(key=lambda tick: (tick[0], tick[1]))

    last: dict[str, float] = {base: 1.0}
    needed = {asset for asset in assets if asset == base or f"{asset}-{base}" in bars}
    candles: list[OracleCandle] = []
    begins: int | None = None  # the first boundary at which a candle opens
    current: int | None = None  # the boundary of the candle in progress
    value = open_value = high_value = low_value = math.nan
    for at, pair, price in ticks:
        boundary = at // QUARTER * QUARTER
        if begins is not None:
            if current is None and boundary >= begins:
                current, open_value = begins, value
                high_value = low_value = value
            while current is not None and boundary > current:
                candles.append((datetime.fromtimestamp(current / 1000, UTC), open_value, high_value, low_value, value))
                current += QUARTER
                open_value = high_value = low_value = value
        last[pair.removesuffix(f"-{base}")] = price
        if needed <= last.keys():
            value = math.fsum(assets[asset] * last[asset] for asset in needed)
            if begins is None:
                begins = boundary + QUARTER
            if current is not None:
                high_value, low_value = max(high_value, value), min(low_value, value)
    return candles


def bars_in_zone(
    candles: Iterable[OracleCandle], resolution: str, zone: str
) -> list[tuple[int, float, float, float, float]]:
    """Coarser bars by the wall clock of ``zone``, by walking: (stamp in seconds, open, high, low, close)."""
    bars: dict[object, list[OracleCandle]] = {}
    hour: tuple[object, int] | None = None  # of the wall clock
    begun: object = None  # the first candle of the hour's bar
    for candle in candles:
        local = candle[0].astimezone(ZoneInfo(zone))
        day = local.date()
        key: object
        if resolution == "15":
            key = candle[0]
        elif resolution == "60":  # a bar opens at every local full hour, also at one that comes twice
            if local.minute == 0 or hour != (day, local.hour):
                hour, begun = (day, local.hour), candle[0]
            key = begun
        elif resolution == "240":
            key = (day, local.hour // 4)
        elif resolution == "1D":
            key = day
        elif resolution == "1W":
            key = day - timedelta(days=day.weekday())
        else:
            key = day.replace(day=1)
        bars.setdefault(key, []).append(candle)
    result = []
    for key, members in bars.items():
        if resolution in ("1D", "1W", "1M"):
            stamp = int(datetime(key.year, key.month, key.day, tzinfo=UTC).timestamp())  # type: ignore[attr-defined]
        else:
            first = members[0][0].astimezone(ZoneInfo(zone))
            hours = {"15": 0, "60": 1, "240": 4}[resolution]
            start = members[0][0] if not hours else first.replace(minute=0, hour=first.hour // hours * hours)
            stamp = int(start.timestamp())
        result.append((stamp, members[0][1], max(c[2] for c in members), min(c[3] for c in members), members[-1][4]))
    return result

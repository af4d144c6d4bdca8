"""Recorded candles as ticks, four of each bar (cryptwire/domain/points.py).

At the same instant pairs go in alphabetical order.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cryptwire.clock import to_us
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.points import four_ticks
from cryptwire.domain.ticker import Pair, positive
from cryptwire.errors import Invalid

EXCHANGE = Exchange("recorded")
_NAME = re.compile(r"([A-Z0-9]+)-([A-Z0-9]+)\.(\d+)([mhd])\.csv(\.gz)?")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Recording:
    """Ticks in the order in which they are valued.

    ``at`` (ticks,) microseconds since the epoch, ascending; ``pair`` (ticks,) index into ``pairs``; ``price`` (ticks,)
    in the pair's quote. ``span`` is that of the longest bars.
    """

    pairs: tuple[Pair, ...]
    span: timedelta
    at: npt.NDArray[np.int64]
    pair: npt.NDArray[np.int32]
    price: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.at)

    def ticks(self) -> Iterator[tuple[int, Pair, float]]:
        """(microseconds, pair, price), in order."""
        for start in range(0, len(self), 10_000):
            end = start + 10_000
            for at, pair, price in zip(
                self.at[start:end].tolist(), self.pair[start:end].tolist(), self.price[start:end].tolist(), strict=True
            ):
                yield at, self.pairs[pair], price


def read_folder(folder: Path) -> Recording:
    """Every ``<BASE>-<QUOTE>.<5m>.csv[.gz]`` of a folder. Raises Invalid naming the file, line and fault."""
    if not folder.is_dir():
        raise Invalid(f"{folder} is not a folder")
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    named = [(match.group(1, 2), match, path) for match, path in matches if match]
    if not named:
        raise Invalid(f"{folder} has no files named like BTC-USDT.5m.csv.gz")
    named.sort(key=lambda entry: f"{entry[0][0]}-{entry[0][1]}")
    pairs, columns, spans = [], [], []
    for number, ((base, quote), match, path) in enumerate(named):
        if len(match[3]) > 6 or not timedelta(0) < int(match[3]) * _UNITS[match[4]] <= _LONGEST:
            raise Invalid(f"{path.name}: bars span a minute to {_LONGEST.days} days")
        span = int(match[3]) * _UNITS[match[4]]
        pair = Pair(EXCHANGE, Asset(base), Asset(quote))
        if pair in pairs:
            raise Invalid(f"{path.name}: {base}-{quote} is there twice")
        at, price = _ticks_of(path, span)
        pairs.append(pair)
        spans.append(span)
        columns.append((at, np.full(len(at), number, np.int32), price))
    at, number_of, price = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.lexsort((number_of, at))
    return Recording(tuple(pairs), max(spans), at[order], number_of[order], price[order])


def _ticks_of(path: Path, span: timedelta) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    opened_at: list[int] = []
    bars: list[list[float]] = []
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise Invalid(f"{path.name} cannot be read: {error}") from None
    reader = csv.DictReader(io.StringIO(text))
    wanted = ("opened_at", "open", "high", "low", "close")
    if reader.fieldnames is None or not set(wanted) <= set(reader.fieldnames):
        raise Invalid(f"{path.name} has no header with {', '.join(wanted)}")
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise Invalid(f"{path.name}, line {reader.line_num}: {error}") from None
    for line, row in rows:
        where = f"{path.name}, line {line}"
        try:
            at = datetime.fromisoformat(row["opened_at"])
            bar = [positive(float(row[name])) for name in wanted[1:]]
        except (ValueError, TypeError, Invalid) as error:
            raise Invalid(f"{where}: {error}") from None
        if at.tzinfo is None:
            raise Invalid(f"{where}: {row['opened_at']} has no time zone")
        open_, high, low, close = bar
        if not low <= min(open_, close) <= max(open_, close) <= high:
            raise Invalid(f"{where}: high and low do not enclose open and close")
        if opened_at and to_us(at) < opened_at[-1] + span // timedelta(microseconds=1):
            raise Invalid(f"{where}: bars overlap or are not in order of time")
        opened_at.append(to_us(at))
        bars.append(bar)
    if not bars:
        raise Invalid(f"{path.name} has no bars")
    return four_ticks(np.array(opened_at), span // timedelta(microseconds=1), np.array(bars))


def read_portfolio(path: Path) -> tuple[str, dict[Asset, Decimal]]:
    """The hopper's name and quantities of ``{"hopper": "1", "assets": {"BTC": "1.5"}}``. Raises Invalid."""
    try:
        content = json.loads(path.read_text())
        hopper, assets = content["hopper"], content["assets"]
        if not isinstance(hopper, str) or not hopper or not isinstance(assets, dict) or not assets:
            raise TypeError("hopper is text and assets a map")
        quantities = {Asset(asset.upper()): Decimal(amount) for asset, amount in assets.items()}
        if len(quantities) != len(assets):
            raise TypeError("an asset is there twice")
    except (OSError, ValueError, KeyError, TypeError, InvalidOperation) as error:
        expected = '{"hopper": "1", "assets": {"BTC": "1.5"}}'
        raise Invalid(f"{path} should be like {expected} ({type(error).__name__}: {error})") from None
    for asset, amount in quantities.items():
        if not (amount.is_finite() and amount >= 0):
            raise Invalid(f"{path}: {amount} {asset} cannot be held")
    return hopper, quantities

"""Recorded market data for tests: the folder named by ``CRYPTWIRE_MARKET_DATA``, else bars made here, with gaps."""

import csv
import gzip
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptwire.config import environment


def recorded_folder() -> Path | None:
    """The folder of real bars, if this machine has it."""
    told = environment().get("CRYPTWIRE_MARKET_DATA")
    folder = Path(told) if told else Path(__file__).parent.parent.parent / "shared" / "data" / "market"
    return folder if folder.is_dir() else None


def make_bars(folder: Path, days: int = 5) -> Path:
    """Write five-minute bars of three pairs, with bars missing, a whole outage of 40 minutes, and a late third pair."""
    chance = random.Random(20_180_110)
    start = datetime(2018, 3, 23, 4, 55, tzinfo=UTC)
    for number, base in enumerate(("ADA", "ETH", "XLM")):
        price = 10.0 ** -(number + 1)
        with gzip.open(folder / f"{base}-BTC.5m.csv.gz", "wt", newline="") as lines:
            writer = csv.writer(lines)
            writer.writerow(("opened_at", "open", "high", "low", "close", "volume"))
            for step in range(days * 288):
                at = start + timedelta(minutes=5 * step)
                if (base == "XLM" and step < 37) or chance.random() < 0.05 or 500 <= step < 508:
                    continue
                close = price * math.exp(chance.gauss(0, 0.004))
                high = max(price, close) * (1 + abs(chance.gauss(0, 0.001)))
                low = min(price, close) * (1 - abs(chance.gauss(0, 0.001)))
                writer.writerow(
                    (at.strftime("%Y-%m-%dT%H:%M:%SZ"), repr(price), repr(high), repr(low), repr(close), "1")
                )
                price = close
    return folder

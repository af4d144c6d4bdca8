"""Which quotations become tickers, and how long to wait after a failure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.domain.ticker import Pair, Ticker

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Quotation:
    """What an exchange said of a pair, unchecked; ``received_at`` is when the frame came in."""

    pair: Pair
    last: float | None
    bid: float | None
    ask: float | None
    exchange_at: datetime | None
    received_at: datetime


def pause(failures: int, chance: float) -> timedelta:
    """How long to wait after so many failures in a row: 0.5 s doubling to 30 s, and between half and all of that.

    ``chance`` in [0, 1) spreads those who failed together.
    """
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 10))
    return timedelta(seconds=longest * (0.5 + chance / 2))


def _usable(price: float | None) -> float | None:
    return price if price is not None and math.isfinite(price) and price > 0 else None


class Session:
    """The tickers of one life of a connection; ``sequence`` is the last one's, 0 before the first.

    The first quotation of a pair is always a ticker, so each session tells the whole exchange once.
    """

    def __init__(self, id: str) -> None:
        self.id = id
        self.sequence = 0
        self.last: dict[Pair, Ticker] = {}

    def tickers(self, quotations: Iterable[Quotation]) -> tuple[list[Ticker], int]:
        """Those that changed a pair's last price, bid or ask, numbered on; and how many had no usable last price.

        A frame without bid or ask says nothing about them: that is no change.
        """
        changed: list[Ticker] = []
        skipped = 0
        for said in quotations:
            last = _usable(said.last)
            if last is None:
                skipped += 1
                continue
            bid, ask = _usable(said.bid), _usable(said.ask)
            before = self.last.get(said.pair)
            if before is not None and before.last == last and bid in (None, before.bid) and ask in (None, before.ask):
                continue
            self.sequence += 1
            ticker = Ticker(said.pair, last, bid, ask, said.exchange_at, said.received_at, self.id, self.sequence)
            self.last[said.pair] = ticker
            changed.append(ticker)
        return changed, skipped

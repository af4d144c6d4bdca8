"""A long list of trades, kept small: pages come newest first, and are given out oldest first when all are in."""

import heapq
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from cryptwire.codec.trade import trade_from_wire, trade_to_wire
from cryptwire.domain.trade import Trade, TradeId

_LENGTH = 4  # bytes before each trade
_FAST = 1  # zlib's level

Key = tuple[datetime, int, str]


@dataclass(frozen=True, slots=True)
class _Page:
    """Trades of one page in rising order, encoded and compressed: a fifteenth of what they take as objects."""

    first: Key
    packed: bytes

    def trades(self) -> Iterator[Trade]:
        whole = memoryview(zlib.decompress(self.packed))
        begin = 0
        while begin < len(whole):
            end = begin + _LENGTH + int.from_bytes(whole[begin : begin + _LENGTH], "big")
            yield trade_from_wire(bytes(whole[begin + _LENGTH : end]))
            begin = end


class History:
    """Trades at or after ``since``, each once, oldest first (equal times by id).

    One takes about 45 bytes, 110 until ``end``. Giving them out opens one page at a time, and those which overlap it.
    """

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._pages: list[_Page] = []
        self._known: set[int | str] = set()
        self._count = 0

    def add(self, trades: Iterable[Trade]) -> bool:
        """Take a page; whether anything in it was new, whatever its time."""
        new = []
        for trade in trades:
            if (name := _name(trade.id)) not in self._known:
                self._known.add(name)
                new.append(trade)
        wanted = sorted((trade for trade in new if trade.at >= self._since), key=_key)
        if wanted:
            wires = [trade_to_wire(trade) for trade in wanted]
            packed = b"".join(len(wire).to_bytes(_LENGTH, "big") + wire for wire in wires)
            self._pages.append(_Page(_key(wanted[0]), zlib.compress(packed, _FAST)))
            self._count += len(wanted)
        return bool(new)

    def end(self) -> None:
        """No page follows: what served to tell new from known is dropped."""
        self._known.clear()
        self._pages.sort(key=lambda page: page.first)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Trade]:
        open_pages: list[tuple[Key, int, Trade, Iterator[Trade]]] = []
        waiting = iter(enumerate(self._pages))
        upcoming = next(waiting, None)
        while open_pages or upcoming is not None:
            if upcoming is not None and (not open_pages or upcoming[1].first <= open_pages[0][0]):
                number, page = upcoming
                trades = page.trades()
                first = next(trades)
                heapq.heappush(open_pages, (_key(first), number, first, trades))
                upcoming = next(waiting, None)
                continue
            _, number, trade, trades = open_pages[0]
            yield trade
            following = next(trades, None)
            if following is None:
                heapq.heappop(open_pages)
            else:
                heapq.heapreplace(open_pages, (_key(following), number, following, trades))

    def chunks(self, size: int) -> Iterator[list[Trade]]:
        """The same in lists of ``size``."""
        trades = iter(self)
        while chunk := list(islice(trades, size)):
            yield chunk


def _key(trade: Trade) -> Key:
    return trade.at, len(trade.id), trade.id


def _name(trade: TradeId) -> int | str:
    """An id in little room."""
    return int(trade) if trade.isascii() and trade.isdigit() and trade[0] != "0" else trade

"""The portfolios of a shard, valued tick by tick."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.route import route
from cryptwire.domain.ticker import Pair, positive
from cryptwire.errors import Invalid

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


class Phase(IntEnum):
    """How far a hopper's candles have come."""

    VACANT = 0  # a row that no hopper uses
    WAITING = 1  # some asset has a route and no price yet
    OPENING = 2  # priced in mid-candle: shown live, recorded from the next boundary on
    TRACKED = 3


class _Column:
    """Who holds one asset in one base currency of one exchange, and what it is worth."""

    __slots__ = ("asset", "base", "exchange", "held", "holders", "legs", "price")

    def __init__(self, exchange: Exchange, base: Asset, asset: Asset) -> None:
        self.exchange = exchange
        self.base = base
        self.asset = asset
        self.holders: Rows = np.empty(0, np.intp)  # rows, ascending
        self.held: Floats = np.empty(0)  # units of the asset, same order
        self.legs: tuple[tuple[int, bool], ...] | None = None  # pair index and whether it divides; None: no route
        self.price = math.nan


@dataclass(frozen=True, slots=True)
class Closed:
    """The candles of one boundary in columns: rows ascending, prices in each hopper's base currency."""

    rows: Rows
    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats


class Book:
    """Portfolios of a shard, of several exchanges and base currencies, valued tick by tick.

    A column is (exchange, base currency, asset); a pair's tick is a change of every column whose route uses it.
    ``values``, ``opens``, ``highs``, ``lows`` (rows,) in the base currency of the row's hopper; ``phases`` (rows,) of
    Phase. A tick touches the holders of its columns only, so its cost grows with them and not with the shard.
    Quantities are not negative.
    """

    def __init__(self) -> None:
        self.rows: dict[HopperId, int] = {}
        self.values: Floats = np.zeros(0)
        self.opens: Floats = np.zeros(0)
        self.highs: Floats = np.zeros(0)
        self.lows: Floats = np.zeros(0)
        self.phases: npt.NDArray[np.int8] = np.zeros(0, np.int8)
        self._missing: npt.NDArray[np.int32] = np.zeros(0, np.int32)  # routed columns without a price yet
        self._markets: list[tuple[Exchange, Asset] | None] = []
        self._held_by_row: list[dict[int, float]] = []
        self._vacant: list[int] = []
        self._columns: list[_Column] = []
        self._column_of: dict[tuple[Exchange, Asset, Asset], int] = {}
        self._pairs: dict[Pair, int] = {}
        self._last: list[float] = []
        self._received: list[int] = []  # when each pair's price was received last, microseconds; 0: never
        self._columns_of: list[tuple[_Column, ...]] = []
        self._has_new_pairs = False

    # -- hoppers ---------------------------------------------------------------------------------------------------

    def add(self, hopper: HopperId, exchange: Exchange, base: Asset, quantities: Mapping[Asset, float]) -> int:
        """Take a hopper in; gives its row. It waits until every asset that has a route is priced.

        Raises Invalid, changing nothing, for quantities that ``hold`` refuses.
        """
        if hopper in self.rows:
            raise Invalid(f"hopper {hopper} is in the book already")
        row = self._vacant.pop() if self._vacant else self._new_row()
        self.rows[hopper] = row
        self._markets[row] = (exchange, base)
        self.phases[row] = Phase.WAITING
        try:
            self.hold(hopper, quantities)
        except Invalid:
            self.remove(hopper)  # half in, it would be a row of the next boundaries that nobody knows
            raise
        return row

    def remove(self, hopper: HopperId) -> None:
        """Let a hopper go; its candle in progress goes with it."""
        row = self.rows.pop(hopper)
        for column in list(self._held_by_row[row]):
            self._set_held(column, row, 0.0)
        self._held_by_row[row] = {}
        self._markets[row] = None
        self.phases[row] = Phase.VACANT
        for array in (self.values, self.opens, self.highs, self.lows, self._missing):
            array[row] = 0
        self._vacant.append(row)

    def hold(self, hopper: HopperId, quantities: Mapping[Asset, float]) -> None:
        """Replace what a hopper holds, all at one instant. The value that follows is taken like a tick.

        Raises Invalid, changing nothing, for a quantity or a value that is negative or not finite.
        """
        row = self.rows[hopper]
        market = self._markets[row]
        assert market is not None
        for asset, quantity in quantities.items():
            if not (math.isfinite(quantity) and quantity >= 0):
                raise Invalid(f"hopper {hopper} cannot hold {quantity!r} {asset}")
        new = {self._column(*market, asset): quantity for asset, quantity in quantities.items() if quantity > 0}
        columns = [(self._columns[column], quantity) for column, quantity in new.items()]
        try:
            value = math.fsum(quantity * c.price for c, quantity in columns if not math.isnan(c.price))
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise Invalid(f"hopper {hopper} cannot be worth so much")
        old = self._held_by_row[row]
        for column in old.keys() - new.keys():
            self._set_held(column, row, 0.0)
        for column, quantity in new.items():
            if old.get(column) != quantity:
                self._set_held(column, row, quantity)
        self._held_by_row[row] = new
        self._missing[row] = sum(1 for c, _ in columns if c.legs is not None and math.isnan(c.price))
        self.values[row] = value
        if self.phases[row] == Phase.WAITING:
            if self._missing[row] == 0:
                self._begin(np.array([row]))
        else:
            self._stretch(np.array([row]))

    def holdings(self, hopper: HopperId) -> list[tuple[Asset, float]]:
        """(asset, price in the base currency or NaN) of what it holds, in the order it was told."""
        columns = self._columns
        return [(columns[c].asset, columns[c].price) for c in self._held_by_row[self.rows[hopper]]]

    def price(self, exchange: Exchange, base: Asset, asset: Asset) -> float | None:
        """The price of an asset in a base currency, None when it cannot be priced."""
        number = self._column_of.get((exchange, base, asset))
        price = math.nan if number is None else self._columns[number].price
        return None if math.isnan(price) else price

    def unroutable(self, hopper: HopperId) -> list[Asset]:
        """What it holds that no known pair leads from to its base currency: it counts nothing."""
        columns = self._columns
        return [columns[c].asset for c in self._held_by_row[self.rows[hopper]] if columns[c].legs is None]

    def prices_of(self, row: int) -> list[float]:
        """Prices of a row's holdings, in the order of ``holdings``; NaN where there is none."""
        columns = self._columns
        return [columns[c].price for c in self._held_by_row[row]]

    # -- prices ----------------------------------------------------------------------------------------------------

    def know(self, pairs: Iterable[Pair]) -> None:
        """Tell which pairs exist: routes use these, and those that a tick brought."""
        for pair in pairs:
            if pair not in self._pairs:
                self._pairs[pair] = len(self._last)
                self._last.append(math.nan)
                self._received.append(0)
                self._columns_of.append(())
                self._has_new_pairs = True

    def last(self, pair: Pair) -> float | None:
        """The last price of a pair, if any came."""
        index = self._pairs.get(pair)
        return None if index is None or math.isnan(self._last[index]) else self._last[index]

    def newest(self) -> npt.NDArray[np.int64]:
        """(rows,): when the newest was received among the prices of what each row holds, microseconds; 0: none was."""
        received = self._received
        stamped = [
            (max(received[index] for index, _ in column.legs), column.holders)
            for column in self._columns
            if column.legs and column.price == column.price
        ]
        stamped.sort(key=lambda one: one[0])
        newest = np.zeros(len(self.values), np.int64)
        for at, holders in stamped:
            newest[holders] = at  # oldest first, so the newest stays
        return newest

    def used_prices(self) -> list[tuple[Pair, float, int]]:
        """The priced pairs that some route uses, each with when its price was received."""
        return [
            (pair, self._last[i], self._received[i])
            for pair, i in self._pairs.items()
            if self._columns_of[i] and self._last[i] == self._last[i]
        ]

    def on_price(self, pair: Pair, price: float, received: int = 0) -> None:
        """Move every holder's value by the change of one pair's price, and stretch highs or lows.

        A rise can make no low and a fall no high (quantities are not negative). ``received`` at, microseconds: a price
        that comes again unchanged is a newer one. Raises Invalid, changing nothing, unless ``price`` is finite and
        above 0: one NaN would poison a row.
        """
        positive(price)
        index = self._pairs.get(pair)
        if index is None:
            self.know((pair,))
            index = self._pairs[pair]
        columns = self._columns_of[index]
        before = self._last[index]
        if not columns or price == before:
            self._last[index] = price
            if received > self._received[index]:
                self._received[index] = received
            return
        self._last[index] = price
        prices = [self._price_of(column) for column in columns]
        if math.inf in prices or 0.0 in prices:
            self._last[index] = before
            raise Invalid(f"{pair}: {price!r} makes a price that cannot be")
        if received > self._received[index]:
            self._received[index] = received
        if len(columns) == 1:
            self._move(columns[0], prices[0])
        else:
            self._move_together(columns, prices)

    def _price_of(self, column: _Column) -> float:
        price = 1.0
        for index, divides in column.legs or ():
            price = price / self._last[index] if divides else price * self._last[index]
        return price

    def _move(self, column: _Column, price: float) -> None:
        change = price - column.price
        if change != change:
            if price == price:
                self._first_price(column, price)
            return
        column.price = price
        holders = column.holders
        if not len(holders):
            return
        values = self.values[holders]
        values += column.held * change
        self.values[holders] = values
        if change > 0:
            edge = self.highs[holders]
            np.maximum(edge, values, out=edge)
            self.highs[holders] = edge
        else:
            edge = self.lows[holders]
            np.minimum(edge, values, out=edge)
            self.lows[holders] = edge

    def _move_together(self, columns: tuple[_Column, ...], prices: list[float]) -> None:
        """Several columns change by one tick: only the value after all of them is one that the portfolio ever had."""
        moved = []
        for column, price in zip(columns, prices, strict=True):
            change = price - column.price
            if change != change:
                if price == price:
                    self._first_price(column, price)
                continue
            column.price = price
            if len(column.holders):
                self.values[column.holders] += column.held * change
                moved.append(column.holders)
        for holders in moved:
            self._stretch(holders)

    def _first_price(self, column: _Column, price: float) -> None:
        column.price = price
        holders = column.holders
        self.values[holders] += column.held * price
        self._missing[holders] -= 1
        waiting = self.phases[holders] == Phase.WAITING
        self._stretch(holders[~waiting])
        self._begin(holders[waiting & (self._missing[holders] == 0)])

    def _begin(self, rows: Rows) -> None:
        self.phases[rows] = Phase.OPENING
        for array in (self.opens, self.highs, self.lows):
            array[rows] = self.values[rows]

    def _stretch(self, rows: Rows) -> None:
        values = self.values[rows]
        self.highs[rows] = np.maximum(self.highs[rows], values)
        self.lows[rows] = np.minimum(self.lows[rows], values)

    # -- boundaries ------------------------------------------------------------------------------------------------

    def close(self) -> Closed:
        """The candles of the tracked hoppers, which end now; the next ones begin.

        Routes are chosen anew, then everything is re-valued from scratch; that number is taken like a tick: it
        stretches high and low, is the close, and is the next open, bit for bit.
        """
        if self._has_new_pairs:
            self._choose_routes()
        self.revalue()
        self._begin(np.flatnonzero((self.phases == Phase.WAITING) & (self._missing == 0)))
        priced = self.phases >= Phase.OPENING
        np.maximum(self.highs, self.values, out=self.highs, where=priced)
        np.minimum(self.lows, self.values, out=self.lows, where=priced)
        np.maximum(self.lows, 0.0, out=self.lows)  # after a mad price, what adding up rounds away may be more than all
        rows = np.flatnonzero(self.phases == Phase.TRACKED)
        closed = Closed(rows, self.opens[rows], self.highs[rows], self.lows[rows], self.values[rows])
        for array in (self.opens, self.highs, self.lows):
            np.copyto(array, self.values, where=priced)
        self.phases[priced] = Phase.TRACKED
        return closed

    def revalue(self) -> None:
        """Set every value from quantities and prices alone: adding up changes drifts."""
        self.values[:] = 0.0
        for column in self._columns:
            if column.price == column.price:
                self.values[column.holders] += column.held * column.price

    def _choose_routes(self) -> None:
        self._has_new_pairs = False
        for column in self._columns:
            legs = self._legs(column)
            if legs == column.legs:
                continue
            waited = column.legs is not None and math.isnan(column.price)
            self._unlink(column)
            self._link(column, legs)
            waits = column.legs is not None and math.isnan(column.price)
            self._missing[column.holders] += int(waits) - int(waited)

    # -- rows and columns ------------------------------------------------------------------------------------------

    def restore(self, hopper: HopperId, phase: Phase, open_: float, high: float, low: float) -> None:
        """Go on with a candle as it was seen before; the value now stretches it."""
        row = self.rows[hopper]
        if self.phases[row] == Phase.WAITING:  # an asset came that nothing has priced: counts nothing until it is
            self._begin(np.array([row]))
        self.phases[row] = phase
        self.opens[row], self.highs[row], self.lows[row] = open_, high, low
        self._stretch(np.array([row]))

    def _new_row(self) -> int:
        row = len(self._markets)
        if row == len(self.values):
            size = max(64, 2 * row)
            for name in ("values", "opens", "highs", "lows", "phases", "_missing"):
                array: npt.NDArray[Any] = getattr(self, name)
                grown = np.zeros(size, array.dtype)
                grown[:row] = array
                setattr(self, name, grown)
        self._markets.append(None)
        self._held_by_row.append({})
        return row

    def _column(self, exchange: Exchange, base: Asset, asset: Asset) -> int:
        key = (exchange, base, asset)
        number = self._column_of.get(key)
        if number is None:
            number = self._column_of[key] = len(self._columns)
            column = _Column(exchange, base, asset)
            self._columns.append(column)
            self._link(column, self._legs(column))
        return number

    def _legs(self, column: _Column) -> tuple[tuple[int, bool], ...] | None:
        found = route(column.exchange, column.asset, column.base, self._pairs)
        return None if found is None else tuple((self._pairs[leg.pair], leg.is_inverse) for leg in found)

    def _link(self, column: _Column, legs: tuple[tuple[int, bool], ...] | None) -> None:
        column.legs = legs
        price = math.nan if legs is None else self._price_of(column)
        column.price = price if 0.0 < price < math.inf else math.nan
        for index, _ in legs or ():
            self._columns_of[index] += (column,)

    def _unlink(self, column: _Column) -> None:
        for index, _ in column.legs or ():
            self._columns_of[index] = tuple(c for c in self._columns_of[index] if c is not column)

    def _set_held(self, number: int, row: int, quantity: float) -> None:
        column = self._columns[number]
        at = int(np.searchsorted(column.holders, row))
        is_there = at < len(column.holders) and column.holders[at] == row
        if quantity == 0.0:
            if is_there:
                column.holders = np.delete(column.holders, at)
                column.held = np.delete(column.held, at)
        elif is_there:
            column.held[at] = quantity
        else:
            column.holders = np.insert(column.holders, at, row)
            column.held = np.insert(column.held, at, quantity)

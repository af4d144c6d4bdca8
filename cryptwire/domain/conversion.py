"""What one currency is worth in another over time (docs/decisions/0024).

All of it goes through US dollars. Of a currency several may tell: a list of coins each hour, rates as published each
hour, an exchange's candles, the last rate of a day. At any moment the one counts that goes before the others among
those who told within ``FRESH``; when nobody did, the newest word. A word holds until the next one, at most ``held``
long; where there is none nothing is known, and nothing is made up but that a coin which is backed to be a dollar is one
(``Conversion.note`` says so).
"""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.currencies import DOLLAR, DOLLARS, FIAT
from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset
from cryptwire.domain.quotients import DIGITS, Scaled, quotients, scaled, times

Seconds = NDArray[np.int64]
Floats = NDArray[np.float64]

FRESH = timedelta(hours=2)
"""So long who tells each hour may be silent before others are listened to."""
FIAT_HELD = timedelta(days=30)
COIN_HELD = timedelta(days=2)
"""So long the last word on a coin stands: a day that nobody tells of between two that are told."""
_UNKNOWN, _ONE = -1, -2  # rows that are none: nobody knows; one dollar
_EXACT = Context(prec=120)
_ROUNDED = Context(prec=DIGITS)
_BEGINNING = -(2**62)


class Told(IntEnum):
    """By whom a price was told; who has the smaller number goes before."""

    LISTED = 0
    """A list of coins, each hour: dollars for one. All others: units for one dollar."""
    PUBLISHED = 1
    """Exchange rates as they are published, each hour."""
    TRADED = 2
    """An exchange's candles of an hour, in dollars or through what a stablecoin was worth then."""
    TRADED_FOR_ONE = 3
    """The same in a stablecoin that was taken as a dollar."""
    OF_THE_DAY = 4
    """The last rate of a day, read afterwards."""


@dataclass(frozen=True, slots=True)
class Tellings:
    """What was told of one currency, in columns of equal length, by time.

    ``at`` seconds since the epoch; ``by`` is who (Told); ``numbers`` dollars for one unit (LISTED) or units for one
    dollar; ``texts`` the same exactly, as ASCII.
    """

    at: Seconds
    by: NDArray[np.int8]
    numbers: Floats
    texts: NDArray[np.bytes_]

    def __len__(self) -> int:
        return len(self.at)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.at.nbytes + self.by.nbytes + self.numbers.nbytes + self.texts.nbytes

    def tells_as(self, other: "Tellings") -> bool:
        """Whether both say the same."""
        columns = (self.at, other.at), (self.by, other.by), (self.texts, other.texts)
        return all(np.array_equal(*both) for both in columns)


NOTHING = Tellings(np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0), np.empty(0, "S1"))


def joined(parts: list[Tellings]) -> Tellings:
    """Parts that follow each other as one."""
    kept = [part for part in parts if len(part)]
    if len(kept) < 2:
        return kept[0] if kept else NOTHING
    return Tellings(
        np.concatenate([part.at for part in kept]),
        np.concatenate([part.by for part in kept]),
        np.concatenate([part.numbers for part in kept]),
        np.concatenate([part.texts for part in kept]),
    )


def held(asset: Asset) -> timedelta:
    """How long a word on ``asset`` stands when no other comes."""
    return FIAT_HELD if asset in FIAT else COIN_HELD


@dataclass(frozen=True, slots=True)
class Worth:
    """US dollars for one unit of ``asset``: from each of ``at`` on what ``rows`` of ``told`` says.

    ``at`` seconds, ascending, the first where it begins. ``mark``: of one that was made at another time another one.
    """

    asset: Asset
    told: Tellings
    at: Seconds
    rows: Seconds
    mark: object = field(default_factory=object, compare=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.told.size + self.at.nbytes + self.rows.nbytes

    def within(self, since: int, until: int) -> "Worth":
        """The part of it from ``since`` to ``until``, both among it and within what it was made for."""
        first, last = np.searchsorted(self.at, [since, until], side="right").tolist()
        first = max(first - 1, 0)
        at = self.at[first : max(last, first + 1)].copy()
        at[0] = max(since, at[0])
        return replace(self, at=at, rows=self.rows[first : first + len(at)])

    def _sides(self, rows: Seconds) -> tuple[Floats, Floats]:
        """Dollars and units that are worth as much as each other; NaN where nobody knows."""
        dollars = np.where(rows == _UNKNOWN, np.nan, 1.0)
        units = np.ones(len(rows))
        is_told = rows >= 0
        which = rows[is_told]
        is_price = self.told.by[which] == Told.LISTED
        numbers = self.told.numbers[which]
        dollars[is_told] = np.where(is_price, numbers, 1.0)
        units[is_told] = np.where(is_price, 1.0, numbers)
        return dollars, units

    def rows_at(self, seconds: Seconds) -> Seconds:
        """What counts at each of these; before the beginning nothing is known."""
        place = np.searchsorted(self.at, seconds, side="right") - 1
        return np.where(place < 0, _UNKNOWN, self.rows[place])

    def exactly(self, rows: Seconds) -> tuple[list[Decimal | None], list[bool]]:
        """The numbers of rows, and which are dollars for one unit; the others are units for one dollar."""
        is_told = rows >= 0
        which = np.where(is_told, rows, 0)
        numbers: list[Decimal | None] = [None] * len(rows)
        is_price = np.ones(len(rows), np.bool_)
        if is_told.any():
            numbers = list(map(Decimal, b" ".join(self.told.texts[which].tolist()).decode().split()))
            is_price = ~is_told | (self.told.by[which] == Told.LISTED)
        for place in np.flatnonzero(~is_told).tolist():
            numbers[place] = Decimal(1) if rows[place] == _ONE else None
        return numbers, is_price.tolist()

    def scaled(self, rows: Seconds) -> tuple[Scaled | None, NDArray[np.bool_]]:
        """The same numbers in columns, those of what nobody knows being 1; None: not all can be so."""
        is_told = rows >= 0
        which = rows[is_told]
        texts = np.full(len(rows), b"1", self.told.texts.dtype)
        texts[is_told] = self.told.texts[which]
        is_price = ~is_told
        is_price[is_told] = self.told.by[which] == Told.LISTED
        return scaled(texts), is_price

    def exactly_once(self, second: int) -> tuple[Decimal | None, bool]:
        """The number that counts at one moment, and whether it is dollars for one unit: as ``exactly``, but quicker."""
        place = int(self.at.searchsorted(second, "right")) - 1
        row = _UNKNOWN if place < 0 else int(self.rows[place])
        if row < 0:
            return (Decimal(1) if row == _ONE else None), True
        return Decimal(self.told.texts[row].decode()), int(self.told.by[row]) == Told.LISTED

    @property
    def newest(self) -> int | None:
        """When the newest word that counts was told, seconds; None when none does."""
        rows = self.rows[self.rows >= 0]
        return int(self.told.at[rows].max()) if len(rows) else None

    def counts_as_one(self, seconds: Seconds) -> NDArray[np.bool_]:
        """Whether it is taken as a dollar at each of these, because nobody tells its price."""
        is_one: NDArray[np.bool_] = self.rows_at(seconds) == _ONE
        return is_one if self.asset != DOLLAR else np.zeros(len(seconds), np.bool_)

    @property
    def is_counted_as_one(self) -> bool:
        """Whether it is so somewhere."""
        return bool(self.counts_as_one(self.at).any())

    @property
    def is_through_one(self) -> bool:
        """Whether its price is somewhere in a stablecoin that was taken as a dollar."""
        rows = self.rows[self.rows >= 0]
        return bool((self.told.by[rows] == Told.TRADED_FOR_ONE).any())


def worth(asset: Asset, told: Tellings, since: int, until: int) -> Worth:
    """What ``asset`` is worth from ``since`` to ``until``, both among it, by what was told from ``since - held`` on.

    Seconds. Several words of one source at one moment: the last counts.
    """
    if asset == DOLLAR:
        return Worth(asset, NOTHING, np.array([_BEGINNING]), np.array([_ONE]))
    fresh, longest = _seconds(FRESH), _seconds(held(asset))
    sources = [np.flatnonzero(told.by == by) for by in np.unique(told.by)]  # the first goes before the others
    edges = [np.array([since], np.int64), told.at]
    for rows in sources:
        at = told.at[rows]
        for span in (fresh, longest):  # what ends before the next word is an edge, too
            is_silent = np.append(at[1:] - at[:-1] > span, True)
            edges.append(at[is_silent] + span)
    at = _merged(*(np.clip(each, since, until + 1) for each in edges))
    at = at[at <= until]
    chosen, newest = np.full(len(at), _UNKNOWN), np.full(len(at), _UNKNOWN)
    age_of_newest = np.full(len(at), longest)
    for rows in sources:
        place = np.searchsorted(told.at[rows], at, side="right") - 1
        row = np.where(place < 0, _UNKNOWN, rows[place])
        age = np.where(place < 0, longest, at - told.at[row])
        chosen = np.where((chosen == _UNKNOWN) & (age < min(fresh, longest)), row, chosen)
        is_newer = age < age_of_newest
        newest, age_of_newest = np.where(is_newer, row, newest), np.where(is_newer, age, age_of_newest)
    found = np.where(chosen == _UNKNOWN, newest, chosen)
    if asset in DOLLARS:
        found[found == _UNKNOWN] = _ONE
    is_step = np.append(True, found[1:] != found[:-1])
    return Worth(asset, told, at[is_step], found[is_step])


class Conversion:
    """Units of ``target`` for one of ``source`` over time: a step function, hourly as rates are published.

    It knows of ``[since, until]`` alone; asked about another time it says that nobody knows. A currency in itself is
    always 1.
    """

    def __init__(self, source: Worth, target: Worth, since: datetime, until: datetime) -> None:
        self.source = source.asset
        self.target = target.asset
        self.since = since
        self.until = until
        self._of = source, target
        self._begin, self._end = _whole(since), _whole(until)

    @property
    def is_identity(self) -> bool:
        """Whether nothing is converted."""
        return self.source == self.target

    @property
    def version(self) -> Hashable:
        """Another one when any rate is another one; the same may be told again under another version."""
        return None if self.is_identity else (self._begin, *((one.mark, len(one.at)) for one in self._of))

    @cached_property
    def _at(self) -> Seconds:
        """Where steps begin."""
        return _merged(*(np.clip(one.at[one.at <= self._end], self._begin, self._end) for one in self._of))

    def _rates(self, seconds: Seconds) -> Floats:
        of_source, of_target = (one._sides(one.rows_at(seconds)) for one in self._of)
        rates: Floats = (of_source[0] * of_target[1]) / (of_source[1] * of_target[0])
        return rates

    def at(self, seconds: Seconds) -> Floats:
        """The rate at each of these moments, seconds since the epoch, in any order; NaN where nobody knows.

        Within a few units in the last place of what ``exactly`` says.
        """
        if self.is_identity:
            return np.ones(len(seconds))
        return np.where((seconds >= self._begin) & (seconds <= self._end), self._rates(seconds), np.nan)

    def exactly(self, at: datetime) -> Decimal | None:
        """The same number with ``DIGITS`` significant digits; None where nobody knows."""
        if self.is_identity:
            return Decimal(1)
        if not self.since <= at <= self.until:
            return None
        source, target = (one.exactly_once(_whole(at)) for one in self._of)
        return _rate(*source, *target)

    def steps(self, since: datetime, until: datetime) -> tuple[list[int], list[Decimal | None]]:
        """When each step begins that counts somewhere in ``[since, until]``, and its rate; None: nobody knows it.

        Whole seconds since the epoch, in order: at a moment the last step that began at or before it counts.
        """
        at = self._steps_within(since, until)
        return at.tolist(), [Decimal(1)] * len(at) if self.is_identity else self._exact(at)

    def _steps_within(self, since: datetime, until: datetime) -> Seconds:
        first = max(int(np.searchsorted(self._at, _whole(since), side="right")) - 1, 0)
        return self._at[first : max(int(np.searchsorted(self._at, _whole(until), side="right")), first + 1)]

    def columns(self, since: datetime, until: datetime) -> tuple[Seconds, ExactColumn]:
        """``steps`` in columns, in a tenth of the time where numbers are no longer than they usually are."""
        at = self._steps_within(since, until)
        return at, self._quotients(at) or ExactColumn.of(self._exact(at))

    def _quotients(self, seconds: Seconds) -> ExactColumn | None:
        """See ``_rate``: dollars for a source and units of a target go above, the others below."""
        above, below = list[Scaled](), list[Scaled]()
        is_known = np.ones(len(seconds), np.bool_)
        for one, is_above_as_price in zip(self._of, (True, False), strict=True):
            rows = one.rows_at(seconds)
            numbers, is_price = one.scaled(rows)
            if numbers is None:
                return None
            is_known &= rows != _UNKNOWN
            is_above = is_price == is_above_as_price
            for side, is_there in ((above, is_above), (below, ~is_above)):
                side.append(Scaled(np.where(is_there, numbers.whole, 1), np.where(is_there, numbers.scale, 0)))
        numerators, denominators = times(*above), times(*below)
        if numerators is None or denominators is None:
            return None
        return quotients(numerators, denominators, is_known)

    def exactly_at(self, seconds: Seconds) -> list[Decimal | None]:
        """``exactly`` at each of these moments, seconds since the epoch, in any order."""
        if self.is_identity:
            return [Decimal(1)] * len(seconds)
        is_within = ((seconds >= self._begin) & (seconds <= self._end)).tolist()
        found = self._exact(seconds)
        return [rate if known else None for rate, known in zip(found, is_within, strict=True)]

    def _exact(self, seconds: Seconds) -> list[Decimal | None]:
        of_source, of_target = self._of
        source, is_price = of_source.exactly(of_source.rows_at(seconds))
        if of_target.asset == DOLLAR:  # is one, and known: as _rate has it, without calling it
            one, divide = Decimal(1), _ROUNDED.divide
            return [
                None if number is None else divide(number, one) if is_dollars else divide(one, number)
                for number, is_dollars in zip(source, is_price, strict=True)
            ]
        target, is_target_price = of_target.exactly(of_target.rows_at(seconds))
        return [_rate(*each) for each in zip(source, is_price, target, is_target_price, strict=True)]

    @cached_property
    def published_at(self) -> datetime | None:
        """When the older of the two newest prices that count was told; None when there is none, or none is needed."""
        told = [one.newest for one in self._of if one.asset != DOLLAR]
        known = [second for second in told if second is not None]
        return None if self.is_identity or not known else datetime.fromtimestamp(min(known), UTC)

    @cached_property
    def is_known(self) -> bool:
        """Whether there is a rate for every moment."""
        return self.is_identity or not bool(np.isnan(self._rates(self._at)).any())

    @cached_property
    def note(self) -> str | None:
        """What is to be known about these rates; None: nothing."""
        if self.is_identity:
            return None
        for one in reversed(self._of):  # of many conversions into what nobody knows, all say the same
            if one.newest is None and one.asset != DOLLAR and not one.is_counted_as_one:
                return f"nobody tells what {one.asset} is worth"
        said = []
        for one in self._of:
            if one.is_counted_as_one:
                said.append(f"where nobody tells its price {one.asset} counts as one US dollar")
            if one.is_through_one:
                said.append(f"{one.asset} is priced in a coin that was taken as one US dollar")
        return "; ".join(said) or None


def _rate(source: Decimal | None, is_price: bool, target: Decimal | None, is_target_price: bool) -> Decimal | None:
    if source is None or target is None:
        return None
    if is_price:
        return _ROUNDED.divide(source, target) if is_target_price else _ROUNDED.multiply(source, target)
    if is_target_price:
        return _ROUNDED.divide(Decimal(1), _EXACT.multiply(source, target))
    return _ROUNDED.divide(target, source)


def _merged(*parts: Seconds) -> Seconds:
    """All of these, each once and in order; quick when each part is in order."""
    moments: Seconds = np.concatenate(parts)
    moments.sort(kind="stable")
    kept: Seconds = moments[np.append(True, moments[1:] != moments[:-1])]
    return kept


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)


def _whole(moment: datetime) -> int:
    return int(moment.timestamp() // 1)

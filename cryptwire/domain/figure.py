"""Figures: everything that is measured of a portfolio or a pair, in one format; and the catalogue of what there is.

A figure's key is a text that says what is measured: ``balance``, ``change(minutes=60)``, ``rsi(length=14)@60``,
``macd.signal(fast=12,slow=26,signal=9)@1D``: name, parameters, and the resolution of its bars. All parameters are
named, in the catalogue's order, so that one figure has one key. Of whose it is, a hopper's or a pair's, the key says
nothing.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Self

from cryptwire.domain.bar import Resolution
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

_KEY = re.compile(r"([a-z][a-z0-9_.]*)(?:\(([a-z0-9_=.,-]*)\))?(?:@([0-9A-Z]{1,3}))?")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_LONGEST = 120
MOST_BARS = 500
"""No parameter asks for more bars than these."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of a figure, from ``least`` to ``most``; whole, unless ``is_whole`` says otherwise."""

    name: str
    usual: float
    least: float
    most: float
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure is. ``of_hoppers``, ``of_pairs``: of which it is told. ``needs_volume``: without it there is none.

    ``unit``: ``price`` (a hopper's base currency, a pair's quote), ``amount`` (base currency), ``fraction`` (0.05 is
    5 %), ``percent`` (0 to 100), ``count``, ``volume`` or ``number``.
    """

    meaning: str
    unit: str
    parameters: tuple[Parameter, ...] = ()
    of_bars: bool = False
    of_hoppers: bool = True
    of_pairs: bool = True
    needs_volume: bool = False


def _length(usual: int, most: int = MOST_BARS, least: int = 2) -> Parameter:
    return Parameter("length", usual, least, most)


def _bars(meaning: str, unit: str, *parameters: Parameter, needs_volume: bool = False) -> Definition:
    return Definition(meaning, unit, parameters, of_bars=True, needs_volume=needs_volume)


def _hopper(meaning: str, unit: str, *parameters: Parameter) -> Definition:
    return Definition(meaning, unit, parameters, of_pairs=False)


_MACD = (Parameter("fast", 12, 2, 200), Parameter("slow", 26, 3, 400), Parameter("signal", 9, 2, 100))
_BANDS = (_length(20), Parameter("deviations", 2, 0.1, 10, is_whole=False))
_STOCHASTIC = (_length(14), Parameter("smooth", 3, 1, 50))
_STOCHRSI = (_length(14), Parameter("smooth_k", 3, 1, 50), Parameter("smooth_d", 3, 1, 50))
_ICHIMOKU = (Parameter("conversion", 9, 1, 200), Parameter("base", 26, 1, 300), Parameter("span", 52, 2, MOST_BARS))
_KELTNER = (_length(20), Parameter("multiplier", 2, 0.1, 10, is_whole=False))
_SUPERTREND = (_length(10), Parameter("multiplier", 3, 0.1, 20, is_whole=False))
_MINUTES = Parameter("minutes", 60, 1, 40_320)

CATALOGUE: Mapping[str, Definition] = {
    "balance": _hopper("What the portfolio is worth.", "amount"),
    "index": _hopper("The balance as if no money had come or gone.", "number"),
    "drawdown": _hopper(
        "Fall of the index from its peak within the past minutes, now included; 0 at the peak.",
        "fraction",
        Parameter("minutes", 43_200, 15, 525_600),
    ),
    "positions": _hopper("Open positions.", "count"),
    "positions.winning": _hopper("Open positions that are worth more than they cost.", "count"),
    "positions.losing": _hopper("Open positions that are worth less than they cost.", "count"),
    "positions.profit": _hopper("What open positions are worth above their cost.", "amount"),
    "positions.return": _hopper("That as a share of their cost.", "fraction"),
    "funds.usage": _hopper("The share of the balance that is not in the base currency.", "fraction"),
    "price": Definition("The last price.", "price", of_hoppers=False),
    "change": Definition(
        "Within the past minutes: of a hopper's index, or of a pair's price.", "fraction", (_MINUTES,)
    ),
    "close": _bars("The bar so far: its last price.", "price"),
    "sma": _bars("Simple moving average of closes.", "price", _length(20)),
    "ema": _bars("Exponential moving average of closes.", "price", _length(20)),
    "wma": _bars("Linearly weighted moving average of closes.", "price", _length(20)),
    "rsi": _bars("Relative strength index, by Wilder.", "percent", _length(14)),
    "macd": _bars("Moving average convergence/divergence: the line.", "price", *_MACD),
    "macd.signal": _bars("Its signal.", "price", *_MACD),
    "macd.histogram": _bars("Line less signal.", "price", *_MACD),
    "bollinger.middle": _bars("Bollinger bands: the average.", "price", *_BANDS),
    "bollinger.upper": _bars("The upper band.", "price", *_BANDS),
    "bollinger.lower": _bars("The lower band.", "price", *_BANDS),
    "bollinger.width": _bars("Upper less lower band, percent of the average.", "percent", *_BANDS),
    "bollinger.percent_b": _bars("Where the close lies: 0 at the lower band, 1 at the upper.", "fraction", *_BANDS),
    "atr": _bars("Average true range, by Wilder.", "price", _length(14)),
    "stochastic.k": _bars("Stochastic oscillator: %K.", "percent", *_STOCHASTIC),
    "stochastic.d": _bars("%D: the average of %K.", "percent", *_STOCHASTIC),
    "stochrsi.k": _bars("Stochastic of the RSI: %K.", "percent", *_STOCHRSI),
    "stochrsi.d": _bars("%D: the average of %K.", "percent", *_STOCHRSI),
    "adx": _bars("Average directional index, by Wilder.", "percent", _length(14)),
    "adx.plus": _bars("+DI.", "percent", _length(14)),
    "adx.minus": _bars("-DI.", "percent", _length(14)),
    "cci": _bars("Commodity channel index.", "number", _length(20)),
    "williams_r": _bars("Williams %R, -100 to 0.", "percent", _length(14)),
    "roc": _bars("Rate of change, percent.", "percent", _length(12, least=1)),
    "obv": _bars("On-balance volume since the first bar known.", "volume", needs_volume=True),
    "vwap": _bars("Volume-weighted average price of the past bars.", "price", _length(14), needs_volume=True),
    "vwap.session": _bars("The same since 00:00 UTC, as charts draw it.", "price", needs_volume=True),
    "donchian.upper": _bars("Donchian channel: the highest high.", "price", _length(20)),
    "donchian.middle": _bars("The middle of the channel.", "price", _length(20)),
    "donchian.lower": _bars("The lowest low.", "price", _length(20)),
    "keltner.upper": _bars("Keltner channel: average plus a multiple of the true range.", "price", *_KELTNER),
    "keltner.middle": _bars("The exponential average.", "price", *_KELTNER),
    "keltner.lower": _bars("Average less a multiple of the true range.", "price", *_KELTNER),
    "ichimoku.conversion": _bars("Ichimoku: Tenkan-sen.", "price", *_ICHIMOKU),
    "ichimoku.base": _bars("Kijun-sen.", "price", *_ICHIMOKU),
    "ichimoku.span_a": _bars("Senkou span A, where it is computed (not moved ahead).", "price", *_ICHIMOKU),
    "ichimoku.span_b": _bars("Senkou span B, where it is computed.", "price", *_ICHIMOKU),
    "supertrend": _bars("The line of the trend.", "price", *_SUPERTREND),
    "supertrend.direction": _bars("1 while the trend is up, -1 while it is down.", "number", *_SUPERTREND),
}
"""Every figure there is, by name."""


@dataclass(frozen=True, slots=True, order=True)
class FigureKey:
    """What is measured. ``parameters`` are all of the definition's, in its order; ``resolution`` where bars are read.

    Raises Invalid, naming what is wrong, for what the catalogue does not have.
    """

    name: str
    parameters: tuple[float, ...] = ()
    resolution: str = ""

    def __post_init__(self) -> None:
        definition = self.definition
        if definition.of_bars:
            if Resolution.of(self.resolution).value != self.resolution:
                raise Invalid(f"a resolution is written {Resolution.of(self.resolution).value}, not {self.resolution}")
        elif self.resolution:
            raise Invalid(f"{self.name} is not made of bars: it has no resolution")
        if len(self.parameters) != len(definition.parameters):
            raise Invalid(f"{self.name} has {len(definition.parameters)} parameters, not {len(self.parameters)}")
        for parameter, number in zip(definition.parameters, self.parameters, strict=True):
            if not (math.isfinite(number) and parameter.least <= number <= parameter.most):
                raise Invalid(f"{parameter.name} of {self.name} is {parameter.least:g} to {parameter.most:g}")
            if parameter.is_whole and number != int(number):
                raise Invalid(f"{parameter.name} of {self.name} is a whole number")
        if self.name.startswith("macd") and self.parameters[0] >= self.parameters[1]:
            raise Invalid("fast of macd is below slow")

    @property
    def definition(self) -> Definition:
        """Raises Invalid for a name that is in no catalogue."""
        try:
            return CATALOGUE[self.name]
        except KeyError:
            raise Invalid(f"there is no figure {self.name[:40]!r}") from None

    @classmethod
    def of(cls, name: str, resolution: str = "", **parameters: float) -> Self:
        """The key with the catalogue's usual numbers where ``parameters`` say nothing. Raises Invalid."""
        definition = CATALOGUE.get(name)
        if definition is None:
            raise Invalid(f"there is no figure {name[:40]!r}")
        unknown = parameters.keys() - {parameter.name for parameter in definition.parameters}
        if unknown:
            raise Invalid(f"{name} has no parameter {min(unknown)[:40]!r}")
        numbers = tuple(float(parameters.get(one.name, one.usual)) for one in definition.parameters)
        return cls(name, numbers, Resolution.of(resolution).value if definition.of_bars else resolution)

    def __str__(self) -> str:
        return _text(self)


@lru_cache(maxsize=10_000)
def _text(key: FigureKey) -> str:
    names = [parameter.name for parameter in key.definition.parameters]
    listed = ",".join(f"{name}={_written(number)}" for name, number in zip(names, key.parameters, strict=True))
    return f"{key.name}{f'({listed})' if listed else ''}{f'@{key.resolution}' if key.resolution else ''}"


def _written(number: float) -> str:
    """As short as it can be and still the same number."""
    return str(int(number)) if number == int(number) else repr(number)


@lru_cache(maxsize=10_000)
def figure_key(text: str) -> FigureKey:
    """The key that ``text`` writes; parameters that are left out have their usual numbers. Raises Invalid."""
    match = _KEY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise Invalid(f"{text[:40]!r} is no figure; write one as rsi(length=14)@60")
    name, listed, resolution = match.groups()
    parameters: dict[str, float] = {}
    for part in filter(None, (listed or "").split(",")):
        parameter, _, number = part.partition("=")
        if parameter in parameters:
            raise Invalid(f"{parameter[:40]!r} comes twice in {text[:40]!r}")
        if not _NUMBER.fullmatch(number):
            raise Invalid(f"{part[:40]!r} names no number; write it as length=14")
        parameters[parameter] = float(number)
    return FigureKey.of(name, resolution or "", **parameters)


@dataclass(frozen=True, slots=True)
class Figure:
    """A value that was measured; None: it cannot be told yet. ``sample_size``: of how many bars or readings it is made.

    ``bar_at``: when the open bar began that counts in it, None where it is not made of bars.
    """

    key: FigureKey
    value: float | None
    sample_size: int
    bar_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is known of a hopper at one live message: what rules are evaluated on (R1), and its figures.

    ``at`` is the live message's, by the tracker's clock. ``newest_price_at``: the newest receipt among the prices of
    what it holds, ``prices_at`` when its exchange was last heard. ``assets_at``: when balances and positions were read,
    which is done each ``refresh_seconds``. ``unpriced_share``: 0 to 1, of the whole value. ``is_settling``: money may
    have come or gone. ``flows_version`` grows when another flow counts, and the past's index has changed with it.
    ``index``: None when nothing is left.
    """

    hopper: HopperId
    session: str
    sequence: int
    at: datetime
    newest_price_at: datetime | None
    prices_at: datetime | None
    is_fresh: bool
    assets_at: datetime
    refresh_seconds: int
    unpriced_share: float
    is_settling: bool
    flows_version: int
    base: Asset
    balance: float
    index: float | None
    positions: int
    figures: Mapping[FigureKey, Figure]

    @property
    def id(self) -> str:
        """Which snapshot it is: the analyser's session, and the number within it."""
        return f"{self.session}/{self.sequence}"


@dataclass(frozen=True, slots=True)
class PairSnapshot:
    """The figures of a pair at one instant.

    ``price_at``: when its last price was received; ``is_fresh``: its exchange's feed lives.
    """

    pair: Pair
    session: str
    sequence: int
    at: datetime
    price_at: datetime | None
    is_fresh: bool
    figures: Mapping[FigureKey, Figure]

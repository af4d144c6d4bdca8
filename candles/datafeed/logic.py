"""What is asked, what belongs into an answer, and how the bar in progress forms."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from cryptwire.domain.bar import Bar, Columns, Part, Resolution, bar_at, edges, folded
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.domain.trade import Side, Trade
from cryptwire.errors import Invalid, NotFound

MOST_BARS = 5_000
_MOST_MARKS_A_BAR = 10
_MOST_MARKS = 2_000
_SLACK = 2 * 86_400  # a stamp is at most this far from the instant its bar starts at
_BEGINNING = 31_536_000 + _SLACK  # 1971: before any candle
_LAST_SECOND = 4_102_444_800  # 2100
_POLL_LATE = 60  # a client's clock and its question may be this late
_SYMBOL = re.compile(r"HOPPER:([A-Za-z0-9_-]{1,64})", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_FIAT = (
    *("USD", "EUR", "GBP", "CHF", "AUD", "CAD", "NZD", "JPY", "TRY", "BRL", "PLN", "CZK", "SEK", "NOK", "DKK", "HUF"),
    *("RON", "UAH", "ZAR", "MXN", "ARS", "INR", "IDR", "KRW", "SGD", "HKD", "AED", "NGN"),
)
_STABLECOINS = (
    *("USDT", "USDC", "BUSD", "TUSD", "FDUSD", "USDP", "PAX", "DAI", "USDD", "PYUSD", "GUSD", "UST", "USTC", "HUSD"),
    *("SUSD", "LUSD", "FRAX", "USDE", "USD1", "EURT", "EURS", "EURC", "EURI", "AEUR", "BIDR", "BVND", "IDRT", "BKRW"),
)
_TWO_DECIMALS = frozenset((*_FIAT, *_STABLECOINS))


@dataclass(frozen=True, slots=True)
class Question:
    """A request for history: bars stamped in ``[since, until)``, or the last ``countback`` before ``until``."""

    symbol: str
    resolution: Resolution
    since: int
    until: int
    countback: int | None


class Window(NamedTuple):
    """The candles an answer is made of: the last ``limit`` of ``[since, until)``, in seconds."""

    since: int
    until: int
    limit: int


def question(parameters: Mapping[str, str]) -> Question:
    """What a request for history or marks asks for; raises Invalid that says which part is wrong."""
    symbol = parameters.get("symbol", "")
    if not symbol:
        raise Invalid("symbol is missing")
    if "resolution" not in parameters:
        raise Invalid("resolution is missing")
    resolution = Resolution.of(parameters["resolution"])
    until = _second(parameters, "to")
    countback = None
    if "countback" in parameters:
        countback = _whole(parameters, "countback")
        if not 1 <= countback <= MOST_BARS:
            raise Invalid(f"countback must be 1 to {MOST_BARS:,}, not {countback}")
    since = 0 if countback is not None and "from" not in parameters else _second(parameters, "from")
    if since > until:
        raise Invalid(f"from ({since}) is after to ({until})")
    return Question(symbol, resolution, since, until, countback)


def _whole(parameters: Mapping[str, str], name: str) -> int:
    text = parameters.get(name)
    if text is None:
        raise Invalid(f"{name} is missing")
    if not _NUMBER.fullmatch(text):
        raise Invalid(f"{name} is not a number: {text[:30]!r}")
    return int(float(text) // 1)


def _second(parameters: Mapping[str, str], name: str) -> int:
    second = _whole(parameters, name)
    if not 0 <= second <= _LAST_SECOND:
        raise Invalid(f"{name} must be Unix seconds from 0 to {_LAST_SECOND}, not {second}")
    return second


def hopper_of(symbol: str) -> HopperId:
    """The hopper that a symbol names; raises NotFound."""
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise NotFound("unknown_symbol")
    return HopperId(match[1])


def window(asked: Question, zone: ZoneInfo, now: int) -> Window:
    """Which candles to read for an answer.

    ``to`` leaves out the bar stamped with it. The bar in progress belongs to an answer up to now even where its stamp,
    00:00 UTC of a local date east of Greenwich, is still to come.
    """
    until = max(asked.until, _BEGINNING)
    near = edges(asked.resolution, zone, until - _SLACK, until + _SLACK)
    after = int(np.searchsorted(near.times, asked.until, side="left"))
    end = int(near.starts[after]) if after < len(near.starts) else until + _SLACK
    going_on = bar_at(asked.resolution, zone, now)
    if going_on.start < asked.until < going_on.time and asked.until >= now - _POLL_LATE:
        end = going_on.end
    if asked.countback is not None:
        return Window(0, end, (asked.countback + 1) * asked.resolution.usual_candles)
    return Window(_start_from(asked, zone), end, (MOST_BARS + 1) * asked.resolution.most_candles)


def _start_from(asked: Question, zone: ZoneInfo) -> int:
    """The first instant of the first bar stamped ``from`` or later."""
    since = max(asked.since, _BEGINNING)
    near = edges(asked.resolution, zone, since - _SLACK, since + _SLACK)
    first = int(np.searchsorted(near.times, since, side="left"))
    return int(near.starts[first]) if first < len(near.starts) else _after(asked.resolution, zone, since)


def _after(resolution: Resolution, zone: ZoneInfo, second: int) -> int:
    return bar_at(resolution, zone, second + _SLACK).end


def wider(asked: Question, window: Window) -> Window:
    """``window`` for when the clock was turned so often that the usual number of candles does not fill the bars."""
    return window._replace(limit=((asked.countback or MOST_BARS) + 1) * asked.resolution.most_candles)


def bars_of(asked: Question, zone: ZoneInfo, candles: Columns, *, are_cut: bool) -> Columns:
    """The bars of an answer; raises Invalid when they would be too many.

    ``are_cut``: there are candles before the first one, so that its bar may lack some.
    """
    if not len(candles):
        return candles
    bars = folded(candles, edges(asked.resolution, zone, int(candles.at[0]), int(candles.at[-1]) + 1))
    if asked.countback is not None:
        if are_cut:
            bars = bars.between(1, len(bars))
        return bars.between(max(0, len(bars) - asked.countback), len(bars))
    if len(bars) > MOST_BARS:
        raise Invalid(f"more than {MOST_BARS:,} bars from {asked.since} to {asked.until}: ask for a shorter span")
    return bars


def config() -> dict[str, Any]:
    """What ``/config`` answers."""
    return {
        "supported_resolutions": [resolution.value for resolution in Resolution],
        "supports_search": True,
        "supports_group_request": False,
        "supports_marks": True,
        "supports_timescale_marks": False,
        "supports_time": True,
        "exchanges": [{"value": "", "name": "All", "desc": ""}],
        "symbols_types": [{"name": "All", "value": ""}],
        "symbols_grouping": {},
        "units": {},
    }


def symbol_info(hopper: Hopper, zone: ZoneInfo) -> dict[str, Any]:
    """A portfolio as TradingView describes a symbol."""
    symbol = f"HOPPER:{hopper.id}"
    decimals = 2 if hopper.base in _TWO_DECIMALS else 8
    return {
        "name": symbol,
        "ticker": symbol,
        "full_name": symbol,
        "base_name": [symbol],
        "description": _description(hopper),
        "type": "crypto",
        "session": "24x7",
        "timezone": "Etc/UTC" if zone.key == "UTC" else zone.key,
        "exchange": "CRYPTWIRE",
        "listed_exchange": "CRYPTWIRE",
        "format": "price",
        "minmov": 1,
        "minmovement": 1,
        "minmove2": 0,
        "minmovement2": 0,
        "fractional": False,
        "pricescale": 10**decimals,
        "has_intraday": True,
        "intraday_multipliers": ["15", "60", "240"],
        "has_seconds": False,
        "has_ticks": False,
        "has_daily": True,
        "daily_multipliers": ["1"],
        "has_weekly_and_monthly": True,
        "weekly_multipliers": ["1"],
        "monthly_multipliers": ["1"],
        "has_empty_bars": False,
        "has_no_volume": False,
        "visible_plots_set": "ohlcv",
        "supported_resolutions": [resolution.value for resolution in Resolution],
        "volume_precision": decimals,
        "data_status": "streaming",
        "currency_code": hopper.base,
    }


def found(hoppers: Iterable[Hopper], query: str, kind: str, exchange: str, limit: int) -> list[dict[str, Any]]:
    """Those of ``hoppers`` whose symbol or name holds ``query``, in whatever case."""
    if kind not in ("", "crypto") or exchange not in ("", "CRYPTWIRE"):
        return []
    wanted = query.strip().upper()
    return [
        {
            "symbol": f"HOPPER:{hopper.id}",
            "full_name": f"HOPPER:{hopper.id}",
            "ticker": f"HOPPER:{hopper.id}",
            "description": _description(hopper),
            "exchange": "CRYPTWIRE",
            "type": "crypto",
        }
        for hopper in hoppers
        if wanted in f"HOPPER:{hopper.id}".upper() or wanted in hopper.name.upper()
    ][:limit]


def _description(hopper: Hopper) -> str:
    return f"{hopper.name} (paper)" if hopper.is_paper else hopper.name


def marks(trades: Sequence[Trade], asked: Question, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Trades as marks: at most ten a bar and 2,000 in all, the newest; each within its bar and within the range."""
    chosen: list[dict[str, Any]] = []
    in_bar: dict[int, int] = {}
    for trade in reversed(trades):
        second = int(trade.at.timestamp())
        bar = bar_at(asked.resolution, zone, second)
        time = second if asked.resolution.is_intraday else bar.time
        if not asked.since <= time < asked.until or in_bar.get(bar.start, 0) == _MOST_MARKS_A_BAR:
            continue
        in_bar[bar.start] = in_bar.get(bar.start, 0) + 1
        is_buy = trade.side is Side.BUY
        text = f"{'Buy' if is_buy else 'Sell'} {trade.quantity} {trade.pair.base} at {trade.rate} {trade.pair.quote}"
        chosen.append(
            {
                "id": trade.id,
                "time": time,
                "color": "green" if is_buy else "red",
                "text": text,
                "label": "B" if is_buy else "S",
                "labelFontColor": "white",
                "minSize": 14,
            }
        )
        if len(chosen) == _MOST_MARKS:
            break
    chosen.reverse()
    return chosen


class Update(NamedTuple):
    """What readers of a bar are to be told. ``is_final``: its last state."""

    bar: Bar
    values: Part
    is_final: bool


_KEPT_APART = 8


@dataclass(slots=True)
class Formation:
    """The last bar of a series as it forms: stored candles of the bar, closed ones, and the live one.

    Unseeded (``bar`` None) it tells nothing and must be seeded: at first, and whenever what came leaves a hole.
    ``has_reset`` is then True when readers may have seen what was not true. Seconds everywhere.
    """

    resolution: Resolution
    zone: ZoneInfo
    span: int
    bar: Bar | None = None
    has_reset: bool = False
    _whole: Part | None = None  # candles before ``_parts``; its volume counts for nothing
    _whole_until: int = 0
    _parts: dict[int, Part] = field(default_factory=dict)
    _closed: set[int] = field(default_factory=set)
    _volume: float = 0.0  # of the trades before ``_volume_until``
    _volume_until: int = 0
    _is_final: bool = False
    _was_forced: bool = False
    _held: tuple[int, Part] | None = None

    def seed(self, moment: int, candles: Columns, volume: float, volume_until: int) -> None:
        """Begin with the bar around ``moment``, its closed ``candles``, and its volume up to ``volume_until``."""
        bar = bar_at(self.resolution, self.zone, moment)
        self._begin(bar)
        inside = candles.between(int(np.searchsorted(candles.at, bar.start)), int(np.searchsorted(candles.at, bar.end)))
        self._volume, self._volume_until = volume, volume_until
        early = inside.between(0, max(0, len(inside) - _KEPT_APART))
        if len(early):
            self._whole = Part(
                float(early.open[0]), float(early.high.max()), float(early.low.min()), float(early.close[-1]), 0.0
            )
            self._whole_until = int(early.at[-1]) + self.span
        late = inside.between(len(early), len(inside))
        rows = zip(late.open.tolist(), late.high.tolist(), late.low.tolist(), late.close.tolist(), strict=True)
        for at, (opened, high, low, close) in zip(late.at.tolist(), rows, strict=True):
            self._put(at, Part(opened, high, low, close, 0.0), is_closed=True)
        self._is_final = bar.end - self.span in self._closed

    def _begin(self, bar: Bar) -> None:
        self.bar = bar
        self.has_reset = False
        self._whole, self._whole_until = None, 0
        self._parts.clear()
        self._closed.clear()
        self._volume, self._volume_until = 0.0, bar.start
        self._is_final = self._was_forced = False
        self._held = None

    @property
    def holds(self) -> bool:
        """True while a live candle of the next bar waits for the close of this one."""
        return self._held is not None

    @property
    def open_at(self) -> int | None:
        """When the newest candle in the bar opened."""
        return max(self._parts) if self._parts else None

    def state(self) -> Update | None:
        """The bar as it stands."""
        if self.bar is None or (self._whole is None and not self._parts):
            return None
        values = self._whole
        volume = self._volume
        for at in sorted(self._parts):
            part = self._parts[at]
            values = part if values is None else values.then(part)
            if at >= self._volume_until:
                volume += part.volume
        assert values is not None
        return Update(self.bar, values._replace(volume=volume), self._is_final)

    def on_live(self, at: int, part: Part) -> list[Update]:
        """The live candle, opened ``at``. One of the next bar waits until this one is closed, or ``force``."""
        bar = self.bar
        if bar is None or at < bar.start or at in self._closed or at < (self.open_at or 0):
            return []
        if at >= bar.end:
            if not self._is_final and self.state() is not None:
                self._held = at, part
                return []
            return self._next(at, part)
        self._put(at, part, is_closed=False)
        return self._told()

    def _next(self, at: int, part: Part) -> list[Update]:
        assert self.bar is not None
        is_next = at == self.bar.end
        was_forced = self._was_forced
        self._begin(bar_at(self.resolution, self.zone, at))
        self._was_forced = was_forced
        if not is_next:  # candles between are not known here
            self.bar = None
            return []
        self._put(at, part, is_closed=False)
        return self._told()

    def force(self) -> list[Update]:
        """The close of the bar has not come: its last known state is its last, and the live candle goes on."""
        if self._held is None or self.bar is None:
            return []
        held, self._held = self._held, None
        self._is_final = True
        updates = self._told()
        updates += self._next(*held)
        self._was_forced = True
        return updates

    def on_closed(self, at: int, part: Part) -> list[Update]:
        """A closed candle, whose values are the true ones; ``part.volume`` counts for nothing."""
        bar = self.bar
        if bar is None:
            return []
        if at < bar.start:
            if self._was_forced and bar_at(self.resolution, self.zone, at).end == bar.start:
                self.bar, self.has_reset = None, True  # what was told as final was not
            return []
        if at >= bar.end or at < self._whole_until:
            self.bar, self.has_reset = None, True
            return []
        known = self._parts.get(at)
        self._put(at, part._replace(volume=known.volume if known else 0.0), is_closed=True)
        if at + self.span != bar.end or self._is_final:
            return []
        self._is_final = True
        updates = self._told()
        if self._held is not None:
            held, self._held = self._held, None
            updates += self._next(*held)
        return updates

    def on_volume(self, volume: float, until: int) -> list[Update]:
        """The volume of the bar's trades before ``until``, counted anew."""
        if self.bar is None or not self.bar.start <= until <= self.bar.end or until < self._volume_until:
            return []
        before = self.state()
        self._volume, self._volume_until = volume, until
        after = self.state()
        return [after] if after is not None and after != before else []

    def _told(self) -> list[Update]:
        update = self.state()
        return [] if update is None else [update]

    def _put(self, at: int, part: Part, *, is_closed: bool) -> None:
        self._parts[at] = part
        if is_closed:
            self._closed.add(at)
        while len(self._parts) > _KEPT_APART:
            oldest = min(self._parts)
            folded_in = self._parts.pop(oldest)
            self._closed.discard(oldest)
            if oldest >= self._volume_until:
                self._volume += folded_in.volume
                self._volume_until = oldest + self.span
            self._whole = folded_in if self._whole is None else self._whole.then(folded_in)
            self._whole_until = oldest + self.span

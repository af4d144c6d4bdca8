"""How the bar in progress forms."""

from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from cryptwire.domain.bar import Bar, Columns, Part, Resolution, bar_at


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

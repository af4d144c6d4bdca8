"""Which candles are missing, what a hopper held back then, and under which fence a filled candle goes."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from cryptwire.clock import to_us
from cryptwire.domain.backfill import Grant
from cryptwire.domain.candle import SPAN, Candle, Quality, opening
from cryptwire.domain.hopper import Asset
from cryptwire.domain.trade import Trade

MINUTE = timedelta(minutes=1)
_NOTHING = Decimal(0)
_CLOCKS_DIFFER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Run:
    """Missing candles in a row: those opened in ``[first, end)``, to be made of an exchange's candles of ``span``."""

    first: datetime
    end: datetime
    span: timedelta

    @property
    def candles(self) -> int:
        return (self.end - self.first) // SPAN


@dataclass(frozen=True, slots=True)
class Change:
    """What a trade, or money that came or went, adds to the balance of one asset (signed, in its units)."""

    at: datetime
    asset: Asset
    quantity: Decimal


def missing_runs(
    known: Mapping[datetime, Quality], first: datetime, end: datetime, minutes_from: datetime
) -> list[Run]:
    """The runs of boundaries in ``[first, end)`` that have no candle or only a partial one, oldest first.

    Partial ones from ``minutes_from`` on are made of one-minute candles: somebody watched then, and an outage is short.
    Everything else is made of fifteen-minute ones. Runs of different spans may touch.
    """
    runs: list[Run] = []
    at = first
    while at < end:
        quality = known.get(at)
        if quality is None or quality is Quality.PARTIAL:
            span = SPAN if quality is None or at < minutes_from else MINUTE
            if runs and runs[-1].end == at and runs[-1].span == span:
                runs[-1] = Run(runs[-1].first, at + SPAN, span)
            else:
                runs.append(Run(at, at + SPAN, span))
        at += SPAN
    return runs


def of_one_base(runs: Iterable[Run], changes: Iterable[datetime]) -> list[Run]:
    """``runs``, cut where the base currency became another at one of ``changes``.

    A candle is in the currency of its end, as the day is that ends with it: the candle in which it changed is the first
    in the new one.
    """
    edges = sorted({opening(change) for change in changes})
    cut = []
    for run in runs:
        inside = [run.first, *(edge for edge in edges if run.first < edge < run.end), run.end]
        cut += [replace(run, first=first, end=end) for first, end in itertools.pairwise(inside)]
    return cut


def fence_of(opened_at: datetime, replaced: Candle | None, grant: Grant | None) -> int:
    """Under which fence a candle is filled, so that the writer's rules (storage/candles.py) do what is meant.

    That of the partial candle which it replaces: it wins by quality, and loses to a complete one that comes late from
    the same pod or a later one. Where there is none, that of the assignment for what opened under it (an older one
    would be refused) and 0, which is below every pod's, for what opened before or belongs to nobody.
    """
    granted = grant.fence if grant is not None and opened_at >= grant.at else 0
    return granted if replaced is None else max(granted, replaced.fence)


def settles_at(last_trade_at: datetime, refresh_every: timedelta) -> datetime:
    """From when on balances that are read hold the last trade: they may be a refresh old, and clocks differ."""
    return last_trade_at + refresh_every + _CLOCKS_DIFFER


def is_settled(last_trade_at: datetime | None, read_at: datetime, refresh_every: timedelta) -> bool:
    """Whether balances read at ``read_at`` hold every trade: balances may be a refresh old, the trade list is not."""
    return last_trade_at is None or settles_at(last_trade_at, refresh_every) <= read_at


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The values that the candles beside a run have at its ends; None where there is no trustworthy one."""

    close_before: float | None
    open_after: float | None


def neighbours(
    run: Run,
    known: Mapping[datetime, Candle],
    closed: Candle | None,
    live: float | None,
    changes: Iterable[datetime] = (),
) -> Neighbours:
    """Of ``run`` among the ``known`` candles: ``closed`` is the last one that was just filled, ``live`` the opening of
    the live candle if that follows. A partial candle after it is to be filled as well, and tells nothing; nor does one
    on the other side of one of ``changes`` of the base currency.
    """
    before, after = known.get(run.first - SPAN), known.get(run.end)
    if closed is not None and closed.opened_at == run.first - SPAN:
        before = closed
    if after is not None:
        live = after.open if after.quality is not Quality.PARTIAL else None
    edges = {opening(change) for change in changes}
    close_before = None if before is None or run.first in edges else before.close
    return Neighbours(close_before, None if run.end in edges else live)


def ending_at(last: Candle, open_after: float | None) -> Candle:
    """The last candle of a run as it meets the one after: that one's opening was measured, so it is the close."""
    if open_after is None:
        return last
    high, low = max(last.high, open_after), min(last.low, open_after)
    return replace(last, close=open_after, high=high, low=low)


@dataclass(frozen=True, slots=True)
class Steps:
    """How much of one asset was held: before the first of ``moments`` the first of ``quantities``, and so on.

    ``moments`` (n,) microseconds, ascending; ``quantities`` (n + 1,) units of the asset, at least 0.
    """

    moments: npt.NDArray[np.int64]
    quantities: npt.NDArray[np.float64]

    def before(self, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """What was held right before each moment: what happened at that instant is not in it."""
        return self.quantities[np.searchsorted(self.moments, moments, side="left")]

    def after(self, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """What was held from each moment on."""
        return self.quantities[np.searchsorted(self.moments, moments, side="right")]


class Rewinding:
    """What a hopper held at every moment, from what it holds now and what changed, taken back newest first.

    A balance that would have been below 0 means money that came or went unseen, later than that: it is taken to have
    been 0, and ``unexplained`` adds up how much that leaves open. So an unknown withdrawal or deposit spoils what lies
    before it, and nothing of what lies after.
    """

    def __init__(self, now: Mapping[Asset, Decimal]) -> None:
        self.unexplained: dict[Asset, Decimal] = {}
        self._held = {asset: max(quantity, _NOTHING) for asset, quantity in now.items()}
        self._moments: dict[Asset, list[int]] = {asset: [] for asset in now}
        self._quantities: dict[Asset, list[float]] = {asset: [float(held)] for asset, held in self._held.items()}

    def take_back(self, changes: Iterable[Change]) -> None:
        """Go back over ``changes``, newest first; none is newer than what was taken back before.

        What changed at one instant is taken together: its order is not known.
        """
        for at, together in itertools.groupby(changes, key=lambda change: change.at):
            net: dict[Asset, Decimal] = {}
            for change in together:
                net[change.asset] = net.get(change.asset, _NOTHING) + change.quantity
            for asset, quantity in net.items():
                self._take_back(at, asset, quantity)

    def _take_back(self, at: datetime, asset: Asset, quantity: Decimal) -> None:
        if asset not in self._held:
            self._held[asset] = _NOTHING
            self._moments[asset], self._quantities[asset] = [], [0.0]
        before = self._held[asset] - quantity
        if before < 0:
            self.unexplained[asset] = self.unexplained.get(asset, _NOTHING) - before
            before = _NOTHING
        self._held[asset] = before
        self._moments[asset].append(to_us(at))
        self._quantities[asset].append(float(before))

    @property
    def held(self) -> Mapping[Asset, Decimal]:
        """What was held before everything that was taken back."""
        return self._held

    def steps(self) -> dict[Asset, Steps]:
        """The whole of it, of each asset that was ever held."""
        return {
            asset: Steps(np.array(self._moments[asset][::-1], np.int64), np.array(quantities[::-1], np.float64))
            for asset, quantities in self._quantities.items()
            if any(quantities)
        }


def changes_of(trades: Sequence[Trade], flows: Iterable[Change]) -> list[Change]:
    """What ``trades`` (oldest first) and ``flows`` changed, newest first."""
    changes = [Change(trade.at, asset, quantity) for trade in trades for asset, quantity in trade.changes().items()]
    changes += flows
    changes.sort(key=lambda change: change.at)
    changes.reverse()
    return changes

"""What the analyser reads of hoppers: flows, candles, volumes. Each hopper at most once at a time."""

import asyncio
from datetime import datetime, timedelta

from analyser.handlers.hoppers import Hoppers
from analyser.handlers.watch import Watch
from analyser.logic.forming import Forming, past_bars
from analyser.logic.portfolio import Past
from analyser.ports import Candles, Flows, Zones
from cryptwire.clock import Clock, from_us
from cryptwire.domain.bar import Columns, columns_of, joined, with_volumes
from cryptwire.errors import Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters

_log = Log(__name__)
_AGAIN = timedelta(seconds=1)
_WRITTEN_WITHIN = timedelta(seconds=15)
"""So long after a candle closed the database may not have it yet."""
_LOOK_AGAIN = timedelta(seconds=2)
_HOLE = timedelta(seconds=30)
_MOST_TRIES = 6
_AT_ONCE = 1_000
_MARGIN = 2  # bars more than are needed: clocks that are turned make some longer


class Reader:
    """Reads for watches that ask, a few at once; what is away is asked again."""

    def __init__(
        self,
        candles: Candles,
        flows: Flows,
        zones: Zones,
        clock: Clock,
        meters: Meters,
        *,
        span: timedelta,
    ) -> None:
        self._candles = candles
        self._flows = flows
        self._zones = zones
        self._clock = clock
        self._meters = meters
        self._span = int(span.total_seconds())
        self._asked: asyncio.Queue[Watch] = asyncio.Queue()
        self.hoppers: Hoppers | None = None

    def ask(self, watch: Watch) -> None:
        """Read what it needs, soon."""
        if not watch.is_queued and self._needs(watch):
            watch.is_queued = True
            self._asked.put_nowait(watch)

    def _needs(self, watch: Watch) -> bool:
        return watch.needs_flows or (watch.live is not None and (watch.needs_candles or watch.needs_volume))

    async def run(self) -> None:
        """Read for whoever asks, forever; may run several times at once."""
        while True:
            watch = await self._asked.get()
            try:
                await self.read(watch)
            except Unavailable as reason:
                self._meters.count("analyser_unavailable", "Beats that found something away.", what="read")
                _log.warning("a hopper cannot be read yet", hopper=watch.hopper.id, reason=reason)
                await self._clock.sleep(_AGAIN)
            except Invalid as fault:
                self._meters.count("analyser_unreadable", "Hoppers whose past makes no sense.")
                _log.error("a hopper's past makes no sense", hopper=watch.hopper.id, reason=fault)
                watch.needs_candles = watch.needs_flows = False
            watch.is_queued = False  # not before: an older reading must not come after a newer one
            self.ask(watch)

    async def read(self, watch: Watch) -> None:
        """Read what it needs now. Raises Unavailable, with everything as it was."""
        if not watch.leases:
            return
        if watch.needs_flows:
            await self._read_flows(watch)
        elif watch.needs_candles and watch.live is not None:
            await self._read_candles(watch)
        elif watch.needs_volume and watch.live is not None:
            await self._read_volume(watch)

    async def _read_flows(self, watch: Watch) -> None:
        watch.needs_flows = False
        try:
            book = await self._flows.of(watch.hopper.id)
            zone = (await self._zones.of([watch.hopper.user])).get(watch.hopper.user)
        except Unavailable:
            watch.needs_flows = True
            raise
        if zone is not None and zone != watch.zone:
            is_new = watch.zone is None
            watch.zone = zone
            watch.needs_candles = watch.wants_candles
            if not is_new and self.hoppers is not None:
                self.hoppers.begin_anew(watch)
                watch.needs_flows = False
        if book.since != watch.since:
            watch.since = book.since
            watch.needs_candles = watch.wants_candles
        before = watch.ledger.course
        watch.ledger.read(book.flows, book.undecided, book.history_version, book.since)
        if watch.ledger.course != before and watch.past is not None:
            watch.past = None  # what it says of the past is no longer so, and says nothing until it is read
            watch.needs_candles = True

    async def _read_candles(self, watch: Watch) -> None:
        assert watch.live is not None
        watch.needs_candles = watch.needs_volume = False
        since = 0 if watch.since is None else int(watch.since.timestamp())
        until = watch.present(self._span)
        reach = max(watch.peaks_for, watch.changes_for)
        limit = max(
            [(one.needed + _MARGIN) * one.id.resolution.usual_candles for one in watch.series.values()],
            default=0,
        )
        limit = max(limit * 900 // self._span, reach // self._span + 2)
        course = watch.ledger.course
        try:
            stored = await self._candles.newest(watch.hopper.id, since, until, limit)
            volumes = None
            if watch.counts_volume and len(stored):
                volumes = await self._candles.volumes(watch.hopper.id, watch.base, int(stored.at[0]), until)
        except Unavailable:
            watch.needs_candles = True
            raise
        # from here on nothing comes between
        if watch.live is None or course is not watch.ledger.course or not watch.leases:
            watch.needs_candles = watch.wants_candles
            return
        are_cut = len(stored) == limit
        fresh = [candle for candle in watch.heard if int(candle.opened_at.timestamp()) >= since]
        candles = joined(stored, columns_of(fresh)) if fresh else stored
        present = watch.present(self._span)
        candles = candles.between(0, int(candles.at.searchsorted(present)))
        if volumes is not None:
            candles = with_volumes(candles, volumes)
        now = self._clock.now()
        if len(candles) and int(candles.at[-1]) + self._span == present:
            watch.tries = 0
        elif not self._accepts_hole(watch, present, now):
            return
        self._apply(watch, candles, present, are_cut)

    def _accepts_hole(self, watch: Watch, present: int, now: datetime) -> bool:
        """Whether the candle that is missing before the present one is missing for good, as far as anybody knows."""
        if now - from_us(present * 1_000_000) < _WRITTEN_WITHIN:
            watch.read_at = now + _LOOK_AGAIN
            return False
        if watch.tries < _MOST_TRIES:
            watch.read_at = now + _HOLE * 2**watch.tries
            watch.tries += 1
        return True

    def _apply(self, watch: Watch, candles: Columns, live: int, are_cut: bool) -> None:
        """Begin with ``candles``, and the one that opened at ``live``."""
        assert self.hoppers is not None
        if watch.peaks_for or watch.changes_for:
            reach = live - max(watch.peaks_for, watch.changes_for) - self._span
            recent = candles.between(int(candles.at.searchsorted(reach)), len(candles))
            watch.past = Past(recent, watch.ledger.course, self._span, watch.peaks_for, watch.changes_for)
        if watch.zone is None:
            watch.needs_candles = bool(watch.series)
            return
        for one in watch.series.values():
            bars, whole = past_bars(candles, one.id.resolution, watch.zone, live, are_cut=are_cut)
            if len(bars) > one.needed:
                bars = bars.between(len(bars) - one.needed, len(bars))
            self.hoppers.panel.begin(one.id, one.keys, bars)
            one.computed = one.keys
            one.forming = Forming(one.id.resolution, watch.zone, self._span, live, whole)
        watch.closed_unheard_since = None

    async def _read_volume(self, watch: Watch) -> None:
        assert watch.live is not None
        watch.needs_volume = False
        until = watch.live.opened_at
        for one in list(watch.series.values()):
            if not one.needs_volume or one.forming is None:
                continue
            begins = one.forming.bar.start
            try:
                volume = await self._candles.volume(watch.hopper.id, watch.base, begins, until)
            except Unavailable:
                watch.needs_volume = True
                raise
            if one.forming is not None and one.forming.bar.start == begins:
                one.forming.on_volume(volume, until)

    async def look_at_flows(self) -> None:
        """Each few seconds those that may be decided any moment; every half minute what has changed."""
        assert self.hoppers is not None
        watched = list(self.hoppers.by_id.values())
        for begin in range(0, len(watched), _AT_ONCE):
            some = watched[begin : begin + _AT_ONCE]
            marks = await self._flows.marks([watch.hopper.id for watch in some])
            users = list({watch.hopper.user for watch in some})
            zones = await self._zones.of(users)
            for watch in some:
                has_changed = marks.get(watch.hopper.id, 0) != watch.ledger.mark or watch.ledger.is_waiting
                if has_changed or zones.get(watch.hopper.user, watch.zone) != watch.zone:
                    watch.needs_flows = True
                    self.ask(watch)
            await asyncio.sleep(0)

    def look_at_candidates(self) -> None:
        """Ask for those that wait for a decision."""
        assert self.hoppers is not None
        for watch in self.hoppers.undecided():
            watch.needs_flows = True
            self.ask(watch)

"""The analyser at work: duties, rounds, and everything that runs beside them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from analyser.handlers.hoppers import Hoppers
from analyser.handlers.pairs import Pairs
from analyser.handlers.reading import Reader
from analyser.handlers.replaying import Replaying
from analyser.handlers.wanting import Wanting
from analyser.ports import Duties
from cryptwire.clock import Clock
from cryptwire.domain.hopper import Assignment, Hopper, HopperId
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.messaging.bus import Bus
from cryptwire.messaging.subjects import World
from cryptwire.metrics import Meters
from cryptwire.tasks import end

_log = Log(__name__)
UNCONFIRMED = timedelta(seconds=10)
"""A pod that was not confirmed for so long tells nobody anything: another may hold its hoppers."""
_DUTIES_EVERY = timedelta(seconds=3)
_SECOND = timedelta(seconds=1)
_ROUND = timedelta(seconds=2)
_FLOWS_EVERY = timedelta(seconds=30)
_CANDIDATES_EVERY = timedelta(seconds=2)
_STUCK = timedelta(seconds=20)


class Analyser:
    """One pod's shard of hoppers, and the pairs whose leases it holds.

    ``on_round`` is told of each completed round: the live messages that came were answered, and the pairs were told.
    """

    def __init__(
        self,
        pod: str,
        hoppers: Hoppers,
        pairs: Pairs,
        reader: Reader,
        duties: Duties,
        bus: Bus,
        world: World,
        clock: Clock,
        meters: Meters,
        *,
        replaying: Replaying | None = None,
        readers: int = 4,
        pairs_every: timedelta = _ROUND,
        on_round: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._pod = pod
        self.hoppers = hoppers
        self.pairs = pairs
        self._reader = reader
        reader.hoppers = hoppers
        self._duties = duties
        self._bus = bus
        self._world = world
        self._clock = clock
        self._meters = meters
        self._readers = readers
        self._pairs_every = pairs_every
        self._on_round = on_round
        self._held: dict[HopperId, Hopper] = {}
        self._learned: list[Assignment] | None = None
        self._confirmed_at: datetime | None = None
        self._waits_since: datetime | None = None
        self._wanting = Wanting(hoppers, pairs, self._held_here, bus, clock, meters)
        self._replaying = replaying

    async def run(self, stop: asyncio.Event) -> None:
        """Analyse until ``stop`` is set; then the leases of pairs are let go, so that another goes on at once."""
        self._bus.on_gap(self.hoppers.on_gap)
        self._bus.on_gap(self.pairs.on_gap)
        world, hoppers, bus = self._world, self.hoppers, self._bus
        ends = [
            await bus.subscribe(world.all_live, hoppers.on_live),
            await bus.subscribe(world.all_closed, hoppers.on_closed),
            await bus.subscribe(world.all_rewritten, hoppers.on_rewritten),
            await bus.subscribe(world.all_trades, hoppers.on_trade),
            await bus.subscribe(world.all_feeds, self.pairs.on_feed),
            await bus.subscribe(subjects.ALL_ACCOUNTS, hoppers.on_account),
            await bus.subscribe(world.want, self._wanting.on_want),
        ]
        if self._replaying is not None:
            answer = partial(self._replaying.on_request, held=self._held_here)
            ends.append(await bus.subscribe(world.all_control("analyser"), answer))
        loops = [
            self._each(_DUTIES_EVERY, self._read_duties),
            self._each(_SECOND, self._look),
            self._each(self._pairs_every, self._round),
            self._each(_FLOWS_EVERY, self._reader.look_at_flows),
            self._each(_CANDIDATES_EVERY, self._look_at_candidates),
            hoppers.run(),
            self.pairs.read(),
            self.pairs.keep_leases(),
            *(self._reader.run() for _ in range(self._readers)),
        ]
        tasks = [asyncio.create_task(loop) for loop in loops]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # none of them ends by itself
        finally:
            for unsubscribe in ends:
                with contextlib.suppress(CryptwireError):
                    await unsubscribe()
            await end([*tasks, stopping])
            await self.pairs.close()
            if self._replaying is not None:
                await self._replaying.close()

    async def _each(self, every: timedelta, act: Callable[[], Awaitable[None]]) -> None:
        """``act`` in a steady rhythm; what is away now is tried again at the next beat."""
        due = self._clock.now()
        while True:
            try:
                await act()
            except Unavailable as reason:
                self._meters.count("analyser_unavailable", "Beats that found something away.", what=act.__name__)
                _log.warning("away", what=act.__name__, reason=reason)
            due = max(due + every, self._clock.now())
            await self._clock.sleep(due - self._clock.now())

    # -- whose hoppers ---------------------------------------------------------------------------------------------

    def _held_here(self, hopper: HopperId) -> Hopper | None:
        return self._held.get(hopper) if self._may_tell else None

    @property
    def _may_tell(self) -> bool:
        return self._confirmed_at is not None and self._clock.now() - self._confirmed_at < UNCONFIRMED

    async def _read_duties(self) -> None:
        asked_at = self._clock.now()
        held = await self._duties.of_pod(self._pod)
        if held is None:
            self._confirmed_at = None  # the database has waited for ten seconds already
            self.hoppers.may_tell = False
            return
        self._confirmed_at = asked_at
        self.hoppers.may_tell = True
        if held is self._learned:
            return
        self._learned = held
        self._held = {assignment.hopper.id: assignment.hopper for assignment in held}
        self.hoppers.hold(self._held)
        for watch in list(self.hoppers.by_id.values()):
            hopper = self._held.get(watch.hopper.id)
            if hopper is None:
                self.hoppers.drop(watch)
            else:
                watch.hopper = hopper
        self._meters.set("analyser_held_hoppers", "Hoppers this pod holds.", len(held))

    # -- rounds ----------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        now = self._clock.now()
        self.hoppers.may_tell = self._may_tell
        self.hoppers.look(now)
        self.hoppers.measure(now)

    async def _look_at_candidates(self) -> None:
        self._reader.look_at_candidates()

    async def _round(self) -> None:
        """Tell the pairs; a round is complete when the live messages do not pile up meanwhile."""
        now = self._clock.now()
        told = await self.pairs.tell()
        if not self.hoppers.backlog:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now
        if self._waits_since is not None and now - self._waits_since > _STUCK:
            return
        self._meters.count("analyser_rounds", "Rounds completed.")
        self._on_round(len(self.hoppers.by_id) + told)

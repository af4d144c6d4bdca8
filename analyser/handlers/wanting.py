"""``want.figure``: who wants which figures, for sixty seconds; answered by the one analyser that computes them."""

from collections.abc import Callable
from typing import Protocol

from analyser.handlers.hoppers import Hoppers
from analyser.handlers.watch import Watch
from analyser.logic.leases import LEASE, MOST, Leases
from cryptwire.clock import Clock
from cryptwire.codec.figure import Lease, Wanted, lease_to_wire, want_error_to_wire, wanted_from_wire
from cryptwire.domain.figure import FigureKey, figure_key
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Bus, Message
from cryptwire.metrics import Meters

_log = Log(__name__)


class WantedPairs(Protocol):
    """Pairs of which somebody wants figures."""

    def leases(self, pair: Pair) -> Leases:
        """Its leases; whether they are ours to compute is another question."""
        ...

    def why_not(self, pair: Pair, key: FigureKey) -> str:
        """Why it cannot be computed, as far as is known; empty: it can."""
        ...

    async def want(self, pair: Pair) -> bool:
        """Something is wanted of it; whether it is computed here."""
        ...


class Wanting:
    """Answers wishes. ``held``: the hopper that this pod holds and may speak for; None for any other."""

    def __init__(
        self,
        hoppers: Hoppers,
        pairs: WantedPairs,
        held: Callable[[HopperId], Hopper | None],
        bus: Bus,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._hoppers = hoppers
        self._pairs = pairs
        self._held = held
        self._bus = bus
        self._clock = clock
        self._meters = meters

    async def on_want(self, message: Message) -> None:
        """Of a hopper that is another's, or nobody's, nothing is said: whoever holds it answers."""
        if not message.reply:
            return
        try:
            wanted = wanted_from_wire(message.payload)
        except Invalid as fault:
            self._meters.count("analyser_refused_messages", "Messages that could not be used.", subject="want")
            await self._answer(message, want_error_to_wire(str(fault)))
            return
        if isinstance(wanted.of, Pair):
            answer = await self._pair(wanted.of, wanted)
        else:
            answer = self._hopper(wanted.of, wanted)
        if answer is not None:
            self._meters.count("analyser_wants", "Wishes for figures that were answered.")
            await self._answer(message, lease_to_wire(answer))

    async def _answer(self, message: Message, payload: bytes) -> None:
        try:
            await self._bus.publish(message.reply, payload)
        except Unavailable as reason:
            _log.warning("a wish cannot be answered", reason=reason)

    def _hopper(self, hopper: HopperId, wanted: Wanted) -> Lease | None:
        held = self._held(hopper)
        if held is None:
            return None
        known: Watch | None = self._hoppers.by_id.get(hopper)
        leases = known.leases if known is not None else Leases()
        until = self._clock.now() + LEASE
        keys, refused = _sorted_out(wanted.keys, leases, of_hoppers=True)
        if keys:
            watch = self._hoppers.watch(held)
            if watch.leases.want(keys, until):
                self._hoppers.planned(watch)
        return Lease(until, refused)

    async def _pair(self, pair: Pair, wanted: Wanted) -> Lease | None:
        leases = self._pairs.leases(pair)
        until = self._clock.now() + LEASE
        keys, refused = _sorted_out(wanted.keys, leases, of_hoppers=False)
        for key in list(keys):
            why = self._pairs.why_not(pair, key)
            if why:
                keys.remove(key)
                refused[str(key)] = why
        if keys:
            leases.want(keys, until)
        is_ours = await self._pairs.want(pair)
        return Lease(until, refused) if is_ours else None


def _sorted_out(texts: tuple[str, ...], leases: Leases, *, of_hoppers: bool) -> tuple[list[FigureKey], dict[str, str]]:
    """Which of these can be computed, and why the others cannot."""
    keys: dict[FigureKey, str] = {}
    refused: dict[str, str] = {}
    room = MOST - len(leases)
    for text in texts:
        try:
            key = figure_key(text)
            if not (key.definition.of_hoppers if of_hoppers else key.definition.of_pairs):
                raise Refused(f"{key.name} is not told of {'hoppers' if of_hoppers else 'pairs'}")
            if key not in leases and key not in keys:
                if room <= 0:
                    raise Refused(f"{MOST} figures are wanted already: let some go")
                room -= 1
        except Refused as fault:
            refused[text[:200]] = str(fault)
        else:
            keys[key] = text
    return list(keys), refused

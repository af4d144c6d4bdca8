"""Keeps a world up to now while other things go on."""

import asyncio

from simulator.clock import Clock, milliseconds
from simulator.worlds.world import World

PIECE = 32
"""Acts of hoppers that come one after the other before anything else may; each takes well below a millisecond."""


class Pace:
    """Brings a world up to the present in pieces: what thousands of hoppers do at one instant keeps nothing waiting.

    One caller at a time does the work; the others wait for it, since only a world that is up to now has right answers.
    """

    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self._turn = asyncio.Lock()

    async def now(self) -> int:
        """The present (milliseconds), up to which everything has happened when this returns."""
        async with self._turn:
            while True:
                now = milliseconds(self._clock.now())
                if self._world.advance(now, PIECE):
                    return now
                await asyncio.sleep(0)

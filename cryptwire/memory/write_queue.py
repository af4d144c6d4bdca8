"""The lists between tracker and writer, without Redis."""

from collections.abc import Sequence
from datetime import datetime

from cryptwire.clock import Clock
from cryptwire.errors import Unavailable
from cryptwire.storage.write_queue import ALIVE


class MemoryWriteQueue:
    """Twin of ``WriteQueue``; who lives is judged by the clock that is handed in.

    While ``is_away`` is set, every call raises Unavailable and does nothing; while ``loses_answers`` is set, it does
    its work and then raises Unavailable, as when the connection breaks before the answer.
    """

    def __init__(self, clock: Clock) -> None:
        self.is_away = False
        self.loses_answers = False
        self.calls: list[str] = []
        self._clock = clock
        self._waiting: list[bytes] = []
        self._aside: list[bytes] = []
        self._taken: dict[str, list[bytes]] = {}
        self._alive: dict[str, datetime] = {}
        self._writers: set[str] = set()
        self._states: dict[str, bytes] = {}

    async def push(self, candles: Sequence[bytes], state_of: str | None = None, state: bytes | None = None) -> None:
        self._begin("push")
        self._waiting += candles
        if state_of is not None and state is not None:
            self._states[state_of] = state
        self._end()

    async def state(self, shard: str) -> bytes | None:
        self._begin("state")
        self._end()
        return self._states.get(shard)

    async def register(self, writer: str) -> None:
        self._begin("register")
        self._writers.add(writer)
        self._alive[writer] = self._clock.now() + ALIVE
        self._end()

    async def take(self, writer: str, count: int) -> list[bytes]:
        self._begin("take")
        taken = self._taken.setdefault(writer, [])
        if not taken:
            taken += self._waiting[:count]
            del self._waiting[:count]
        self._end()
        return list(taken)

    async def taken(self, writer: str) -> list[bytes]:
        self._begin("taken")
        self._end()
        return list(self._taken.get(writer, ()))

    async def done(self, writer: str) -> None:
        self._begin("done")
        self._taken.pop(writer, None)
        self._end()

    async def adopt(self, writer: str) -> int:
        self._begin("adopt")
        gone = {name for name in self._writers - {writer} if self._alive.get(name, _LONG_AGO) <= self._clock.now()}
        came = [value for name in sorted(gone) for value in self._taken.pop(name, ())]
        self._writers -= gone
        self._taken.setdefault(writer, []).extend(came)
        self._end()
        return len(came)

    async def leave(self, writer: str) -> None:
        self._begin("leave")
        self._alive.pop(writer, None)
        self._end()

    async def set_aside(self, values: Sequence[bytes]) -> None:
        self._begin("set_aside")
        self._aside += values
        self._end()

    async def aside(self) -> list[bytes]:
        self._begin("aside")
        self._end()
        return list(self._aside)

    async def waiting(self) -> int:
        self._begin("waiting")
        self._end()
        return len(self._waiting)

    async def forget(self) -> None:
        self._begin("forget")
        for kept in (self._waiting, self._aside, self._taken, self._alive, self._writers):
            kept.clear()
        self._end()

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if self.is_away:
            raise Unavailable("the queue is away")

    def _end(self) -> None:
        if self.loses_answers:
            raise Unavailable("the queue's answer was lost")


_LONG_AGO = datetime.fromisoformat("0001-01-01T00:00:00+00:00")

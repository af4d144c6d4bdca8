"""Pushes of an exchange's sockets: at each tick, what changed since the last one."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.websockets import WebSocket, WebSocketDisconnect

from simulator.clock import Clock, milliseconds
from simulator.market.klines import Bars, Day, Days
from simulator.market.prices import Pair

_BEHIND = 4096  # frames a reader may be behind before it is cut off, as exchanges do

Changes = Mapping[str, Day]


class Reader:
    """One connection: frames wait here until its own task sends them."""

    def __init__(self, frames_of: Callable[[Changes], Iterable[str]]) -> None:
        self._frames_of = frames_of
        self._frames: asyncio.Queue[str] = asyncio.Queue()
        self.is_cut = asyncio.Event()

    def say(self, frame: str) -> None:
        self._frames.put_nowait(frame)

    def take(self, changes: Changes) -> None:
        for frame in self._frames_of(changes):
            self.say(frame)
        if self._frames.qsize() > _BEHIND:
            self.is_cut.set()

    async def send(self, socket: WebSocket) -> None:
        while True:
            await socket.send_text(await self._frames.get())


class Feed:
    """The pulse of one exchange; its pairs by the exchange's own symbol.

    ``POST /control/exchanges/{name} {"is_silent": true}`` makes its sockets say nothing, ``{"cut": true}`` closes those
    that are open. ``lifetime`` seconds after its begin a connection is closed, as exchanges do.
    """

    def __init__(self, pairs: Mapping[str, Pair], bars: Bars, clock: Clock, lifetime: float) -> None:
        self.pairs = pairs
        self.bars = bars
        self.clock = clock
        self.days = Days(bars)
        self._lifetime = lifetime
        self._is_silent = False
        self._readers: set[Reader] = set()

    def control(self, name: str) -> BaseRoute:
        return Route(f"/control/exchanges/{name}", self._controlled, methods=["POST"])

    def now(self) -> int:
        return milliseconds(self.clock.now())

    async def run(self) -> None:
        """Push forever. A tick that was missed is not made up for."""
        tick = self.bars.tick
        before = {symbol: pair.at(self.bars.last_tick(self.now())) for symbol, pair in self.pairs.items()}
        while True:
            now = self.now()
            await asyncio.sleep((tick - now % tick) / 1000)
            at = self.bars.last_tick(self.now())
            prices = {symbol: pair.at(at) for symbol, pair in self.pairs.items()}
            changed = [symbol for symbol, price in prices.items() if price != before[symbol]]
            before = prices
            if self._readers and changed and not self._is_silent:
                changes = {symbol: self.days.of(self.pairs[symbol], at) for symbol in changed}
                for reader in tuple(self._readers):
                    reader.take(changes)

    async def serve(
        self, socket: WebSocket, reader: Reader, hear: Callable[[str], bool], patience: float | None
    ) -> None:
        """Push what changed and hear what is said, until the other side goes or is to go.

        ``hear`` says whether the connection may go on. ``patience``: seconds the
        other side may be silent.
        """
        with self._reading(reader):
            ends = (
                asyncio.create_task(reader.send(socket)),
                asyncio.create_task(_listen(socket, hear, patience)),
                asyncio.create_task(reader.is_cut.wait()),
            )
            try:
                await asyncio.wait(ends, timeout=self._lifetime, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the other side was faster
            await socket.close(1008 if reader.is_cut.is_set() else 1001)

    @contextlib.contextmanager
    def _reading(self, reader: Reader) -> Iterator[None]:
        self._readers.add(reader)
        try:
            yield
        finally:
            self._readers.discard(reader)

    async def _controlled(self, request: Request) -> Response:
        try:
            told = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            told = None
        if not isinstance(told, dict):
            return JSONResponse({"error": "a JSON object is needed"}, 400)
        self._is_silent = bool(told.get("is_silent", self._is_silent))
        if told.get("cut"):
            for reader in self._readers:
                reader.is_cut.set()
        return JSONResponse({"is_silent": self._is_silent, "sockets": len(self._readers)})


async def _listen(socket: WebSocket, hear: Callable[[str], bool], patience: float | None) -> None:
    while True:
        async with asyncio.timeout(patience):
            message = await socket.receive()
        if message["type"] != "websocket.receive":
            return
        if not hear(message.get("text") or (message.get("bytes") or b"").decode(errors="replace")):
            return

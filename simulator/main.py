"""Wiring: what is made, in what order, how it ends."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from simulator.clock import Clock, SystemClock, milliseconds
from simulator.cryptohopper.access import Access
from simulator.cryptohopper.commands import Commands
from simulator.cryptohopper.faults import Faults
from simulator.cryptohopper.oauth import OAuth
from simulator.cryptohopper.routes import routes
from simulator.cryptohopper.state import Kept
from simulator.cryptohopper.webhooks import Webhooks
from simulator.exchanges.binance import Binance
from simulator.exchanges.feed import Feed
from simulator.exchanges.kucoin import KuCoin
from simulator.market.klines import Bars
from simulator.market.prices import Market
from simulator.settings import Settings
from simulator.worlds.world import World

_log = logging.getLogger(__name__)

_HOUR = 3_600_000
_DAY = 86_400_000
_STEP = 0.25  # seconds at most between a decision's instant and its webhook


class Simulator:
    """The whole of it, without a server: ``app`` is an ASGI application whose lifespan runs what moves by itself."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        now = milliseconds(clock.now())
        self._clock = clock
        self._kept = Kept(settings.folder)
        began_at = int(self._kept.fact("began_at", str((now - settings.history_days * _DAY) // _HOUR * _HOUR)))
        market = Market(settings.seed)
        self.world = World(
            market, began_at, settings.decision_seconds * 1000, self._kept.commands(), settings.snapshot_seconds
        )
        self.world.advance(now)
        self.world.new_trades()  # what happened while nobody looked is in the trade list, no webhook tells it
        self._webhooks = Webhooks(settings)
        bars = Bars(settings.tick_milliseconds)
        listed, lifetime = market.exchanges, settings.socket_seconds
        binance = Feed({name.replace("/", ""): pair for name, pair in listed["binance"].items()}, bars, clock, lifetime)
        kucoin = Feed({name.replace("/", "-"): pair for name, pair in listed["kucoin"].items()}, bars, clock, lifetime)
        self._feeds = (binance, kucoin)
        faults = Faults()
        commands = Commands(self._kept, self.world, clock)
        access = Access(self._kept, self.world, clock, settings.rate_limit, faults)
        self.app = Starlette(
            routes=[
                Route("/healthz", _healthy),
                *OAuth(settings, self._kept, self.world, clock).routes(),
                *faults.routes(),
                *commands.routes(),
                binance.control("binance"),
                kucoin.control("kucoin"),
                Mount("/v1", routes=routes(access, commands)),
                Mount("/binance", routes=Binance(binance).routes()),
                Mount("/kucoin", routes=KuCoin(kucoin).routes()),
            ],
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(feed.run()) for feed in self._feeds]
        tasks += [asyncio.create_task(self._live()), asyncio.create_task(self._webhooks.run())]
        for task in tasks:
            task.add_done_callback(_end_with)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.close()

    def close(self) -> None:
        """Let go of the folder."""
        self._kept.close()

    async def _live(self) -> None:
        while True:
            self.world.advance(milliseconds(self._clock.now()))
            for hopper, trade in self.world.new_trades():
                self._webhooks.note(hopper, trade)
            await asyncio.sleep(_STEP)


def main(settings: Settings) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # before the server listens to them, and once more when it is done
    simulator = Simulator(settings, SystemClock())
    config = uvicorn.Config(
        simulator.app,
        host="127.0.0.1",
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=1,
        ws_ping_interval=20.0,
        ws_ping_timeout=60.0,
        ws="websockets-sansio",
        server_header=False,
    )
    uvicorn.Server(config).run()


def _end_with(task: asyncio.Task[None]) -> None:
    """End the process when what should go on forever did not: silence would look like a calm market."""
    if not task.cancelled() and task.exception() is not None:
        _log.critical("the simulator stops", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})

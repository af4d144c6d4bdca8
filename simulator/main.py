"""Wiring: what is made, in what order, how it ends."""

import asyncio
import contextlib
import gc
import heapq
import logging
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from simulator.clock import Clock, SystemClock, milliseconds
from simulator.coinmarketcap.service import CoinMarketCap
from simulator.cryptohopper.access import Access
from simulator.cryptohopper.buckets import Buckets
from simulator.cryptohopper.commands import Commands
from simulator.cryptohopper.faults.effects import Effects
from simulator.cryptohopper.faults.queue import Faults
from simulator.cryptohopper.faults.wire import Reachable
from simulator.cryptohopper.oauth.server import OAuth
from simulator.cryptohopper.requests import Requests
from simulator.cryptohopper.routes import entries, routes
from simulator.cryptohopper.state import Kept
from simulator.cryptohopper.webhook_messages import TOPICS
from simulator.cryptohopper.webhooks import Webhooks
from simulator.exchanges.binance import Binance
from simulator.exchanges.feed import Feed
from simulator.exchanges.kucoin import KuCoin
from simulator.market.klines import Bars
from simulator.market.prices import Market
from simulator.openexchangerates.service import OpenExchangeRates
from simulator.pace import Pace
from simulator.scenario import Scenario
from simulator.settings import Settings
from simulator.worlds.books import Entry, Trade
from simulator.worlds.commands import Command
from simulator.worlds.demo import Hopper
from simulator.worlds.world import World

_log = logging.getLogger(__name__)

_MINUTE = 60_000
_HOUR = 3_600_000
_DAY = 86_400_000
_MESSAGES = 200  # written before anything else may go on
_STEP = 0.25  # seconds at most between a decision's instant and its webhook


class Simulator:
    """The whole of it, without a server: ``app`` is an ASGI application whose lifespan runs what moves by itself.

    Raises ValueError when the scenario asks for what there is not.
    """

    app: ASGIApp

    def __init__(self, settings: Settings, clock: Clock, scenario: Scenario | None = None) -> None:
        scenario = scenario or Scenario()
        now = milliseconds(clock.now())
        self._clock = clock
        faults, effects, buckets = Faults(clock), Effects(), Buckets(settings)
        faults.add(list(scenario.faults))
        effects.add(list(scenario.effects))
        self._webhooks = Webhooks(settings, clock)
        self._webhooks.configure(scenario.webhooks)
        self._kept = Kept(settings.folder)
        whole = _HOUR if settings.history_days else _MINUTE  # without history nobody waits until an hour is made up
        began_at = int(self._kept.fact("began_at", str((now - settings.history_days * _DAY) // whole * whole)))
        market = Market(settings.seed)
        self.world = World(
            market,
            began_at,
            settings.decision_seconds * 1000,
            self._kept.commands(),
            settings.snapshot_seconds,
            scenario.plan,
            trades_kept=settings.trades_kept,
        )
        self._pace = Pace(self.world, clock)
        self.world.advance(now)
        self.world.new_trades()  # what happened while nobody looked is in the trade list, no webhook tells it
        self.world.new_entries()
        bars = Bars(settings.tick_milliseconds)
        listed, lifetime = market.exchanges, settings.socket_seconds
        binance = Feed({name.replace("/", ""): pair for name, pair in listed["binance"].items()}, bars, clock, lifetime)
        kucoin = Feed({name.replace("/", "-"): pair for name, pair in listed["kucoin"].items()}, bars, clock, lifetime)
        self._feeds = (binance, kucoin)
        commands = Commands(self._kept, self.world, self._pace, clock, effects, self._heard)
        access = Access(settings, self._kept, self.world, self._pace, clock, faults, buckets)
        requests = Requests(lambda: milliseconds(clock.now()), settings.requests_kept, buckets)

        async def active(_: Request) -> Response:
            return JSONResponse(scenario.told)

        self.app = requests.over(
            Starlette(
                routes=[
                    Route("/healthz", _healthy),
                    Route("/control/scenario", active),
                    *OAuth(settings, self._kept, self.world, clock, faults, scenario.clients).routes(),
                    *faults.routes(),
                    *effects.routes(),
                    *requests.routes(),
                    *commands.routes(),
                    *self._webhooks.routes(),
                    binance.control("binance"),
                    kucoin.control("kucoin"),
                    Mount("/v1", routes=routes(access, entries(settings, self._kept, commands, bars, self._webhooks))),
                    Mount("/binance", routes=Binance(binance).routes()),
                    Mount("/kucoin", routes=KuCoin(kucoin).routes()),
                    *CoinMarketCap(market, clock).routes(),
                    *OpenExchangeRates(market, clock).routes(),
                ],
                lifespan=self._lifespan,
            )
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
            await self._pace.now()
            entries: Iterable[tuple[Hopper, Entry | Trade]] = self.world.new_entries()
            trades: Iterable[tuple[Hopper, Entry | Trade]] = self.world.new_trades()
            merged = heapq.merge(entries, trades, key=lambda each: each[1].at)  # a trigger before its sale
            for number, (hopper, new) in enumerate(merged, 1):
                if number % _MESSAGES == 0:
                    await asyncio.sleep(0)
                if isinstance(new, Trade):
                    self._webhooks.note(hopper, new)
                elif new.topic in TOPICS:
                    self._webhooks.tell(hopper, new.topic, new.said, {"coin": new.coin or "-"})
            await asyncio.sleep(_STEP)

    def _heard(self, hopper: Hopper, command: Command) -> None:
        """Tell of a new hopper; the rest is told when it takes effect, which may be later, or never."""
        if command.kind == "create":
            self._webhooks.obeyed(hopper, command)


def main(settings: Settings, scenario: Scenario | None = None, *, is_told: bool = False) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT; ``is_told``: say on standard output where and to whom.

    Raises ValueError when the scenario asks for what there is not.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # before the server listens to them, and once more when it is done
    simulator = Simulator(settings, SystemClock(), scenario)
    gc.callbacks.append(_spare)
    gc.collect()
    gc.set_threshold(700, 10, 2)  # everywhere is little now, if it is not left to grow
    if is_told:
        print(told(settings, simulator.world, scenario), flush=True)
    config = uvicorn.Config(
        simulator.app,
        host="127.0.0.1",
        port=settings.port,
        http=Reachable,
        log_level="warning",
        timeout_graceful_shutdown=1,
        ws_ping_interval=20.0,
        ws_ping_timeout=60.0,
        ws="websockets-sansio",
        server_header=False,
    )
    uvicorn.Server(config).run()


def told(settings: Settings, world: World, scenario: Scenario | None = None) -> str:
    """What a person needs to begin: the address, users with their passwords, and how to come by a token."""
    address = f"http://127.0.0.1:{settings.port}"
    users = [f"  {user.name:<12} {user.password:<16} {len(world.of(user.id))} hoppers" for user in world.users.values()]
    more = [f"  … and {len(users) - 10} more"] if len(users) > 10 else []
    redirect = settings.redirect_uris[0] if settings.redirect_uris else ""
    first = next(iter(world.users.values()))
    is_known = settings.client_secret == Settings().client_secret  # another one may be worth keeping
    secret = settings.client_secret if is_known else "<secret>"
    return "\n".join(
        [
            f"Cryptohopper, simulated: {address}/v1" + (f" ({scenario.says})" if scenario and scenario.says else ""),
            f"sign-in {address}/oauth2, exchanges {address}/binance and {address}/kucoin, tests {address}/control",
            "users and passwords:",
            *users[:10],
            *more,
            f"a token: open {address}/oauth2/authorize?response_type=code&client_id={settings.client_id}"
            f"&redirect_uri={redirect}&scope=read,manage,trade&state=x and exchange the code, or in two steps:",
            f"  curl -s -o /dev/null -w '%{{redirect_url}}' {address}/oauth2/authorize -d response_type=code "
            f"-d client_id={settings.client_id} -d redirect_uri={redirect} -d scope=read,manage,trade -d state=x "
            f"-d username={first.name} -d password={first.password} -d decision=allow",
            f"  curl -s {address}/oauth2/token -d grant_type=authorization_code -d client_id={settings.client_id} "
            f"-d client_secret={secret} -d redirect_uri={redirect} -d code=<code>",
            "Ctrl-C stops it; docs/simulator.md tells the rest.",
        ]
    )


def _end_with(task: asyncio.Task[None]) -> None:
    """End the process when what should go on forever did not: silence would look like a calm market."""
    if not task.cancelled() and task.exception() is not None:
        _log.critical("the simulator stops", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)


def _spare(phase: str, told: Mapping[str, int]) -> None:
    """After garbage was looked for everywhere, leave what was found alive alone for ever.

    A world lives as long as its process, in millions of objects that grow with each trade: going through all of them
    again and again stops everything for up to half a second. Cycles that end later are few and are not found.
    """
    if phase == "stop" and told["generation"] == 2:
        gc.freeze()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})

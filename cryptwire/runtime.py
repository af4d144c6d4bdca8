"""How a service runs: signals, health, meters, the deadline of a shutdown."""

import asyncio
import contextlib
import ctypes
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cryptwire import log
from cryptwire.clock import Clock, SystemClock
from cryptwire.errors import CryptwireError, Invalid, Unavailable
from cryptwire.metrics import Meters
from cryptwire.tasks import end

_log = log.Log(__name__)
SHUTDOWN = timedelta(seconds=10)
_LOOKS_EVERY = timedelta(seconds=2)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _LARGEST_IN_HEAP = -1, -3, 32 * 2**20  # malloc.h
_SELDOM = 50_000  # new objects between two looks for cycles
S = TypeVar("S")


@dataclass(slots=True)
class Health:
    """What the service needs before it is ready, each with a word on how it stands."""

    needs: dict[str, tuple[bool, str]] = field(default_factory=dict)

    def mark(self, need: str, is_met: bool, word: str = "") -> None:
        self.needs[need] = (is_met, word)

    @property
    def is_ready(self) -> bool:
        """True once something was marked and everything marked is met."""
        return bool(self.needs) and all(is_met for is_met, _ in self.needs.values())


@dataclass(slots=True)
class Runtime:
    """What a service is handed besides its settings. ``stop`` is set on SIGTERM and SIGINT, and when a job failed."""

    stop: asyncio.Event
    clock: Clock
    meters: Meters
    health: Health
    has_failed: bool = False


def routes(health: Health, meters: Meters) -> list[Route]:
    """``/healthz`` (alive), ``/readyz`` (503 until ready, with the reasons), ``/metrics``."""

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        body = {need: {"ok": is_met, "word": word} for need, (is_met, word) in health.needs.items()}
        return JSONResponse(body, status_code=200 if health.is_ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(meters.text(), media_type="text/plain; version=0.0.4")

    return [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]


def collect_seldom() -> None:
    """Look for cycles among what is made from now on, and not often: for services that make many objects without any.

    What is there already stays for ever.
    """
    gc.freeze()
    gc.set_threshold(_SELDOM)


def keep_memory(size: int) -> bool:
    """Keep up to ``size`` bytes that are free, in one piece, instead of giving them back, and have most of them now.

    For services that need tens of megabytes for a moment again and again: having each page anew, zeroed by the kernel,
    took a sixth of their time. What keeps it is glibc (mallopt(3)); with another library nothing is done: False.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP)
    mallopt(_M_TRIM_THRESHOLD, size)
    piece = _LARGEST_IN_HEAP // 4
    pieces = [b"1" * piece for _ in range(size // piece - 1)]  # written, so that they are there; all would be too many
    del pieces
    return True


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int, **options: object) -> AsyncIterator[int]:
    """Serve ``app`` while the block runs; gives the port, chosen freely when ``port`` is 0.

    Raises Unavailable when the port is taken.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
        **options,  # type: ignore[arg-type]
    )
    server = uvicorn.Server(config)
    try:
        listener = config.bind_socket()
    except SystemExit:
        raise Unavailable(f"port {port} on {host} is taken") from None
    # uvicorn writes head and body one after the other, and asyncio does not see that its socket is one of TCP: without
    # this the body waits some 40 ms until the client has acknowledged the head (uvloop does it by itself)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # signals are the runtime's
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


def run(
    service: str, main: Callable[[S, Runtime], Awaitable[None]], settings: S, *, health_port: int, level: str = "INFO"
) -> int:
    """Run a service until SIGTERM or SIGINT; the process's exit code.

    After the signal it has ten seconds to finish what was begun.
    """
    log.setup(service, level)

    async def whole() -> int:
        runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, runtime.stop.set)
        async with serving(Starlette(routes=routes(runtime.health, runtime.meters)), "127.0.0.1", health_port) as port:
            _log.info("starts", service=service, health_port=port)
            task = asyncio.ensure_future(main(settings, runtime))
            stopping = asyncio.create_task(runtime.stop.wait())
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=SHUTDOWN.total_seconds())
            stopping.cancel()
            if not task.done():
                _log.error("did not end in time", service=service)
                task.cancel()
                await asyncio.wait({task}, timeout=1)
                return 1
            await task
            _log.info("ended", service=service)
            return 0

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(whole())
    except Invalid as error:
        print(f"{service}: {error}", file=sys.stderr)
        return 2
    except CryptwireError as error:
        print(f"{service}: {error}", file=sys.stderr)
        return 1


@contextlib.asynccontextmanager
async def jobs(runtime: Runtime, *work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do ``work`` beside the block. One that fails ends the service: whoever started it starts it again, whole."""

    def noted(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a job failed; the service ends", exception=error)
            runtime.has_failed = True
            runtime.stop.set()

    tasks = [asyncio.create_task(one) for one in work]
    for task in tasks:
        task.add_done_callback(noted)
    try:
        yield
    finally:
        await end(tasks)


async def keep_told(runtime: Runtime, need: str, look: Callable[[], Awaitable[object]]) -> None:
    """Keep readiness true, forever: ``need`` is met while ``look`` raises no error of ours."""
    while True:
        try:
            await look()
            runtime.health.mark(need, is_met=True)
        except CryptwireError as error:
            runtime.health.mark(need, is_met=False, word=str(error))
        await runtime.clock.sleep(_LOOKS_EVERY)

"""`cryptwire up`, `down` and `status`."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cryptwire import config
from cryptwire.errors import CryptwireError, Invalid
from devstack import accounts, app, place
from devstack.place import is_alive, read_running, started_at, still_runs
from devstack.servers import ServerFailed, listens, prepared
from devstack.stack import Stack, StepFailed

PORT = 8080


def _say(line: str) -> None:
    print(line, flush=True)


def _step(line: str) -> None:
    _say(f"  {line}")


def up(*, detach: bool) -> int:
    """Start everything and stay until Ctrl-C; with ``detach`` return when all is ready. The exit code."""
    folder = place.data_folder()
    try:
        running = read_running(folder)
        if running is not None and is_alive(running):
            _say(f"Cryptwire is running already: {running.address} (`make down` ends it)")
            return 1
        if detach:
            return _detach(folder)
        return asyncio.run(_up(folder))
    except (StepFailed, ServerFailed, CryptwireError, app.BuildFailed) as error:
        _say(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _port() -> int:
    text = config.environment().get("CRYPTWIRE_PORT") or str(PORT)
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise Invalid(f"CRYPTWIRE_PORT should be the number of a port, not {text!r}")
    return int(text)


async def _up(folder: Path) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    began = time.monotonic()
    port = _port()
    folder.mkdir(parents=True, exist_ok=True)
    await _end_leftovers(folder)  # first: what was left behind holds the port
    if listens(port):
        raise StepFailed(
            f"port {port} is taken by another program; end it, or choose another: CRYPTWIRE_PORT=8081 make up"
        )
    stack = Stack(place.root(), folder, port, prepared(folder), _step, settings=config.environment())
    starting = asyncio.create_task(_start(stack, began))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting  # raises what failed
            await stack.watch(stop)
        return 0
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.wait({starting, stopping})
        _say("stopping …")
        await stack.end()
        (folder / "ready").unlink(missing_ok=True)
        _say("stopped")


async def _start(stack: Stack, began: float) -> None:
    """Every step of a start; the app is built meanwhile."""
    building = asyncio.create_task(app.build(stack.root, lambda line: _step(f"app: {line}")))
    try:
        await stack.start_servers()
        await stack.start_chain()
        await stack.start_edge(await building)
        await stack.ready("streamer", "writer")
        await stack.start_processor()
    finally:
        building.cancel()
        await asyncio.wait({building})
    _say(
        f"\nCryptwire runs at http://127.0.0.1:{stack.port} (after {time.monotonic() - began:.1f} s)\n"
        f"  sign in as {accounts.DEMOS[0].email} with {accounts.PASSWORD} (development only)\n"
        f"  mails are shown at http://127.0.0.1:{stack.port}/dev/mails\n"
        f"  logs are in {os.path.relpath(stack.folder / 'logs')}; Ctrl-C or `make down` stops everything\n"
    )
    (stack.folder / "ready").touch()


async def _end_leftovers(folder: Path) -> None:
    """End what an earlier start left behind when it was killed, found by the numbers it wrote down."""
    (folder / "ready").unlink(missing_ok=True)
    running = read_running(folder)
    if running is None:
        return
    for name, pid in reversed(running.processes.items()):  # the servers last: the others have something to finish
        if still_runs(running, name):
            _step(f"ending {name}, left over from a start that was killed")
            _end_pid(pid, signal.SIGINT if name == "PostgreSQL" else signal.SIGTERM)
    (folder / "running.json").unlink(missing_ok=True)


def _end_pid(pid: int, number: signal.Signals, patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        while started_at(pid) is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        if started_at(pid) is not None:
            os.kill(pid, signal.SIGKILL)


def _detach(folder: Path) -> int:
    """Start `up` on its own and return when it says that all is ready; its lines are shown meanwhile."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    log = folder / "logs" / "up.log"
    log.write_text("")
    (folder / "ready").unlink(missing_ok=True)
    with log.open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "cryptwire", "up"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=place.root(),
        )
    shown = 0
    try:
        while True:
            ended, is_ready = child.poll() is not None, (folder / "ready").exists()
            text = log.read_text()
            sys.stdout.write(text[shown:])
            sys.stdout.flush()
            shown = len(text)
            if is_ready:
                return 0
            if ended:
                return child.returncode or 1
            time.sleep(0.1)
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise


def down() -> int:
    """End what runs; the exit code."""
    folder = place.data_folder()
    running = read_running(folder)
    if running is None:
        _say("Cryptwire does not run")
        return 0
    if is_alive(running):
        _end_pid(running.pid, signal.SIGTERM, patience=60)
    asyncio.run(_end_leftovers(folder))
    _say("stopped")
    return 0


def status() -> int:
    """What runs; the exit code is 0 when all of it does."""
    running = read_running(place.data_folder())
    if running is None or not is_alive(running):
        _say("Cryptwire does not run")
        return 1
    _say(f"Cryptwire runs at {running.address}")
    all_run = True
    for name, pid in running.processes.items():
        runs = still_runs(running, name)
        all_run &= runs
        _say(f"  {name:12} {'runs' if runs else 'has ended'} (process {pid})")
    return 0 if all_run else 1

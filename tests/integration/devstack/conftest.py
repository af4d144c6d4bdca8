"""The stack as who types the commands meets it: processes of `python -m cryptwire`, with a data folder of their own."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cryptwire.config import environment
from devstack import servers as embedded
from devstack.servers import free_port
from tests import market

ROOT = Path(__file__).parents[3]
SECONDS = 120  # a first start may have to build the app


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when ``condition`` holds; fail with ``what`` was awaited after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def living(sessions: set[int]) -> dict[int, str]:
    """Processes that live and belong to one of ``sessions``: number and command."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal():
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) in sessions and state != "Z":
                    found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")[:100]
        except OSError:
            continue  # ended while we looked
    return found


@dataclass
class Place:
    """A data folder and a port, and the commands there."""

    folder: Path
    port: int
    seen: set[int] = field(default_factory=set)
    """Every process that the stack here ever wrote down; each leads a session of its own."""

    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        ours = {name: value for name, value in environment().items() if not name.startswith("CRYPTWIRE_")}
        return {
            **ours,
            "CRYPTWIRE_DATA": str(self.folder),
            "CRYPTWIRE_PORT": str(self.port),
            "CRYPTWIRE_SIMULATOR_HISTORY_DAYS": "1",
            "CRYPTWIRE_SIMULATOR_DECISION_SECONDS": "3600",  # after a trade a history waits a minute for balances
            "CRYPTWIRE_PROCESSOR_BACKFILL_REACH": "86400",
            **more,
        }

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "cryptwire", *arguments],
            env=self.environment(**more),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        self.look()
        return done

    def look(self) -> set[int]:
        """The processes that are written down now."""
        try:
            running = json.loads((self.folder / "running.json").read_text())
            now = {running["pid"], *running["processes"].values()}
        except (OSError, ValueError, TypeError, KeyError):
            return set()
        self.seen |= now
        return now

    def begin(self) -> tuple[subprocess.Popen[str], Path]:
        """`up` in the foreground, as in a terminal, and the file of what it says; returns when all is ready."""
        said = self.folder / "terminal"
        with said.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "cryptwire", "up"],
                env=self.environment(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                text=True,
                start_new_session=True,
            )
        self.seen.add(process.pid)
        self.begun.append(process)
        until(lambda: "sign in as" in said.read_text() or process.poll() is not None, SECONDS, "all is ready")
        self.look()
        assert process.poll() is None, said.read_text()
        return process, said

    def address(self, name: str) -> str:
        """One of the addresses that `up` wrote down."""
        return str(json.loads((self.folder / "running.json").read_text())["addresses"][name])

    def end(self) -> None:
        """Leave nothing behind, whatever a test did."""
        if self.look():
            self.run("down")
        for number in living(self.seen):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        for process in self.begun:
            process.wait(10)
        embedded.remove(self.folder)


@pytest.fixture
def place() -> Iterator[Place]:
    """A place where nothing runs."""
    made = Place(ROOT / ".cryptwire" / "tests" / secrets.token_hex(4), free_port())
    yield made
    made.end()


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of recorded candles."""
    return market.make_bars(tmp_path_factory.mktemp("bars"), days=1)


@pytest.fixture
def portfolio(tmp_path: Path) -> Path:
    path = tmp_path / "portfolio.json"
    path.write_text(json.dumps({"hopper": "csv", "assets": {"ADA": "10000", "ETH": "20", "BTC": "1.5"}}))
    return path

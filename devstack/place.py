"""Where the stack of this checkout keeps its data, and what of it runs."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptwire.config import environment
from replay.main import Addresses


def root() -> Path:
    """The checkout."""
    return Path(__file__).parent.parent


def data_folder() -> Path:
    """``.cryptwire/`` in the checkout, or ``CRYPTWIRE_DATA``."""
    return Path(environment().get("CRYPTWIRE_DATA") or root() / ".cryptwire").resolve()


@dataclass(slots=True)
class Running:
    """What ``up`` wrote down about itself, for ``down``, ``status``, ``replay`` and the next ``up``."""

    pid: int
    started: float  # when the process started, by the kernel's count: a number of a process can be used again
    address: str
    addresses: dict[str, str] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)  # when each of these started, by the same count

    def write(self, folder: Path) -> None:
        fresh = folder / "running.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(self)))
        fresh.rename(folder / "running.json")


def started_at(pid: int) -> float | None:
    """When a process started, by the kernel's count; None when there is none (a zombie is none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else float(fields[19])


def read_running(folder: Path) -> Running | None:
    """What was written down, whether or not it still runs."""
    try:
        return Running(**json.loads((folder / "running.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def is_alive(running: Running) -> bool:
    """Whether that very process still runs."""
    return running.pid == os.getpid() or started_at(running.pid) == running.started


def still_runs(running: Running, name: str) -> bool:
    """Whether that very process of the stack still runs: its number may be somebody else's by now."""
    began = running.began.get(name)
    return began is not None and started_at(running.processes[name]) == began


def running_address(name: str) -> str | None:
    """An address of what this checkout runs, such as ``nats_operator``; None when it does not run."""
    running = read_running(data_folder())
    return running.addresses.get(name) if running is not None and is_alive(running) else None


def running_servers() -> Addresses | None:
    """The addresses of this checkout's running servers, if it runs."""
    running = read_running(data_folder())
    if running is None or not is_alive(running) or "postgres" not in running.addresses:
        return None
    return Addresses(running.addresses["postgres"], running.addresses["redis"], running.addresses["nats_replay"])
